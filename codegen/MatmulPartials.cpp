// A matrix times a vector whose rows lie along k: they are read from end to end, and an element has
// 16 partial sums, as a fold along an axis has.
#include "codegen/Halving.h"
#include "codegen/MatmulEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
constexpr int kPartials = 16;
// Of S that registers hold; what a tile of short rows reads.
constexpr int64_t kHeldVectors = 20, kTileVectors = 32;
// How far in front of short rows: of those in the last cache, of those in memory.
constexpr int64_t kNear = 4096, kFar = 16384;
constexpr int64_t kLine = 64;
} // namespace

// S as it is for every row, where k is so short that 32 registers hold it.
void MatmulEmitter::holdLeft() {
  held_.clear();
  rowsOfVector_ = 1;
  const auto depth = k_.known(k_.sub(k1_, k0_));
  if (!depth || registers() != 32 || *depth > kHeldVectors * spec_.lanes)
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
  if (*depth >= spec_.lanes || spec_.lanes % *depth || !spec_.right.strides[2].is(*depth))
    return;
  // A vector of V has several rows, from end to end.
  rowsOfVector_ = static_cast<int>(spec_.lanes / *depth);
  SmallVector<int64_t> lanes;
  for (int64_t lane = 0; lane < spec_.lanes; ++lane)
    lanes.push_back(lane % *depth);
  repeated_ = vector::ShuffleOp::create(k_.builder(), k_.loc(), held_[0], held_[0], lanes);
}

// How far in front rows are fetched: more where they come from memory.
static int64_t aheadBytes(const MatmulSpec& spec) {
  if (spec.turned != runtime::Turned::ahead)
    return 0;
  const int64_t apart = spec.right.strides[2].value * sizeOf(spec.dtype);
  const bool isNear = spec.right.strides[2].isDynamic() || spec.v.isDynamic() ||
                      apart * spec.v.value <= runtime::kLastCache;
  return isNear ? kNear : kFar;
}

// Row after row from end to end, as memory likes it best. A vector has the partial sums of a row,
// or of several.
MatmulEmitter::Vectors MatmulEmitter::heldRows(Value v0, int rows) {
  const auto chains = static_cast<size_t>(std::max(1, kPartials / spec_.lanes));
  const int together = rows > 1 ? rowsOfVector_ : 1;
  const int64_t ahead = aheadBytes(spec_) / sizeOf(spec_.dtype);
  Vectors sums;
  for (int i = 0; i < rows; i += together) {
    Vectors sum(std::min(chains, held_.size()), zeros(spec_.lanes));
    for (size_t at = 0; at < held_.size(); ++at) {
      Value mask = at + 1 == held_.size() && together == 1 ? heldMask_ : nullptr;
      Value k = k_.add(k0_, k_.i64(static_cast<int64_t>(at) * spec_.lanes));
      Value row = k_.add(v0, k_.i64(i));
      if (ahead > 0)
        k_.prefetch(k_.address(k_.pointer(spec_.right.arg), spec_.right.dtype,
                               offset(spec_.right, nullptr, row, k_.add(k, k_.i64(ahead)))));
      Value right = rightVector(row, k, alongK, spec_.lanes, mask);
      Value left = together > 1 ? repeated_ : held_[at];
      sum[at % chains] = math::FmaOp::create(k_.builder(), k_.loc(), right, left, sum[at % chains]);
    }
    sums.push_back(inOne(k_, std::move(sum)));
  }
  return sums;
}

// Of rows that are short, as many as make a vector of totals.
int MatmulEmitter::rowsOfPartials() const {
  const auto held = static_cast<int64_t>(held_.size());
  return held > 0 && held * spec_.lanes <= kTileVectors * rowsOfVector_ ? spec_.lanes : spec_.rows;
}

void MatmulEmitter::partialSums() {
  holdLeft();
  const int rows = rowsOfPartials();
  Value wholeEnd = k_.add(v0_, k_.roundDown(k_.sub(v1_, v0_), rows));
  k_.loop(v0_, wholeEnd, rows, [&](Value v) { partialRows(v, rows); });
  if (rows > 1)
    k_.loop(wholeEnd, v1_, 1, [&](Value v) { partialRows(v, 1); });
}

// From k on, `count` of the 16, or all of them. `right`: where the first row begins in V; rows lie
// `apart` bytes behind it, and those that are asked for `ahead` bytes behind each, if any are.
MatmulEmitter::Vectors MatmulEmitter::partialStep(Value right, ArrayRef<Value> apart, Value ahead,
                                                  Value k, Value count, ValueRange sums) {
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
      Value begin = k_.rowAddress(first, apart, static_cast<int>(i));
      if (ahead && from * sizeOf(spec_.dtype) % kLine == 0)
        k_.prefetch(k_.byteAddress(begin, ahead), KernelBuilder::Near::second);
      Value row = k_.loadVector(begin, spec_.dtype, spec_.lanes, mask);
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
  Value ahead;
  if (spec_.turned == runtime::Turned::ahead && aheadBytes(spec_) > kNear)
    ahead = k_.mul(k_.size(spec_.right.strides[2]), k_.i64(rows * sizeOf(spec_.dtype)));
  Value depth = k_.sub(k1_, k0_), whole = k_.add(k0_, k_.roundDown(depth, kPartials));
  sums = k_.loop(k0_, whole, kPartials, sums, [&](Value k, ValueRange carried) {
    return partialStep(right, apart, ahead, k, nullptr, carried);
  });
  const auto known = k_.known(depth);
  if (!known || *known % kPartials)
    sums = partialStep(right, apart, nullptr, whole, k_.sub(k1_, whole), sums);
  Vectors added;
  const size_t each = sums.size() / static_cast<size_t>(rows);
  for (size_t i = 0; i < sums.size(); i += each)
    added.push_back(inOne(k_, Vectors(ArrayRef(sums).slice(i, each))));
  return added;
}

void MatmulEmitter::partialRows(Value v0, int rows) {
  const Vectors sums = held_.empty() ? longRows(v0, rows) : heldRows(v0, rows);
  const auto vectors = static_cast<int>(sums.size());
  const int64_t width = vectors < rows ? spec_.lanes / rowsOfVector_ : spec_.lanes;
  storeAlong(totals(k_, sums, std::min<int64_t>(kPartials, width)), k_.i64(0), v0, 2, nullptr);
}

} // namespace diptych::codegen
