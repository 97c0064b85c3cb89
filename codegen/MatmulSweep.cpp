// One row of S by a V that is wide and lies along v: its rows are read from end to end, some at a
// time, while the sums of a stretch of v stay in the nearest cache.
#include "codegen/MatmulEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
constexpr int64_t kStretchBytes = 16384;
constexpr int kRowsAtOnce = 4, kVectorsAtOnce = 4;
} // namespace

void MatmulEmitter::sweep() {
  k_.loop(s0_, s1_, 1, [&](Value s) { sweepRow(s); });
}

void MatmulEmitter::sweepRow(Value s) {
  const int64_t vectors = kStretchBytes / (spec_.lanes * sizeOf(spec_.dtype));
  const int64_t stretch = vectors * spec_.lanes;
  if (!sums_)
    sums_ = k_.stackSlots(spec_.dtype, spec_.lanes, static_cast<int>(vectors));
  k_.loop(v0_, v1_, stretch, [&](Value v) {
    Value end = k_.min(k_.add(v, k_.i64(stretch)), v1_);
    Value groups = k_.add(k0_, groupedRows());
    // Zeros first: an fma on zero is the product, rounded.
    k_.loop(v, end, spec_.lanes, [&](Value at) {
      k_.storeVector(zeros(spec_.lanes), sumAddress(v, at), spec_.dtype, nullptr, alignment());
    });
    k_.loop(k0_, groups, kRowsAtOnce, [&](Value k) { sweepRows(s, v, end, k, kRowsAtOnce); });
    k_.loop(groups, k1_, 1, [&](Value k) { sweepRows(s, v, end, k, 1); });
    const auto finish = [&](Value at, Value mask) {
      Value sum = k_.loadVector(sumAddress(v, at), spec_.dtype, spec_.lanes, nullptr, alignment());
      storeAlong(sum, s, at, 2, mask);
    };
    overVectors(v, end, finish);
  });
}

// How many rows go some at a time: a sum then is loaded and stored once for these. From memory all
// go one after the other: of some that are neighbours it would send a little of each in turn.
Value MatmulEmitter::groupedRows() {
  Value bytes = k_.mul(k_.size(spec_.k),
                       k_.mul(k_.size(spec_.right.strides[3]), k_.i64(sizeOf(spec_.dtype))));
  Value grouped = k_.roundDown(k_.sub(k1_, k0_), kRowsAtOnce);
  if (const auto known = k_.known(bytes))
    return *known > runtime::kLastCache ? k_.i64(0) : grouped;
  return arith::SelectOp::create(k_.builder(), k_.loc(),
                                 k_.less(k_.i64(runtime::kLastCache), bytes), k_.i64(0), grouped);
}

// From v to end by vectors; the last under a mask.
void MatmulEmitter::overVectors(Value v, Value end,
                                llvm::function_ref<void(Value at, Value mask)> body) {
  Value whole = k_.add(v, k_.roundDown(k_.sub(end, v), spec_.lanes));
  k_.loop(v, whole, spec_.lanes, [&](Value at) { body(at, nullptr); });
  k_.loop(whole, end, spec_.lanes,
          [&](Value at) { body(at, k_.maskBelow(k_.sub(end, at), spec_.lanes)); });
}

void MatmulEmitter::sweepRows(Value s, Value v, Value end, Value k, int rows) {
  Vectors left;
  for (int i = 0; i < rows; ++i) {
    Value address = k_.address(k_.pointer(spec_.left.arg), spec_.dtype,
                               offset(spec_.left, s, nullptr, k_.add(k, k_.i64(i))));
    left.push_back(k_.broadcast(k_.loadScalar(address, spec_.dtype), spec_.lanes));
  }
  // In front of the loop: it would compute where each row lies.
  Value right = k_.address(k_.pointer(spec_.right.arg), spec_.dtype,
                           offset(spec_.right, nullptr, nullptr, k));
  const Vectors apart = rowsApart(spec_.right.strides[3], rows);
  const auto add = [&](Value at, int vectors, Value mask) {
    const int64_t bytes = alignment();
    Value first = k_.address(right, spec_.dtype, at), where = sumAddress(v, at);
    const auto place = [&](Value begin, int j) { return k_.byteAddress(begin, k_.i64(j * bytes)); };
    Vectors sums;
    for (int j = 0; j < vectors; ++j)
      sums.push_back(
          k_.loadVector(place(where, j), spec_.dtype, spec_.lanes, nullptr, alignment()));
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < vectors; ++j)
        sums[j] = math::FmaOp::create(
            k_.builder(), k_.loc(), left[i],
            k_.loadVector(place(k_.rowAddress(first, apart, i), j), spec_.dtype, spec_.lanes, mask),
            sums[j]);
    for (int j = 0; j < vectors; ++j)
      k_.storeVector(sums[j], place(where, j), spec_.dtype, nullptr, alignment());
  };
  const int64_t stretch = int64_t{kVectorsAtOnce} * spec_.lanes;
  Value whole = k_.add(v, k_.roundDown(k_.sub(end, v), stretch));
  k_.loop(v, whole, stretch, [&](Value at) { add(at, kVectorsAtOnce, nullptr); });
  overVectors(whole, end, [&](Value at, Value mask) { add(at, 1, mask); });
}

Value MatmulEmitter::sumAddress(Value v, Value at) {
  return k_.address(sums_, spec_.dtype, k_.sub(at, v));
}

} // namespace diptych::codegen
