// Loops of a product's result and of the nest that reads it, compared by what they walk along.
#include "codegen/StoreEpilogues.h"

#include "codegen/InPlace.h"
#include "codegen/Scheduler.h"

#include <algorithm>

namespace diptych::codegen {

namespace {

// Operations on an element; more of them would be written down for every vector of a tile.
constexpr int kMostCost = 8;

bool isJoinable(const ConvolutionSpec& spec) {
  return !spec.rangeOverBlocks && !spec.partialSums && spec.after.empty() &&
         std::all_of(spec.depth.begin(), spec.depth.end(),
                     [](const auto& loop) { return loop.extent == loop.block; });
}

bool isJoinable(const MatmulSpec& spec) {
  return !spec.rangeOverBlocks && !spec.upper && spec.way == MatmulSpec::Way::tiles && !spec.bias &&
         spec.after.empty() && spec.k.value <= spec.depth;
}

bool isJoinable(const ScheduledCall& call) {
  if (!call.isKernel() || !call.offsets.empty())
    return false;
  auto* matmul = std::get_if<MatmulSpec>(&call.kernel.what);
  auto* convolution = std::get_if<ConvolutionSpec>(&call.kernel.what);
  return (matmul && isJoinable(*matmul)) || (convolution && isJoinable(*convolution));
}

/// Loops over a result: extents, and strides in it.
using Loops = std::vector<std::pair<int64_t, int64_t>>;

/// So many steps of a loop of the nest at a time; -1: none.
struct Step {
  int loop = -1;
  int64_t times = 0;
  int64_t along(const Access& access) const {
    return loop < 0 ? 0 : access.strides[static_cast<size_t>(loop)].value * times;
  }
};

// Each loop of the result is found in the loop of the nest with the greatest stride that fits.
std::optional<std::vector<Step>> stepsOf(const NestSpec& nest, const Access& sum,
                                         const Loops& loops) {
  std::vector<Step> steps;
  std::vector<int64_t> reach(nest.extents.size());
  for (const auto& [extent, stride] : loops) {
    Step& step = steps.emplace_back();
    if (extent == 1)
      continue;
    int64_t nearest = 0;
    for (size_t i = 0; i < reach.size(); ++i)
      if (const int64_t own = sum.strides[i].value;
          own > nearest && nest.extents[i].value > 1 && stride % own == 0)
        nearest = own, step = {static_cast<int>(i), stride / own};
    if (step.loop < 0)
      return std::nullopt;
    int64_t& reached = reach[static_cast<size_t>(step.loop)];
    reached += (extent - 1) * step.times;
    if (reached >= nest.extents[static_cast<size_t>(step.loop)].value)
      return std::nullopt;
  }
  return steps;
}

/// The lines that some of them depend on; `stored`: a line that is loaded instead.
struct Picked {
  std::vector<Line> lines;
  std::vector<int> place; // by their former number
};

Picked pick(const NestSpec& nest, const std::vector<int>& roots, const Store* stored) {
  std::vector<bool> wanted(nest.lines.size());
  for (int root : roots)
    wanted[static_cast<size_t>(root)] = true;
  const auto isStored = [&](size_t i) { return stored && stored->line == static_cast<int>(i); };
  for (size_t i = wanted.size(); i-- > 0;)
    if (auto* apply = std::get_if<Line::Apply>(&nest.lines[i].what);
        apply && wanted[i] && !isStored(i))
      for (int operand : apply->operands)
        wanted[static_cast<size_t>(operand)] = true;
  Picked picked{{}, std::vector<int>(wanted.size(), -1)};
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i])
      continue;
    Line line = nest.lines[i];
    if (isStored(i))
      line.what = Line::Load{stored->to};
    else if (auto* apply = std::get_if<Line::Apply>(&line.what))
      for (int& operand : apply->operands)
        operand = picked.place[static_cast<size_t>(operand)];
    picked.place[i] = static_cast<int>(picked.lines.size());
    picked.lines.push_back(std::move(line));
  }
  return picked;
}

class Joining {
public:
  Joining(const ScheduledCall& product, const ScheduledCall& user)
      : product_(product), user_(user), nest_(std::get<NestSpec>(user.kernel.what)) {}

  std::optional<StoredTogether> run(int64_t bytes, const ScheduleOptions& options) {
    after_ = nest_;
    after_.folds.clear();
    after_.lines = pick(nest_, {nest_.stores[0].line}, nullptr).lines;
    if (!isLight(after_.lines))
      return std::nullopt;
    finishNest(after_, options); // as few loops as these accesses have
    StoredTogether together{product_, std::nullopt};
    if (!findSum(bytes) || !join(together.call, after_.lines))
      return std::nullopt;
    if (!nest_.folds.empty()) {
      together.folds = folds();
      if (!together.folds)
        return std::nullopt;
    }
    return together;
  }

private:
  int bufferOf(const Access& access) const {
    return user_.buffers[static_cast<size_t>(access.arg)];
  }
  int result() const { return product_.buffers[static_cast<size_t>(resultArg(product_))]; }

  // All loads of the product, and the store, are of the same element, and every element is met.
  bool findSum(int64_t bytes) {
    const Access& to = after_.stores[0].to;
    int64_t points = 1;
    for (const Size& extent : after_.extents)
      points *= extent.value;
    if (points * sizeOf(to.dtype) != bytes || !touchesEachOnce(to, after_.extents) ||
        bufferOf(to) == result())
      return false;
    for (const Line& line : after_.lines) {
      auto* load = std::get_if<Line::Load>(&line.what);
      if (!load || bufferOf(load->from) != result())
        continue;
      sum_ = &load->from;
      if (sum_->strides != to.strides || sum_->dtype != to.dtype)
        return false;
    }
    return sum_ != nullptr;
  }

  static bool isLight(const std::vector<Line>& lines) {
    int cost = 0;
    for (const Line& line : lines) {
      if (std::holds_alternative<Line::Index>(line.what))
        return false;
      if (auto* apply = std::get_if<Line::Apply>(&line.what))
        cost += info(apply->code).cost;
    }
    return cost <= kMostCost;
  }

  bool join(ScheduledCall& call, std::vector<Line> lines) const {
    const Access& to = after_.stores[0].to;
    call.buffers[static_cast<size_t>(resultArg(call))] = bufferOf(to);
    call.where = user_.where;
    call.flops += user_.flops;
    std::vector<int> args(user_.buffers.size(), -1);
    for (Line& line : lines) {
      if (auto* apply = std::get_if<Line::Apply>(&line.what))
        call.name += std::string("+") + info(apply->code).name;
      auto* load = std::get_if<Line::Load>(&line.what);
      if (!load)
        continue;
      int& arg = args[static_cast<size_t>(load->from.arg)];
      if (bufferOf(load->from) == result())
        arg = resultArg(call);
      if (arg < 0) {
        arg = static_cast<int>(call.buffers.size());
        call.buffers.push_back(bufferOf(load->from));
      }
      load->from.arg = arg;
    }
    if (auto* product = std::get_if<MatmulSpec>(&call.kernel.what))
      return join(*product, std::move(lines), to);
    return join(std::get<ConvolutionSpec>(call.kernel.what), std::move(lines), to);
  }

  bool join(MatmulSpec& spec, std::vector<Line> lines, const Access& to) const {
    const std::vector<Size>& strides = spec.result.strides;
    const auto steps = stepsOf(after_, *sum_,
                               {{spec.batch.value, strides[0].value},
                                {spec.s.value, strides[1].value},
                                {spec.v.value, strides[2].value}});
    if (!steps || sum_->offset != spec.result.offset || sum_->dtype != spec.dtype)
      return false;
    for (Line& line : lines)
      if (auto* load = std::get_if<Line::Load>(&line.what)) {
        std::vector<Size> along;
        for (const Step& step : *steps)
          along.push_back(step.along(load->from));
        along.push_back(0);
        load->from.strides = std::move(along);
      }
    spec.after = std::move(lines);
    spec.result.offset = to.offset;
    return true;
  }

  // A loop over panels goes along s or v.
  bool join(ConvolutionSpec& spec, std::vector<Line> lines, const Access& to) const {
    Loops loops;
    for (const ConvolutionSpec::Loop& loop : spec.outer)
      loops.emplace_back(loop.isPanels() ? 1 : loop.extent.value, loop.result.value);
    loops.emplace_back(spec.s.value, spec.sResult.value);
    loops.emplace_back(spec.v.value, spec.vResult.value);
    const auto steps = stepsOf(after_, *sum_, loops);
    if (!steps || !sum_->offset.is(spec.resultOffset) || sum_->dtype != spec.dtype)
      return false;
    const size_t s = spec.outer.size(), v = s + 1;
    for (Line& line : lines)
      if (auto* load = std::get_if<Line::Load>(&line.what)) {
        std::vector<Size> along;
        for (const Step& step : *steps)
          along.push_back(step.along(load->from));
        for (size_t i = 0; i < s; ++i)
          if (const auto& loop = spec.outer[i]; loop.isPanels())
            along[i] = along[s].value * loop.sStep.value + along[v].value * loop.vStep.value;
        load->from.strides = std::move(along);
      }
    spec.after = std::move(lines);
    spec.resultOffset = to.offset.value;
    return true;
  }

  // With what is stored in the place of what it was made of.
  std::optional<LoweredNest> folds() const {
    std::vector<int> roots;
    for (const Fold& fold : nest_.folds)
      roots.push_back(fold.line);
    Picked picked = pick(nest_, roots, &nest_.stores[0]);
    LoweredNest rest;
    rest.name = user_.name.substr(0, user_.name.find('+'));
    for (const Line& line : picked.lines)
      if (auto* apply = std::get_if<Line::Apply>(&line.what))
        rest.name += std::string("+") + info(apply->code).name;
    rest.flops = user_.flops;
    rest.nest = nest_;
    rest.nest.stores.clear();
    rest.nest.lines = std::move(picked.lines);
    std::vector<int> args(user_.buffers.size(), -1);
    const auto renumber = [&](Access& access) {
      int& arg = args[static_cast<size_t>(access.arg)];
      if (arg < 0) {
        arg = static_cast<int>(rest.buffers.size());
        rest.buffers.push_back(bufferOf(access));
      }
      access.arg = arg;
    };
    for (Line& line : rest.nest.lines)
      if (auto* load = std::get_if<Line::Load>(&line.what)) {
        if (bufferOf(load->from) == result())
          return std::nullopt;
        renumber(load->from);
      }
    for (Fold& fold : rest.nest.folds) {
      fold.line = picked.place[static_cast<size_t>(fold.line)];
      renumber(fold.to);
    }
    return rest;
  }

  const ScheduledCall &product_, &user_;
  const NestSpec& nest_;
  NestSpec after_; // what is stored
  const Access* sum_ = nullptr;
};

} // namespace

int resultArg(const ScheduledCall& call) {
  if (!call.isKernel())
    return -1;
  if (auto* product = std::get_if<MatmulSpec>(&call.kernel.what))
    return product->result.arg;
  return std::holds_alternative<ConvolutionSpec>(call.kernel.what) ? ConvolutionSpec::kResult : -1;
}

std::optional<StoredTogether> storeTogether(const ScheduledCall& product, const ScheduledCall& user,
                                            int64_t bytes, const ScheduleOptions& options) {
  const auto* nest = std::get_if<NestSpec>(&user.kernel.what);
  if (!user.isKernel() || !nest || nest->stores.size() != 1 || nest->hasScans() ||
      !user.offsets.empty() || !isJoinable(product) ||
      product.kernel.contract != user.kernel.contract)
    return std::nullopt;
  return Joining(product, user).run(bytes, options);
}

void Scheduler::joinStores() {
  struct Users {
    size_t first = 0, count = 0;
  };
  std::vector<Users> users(schedule_.buffers.size()); // calls that touch a buffer
  std::vector<ScheduledCall> calls = std::exchange(schedule_.calls, {});
  for (size_t i = 0; i < calls.size(); ++i)
    for (int buffer : calls[i].buffers)
      if (Users& of = users[static_cast<size_t>(buffer)]; of.count++ == 0)
        of.first = i;
  const auto join = [&](size_t i) -> std::pair<size_t, std::optional<StoredTogether>> {
    for (int id : calls[i].buffers) {
      const auto& [first, count] = users[static_cast<size_t>(id)];
      const PlannedBuffer& buffer = schedule_.buffers[id];
      const int result = count == 2 && first != i ? resultArg(calls[first]) : -1;
      if (result < 0 || calls[first].buffers[static_cast<size_t>(result)] != id ||
          buffer.kind != PlannedBuffer::Kind::Temporary)
        continue;
      if (auto together = storeTogether(calls[first], calls[i], buffer.bytes, options_))
        return {first, std::move(together)};
    }
    return {i, std::nullopt};
  };
  std::vector<bool> gone(calls.size());
  std::vector<std::optional<LoweredNest>> folds(calls.size());
  for (size_t i = 0; i < calls.size(); ++i)
    if (auto [first, together] = join(i); together) {
      calls[i] = std::move(together->call);
      folds[i] = std::move(together->folds);
      gone[first] = true;
    }
  for (size_t i = 0; i < calls.size(); ++i) {
    if (gone[i])
      continue;
    const SourceLocation where = calls[i].where;
    calls[i].bytes = 0;
    call(std::move(calls[i]));
    const size_t own = schedule_.calls.size() - 1;
    if (folds[i]) {
      finishNest(folds[i]->nest, options_);
      call(std::move(*folds[i]));
    }
    for (size_t made = own; made < schedule_.calls.size(); ++made)
      schedule_.calls[made].where = where;
  }
}

} // namespace diptych::codegen
