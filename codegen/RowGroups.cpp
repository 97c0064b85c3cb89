// Chooses the calls that a group saves the most memory with, and its chunks.
#include "codegen/RowGroups.h"

#include "codegen/Emit.h"
#include "codegen/NestEmitter.h"
#include "codegen/RowColumns.h"
#include "codegen/RowWalk.h"

#include <algorithm>

namespace diptych::codegen {

namespace {

// Below this traffic everything is in cache anyway.
constexpr double kWorthwhile = 512 * 1024;
// A row that is larger leaves the cache before the next call sees it.
constexpr double kLargestRow = 768 * 1024;
// Then pieces of its columns are no larger than this.
constexpr double kLargestPiece = 512 * 1024;
// A vector of f32 and two of f64; fewer columns would be all edge.
constexpr int64_t kColumnStep = 16, kLeastColumns = 32;
// A convolution computes so much of an element that it may come from the last cache, and a row of
// one uses arrays in turn.
constexpr double kLargestImage = 1280 * 1024;
constexpr int64_t kLeastImages = 16;
constexpr size_t kMaxSizes = 4;
// An array that no cache keeps from one run to the next.
constexpr int64_t kBeyondCaches = 8 << 20;
// Operations of an operator that leaves memory idle while it reads from cache.
constexpr int kHeavy = 16;

class RowGrouping : public RowWalk {
public:
  /// `cuts`: whether columns of large rows may be cut.
  RowGrouping(Schedule& schedule, bool cuts)
      : RowWalk(schedule), schedule_(schedule), cuts_(cuts) {}

  void group() {
    run();
    std::vector<ScheduledCall> calls;
    for (size_t i : order_)
      calls.push_back(std::move(schedule_.calls[i]));
    schedule_.calls = std::move(calls);
  }
  const std::vector<size_t>& order() const { return order_; }

private:
  /// Bytes that members touch again, and bytes of a row of all that they touch.
  struct Traffic {
    double saved = 0, row = 0;
  };

  /// Numbers of rows to try: ranges of calls in the window that cut the first call's range.
  std::vector<RowCandidate> startsOf(std::span<const size_t> window) const override {
    const ScheduledCall& first = call(window[0]);
    std::vector<RowCandidate> starts;
    if (first.bytes < kWorthwhile / 2 || !loopsOf(window[0]))
      return starts;
    for (size_t i : window) {
      if (!loopsOf(i))
        continue;
      const int64_t rows = loopsOf(i)->extents[static_cast<size_t>(loopsOf(i)->ranged)];
      const bool known = std::any_of(starts.begin(), starts.end(),
                                     [&](const RowCandidate& start) { return start.rows == rows; });
      if (starts.size() < kMaxSizes && rows > 1 && hasRows(*loopsOf(window[0]), rows) && !known)
        starts.push_back({.rows = rows});
    }
    return starts;
  }

  /// A convolution alone is cut into many more pieces than images: with few, threads would wait.
  bool mayJoin(const RowCandidate& candidate, size_t i) const override {
    return candidate.rows >= kLeastImages || !isConvolution(i);
  }
  bool isConvolution(size_t i) const {
    return std::holds_alternative<ConvolutionSpec>(call(i).kernel.what);
  }

  /// What shares no rows with the others would begin earlier than it must for nothing.
  void refine(RowCandidate& found) const override {
    std::vector<size_t> left = std::move(found.members);
    found.members = {left[0]};
    llvm::DenseSet<int> arrays;
    const auto take = [&](size_t i) {
      const auto prints = footprintsOf(call(i), *loopsOf(i), found.rows);
      const auto isRows = [](const RowFootprint& print) { return print.stride != 0; };
      if (!arrays.empty() && std::none_of(prints.begin(), prints.end(), [&](const auto& print) {
            return isRows(print) && arrays.contains(print.buffer);
          }))
        return false;
      for (const RowFootprint& print : prints)
        if (isRows(print))
          arrays.insert(print.buffer);
      return true;
    };
    take(left[0]);
    left.erase(left.begin());
    for (size_t before = 0; before != found.members.size();) {
      before = found.members.size();
      std::erase_if(left, [&](size_t i) {
        const bool shares = take(i);
        if (shares)
          found.members.push_back(i);
        return shares;
      });
    }
  }

  /// What no member waits for goes behind them, for the same reason.
  void settle(RowCandidate& found, std::span<const size_t> window) const override {
    const llvm::DenseSet<size_t> members(found.members.begin(), found.members.end());
    const llvm::DenseSet<size_t> after(found.after.begin(), found.after.end());
    TouchedBuffers wait; // members, and what stands before them
    found.members.clear(), found.before.clear(), found.after.clear();
    for (size_t i : llvm::reverse(window)) {
      const bool needed = !members.contains(i) && !after.contains(i) && wait.meet(touches(i));
      auto& list = members.contains(i) ? found.members : needed ? found.before : found.after;
      list.push_back(i);
      if (&list != &found.after)
        wait.add(touches(i));
    }
    for (auto* list : {&found.members, &found.before, &found.after})
      std::reverse(list->begin(), list->end());
  }

  double gainOf(const RowCandidate& found) const override {
    const Traffic traffic = trafficOf(found);
    const bool convolves = llvm::any_of(found.members, [&](size_t i) { return isConvolution(i); });
    const bool fits = traffic.row <= (convolves ? kLargestImage : kLargestRow);
    const bool good = traffic.saved >= kWorthwhile && (fits || pieceOf(found, traffic).width > 0);
    return good && keepsTiles(found, traffic) ? traffic.saved : 0;
  }

  /// Of the columns of a row, so many that they stay in cache; none where rows do as they are.
  struct Piece {
    int64_t columns = 0, width = 0;
  };
  Piece pieceOf(const RowCandidate& found, const Traffic& traffic) const {
    if (!cuts_ || traffic.row <= kLargestRow)
      return {};
    const int64_t columns = columnsOf(schedule_, found.members, found.rows);
    const auto most =
        static_cast<int64_t>(kLargestPiece / traffic.row * static_cast<double>(columns));
    const int64_t least = std::max(most, kLeastColumns), count = (columns + least - 1) / least;
    const int64_t each = (columns + count - 1) / std::max<int64_t>(1, count);
    const int64_t width = (each + kColumnStep - 1) / kColumnStep * kColumnStep;
    return width < columns ? Piece{columns, width} : Piece();
  }

  void alone(size_t i) override { order_.push_back(i); }

  void together(const RowCandidate& found) override {
    const Traffic traffic = trafficOf(found);
    const Piece piece = pieceOf(found, traffic);
    const int64_t rows = piece.width == 0 ? found.rows
                                          : cutColumns(schedule_, found.members, found.rows,
                                                       piece.columns, piece.width);
    schedule_.rowGroups.push_back(describe(found, rows));
    order_.insert(order_.end(), found.members.begin(), found.members.end());
  }

  Traffic trafficOf(const RowCandidate& found) const {
    llvm::DenseMap<int, int> touched;
    for (size_t i : found.members)
      for (int buffer : call(i).buffers)
        ++touched[buffer];
    Traffic traffic;
    for (const auto& [buffer, times] : touched) {
      const auto bytes = static_cast<double>(schedule_.buffers[buffer].bytes);
      traffic.saved += bytes * (times - 1);
      traffic.row += bytes / static_cast<double>(found.rows);
    }
    return traffic;
  }

  static int64_t chunkOf(const Traffic& traffic) {
    return std::max<int64_t>(1, static_cast<int64_t>(kRowChunkBytes / traffic.row));
  }

  /// A product of matrices computes tiles of several rows, a fold across columns vectors of
  /// several: a chunk of fewer takes as long as one.
  bool keepsTiles(const RowCandidate& found, const Traffic& traffic) const {
    return std::all_of(found.members.begin(), found.members.end(), [&](size_t i) {
      const int64_t least = std::min(leastRange(call(i)), call(i).range);
      return chunkOf(traffic) * (call(i).range / found.rows) >= least;
    });
  }
  static int64_t leastRange(const ScheduledCall& call) {
    if (auto* nest = std::get_if<NestSpec>(&call.kernel.what))
      return nest->vectorLoop != 0 ? 1 : leastColumns(*nest);
    if (auto* arg = std::get_if<ArgSpec>(&call.kernel.what))
      return leastColumns(*arg);
    auto* product = std::get_if<MatmulSpec>(&call.kernel.what);
    if (!product || !product->batch.is(1))
      return 1;
    return product->rangeOverV ? 2 * product->lanes : product->rows;
  }

  runtime::RowGroup describe(const RowCandidate& found, int64_t rows) const {
    runtime::RowGroup group;
    group.first = order_.size();
    group.count = found.members.size();
    group.rows = rows;
    group.grain = rows;
    for (size_t i : found.members) {
      const int64_t each = call(i).range / rows;
      group.grain = std::min(group.grain, (call(i).grain + each - 1) / each);
    }
    group.chunk = chunkOf(trafficOf(found));
    return group;
  }

  Schedule& schedule_;
  bool cuts_;
  std::vector<size_t> order_;
};

} // namespace

void groupRows(Schedule& schedule) { RowGrouping(schedule, /*cuts=*/true).group(); }

static bool isHeavy(const Line& line) {
  auto* apply = std::get_if<Line::Apply>(&line.what);
  return apply && info(apply->code).cost >= kHeavy;
}

// The load of rows of `buffer` by vectors of a call that has time for it.
static Access* loadAhead(ScheduledCall& call, int buffer) {
  auto* nest = std::get_if<NestSpec>(&call.kernel.what);
  if (!nest || nest->columns > 0 || nest->vectorLoop <= 0 || llvm::none_of(nest->lines, isHeavy))
    return nullptr;
  for (Line& line : nest->lines)
    if (auto* load = std::get_if<Line::Load>(&line.what);
        load && call.buffers[static_cast<size_t>(load->from.arg)] == buffer &&
        load->from.strides[0].value > 0 &&
        load->from.strides[static_cast<size_t>(nest->vectorLoop)].is(1))
      return &load->from;
  return nullptr;
}

static void readAhead(Schedule& schedule, const runtime::RowGroup& group) {
  // A large row: the second cache may not hold two.
  if (group.chunk == 1)
    return;
  llvm::DenseMap<int, size_t> firstReader; // of what nobody writes
  llvm::DenseSet<int> settled;
  for (size_t i = group.first; i < group.first + group.count; ++i)
    for (size_t arg = 0; arg < schedule.calls[i].buffers.size(); ++arg)
      if (const int buffer = schedule.calls[i].buffers[arg];
          mayWrite(schedule.calls[i], arg) || schedule.buffers[buffer].bytes < kBeyondCaches)
        settled.insert(buffer);
      else
        firstReader.try_emplace(buffer, i);
  for (size_t i = group.first + group.count; i-- > group.first;)
    for (int buffer : schedule.calls[i].buffers)
      if (!settled.contains(buffer) && firstReader[buffer] < i)
        if (Access* load = loadAhead(schedule.calls[i], buffer)) {
          load->ahead = true;
          settled.insert(buffer);
        }
}

void readAhead(Schedule& schedule) {
  for (const runtime::RowGroup& group : schedule.rowGroups)
    readAhead(schedule, group);
}

std::vector<size_t> orderByRows(Schedule& schedule) {
  RowGrouping grouping(schedule, /*cuts=*/false); // pieces would be of one size alone
  grouping.group();
  return grouping.order();
}

bool rowsStayApart(const Schedule& schedule, const runtime::RowGroup& group) {
  RowPrints prints;
  for (size_t i = group.first; i < group.first + group.count; ++i) {
    const ScheduledCall& call = schedule.calls[i];
    const std::optional<RowLoops> loops = rowLoopsOf(call);
    if (!loops || !hasRows(*loops, group.rows) ||
        !prints.join(footprintsOf(call, *loops, group.rows)))
      return false;
  }
  return true;
}

} // namespace diptych::codegen
