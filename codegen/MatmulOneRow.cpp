// One row of S by a V that lies along v: as many of its vectors at once as registers hold, so that
// rows of V are read from end to end. Where these are few and their number is known, several
// batches go together: a sum waits for its own last step, not for another's.
#include "codegen/MatmulEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <utility>

namespace diptych::codegen {

using namespace mlir;

namespace {
// Sums that keep both multipliers busy, and batches that are read at the same time.
constexpr int kChains = 8, kMostBatches = 4;

int64_t vectorsOf(const MatmulSpec& spec) { return (spec.v.value + spec.lanes - 1) / spec.lanes; }
} // namespace

bool MatmulEmitter::isOneRow() const {
  const bool cut = spec_.rangeOverV && spec_.batch.is(1); // columns, for threads
  return spec_.way == MatmulSpec::Way::tiles && spec_.s.is(1) && !cut && spec_.lines.empty() &&
         spec_.right.strides[2].is(1) && !spec_.pack;
}

int MatmulEmitter::batchesAtOnce() const {
  if (!isOneRow() || spec_.v.isDynamic())
    return 1;
  const auto together = static_cast<int>(llvm::PowerOf2Ceil(vectorsOf(spec_)));
  return std::clamp(kChains / together, 1, kMostBatches);
}

// Panels of the same width, but for the last.
void MatmulEmitter::rowPanels() {
  if (spec_.v.isDynamic())
    return anyRowPanels();
  const int64_t columns = spec_.v.value, vectors = vectorsOf(spec_),
                most = runtime::mostVectorsOfRow(alignment());
  const int64_t panels = (vectors + most - 1) / most;
  const int64_t each = (vectors + panels - 1) / panels, width = each * spec_.lanes;
  Value wholeEnd = k_.add(v0_, k_.i64(columns / width * width));
  k_.loop(v0_, wholeEnd, width, [&](Value v) { rowPanel(v, static_cast<int>(each), nullptr); });
  if (const int64_t rest = columns % width) {
    const int64_t tail = rest % spec_.lanes;
    rowPanel(wholeEnd, static_cast<int>((rest + spec_.lanes - 1) / spec_.lanes),
             tail ? k_.maskBelow(k_.i64(tail), spec_.lanes) : nullptr);
  }
}

// Of any width: a loop over k for each number of vectors.
void MatmulEmitter::anyRowPanels() {
  const int most = runtime::mostVectorsOfRow(alignment());
  const auto divided = [&](Value x, int64_t by) {
    return k_.quotient(k_.add(x, k_.i64(by - 1)), by);
  };
  Value columns = k_.sub(v1_, v0_), vectors = divided(columns, spec_.lanes);
  Value panels = divided(vectors, most);
  Value each = arith::DivUIOp::create(k_.builder(), k_.loc(),
                                      k_.sub(k_.add(vectors, panels), k_.i64(1)), panels);
  Value width = k_.mul(each, k_.i64(spec_.lanes));
  k_.loop(v0_, v1_, width, [&](Value v) {
    Value here = k_.min(width, k_.sub(v1_, v));
    for (int count = 1; count <= most; ++count) {
      const int64_t before = int64_t{count - 1} * spec_.lanes;
      Value last = k_.sub(here, k_.i64(before));
      Value fits = arith::AndIOp::create(k_.builder(), k_.loc(), k_.less(k_.i64(0), last),
                                         k_.notLess(k_.i64(spec_.lanes), last));
      k_.when(fits, [&] { rowPanel(v, count, k_.maskBelow(last, spec_.lanes)); });
    }
  });
}

void MatmulEmitter::rowPanel(Value v, int vectors, Value mask) {
  // In front of the loop: LLVM would multiply in it.
  Vectors batches, left, right;
  for (int i = 0; i < batches_; ++i) {
    batches.push_back(k_.add(batch_, k_.i64(i)));
    left.push_back(startOfRow(spec_.left, batches[i], nullptr));
    right.push_back(startOfRow(spec_.right, batches[i], v));
  }
  const Vectors none(static_cast<size_t>(batches_ * vectors), zeros(spec_.lanes));
  const Vectors sums = k_.loop(k0_, k1_, 1, none, [&](Value k, ValueRange carried) {
    Vectors next(carried);
    Value toLeft = k_.mul(k, k_.size(spec_.left.strides[3]));
    Value toRight = k_.mul(k, k_.size(spec_.right.strides[3]));
    for (int i = 0; i < batches_; ++i) {
      Value at = k_.address(left[i], spec_.dtype, toLeft);
      Value element = k_.broadcast(k_.loadScalar(at, spec_.dtype), spec_.lanes);
      for (int j = 0; j < vectors; ++j) {
        Value from =
            k_.address(right[i], spec_.dtype, k_.add(toRight, k_.i64(int64_t{j} * spec_.lanes)));
        Value vector =
            k_.loadVector(from, spec_.dtype, spec_.lanes, j + 1 == vectors ? mask : nullptr);
        Value& sum = next[static_cast<size_t>(i * vectors + j)];
        sum = math::FmaOp::create(k_.builder(), k_.loc(), element, vector, sum);
      }
    }
    return next;
  });
  Value first = batch_;
  for (int i = 0; i < batches_; ++i) {
    batch_ = batches[i];
    for (int j = 0; j < vectors; ++j)
      storeAlong(sums[static_cast<size_t>(i * vectors + j)], s0_,
                 k_.add(v, k_.i64(int64_t{j} * spec_.lanes)), 2, j + 1 == vectors ? mask : nullptr);
  }
  batch_ = first;
}

// Where k is 0.
Value MatmulEmitter::startOfRow(const Access& access, Value batch, Value v) {
  Value former = std::exchange(batch_, batch);
  Value address = k_.address(k_.pointer(access.arg), access.dtype, offset(access, s0_, v, nullptr));
  batch_ = former;
  return address;
}

} // namespace diptych::codegen
