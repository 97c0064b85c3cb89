// Calls of the same rows that touch a buffer of those already taken join. Products of matrices do
// where several have the same matrix and the blocks of a cluster can hold a row of it.
#include "codegen/cuda/GpuRowFusion.h"

#include "codegen/Folds.h"
#include "codegen/cuda/GpuRowLayout.h"
#include "codegen/cuda/GpuRowParts.h"

#include <algorithm>

namespace diptych::codegen::cuda {

namespace {

constexpr size_t kMostMembers = 12, kMostLines = 400;
// Below, a launch costs more than the work; above, so many threads at least keep a device busy.
constexpr int64_t kFewElements = 65536, kEnoughThreads = 8192;
// Every block of a cluster does the work of parts that are no products: little, beside the matrix.
constexpr int64_t kMostRepeated = 16384;
constexpr int64_t kEnoughBlocks = 64;
// What the driver keeps for itself of each block's shared memory.
constexpr int64_t kReserved = 1024;
constexpr int64_t kMostThreads = 2048; // of a multiprocessor

class RowFusion : public RowWalk {
public:
  RowFusion(Schedule& schedule, const GpuLimits& limits)
      : RowWalk(schedule), schedule_(schedule), limits_(limits), parts_(schedule) {}

  void fuse() {
    run();
    schedule_.calls = std::move(made_);
  }

private:
  const RowParts& partsOf(const RowCandidate& candidate) const {
    parts_.set(candidate);
    return parts_;
  }

  /// Ranges of folds, and batches of products, in the window that cut the first call's.
  std::vector<RowCandidate> startsOf(std::span<const size_t> window) const override {
    std::vector<RowCandidate> starts;
    for (const bool products : {true, false}) {
      const ScheduledCall& first = call(window[0]);
      for (size_t i : window) {
        const int64_t rows = call(i).range;
        const bool known = std::any_of(starts.begin(), starts.end(), [&](const auto& start) {
          return start.rows == rows && start.products == products;
        });
        if (rows > 1 && first.range % rows == 0 && !known && givesRows(call(i), products) &&
            (products || nestOf(first)))
          starts.push_back({.rows = rows, .products = products});
      }
    }
    return starts;
  }
  static bool givesRows(const ScheduledCall& call, bool products) {
    const NestSpec* nest = nestOf(call);
    auto* product = std::get_if<MatmulSpec>(&call.kernel.what);
    return (nest && !nest->folds.empty()) ||
           (products && product && !product->batch.is(1) && product->batch.is(call.range));
  }

  bool mayJoin(const RowCandidate& candidate, size_t i) const override {
    const RowParts& group = partsOf(candidate);
    if (group.count() == kMostMembers)
      return false;
    const std::optional<RowsSpec::Part> part = partOf(call(i), candidate.rows);
    if (!part)
      return false;
    if (auto* nest = std::get_if<NestSpec>(&*part)) {
      int64_t repeated = 1;
      for (size_t loop = 1; loop < nest->extents.size(); ++loop)
        repeated *= nest->extents[loop].value;
      if (group.lines() + nest->lines.size() > kMostLines ||
          (candidate.products && repeated > kMostRepeated))
        return false;
    } else if (!candidate.products) {
      return false;
    }
    return group.takes(call(i), *part);
  }

  double gainOf(const RowCandidate& candidate) const override {
    const RowParts& group = partsOf(candidate);
    const bool good = candidate.products ? clusterOf(group, candidate.rows).has_value()
                                         : isWorthwhile(group, candidate.rows);
    return good ? static_cast<double>(group.count()) : 0;
  }

  void alone(size_t i) override { made_.push_back(call(i)); }
  void together(const RowCandidate& candidate) override {
    const RowParts& group = partsOf(candidate);
    ScheduledCall made = group.merged(candidate.products ? *clusterOf(group, candidate.rows) : 1);
    std::get<RowsSpec>(made.kernel.what).rows = candidate.rows;
    made_.push_back(std::move(made));
  }

  static bool isWorthwhile(const RowParts& group, int64_t rows) {
    const int64_t longest = group.longest();
    const int64_t units = std::min(kMostUnits, (longest + kFoldBlock - 1) / kFoldBlock);
    return longest > 0 &&
           (rows * longest <= kFewElements || rows * units * kFoldPartials >= kEnoughThreads);
  }

  /// How many blocks should share a row: so that most rows are on the device at once. None where
  /// they cannot hold it, or where its matrix is read but once.
  std::optional<int> clusterOf(const RowParts& group, int64_t rows) const {
    if (group.products() < 2)
      return std::nullopt;
    std::optional<int> best;
    double most = 0;
    for (int cluster = 1; cluster <= limits_.cluster; ++cluster) {
      RowsSpec spec = group.spec(cluster);
      spec.rows = rows;
      const int64_t bytes = RowLayout(spec).bytes;
      if (bytes > limits_.block)
        continue;
      const int64_t blocks =
          std::min(limits_.multiprocessor / (bytes + kReserved), kMostThreads / kSlabThreads);
      const double held = static_cast<double>(blocks) / cluster;
      const bool busy =
          rows * group.matrixElements() <= kFewElements || rows * cluster >= kEnoughBlocks;
      if (!busy || (best && held <= most))
        continue;
      best = cluster;
      most = held;
    }
    return best;
  }

  Schedule& schedule_;
  const GpuLimits limits_;
  mutable RowParts parts_; // of the candidate that was looked at last
  std::vector<ScheduledCall> made_;
};

} // namespace

void fuseRows(Schedule& schedule, const GpuLimits& limits) { RowFusion(schedule, limits).fuse(); }

} // namespace diptych::codegen::cuda
