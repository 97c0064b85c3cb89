// The last columns of a product, too few for a vector: two vectors of 64 bytes hold several partial
// sums of each, side by side, and a row of S is read along k, as many elements at a time. Of two,
// so that what is read of a row serves two multiplications.
#include "codegen/Halving.h"
#include "codegen/MatmulEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
constexpr int kScalarWidth = 2;
} // namespace

int MatmulEmitter::tailLanes() const { return static_cast<int>(kTailBytes / sizeOf(spec_.dtype)); }
int MatmulEmitter::tailWidth() const {
  return static_cast<int>(llvm::PowerOf2Ceil(static_cast<uint64_t>(spec_.tail)));
}

int MatmulEmitter::tailPartials() const {
  return std::min(tailLanes(), 2 * tailLanes() / tailWidth());
}
int MatmulEmitter::tailVectors() const { return tailPartials() * tailWidth() / tailLanes(); }

void MatmulEmitter::tail() {
  const int partials = tailPartials();
  if (!tailPanel_) {
    const bool known = !spec_.k.isDynamic() && spec_.k.value < spec_.depth;
    const int64_t depth = known ? spec_.k.value : spec_.depth;
    tailPanel_ = k_.stackSlots(spec_.dtype, tailLanes(),
                               static_cast<int>((depth + partials - 1) / partials) * tailVectors());
  }
  if (tailWidth() <= kScalarWidth) {
    packNarrowTail(partials);
  } else {
    const auto depth = k_.known(k_.sub(k1_, k0_));
    const bool whole = depth && *depth % partials == 0;
    k_.loop(k0_, k1_, partials,
            [&](Value k) { packTail(k, whole ? nullptr : k_.sub(k1_, k), partials); });
  }
  const int registers = tailLanes() / spec_.lanes; // of a vector
  Tile tile{nullptr, k_.i64(spec_.v.value - spec_.tail), 0, tailVectors() * registers, nullptr,
            nullptr};
  tile.isTail = true;
  overTiles(tile);
}

Value MatmulEmitter::tailAddress(Value k, int vector) {
  Value place = k_.mul(k_.sub(k, k0_), k_.i64(tailWidth()));
  return k_.address(tailPanel_, spec_.dtype, k_.add(place, k_.i64(int64_t{vector} * tailLanes())));
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
// Behind `count` steps, where they may be fewer, are zeros.
void MatmulEmitter::packTail(Value k, Value count, int partials) {
  const int vectors = tailVectors(), width = tailWidth() / vectors;
  for (int vector = 0; vector < vectors; ++vector) {
    const int64_t first = int64_t{vector} * width;
    const int64_t columns = std::clamp<int64_t>(spec_.tail - first, 0, width);
    Vectors rows;
    for (int i = 0; i < partials; ++i) {
      Value step = k_.add(k, k_.i64(i)), mask;
      if (count)
        mask = k_.maskBelow(
            k_.min(k_.i64(columns), k_.mul(k_.sub(count, k_.i64(i)), k_.i64(columns))), width);
      else if (columns != width)
        mask = k_.maskBelow(k_.i64(columns), width);
      rows.push_back(loadVector(spec_.right, k_.i64(spec_.v.value - spec_.tail + first), step,
                                alongV, width, mask));
    }
    for (size_t half = rows.size() / 2; half > 0; half /= 2)
      for (size_t i = 0; i < half; ++i)
        rows[i] = interleaved(k_, rows[i], rows[i + half]);
    k_.storeVector(rows[0], tailAddress(k, vector), spec_.dtype, nullptr, kTailBytes);
  }
}

// One or two columns: element by element, which is far less code than weaving so many short rows.
void MatmulEmitter::packNarrowTail(int partials) {
  Value depth = k_.sub(k1_, k0_), whole = k_.roundDown(depth, partials);
  const auto at = [&](Value place) { return k_.address(tailPanel_, spec_.dtype, place); };
  const auto known = k_.known(depth);
  if (!known || *known % partials)
    k_.when(known ? k_.i64(1) : k_.less(whole, depth), [&] {
      for (int vector = 0; vector < tailVectors(); ++vector)
        k_.storeVector(zeros(tailLanes()), tailAddress(k_.add(k0_, whole), vector), spec_.dtype,
                       nullptr, kTailBytes);
    });
  k_.loop(k_.i64(0), depth, 1, [&](Value step) {
    Value group = k_.mul(k_.roundDown(step, partials), k_.i64(tailWidth() - 1));
    Value to = at(k_.add(step, group));
    Value from = k_.address(
        k_.pointer(spec_.right.arg), spec_.dtype,
        offset(spec_.right, nullptr, k_.i64(spec_.v.value - spec_.tail), k_.add(k0_, step)));
    for (int column = 0; column < spec_.tail; ++column)
      k_.storeScalar(k_.loadScalar(k_.address(from, spec_.dtype, k_.i64(column)), spec_.dtype),
                     k_.address(to, spec_.dtype, k_.i64(int64_t{column} * partials)), spec_.dtype);
  });
}

void MatmulEmitter::tailTile(const Tile& tile) {
  const int lanes = tailLanes(), partials = tailPartials(), vectors = tailVectors();
  SmallVector<int64_t> repeated;
  for (int lane = 0; lane < lanes; ++lane)
    repeated.push_back(lane % partials);
  Value left = k_.address(k_.pointer(spec_.left.arg), spec_.dtype, tile.left);
  Vectors sums(static_cast<size_t>(tile.rows * vectors), zeros(lanes));
  const auto step = [&](Value k, Value count, ValueRange carried) {
    Vectors next(carried), right;
    Value mask = count ? k_.maskBelow(count, partials) : nullptr;
    for (int j = 0; j < vectors; ++j)
      right.push_back(k_.loadVector(tailAddress(k, j), spec_.dtype, lanes, nullptr, kTailBytes));
    Value first = k_.address(left, spec_.dtype, k);
    for (int i = 0; i < tile.rows; ++i) {
      Value few =
          k_.loadVector(k_.rowAddress(first, tile.leftRows, i), spec_.dtype, partials, mask);
      Value all = vector::ShuffleOp::create(k_.builder(), k_.loc(), few, few, repeated);
      for (int j = 0; j < vectors; ++j) {
        Value& sum = next[i * vectors + j];
        sum = math::FmaOp::create(k_.builder(), k_.loc(), all, right[j], sum);
      }
    }
    return next;
  };
  Value depth = k_.sub(k1_, k0_), whole = k_.add(k0_, k_.roundDown(depth, partials));
  sums = k_.loop(k0_, whole, partials, sums,
                 [&](Value k, ValueRange carried) { return step(k, nullptr, carried); });
  const auto known = k_.known(depth);
  if (!known)
    sums = k_.loop(whole, k1_, partials, sums,
                   [&](Value k, ValueRange carried) { return step(k, k_.sub(k1_, k), carried); });
  else if (*known % partials)
    sums = step(whole, k_.i64(*known % partials), sums);
  finishTail(tile, sums);
}

// As many rows together as leave one vector of totals.
void MatmulEmitter::finishTail(const Tile& tile, const Vectors& sums) {
  const int width = tailWidth(), vectors = tailVectors(), together = tailPartials() / vectors;
  for (int first = 0; first < tile.rows; first += together) {
    const int count = std::min(together, tile.rows - first);
    Vectors rows(ArrayRef(sums).slice(first * vectors, count * vectors));
    rows.resize(llvm::PowerOf2Ceil(static_cast<uint64_t>(count * vectors)), rows.back());
    Value all = totals(k_, rows, tailPartials());
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
