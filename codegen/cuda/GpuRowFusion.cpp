// Calls of the same rows that touch a buffer of those already taken join. Results of folds and rows
// that no other call wants never reach memory.
#include "codegen/cuda/GpuRowFusion.h"

#include "codegen/Folds.h"
#include "codegen/RowWalk.h"
#include "codegen/cuda/GpuEmitters.h"

#include <algorithm>
#include <map>

namespace diptych::codegen::cuda {

namespace {

constexpr size_t kMostMembers = 12, kMostLines = 400;
// Below, a launch costs more than the work; above, so many threads at least keep a device busy.
constexpr int64_t kFewElements = 65536, kEnoughThreads = 8192;
constexpr int64_t kKeptBytes = 20 << 10; // of a row: two fit into a block's shared memory
constexpr int64_t kLongestRow = int64_t{1} << 21;

const NestSpec* nestOf(const ScheduledCall& call) {
  return call.library || call.control ? nullptr : std::get_if<NestSpec>(&call.kernel.what);
}

bool readsIndex(const NestSpec& nest) {
  return std::any_of(nest.lines.begin(), nest.lines.end(), [](const Line& line) {
    return std::holds_alternative<Line::Index>(line.what);
  });
}

/// The nest with `rows` as its outermost loop; none where it has no such.
std::optional<NestSpec> byRows(const NestSpec& nest, int64_t rows) {
  if (nest.extents[0].is(rows))
    return nest;
  if (nest.extents.size() != 1 || !nest.folds.empty() || readsIndex(nest))
    return std::nullopt;
  NestSpec cut = nest;
  const int64_t each = nest.extents[0].value / rows;
  cut.extents = {rows, each};
  const auto split = [&](Access& access) {
    access.strides.insert(access.strides.begin(), access.strides[0].value * each);
  };
  for (Line& line : cut.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      split(load->from);
  for (Store& store : cut.stores)
    split(store.to);
  ++cut.vectorLoop;
  return cut;
}

/// One element for each row, the same for the inner loops.
bool isOfRow(const Access& access) {
  return std::all_of(access.strides.begin() + 1, access.strides.end(),
                     [](const Size& stride) { return stride.is(0); });
}

/// The members of a candidate as parts of one kernel.
struct Group {
  std::vector<size_t> members;
  std::vector<NestSpec> parts = {};
  size_t lines = 0;
  int64_t longest = 0; // row of a fold
};

class RowFusion : public RowWalk {
public:
  explicit RowFusion(Schedule& schedule) : RowWalk(schedule), schedule_(schedule) {}

  void fuse() {
    run();
    schedule_.calls = std::move(made_);
  }

private:
  /// Ranges of folds in the window that cut the first call's.
  std::vector<RowCandidate> startsOf(std::span<const size_t> window) const override {
    std::vector<RowCandidate> starts;
    if (!nestOf(call(window[0])))
      return starts;
    for (size_t i : window) {
      const NestSpec* nest = nestOf(call(i));
      const int64_t rows = call(i).range;
      const bool known = std::any_of(starts.begin(), starts.end(),
                                     [&](const RowCandidate& start) { return start.rows == rows; });
      if (nest && !nest->folds.empty() && rows > 1 && call(window[0]).range % rows == 0 && !known)
        starts.push_back({.rows = rows});
    }
    return starts;
  }

  bool mayJoin(const RowCandidate& candidate, size_t i) const override {
    const Group group = groupOf(candidate);
    const NestSpec* nest = nestOf(call(i));
    if (!nest || !call(i).offsets.empty() || call(i).range % candidate.rows != 0 ||
        group.members.size() == kMostMembers || group.lines + nest->lines.size() > kMostLines)
      return false;
    if (nest->folds.empty() ? !isByElement(*nest)
                            : nest->extents.size() != 2 || nest->vectorLoop != 1 ||
                                  nest->extents[1].value > kLongestRow)
      return false;
    const std::optional<NestSpec> part = byRows(*nest, candidate.rows);
    return part && takesTotalsByRow(group, call(i), *part) &&
           (group.members.empty() || touchesOneOf(group, call(i)));
  }

  double gainOf(const RowCandidate& candidate) const override {
    const Group group = groupOf(candidate);
    return isWorthwhile(group, candidate.rows) ? static_cast<double>(group.members.size()) : 0;
  }

  void alone(size_t i) override { made_.push_back(call(i)); }
  void together(const RowCandidate& candidate) override {
    made_.push_back(merged(groupOf(candidate)));
  }

  Group groupOf(const RowCandidate& candidate) const {
    Group group{candidate.members};
    for (size_t i : candidate.members) {
      const NestSpec& nest = *nestOf(call(i));
      group.parts.push_back(*byRows(nest, candidate.rows));
      group.lines += nest.lines.size();
      if (!nest.folds.empty())
        group.longest = std::max(group.longest, nest.extents[1].value);
    }
    return group;
  }

  bool touchesOneOf(const Group& group, const ScheduledCall& other) const {
    return std::any_of(group.members.begin(), group.members.end(), [&](size_t member) {
      return std::any_of(other.buffers.begin(), other.buffers.end(), [&](int buffer) {
        const auto& theirs = call(member).buffers;
        return std::find(theirs.begin(), theirs.end(), buffer) != theirs.end();
      });
    });
  }

  /// What a member folds is there for later ones as the one number of their row, and so only.
  bool takesTotalsByRow(const Group& group, const ScheduledCall& other,
                        const NestSpec& part) const {
    for (size_t m = 0; m < group.members.size(); ++m)
      for (const Fold& fold : group.parts[m].folds) {
        const int buffer = bufferOf(group, m, fold.to);
        for (const Line& line : part.lines) {
          auto* load = std::get_if<Line::Load>(&line.what);
          if (!load || other.buffers[static_cast<size_t>(load->from.arg)] != buffer)
            continue;
          const bool same = isOfRow(load->from) && load->from.offset == fold.to.offset &&
                            load->from.strides[0].is(fold.to.strides[0].value);
          if (!same)
            return false;
        }
      }
    return true;
  }

  static bool isWorthwhile(const Group& group, int64_t rows) {
    const int64_t units = std::min(kMostUnits, (group.longest + kFoldBlock - 1) / kFoldBlock);
    return group.longest > 0 &&
           (rows * group.longest <= kFewElements || rows * units * kFoldPartials >= kEnoughThreads);
  }

  /// Whether any call that is no member touches the buffer.
  bool isWantedOutside(const Group& group, int buffer) const {
    if (schedule_.buffers[static_cast<size_t>(buffer)].kind != PlannedBuffer::Kind::Temporary)
      return true;
    for (size_t i = 0; i < schedule_.calls.size(); ++i) {
      const auto& buffers = call(i).buffers;
      if (std::find(buffers.begin(), buffers.end(), buffer) != buffers.end() &&
          std::find(group.members.begin(), group.members.end(), i) == group.members.end())
        return true;
    }
    return false;
  }

  ScheduledCall merged(const Group& group) const {
    ScheduledCall made = call(group.members[0]);
    made.name.clear();
    made.flops = made.bytes = 0;
    made.buffers = argsOf(group);
    std::map<int, int> args;
    for (size_t arg = 0; arg < made.buffers.size(); ++arg)
      args[made.buffers[arg]] = static_cast<int>(arg);
    RowsSpec spec;
    spec.rows = group.parts[0].extents[0].value;
    spec.args = static_cast<int>(made.buffers.size());
    for (size_t m = 0; m < group.members.size(); ++m) {
      const ScheduledCall& member = call(group.members[m]);
      NestSpec part = group.parts[m];
      const auto renumber = [&](Access& access) {
        const int buffer = member.buffers[static_cast<size_t>(access.arg)];
        access.arg = args.try_emplace(buffer, static_cast<int>(args.size())).first->second;
      };
      for (Line& line : part.lines)
        if (auto* load = std::get_if<Line::Load>(&line.what))
          renumber(load->from);
      for (Store& store : part.stores)
        renumber(store.to);
      for (Fold& fold : part.folds)
        renumber(fold.to);
      spec.parts.push_back(std::move(part));
      made.name += (m ? ", " : "") + member.name;
      made.flops += member.flops;
    }
    for (int buffer : made.buffers)
      made.bytes += static_cast<double>(schedule_.buffers[static_cast<size_t>(buffer)].bytes);
    made.kernel.what = std::move(spec);
    made.range = made.grain = 1;
    return made;
  }

  /// Buffers in order of use, without those that stay inside.
  std::vector<int> argsOf(const Group& group) const {
    std::vector<int> inside = totalsOf(group), buffers;
    const std::vector<int> rows = keptRowsOf(group);
    inside.insert(inside.end(), rows.begin(), rows.end());
    for (size_t member : group.members)
      for (int buffer : call(member).buffers)
        if (std::find(inside.begin(), inside.end(), buffer) == inside.end() &&
            std::find(buffers.begin(), buffers.end(), buffer) == buffers.end())
          buffers.push_back(buffer);
    return buffers;
  }

  std::vector<int> totalsOf(const Group& group) const {
    std::vector<int> totals;
    for (size_t m = 0; m < group.members.size(); ++m)
      for (const Fold& fold : group.parts[m].folds)
        totals.push_back(bufferOf(group, m, fold.to));
    std::erase_if(totals, [&](int buffer) { return isWantedOutside(group, buffer); });
    return totals;
  }

  /// Rows that one member stores for the others, as far as shared memory holds them.
  std::vector<int> keptRowsOf(const Group& group) const {
    std::vector<int> rows;
    int64_t bytes = 0;
    for (size_t m = 0; group.longest <= kFoldBlock && m < group.members.size(); ++m)
      for (const Store& store : group.parts[m].stores) {
        const NestSpec& part = group.parts[m];
        const int buffer = bufferOf(group, m, store.to);
        if (part.extents.size() != 2 || !store.to.strides[1].is(1) ||
            isWantedOutside(group, buffer) || !isReadAlike(group, buffer, store.to, part))
          continue;
        const int64_t more = (part.extents[1].value + 32) * sizeOf(store.to.dtype);
        if (bytes + more > kKeptBytes)
          continue;
        bytes += more;
        rows.push_back(buffer);
      }
    return rows;
  }

  /// Whether every access to the buffer is that of the store.
  bool isReadAlike(const Group& group, int buffer, const Access& to, const NestSpec& by) const {
    for (size_t m = 0; m < group.members.size(); ++m) {
      const NestSpec& part = group.parts[m];
      const auto unlike = [&](const Access& access) {
        return bufferOf(group, m, access) == buffer &&
               !(part.extents.size() == 2 && part.extents[1].is(by.extents[1].value) &&
                 access.offset.value == to.offset.value && access.dtype == to.dtype &&
                 access.strides[0].is(to.strides[0].value) && access.strides[1].is(1));
      };
      for (const Line& line : part.lines)
        if (auto* load = std::get_if<Line::Load>(&line.what); load && unlike(load->from))
          return false;
      for (const Store& store : part.stores)
        if (unlike(store.to) || (bufferOf(group, m, store.to) == buffer && &store.to != &to))
          return false;
    }
    return true;
  }

  int bufferOf(const Group& group, size_t m, const Access& access) const {
    return call(group.members[m]).buffers[static_cast<size_t>(access.arg)];
  }

  Schedule& schedule_;
  std::vector<ScheduledCall> made_;
};

} // namespace

void fuseRows(Schedule& schedule) { RowFusion(schedule).fuse(); }

} // namespace diptych::codegen::cuda
