// A matrix times a vector whose rows lie along k: they are read from end to end, and an element has
// 16 partial sums, as a fold along an axis has.
#include "codegen/MatmulEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
constexpr int kPartials = 16;
// Chains of sums that keep both multipliers busy.
constexpr int kChains = 8;
} // namespace

void MatmulEmitter::partialSums() {
  const int rows = std::max(1, kChains * spec_.lanes / kPartials);
  Value wholeEnd = k_.add(v0_, k_.roundDown(k_.sub(v1_, v0_), rows));
  k_.loop(v0_, wholeEnd, rows, [&](Value v) { partialRows(v, rows); });
  if (rows > 1)
    k_.loop(wholeEnd, v1_, 1, [&](Value v) { partialRows(v, 1); });
}

// From k on, `count` of the 16, or all of them.
MatmulEmitter::Vectors MatmulEmitter::partialStep(Value v0, int rows, Value k, Value count,
                                                  ValueRange sums) {
  Vectors next(sums);
  const int vectors = kPartials / spec_.lanes;
  for (int j = 0; j < vectors; ++j) {
    const int from = j * spec_.lanes;
    const auto known = count ? k_.known(count) : kPartials;
    if (known && *known <= from)
      break;
    Value at = k_.add(k, k_.i64(from)), mask;
    if (!known || *known < from + spec_.lanes)
      mask = k_.maskBelow(k_.sub(count, k_.i64(from)), spec_.lanes);
    Value address = k_.address(k_.pointer(spec_.left.arg), spec_.dtype,
                               offset(spec_.left, k_.i64(0), nullptr, at));
    Value left = k_.loadVector(address, spec_.dtype, spec_.lanes, mask);
    for (int i = 0; i < rows; ++i) {
      Value right = rightVector(k_.add(v0, k_.i64(i)), at, alongK, spec_.lanes, mask);
      Value& sum = next[static_cast<size_t>(i * vectors + j)];
      sum = math::FmaOp::create(k_.builder(), k_.loc(), right, left, sum);
    }
  }
  return next;
}

// Of vectors that hold `width` partial sums of some rows each: i is added to i + width / 2. Two
// vectors become one that has the rows of both.
static Value halved(KernelBuilder& k, Value a, Value b, int64_t width) {
  const int64_t lanes = cast<VectorType>(a.getType()).getNumElements();
  SmallVector<int64_t> low, high;
  for (int64_t row = 0; row < (b ? 2 : 1) * lanes / width; ++row)
    for (int64_t i = 0; i < width / 2; ++i) {
      low.push_back(row * width + i);
      high.push_back(row * width + i + width / 2);
    }
  Value x = vector::ShuffleOp::create(k.builder(), k.loc(), a, b ? b : a, low);
  Value y = vector::ShuffleOp::create(k.builder(), k.loc(), a, b ? b : a, high);
  return arith::AddFOp::create(k.builder(), k.loc(), x, y);
}

// One vector with the totals of all rows.
static Value totals(KernelBuilder& k, SmallVector<Value> rows, int64_t width) {
  while (width > 1) {
    SmallVector<Value> next;
    for (size_t i = 0; i < rows.size(); i += 2)
      next.push_back(halved(k, rows[i], rows.size() > 1 ? rows[i + 1] : Value(), width));
    rows = std::move(next);
    width /= 2;
  }
  return rows.front();
}

void MatmulEmitter::partialRows(Value v0, int rows) {
  const int vectors = kPartials / spec_.lanes;
  Vectors sums(static_cast<size_t>(rows * vectors), zeros(spec_.lanes));
  Value depth = k_.sub(k1_, k0_), whole = k_.add(k0_, k_.roundDown(depth, kPartials));
  sums = k_.loop(k0_, whole, kPartials, sums, [&](Value k, ValueRange carried) {
    return partialStep(v0, rows, k, nullptr, carried);
  });
  const auto known = k_.known(depth);
  if (!known || *known % kPartials)
    sums = partialStep(v0, rows, whole, k_.sub(k1_, whole), sums);
  Vectors first;
  for (int i = 0; i < rows; ++i) {
    Vectors row(sums.begin() + i * vectors, sums.begin() + (i + 1) * vectors);
    for (int count = vectors / 2; count > 0; count /= 2)
      for (int j = 0; j < count; ++j)
        row[j] = arith::AddFOp::create(k_.builder(), k_.loc(), row[j], row[j + count]);
    first.push_back(row[0]);
  }
  storeAlong(totals(k_, first, std::min(kPartials, spec_.lanes)), k_.i64(0), v0, 2, nullptr);
}

} // namespace diptych::codegen
