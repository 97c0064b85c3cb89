// Nests that fold their last loop, in the canonical order: blocks of 4096, 16 partials, a halving
// tree, groups of 64 blocks. Along rows the partials are 16 lanes of a warp, and the tree is
// shuffles; across columns they are the 16 warps of a block, and the tree goes through shared
// memory. Where there are several blocks their totals go to scratch, and a second launch adds them.
#include "codegen/cuda/GpuEmitters.h"
#include "codegen/cuda/NestLines.h"

#include "codegen/Folds.h"
#include "codegen/Lowerings.h"

namespace diptych::codegen::cuda {

using namespace mlir;

namespace {

constexpr int kRowThreads = 128;
constexpr int64_t kScratchBytes = 8;
constexpr int64_t kUnrolled = 16; // an axis of so few elements needs no partners

class Folds {
public:
  Folds(GpuKernel& k, const NestSpec& nest, bool contract)
      : k_(k), nest_(nest), contract_(contract), last_(nest.extents.size() - 1),
        outputs_(ArrayRef<Size>(nest.extents).drop_back()), reduced_(nest.extents.back()) {}

  // Sixteen lanes to a block of a row.
  void rows() {
    Value lane = k_.remainder(k_.thread(), k_.i64(kFoldPartials));
    Value unit = k_.add(k_.mul(k_.block(), k_.i64(kRowThreads / kFoldPartials)),
                        k_.divide(k_.thread(), k_.i64(kFoldPartials)));
    Value count = k_.product(outputs_), blocks = blockCount();
    Value valid = k_.less(unit, k_.mul(count, blocks));
    unit = k_.select(valid, unit, k_.i64(0));
    Value output = k_.divide(unit, blocks), block = k_.remainder(unit, blocks);
    Values partials = accumulate(output, block, lane, valid);
    for (int width = kFoldPartials / 2; width >= 1; width /= 2)
      for (size_t j = 0; j < partials.size(); ++j)
        partials[j] = combine(j, partials[j], k_.shuffleDown(partials[j], width));
    k_.when(k_.both(valid, k_.equal(lane, k_.i64(0))), [&] { hand(partials, output, block); });
  }

  // A warp to each partial of 32 neighbouring columns.
  void columns() {
    Value column = k_.remainder(k_.thread(), k_.i64(kWarp));
    Value partial = k_.divide(k_.thread(), k_.i64(kWarp));
    Value count = k_.product(outputs_);
    Value tiles = k_.ceilDivide(count, kWarp);
    Value block = k_.divide(k_.block(), tiles);
    Value output = k_.add(k_.mul(k_.remainder(k_.block(), tiles), k_.i64(kWarp)), column);
    Value valid = k_.less(output, count);
    output = k_.select(valid, output, k_.i64(0));
    Values partials = accumulate(output, block, partial, valid);
    Value shared = k_.shared(int64_t{kFoldPartials} * kWarp * kScratchBytes);
    for (size_t j = 0; j < partials.size(); ++j)
      partials[j] = treeOfWarps(j, partials[j], shared);
    k_.when(k_.both(valid, k_.equal(partial, k_.i64(0))), [&] { hand(partials, output, block); });
  }

  // One thread folds an axis of few elements, each a partial of its own.
  void alone() {
    Value output = k_.globalThread();
    k_.when(k_.less(output, k_.product(outputs_)), [&] {
      NestLines lines = linesAt(output);
      std::vector<Values> partials(nest_.folds.size());
      for (int64_t r = 0; r < reduced_.value; ++r) {
        lines.index[last_] = k_.i64(r);
        lines.evaluateOwn();
        lines.emitStores();
        for (size_t j = 0; j < partials.size(); ++j)
          partials[j].push_back(combine(j, identity(j), lines.at(nest_.folds[j].line)));
      }
      Values totals;
      for (size_t j = 0; j < partials.size(); ++j) {
        Values& p = partials[j];
        if (p.empty())
          p.push_back(identity(j));
        for (size_t width = kFoldPartials / 2; width >= 1; width /= 2)
          for (size_t i = 0; i < width && i + width < p.size(); ++i)
            p[i] = combine(j, p[i], p[i + width]);
        totals.push_back(p[0]);
      }
      store(totals, output);
    });
  }

  // Totals of blocks in groups of 64, and the totals of groups, in order.
  void totals() {
    Value output = k_.globalThread();
    k_.when(k_.less(output, k_.product(outputs_)), [&] {
      constexpr int64_t group = kFoldGroup / kFoldBlock;
      Value blocks = blockCount();
      Values all;
      for (size_t j = 0; j < nest_.folds.size(); ++j)
        all.push_back(identity(j));
      Values totals = k_.loop(k_.i64(0), blocks, group, all, [&](Value first, ValueRange sums) {
        Value end = k_.min(k_.add(first, k_.i64(group)), blocks);
        Values inner = k_.loop(first, end, 1, all, [&](Value block, ValueRange carried) {
          Values next;
          for (size_t j = 0; j < carried.size(); ++j)
            next.push_back(
                combine(j, carried[j], k_.loadScalar(scratchAt(j, block, output), dtypeOf(j))));
          return next;
        });
        for (size_t j = 0; j < inner.size(); ++j)
          inner[j] = combine(j, sums[j], inner[j]);
        return inner;
      });
      store(totals, output);
    });
  }

private:
  using Values = SmallVector<Value>;

  DType dtypeOf(size_t j) const {
    return nest_.lines[static_cast<size_t>(nest_.folds[j].line)].dtype;
  }
  Value identity(size_t j) { return foldIdentity(k_, nest_.folds[j].combiner, dtypeOf(j)); }
  Value combine(size_t j, Value x, Value y) {
    return foldCombine(k_, nest_.folds[j].combiner, dtypeOf(j), x, y);
  }
  Value blockCount() {
    if (!reduced_.isDynamic())
      return k_.i64(std::max<int64_t>(1, (reduced_.value + kFoldBlock - 1) / kFoldBlock));
    Value count = k_.ceilDivide(k_.size(reduced_), kFoldBlock);
    return arith::MaxSIOp::create(k_.builder(), k_.loc(), count, k_.i64(1));
  }

  NestLines linesAt(Value output) {
    NestLines lines(k_, nest_, contract_);
    lines.index = k_.indicesOf(output, outputs_);
    lines.index.push_back(k_.i64(0));
    lines.evaluateShared();
    return lines;
  }

  // One partial: every sixteenth element of the block. Nothing where there is no such output.
  Values accumulate(Value output, Value block, Value partial, Value valid) {
    NestLines lines = linesAt(output);
    Value begin = k_.mul(block, k_.i64(kFoldBlock));
    Value end = k_.min(k_.add(begin, k_.i64(kFoldBlock)), k_.size(reduced_));
    end = k_.select(valid, end, k_.i64(0));
    Values identities;
    for (size_t j = 0; j < nest_.folds.size(); ++j)
      identities.push_back(identity(j));
    return k_.unrolled(k_.add(begin, partial), end, kFoldPartials, stepsAtATime(nest_), identities,
                       [&](Value r, ValueRange carried) {
                         lines.index[last_] = r;
                         lines.evaluateOwn();
                         lines.emitStores();
                         Values next;
                         for (size_t j = 0; j < carried.size(); ++j)
                           next.push_back(combine(j, carried[j], lines.at(nest_.folds[j].line)));
                         return next;
                       });
  }

  Value treeOfWarps(size_t j, Value mine, Value shared) {
    const DType dtype = dtypeOf(j);
    Value thread = k_.thread();
    k_.storeShared(mine, shared, thread);
    for (int width = kFoldPartials / 2; width >= 1; width /= 2) {
      k_.barrier();
      k_.when(k_.less(thread, k_.i64(int64_t{width} * kWarp)), [&] {
        Value low = k_.loadShared(shared, thread, dtype);
        Value high = k_.loadShared(shared, k_.add(thread, k_.i64(int64_t{width} * kWarp)), dtype);
        k_.storeShared(combine(j, low, high), shared, thread);
      });
    }
    k_.barrier();
    Value total = k_.loadShared(shared, k_.remainder(thread, k_.i64(kWarp)), dtype);
    if (j + 1 < nest_.folds.size())
      k_.barrier(); // the next fold writes there
    return total;
  }

  Value scratchAt(size_t j, Value block, Value output) {
    Value row = k_.add(k_.mul(k_.i64(static_cast<int64_t>(j)), blockCount()), block);
    Value place = k_.add(k_.mul(row, k_.product(outputs_)), output);
    return k_.address(k_.scratch(), DType::i64, place);
  }

  void hand(const Values& totals, Value output, Value block) {
    const auto keep = [&] {
      for (size_t j = 0; j < totals.size(); ++j)
        k_.storeScalar(totals[j], scratchAt(j, block, output), dtypeOf(j));
    };
    if (!reduced_.isDynamic())
      return reduced_.value <= kFoldBlock ? store(totals, output) : keep();
    Value one = k_.less(k_.size(reduced_), k_.i64(kFoldBlock + 1));
    k_.when(one, [&] { store(totals, output); });
    k_.when(k_.less(k_.i64(kFoldBlock), k_.size(reduced_)), keep);
  }

  void store(const Values& totals, Value output) {
    NestLines lines(k_, nest_, contract_);
    lines.index = k_.indicesOf(output, outputs_);
    lines.index.push_back(k_.i64(0));
    for (size_t j = 0; j < totals.size(); ++j) {
      const Access& to = nest_.folds[j].to;
      k_.storeScalar(totals[j], lines.place(to), to.dtype);
    }
  }

  GpuKernel& k_;
  const NestSpec& nest_;
  bool contract_;
  const size_t last_;
  const ArrayRef<Size> outputs_;
  const Size reduced_;
};

} // namespace

void emitFolds(Emission& emission, const NestSpec& nest) {
  const Size& reduced = nest.extents.back();
  const ArrayRef<Size> outputs = ArrayRef<Size>(nest.extents).drop_back();
  const auto folds = [&](GpuKernel& k) { return Folds(k, nest, emission.contract); };
  if (!reduced.isDynamic() && reduced.value <= kUnrolled) {
    emission.launch(countOf(outputs, kRowThreads), kRowThreads,
                    [&](GpuKernel& k) { folds(k).alone(); });
    return;
  }
  const bool several = reduced.isDynamic() || reduced.value > kFoldBlock;
  const auto blocks = factorOf({reduced}, kFoldBlock, 1);
  auto& launches = emission.launches;
  if (several) {
    emission.frame.scratch = true;
    launches.scratchUnit = kScratchBytes * static_cast<int64_t>(nest.folds.size());
    launches.scratch.factors = {factorOf(outputs), blocks};
  }
  const bool rows = nest.vectorLoop == static_cast<int>(nest.extents.size()) - 1;
  if (rows)
    emission.launch({{factorOf(outputs), blocks}, kRowThreads / kFoldPartials}, kRowThreads,
                    [&](GpuKernel& k) { folds(k).rows(); });
  else
    emission.launch({{factorOf(outputs, kWarp), blocks}}, kFoldPartials * kWarp,
                    [&](GpuKernel& k) { folds(k).columns(); });
  emission.launchAbove(reduced, kFoldBlock, countOf(outputs, kRowThreads), kRowThreads,
                       [&](GpuKernel& k) { folds(k).totals(); });
}

} // namespace diptych::codegen::cuda
