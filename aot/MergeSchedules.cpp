// Walks the schedules of all samples side by side. What they have in common is the plan; where
// numbers differ, a formula takes their place. What only decides how work is cut is computed as the
// scheduler does: it could be equal in all samples by chance.
#include "aot/Merger.h"

#include "aot/SizedText.h"

#include <algorithm>

namespace diptych::aot {

using codegen::PlannedBuffer;
using codegen::Schedule;
using codegen::ScheduledCall;

// Of one piece for a thread, as in codegen/Scheduler.h.
static constexpr int64_t kPieceWork = 32768;

Size SizeTable::size(const Formula& formula) {
  if (formula.isFixed())
    return formula.at({});
  const auto [known, fresh] = slots_.emplace(formula.key(), static_cast<int>(formulas_.size()));
  if (fresh)
    formulas_.push_back(formula);
  return Size::param(known->second);
}

int SizeTable::block(const std::vector<Formula>& formulas) {
  std::string key;
  for (const Formula& formula : formulas)
    key += formula.key();
  const auto [known, fresh] = blocks_.emplace(key, static_cast<int>(formulas_.size()));
  if (fresh)
    formulas_.insert(formulas_.end(), formulas.begin(), formulas.end());
  return known->second;
}

Merged Merger::run() {
  compare();
  group();
  merged_.schedule = samples_[0];
  merged_.numbers.open = true;
  findBlocks();
  for (size_t i = 0; i < samples_[0].calls.size(); ++i)
    call(i);
  buffers();
  groupNumbers();
  return std::move(merged_);
}

Merger::Calls Merger::callsAt(size_t index) const {
  Calls calls;
  for (const Schedule& sample : samples_)
    calls.push_back(&sample.calls[index]);
  return calls;
}

void Merger::refuse(const ScheduledCall& call, const std::string& what) const {
  std::string names;
  for (const Dim& dim : dims_)
    names += (names.empty() ? "" : " and ") + dim.name;
  throw Error(call.where, "aot: " + call.name + ": " + what + " depends on " + names +
                              " as no code for every size can; fix a size of Options::shapes, or "
                              "make an artefact for each");
}

static bool alike(const ScheduledCall& a, const ScheduledCall& b) {
  return a.name == b.name && a.buffers == b.buffers && !a.control == !b.control &&
         a.library == b.library && !a.scratchBytes == !b.scratchBytes && !a.status == !b.status &&
         a.kernel.what.index() == b.kernel.what.index();
}

static bool alike(const PlannedBuffer& a, const PlannedBuffer& b) {
  return a.kind == b.kind && a.index == b.index && !a.literal == !b.literal &&
         (!a.literal || std::ranges::equal(a.literal->bytes, b.literal->bytes));
}

void Merger::compare() const {
  const Schedule& first = samples_[0];
  for (const Schedule& sample : samples_) {
    const size_t count = std::min(first.calls.size(), sample.calls.size());
    for (size_t i = 0; i < count; ++i)
      if (!alike(first.calls[i], sample.calls[i]))
        refuse(first.calls[i], "what is computed");
    if (first.calls.size() != sample.calls.size())
      refuse((first.calls.size() > count ? first : sample).calls[count], "whether it is computed");
    bool same = first.buffers.size() == sample.buffers.size();
    for (size_t i = 0; same && i < first.buffers.size(); ++i)
      same = alike(first.buffers[i], sample.buffers[i]);
    if (!same)
      refuse(first.calls.empty() ? ScheduledCall() : first.calls[0], "data it reads");
  }
}

std::optional<Formula> Merger::fit(const std::vector<int64_t>& values) const {
  if (const auto extent = at_.fit(values))
    return Formula(*extent);
  for (const auto& [buffer, count] : blocks_) {
    std::vector<int64_t> quotients;
    for (size_t i = 0; i < values.size(); ++i)
      if (const int64_t n = count.at(at_.at(i)); values[i] % n == 0)
        quotients.push_back(values[i] / n);
    if (quotients.size() == values.size())
      if (const auto extent = at_.fit(quotients))
        return count * Formula(*extent);
  }
  return std::nullopt;
}

void Merger::keep(const Formula& extent) {
  if (extent.extent() && !extent.isFixed())
    plan_.constraints.push_back(*extent.extent());
}

void Merger::call(size_t index) {
  const Calls calls = callsAt(index);
  ScheduledCall& made = merged_.schedule.calls[index];
  CallNumbers numbers;
  std::vector<std::string> failures;
  for (const ScheduledCall* call : calls)
    failures.push_back(call->failure);
  if (const auto text = SizedText::of(failures, at_))
    made.failure = text->str(dims_);
  if (made.control) {
    control(calls, made, numbers);
  } else {
    const Formula range = rangeOf(calls);
    ranges_[index] = range;
    numbers.params = made.library ? libraryParams(calls, numbers) : kernel(calls, made.kernel);
    numbers.range = plan_.table.size(range);
    numbers.grain = plan_.table.size(grainOf(calls, range, works_[index]));
  }
  for (size_t i = 0; i < made.offsets.size(); ++i)
    numbers.offsets.push_back(plan_.table.size(
        fitted(made, "where an array lies", [&](size_t s) { return calls[s]->offsets[i]; })));
  merged_.numbers.calls.push_back(std::move(numbers));
}

// Params of a library kernel are fixed all together, or lie in the table all together.
int Merger::libraryParams(const Calls& calls, CallNumbers& numbers) {
  std::vector<Formula> params;
  bool fixed = true;
  for (size_t i = 0; i < calls[0]->params.size(); ++i) {
    params.push_back(
        fitted(*calls[0], "a size in it", [&](size_t s) { return calls[s]->params[i]; }));
    fixed = fixed && params.back().isFixed();
  }
  const Formula scratch = fitted(*calls[0], "the memory that it needs",
                                 [&](size_t s) { return calls[s]->scratchBytes; });
  numbers.scratchBytes = plan_.table.size(scratch);
  if (calls[0]->scratchBytes) // for each thread
    arenas_[calls[0]->buffers.back()] = scratch * Formula(threads_);
  return fixed ? -1 : plan_.table.block(params);
}

Formula Merger::rangeOf(const Calls& calls) {
  const auto* product = std::get_if<codegen::MatmulSpec>(&calls[0]->kernel.what);
  const Formula* blocks =
      product && product->rangeOverBlocks
          ? blocksIn(calls[0]->buffers[static_cast<size_t>(product->result.arg)])
          : nullptr;
  if (blocks)
    return *blocks;
  const Formula range =
      fitted(*calls[0], "its outermost loop", [&](size_t s) { return calls[s]->range; });
  keep(range);
  return range;
}

// The least piece worth a thread; `work` becomes that of the whole range where it is known.
Formula Merger::grainOf(const Calls& calls, const Formula& range,
                        std::optional<Formula>& work) const {
  const ScheduledCall& typical = *calls[0];
  const bool whole = std::all_of(calls.begin(), calls.end(), [](const ScheduledCall* call) {
    return call->work == 0 && call->grain == call->range;
  });
  if (whole)
    return range;
  if (typical.work > 0)
    work = fit(valuesOf([&](size_t s) { return static_cast<int64_t>(calls[s]->work); }));
  if (!work)
    return typical.grain;
  const int64_t each = work->at(at_.at(0)) / std::max<int64_t>(1, typical.range);
  if ((range * Formula(each)).key() == work->key())
    return typical.grain;
  const Formula piece = Formula(kPieceWork) / atLeastOne(*work / atLeastOne(range));
  return Formula::roundedUp(atLeastOne(piece), typical.unit);
}

void Merger::control(const Calls& calls, ScheduledCall& made, CallNumbers& numbers) {
  std::vector<Schedule> bodies, others;
  for (const ScheduledCall* call : calls) {
    bodies.push_back(call->control->body);
    others.push_back(call->control->other);
    const runtime::ControlStep &step = call->control->step, &first = calls[0]->control->step;
    if (step.kind != first.kind || step.reverse != first.reverse)
      refuse(made, "what is repeated");
  }
  auto control = std::make_shared<codegen::ScheduledControl>(*made.control);
  auto own = std::make_shared<ControlNumbers>();
  Merged body = Merger(std::move(bodies), at_, dims_, exact_, threads_, plan_).run();
  Merged other = Merger(std::move(others), at_, dims_, exact_, threads_, plan_).run();
  const auto size = [&](const auto& of) {
    return plan_.table.size(fitted(made, "a size in it", of));
  };
  const auto list = [&](std::vector<int64_t> runtime::ControlStep::* member) {
    std::vector<Size> sizes;
    for (size_t i = 0; i < (control->step.*member).size(); ++i)
      sizes.push_back(size([&](size_t s) { return (calls[s]->control->step.*member)[i]; }));
    return sizes;
  };
  own->length = size([&](size_t s) { return calls[s]->control->step.length; });
  own->carryBytes = list(&runtime::ControlStep::carryBytes);
  own->xBytes = list(&runtime::ControlStep::xBytes);
  own->yBytes = list(&runtime::ControlStep::yBytes);
  control->body = std::move(body.schedule), control->other = std::move(other.schedule);
  own->body = std::move(body.numbers), own->other = std::move(other.numbers);
  // The last three args: arenas of the parts, a predicate.
  const size_t count = made.buffers.size();
  arenas_[made.buffers[count - 3]] = body.arenaBytes;
  arenas_[made.buffers[count - 2]] = other.arenaBytes;
  made.control = std::move(control);
  numbers.control = std::move(own);
  numbers.range = made.range, numbers.grain = made.grain;
}

// Below 0 for some sizes within the bounds; corners tell, as far as one can go.
static bool mayBeNegative(const Extent& extent, std::span<const Dim> dims) {
  for (size_t corner = 0; corner < size_t{1} << dims.size(); ++corner) {
    std::vector<int64_t> sizes;
    for (size_t dim = 0; dim < dims.size(); ++dim)
      sizes.push_back(corner >> dim & 1 ? std::min<int64_t>(dims[dim].most, 1 << 20)
                                        : dims[dim].least);
    if (extent.at(sizes) < 0)
      return true;
  }
  return false;
}

void keepConstraints(std::vector<Extent>& constraints, std::span<const Dim> dims) {
  std::sort(constraints.begin(), constraints.end());
  const auto [same, last] = std::ranges::unique(constraints);
  constraints.erase(same, last);
  std::erase_if(constraints, [&](const Extent& extent) { return !mayBeNegative(extent, dims); });
}

OpenPlan mergeSchedules(std::vector<Schedule> samples, const Samples& at, std::span<const Dim> dims,
                        bool exact, int threads) {
  OpenPlan plan;
  Merged merged = Merger(std::move(samples), at, dims, exact, threads, plan).run();
  plan.schedule = std::move(merged.schedule);
  plan.numbers = std::move(merged.numbers);
  plan.arenaBytes = merged.arenaBytes;
  return plan;
}

} // namespace diptych::aot
