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
// Chains of sums that keep both multipliers busy; and no more rows than memory likes to send.
constexpr int kChains = 8, kMostRows = 4;
// Of S that registers hold; how far in front rows are fetched.
constexpr int64_t kHeldVectors = 20;
constexpr int64_t kAheadBytes = 4096;
} // namespace

// S as it is for every row, where k is so short that 32 registers hold it.
void MatmulEmitter::holdLeft() {
  held_.clear();
  const auto depth = k_.known(k_.sub(k1_, k0_));
  if (!depth || spec_.lanes * sizeOf(spec_.dtype) != 64 || *depth > kHeldVectors * spec_.lanes)
    return;
  for (int64_t at = 0; at < *depth; at += spec_.lanes) {
    Value mask =
        *depth < at + spec_.lanes ? k_.maskBelow(k_.i64(*depth - at), spec_.lanes) : nullptr;
    Value k = k_.add(k0_, k_.i64(at));
    Value address = k_.address(k_.pointer(spec_.left.arg), spec_.dtype,
                               offset(spec_.left, k_.i64(0), nullptr, k));
    held_.push_back(k_.loadVector(address, spec_.dtype, spec_.lanes, mask));
    heldMask_ = mask;
  }
}

// Where the hardware does not run far enough ahead by itself: in the last cache, and along short
// rows.
static bool isFetchedAhead(const MatmulSpec& spec) {
  constexpr int64_t kLastCache = 16 << 20, kLongRow = 1024;
  const int64_t apart = spec.right.strides[2].value * sizeOf(spec.dtype);
  return spec.right.strides[2].isDynamic() || spec.v.isDynamic() || apart < kLongRow ||
         apart * spec.v.value <= kLastCache;
}

// Row after row from end to end, as memory likes it best.
MatmulEmitter::Vectors MatmulEmitter::heldRows(Value v0, int rows) {
  const int vectors = kPartials / spec_.lanes;
  Vectors sums(static_cast<size_t>(rows * vectors), zeros(spec_.lanes));
  const bool ahead = isFetchedAhead(spec_);
  for (int i = 0; i < rows; ++i)
    for (size_t at = 0; at < held_.size(); ++at) {
      Value mask = at + 1 == held_.size() ? heldMask_ : nullptr;
      Value k = k_.add(k0_, k_.i64(static_cast<int64_t>(at) * spec_.lanes));
      Value row = k_.add(v0, k_.i64(i));
      if (ahead)
        k_.prefetch(k_.address(k_.pointer(spec_.right.arg), spec_.right.dtype,
                               offset(spec_.right, nullptr, row,
                                      k_.add(k, k_.i64(kAheadBytes / sizeOf(spec_.dtype))))));
      Value right = rightVector(row, k, alongK, spec_.lanes, mask);
      Value& sum = sums[static_cast<size_t>(i * vectors) + at % static_cast<size_t>(vectors)];
      sum = math::FmaOp::create(k_.builder(), k_.loc(), right, held_[at], sum);
    }
  return sums;
}

void MatmulEmitter::partialSums() {
  holdLeft();
  const int rows = std::clamp(kChains * spec_.lanes / kPartials, 1, kMostRows);
  Value wholeEnd = k_.add(v0_, k_.roundDown(k_.sub(v1_, v0_), rows));
  k_.loop(v0_, wholeEnd, rows, [&](Value v) { partialRows(v, rows); });
  if (rows > 1)
    k_.loop(wholeEnd, v1_, 1, [&](Value v) { partialRows(v, 1); });
}

// From k on, `count` of the 16, or all of them. `right`: where the first row begins in V; rows lie
// `apart` bytes behind it.
MatmulEmitter::Vectors MatmulEmitter::partialStep(Value right, ArrayRef<Value> apart, Value k,
                                                  Value count, ValueRange sums) {
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
    Value first = k_.address(right, spec_.dtype, at);
    for (size_t i = 0; i < apart.size(); ++i) {
      Value row = k_.loadVector(rowAddress(first, apart, static_cast<int>(i)), spec_.dtype,
                                spec_.lanes, mask);
      Value& sum = next[i * static_cast<size_t>(vectors) + static_cast<size_t>(j)];
      sum = math::FmaOp::create(k_.builder(), k_.loc(), row, left, sum);
    }
  }
  return next;
}

MatmulEmitter::Vectors MatmulEmitter::longRows(Value v0, int rows) {
  Vectors sums(static_cast<size_t>(rows * kPartials / spec_.lanes), zeros(spec_.lanes));
  // In front of the loop: computed for each row in it, addresses halve the speed.
  Value right = k_.address(k_.pointer(spec_.right.arg), spec_.dtype,
                           offset(spec_.right, nullptr, v0, nullptr));
  const Vectors apart = rowsApart(spec_.right.strides[2], rows);
  Value depth = k_.sub(k1_, k0_), whole = k_.add(k0_, k_.roundDown(depth, kPartials));
  sums = k_.loop(k0_, whole, kPartials, sums, [&](Value k, ValueRange carried) {
    return partialStep(right, apart, k, nullptr, carried);
  });
  const auto known = k_.known(depth);
  if (!known || *known % kPartials)
    sums = partialStep(right, apart, whole, k_.sub(k1_, whole), sums);
  return sums;
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

Value totals(KernelBuilder& k, SmallVector<Value> rows, int64_t width) {
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
  const Vectors sums = held_.empty() ? longRows(v0, rows) : heldRows(v0, rows);
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
