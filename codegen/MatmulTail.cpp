// The last columns of a product, too few for a vector: 64 bytes hold several partial sums of each,
// side by side, and a row of S is read along k, as many elements at a time.
#include "codegen/MatmulEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

namespace diptych::codegen {

using namespace mlir;

int MatmulEmitter::tailLanes() const { return static_cast<int>(kTailBytes / sizeOf(spec_.dtype)); }
int MatmulEmitter::tailWidth() const {
  return static_cast<int>(llvm::PowerOf2Ceil(static_cast<uint64_t>(spec_.tail)));
}

void MatmulEmitter::tail() {
  const int partials = tailLanes() / tailWidth();
  if (!tailPanel_) {
    const bool known = !spec_.k.isDynamic() && spec_.k.value < spec_.depth;
    const int64_t depth = known ? spec_.k.value : spec_.depth;
    tailPanel_ = k_.stackSlots(spec_.dtype, tailLanes(),
                               static_cast<int>((depth + partials - 1) / partials));
  }
  overTail(partials, {}, [&](Value k, Value count, ValueRange) {
    packTail(k, count, partials);
    return Vectors();
  });
  Tile tile{nullptr, k_.i64(spec_.v.value - spec_.tail), 0, 1, nullptr, nullptr};
  tile.isTail = true;
  overTiles(tile);
}

// The block's steps, so many at a time; `count`: of the last, where they are fewer.
MatmulEmitter::Vectors MatmulEmitter::overTail(int partials, Vectors carried, TailStep step) {
  Value depth = k_.sub(k1_, k0_), whole = k_.add(k0_, k_.roundDown(depth, partials));
  carried = k_.loop(k0_, whole, partials, carried,
                    [&](Value k, ValueRange values) { return step(k, nullptr, values); });
  if (const auto known = k_.known(depth))
    return *known % partials ? step(whole, k_.i64(*known % partials), carried) : carried;
  return k_.loop(whole, k1_, partials, carried,
                 [&](Value k, ValueRange values) { return step(k, k_.sub(k1_, k), values); });
}

Value MatmulEmitter::tailAddress(Value k) {
  return k_.address(tailPanel_, spec_.dtype, k_.mul(k_.sub(k, k0_), k_.i64(tailWidth())));
}

// a0 b0 a1 b1 ...
static Value interleaved(KernelBuilder& k, Value a, Value b) {
  const int64_t lanes = cast<VectorType>(a.getType()).getNumElements();
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < lanes; ++lane)
    mask.append({lane, lanes + lane});
  return vector::ShuffleOp::create(k.builder(), k.loc(), a, b, mask);
}

// Of each column the elements that meet those of S: column 0 at k, k + 1, ..., column 1 at k, ...
// Steps behind the last are zeros.
void MatmulEmitter::packTail(Value k, Value count, int partials) {
  const int width = tailWidth();
  Vectors rows;
  for (int i = 0; i < partials; ++i) {
    Value columns = k_.i64(spec_.tail), mask;
    if (count)
      columns = k_.min(columns, k_.mul(k_.sub(count, k_.i64(i)), columns));
    if (count || width != spec_.tail)
      mask = k_.maskBelow(columns, width);
    rows.push_back(loadVector(spec_.right, k_.i64(spec_.v.value - spec_.tail), k_.add(k, k_.i64(i)),
                              alongV, width, mask));
  }
  for (size_t half = rows.size() / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i)
      rows[i] = interleaved(k_, rows[i], rows[i + half]);
  k_.storeVector(rows[0], tailAddress(k), spec_.dtype, nullptr, kTailBytes);
}

void MatmulEmitter::tailTile(const Tile& tile) {
  const int lanes = tailLanes(), partials = lanes / tailWidth();
  SmallVector<int64_t> repeated;
  for (int lane = 0; lane < lanes; ++lane)
    repeated.push_back(lane % partials);
  Value left = k_.address(k_.pointer(spec_.left.arg), spec_.dtype, tile.left);
  Vectors sums(static_cast<size_t>(tile.rows), zeros(lanes));
  sums = overTail(partials, sums, [&](Value k, Value count, ValueRange carried) {
    Vectors next(carried);
    Value mask = count ? k_.maskBelow(count, partials) : nullptr;
    Value right = k_.loadVector(tailAddress(k), spec_.dtype, lanes, nullptr, kTailBytes);
    Value first = k_.address(left, spec_.dtype, k);
    for (int i = 0; i < tile.rows; ++i) {
      Value few = k_.loadVector(rowAddress(first, tile.leftRows, i), spec_.dtype, partials, mask);
      Value all = vector::ShuffleOp::create(k_.builder(), k_.loc(), few, few, repeated);
      next[i] = math::FmaOp::create(k_.builder(), k_.loc(), all, right, next[i]);
    }
    return next;
  });
  finishTail(tile, sums, partials);
}

// As many rows together as there are partial sums: halving them leaves one vector of totals.
void MatmulEmitter::finishTail(const Tile& tile, const Vectors& sums, int partials) {
  const int width = tailWidth();
  for (int first = 0; first < tile.rows; first += partials) {
    const int count = std::min(partials, tile.rows - first);
    Vectors rows(ArrayRef(sums).slice(first, count));
    rows.resize(llvm::PowerOf2Ceil(static_cast<uint64_t>(count)), rows.back());
    Value all = totals(k_, rows, partials);
    Value mask = width == spec_.tail ? nullptr : k_.maskBelow(k_.i64(spec_.tail), width);
    for (int i = 0; i < count; ++i) {
      SmallVector<int64_t> row;
      for (int lane = 0; lane < width; ++lane)
        row.push_back(i * width + lane);
      storeAlong(vector::ShuffleOp::create(k_.builder(), k_.loc(), all, all, row),
                 k_.add(tile.s0, k_.i64(first + i)), tile.v0, 2, mask);
    }
  }
}

} // namespace diptych::codegen
