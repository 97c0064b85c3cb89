// The sum of a tile: its loops, and what is multiplied in a step.
#include "codegen/ConvolutionEmitter.h"

#include "runtime/ConvolutionPlan.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen {

using namespace mlir;

// Innermost loops that are no longer than this are written out.
static constexpr int64_t kUnrolled = 8;

// Elements of S that rows read, if one row's are another's at a later step.
static int64_t sharedOf(int64_t rows, const Size& sLeft, const ConvolutionSpec::Depth& loop) {
  if (sLeft.isDynamic() || loop.left.isDynamic() || loop.left.is(0) || sLeft.is(0) ||
      sLeft.value % loop.left.value != 0)
    return 0;
  const int64_t steps = std::abs(sLeft.value / loop.left.value);
  return steps < loop.extent.value ? (rows - 1) * steps + loop.extent.value : 0;
}

// Short sums, where each step may ask for zeros, and innermost loops. Not where steps share
// elements of S that would take the sums' registers: each is loaded once, and kept until the last
// step.
bool ConvolutionEmitter::writesOut(const Tile& tile, size_t depth) const {
  const auto isWhole = [](const ConvolutionSpec::Depth& loop) {
    return !loop.extent.isDynamic() && loop.block.value == loop.extent.value;
  };
  int64_t terms = 1;
  for (const ConvolutionSpec::Depth& loop : spec_.depth)
    terms *= loop.extent.isDynamic() ? 1 : loop.extent.value;
  const bool isShort = terms <= runtime::kShortSum && llvm::all_of(spec_.depth, isWhole);
  const bool isCut = edgeToCut(depth).has_value();
  const ConvolutionSpec::Depth& last = spec_.depth.back();
  const bool isLast = depth + 1 == spec_.depth.size();
  if (isShort ? isCut && spec_.imageIsLeft
              : isCut || !isLast || !isWhole(last) || last.extent.value > kUnrolled)
    return false;
  const int registers = vectorRegisters(spec_.lanes * sizeOf(spec_.dtype));
  return tile.rows * tile.vectors + sharedOf(tile.rows, spec_.sLeft, last) <= registers;
}

ConvolutionEmitter::Place ConvolutionEmitter::stepped(const Place& at, size_t depth, Value steps) {
  const ConvolutionSpec::Depth& loop = spec_.depth[depth];
  Place next{moved(at.left, steps, loop.left), moved(at.right, steps, loop.right), at.result};
  next.step = at.step, next.isOutside = at.isOutside, next.asks = at.asks;
  for (size_t i = 0; i < spec_.edges.size(); ++i)
    next.edges.push_back(moved(at.edges[i], steps, stepOf(spec_.edges[i], depth)));
  return next;
}

ConvolutionEmitter::Vectors ConvolutionEmitter::advance(const Tile& tile, size_t depth,
                                                        const Place& at, Value steps,
                                                        ValueRange sums) {
  return accumulate(tile, depth + 1, stepped(at, depth, steps), sums);
}

ConvolutionEmitter::Vectors ConvolutionEmitter::accumulate(const Tile& tile, size_t depth,
                                                           const Place& at, ValueRange sums) {
  if (depth == spec_.depth.size())
    return multiply(tile, at, sums);
  const ConvolutionSpec::Depth& loop = spec_.depth[depth];
  if (depth + 2 == spec_.depth.size() && shares(tile.rows))
    return multiplyShared(tile, at, sums);
  if (depth == tile.together && !at.isOutside)
    return multiplyTogether(tile, at, sums);
  const auto edge = at.isOutside ? std::nullopt : edgeToCut(depth);
  const bool written = !at.isOutside && writesOut(tile, depth);
  if (edge && !written)
    return cut(tile, depth, *edge, at, sums);
  if (!written)
    return k_.loop(begin_[depth], end_[depth], 1, sums, [&](Value i, ValueRange carried) {
      return advance(tile, depth, at, i, carried);
    });
  Vectors current(sums);
  Place here = at;
  if (edge)
    here.asks |= 1U << *edge;
  for (int64_t i = 0; i < loop.extent.value; ++i) {
    here.step = static_cast<size_t>(i);
    current = advance(tile, depth, here, k_.i64(i), current);
  }
  return current;
}

Value ConvolutionEmitter::factorOf(const Place& at, int row) {
  return spec_.imageIsLeft && at.isOutside ? zeros() : factorAt(k_.add(at.left, rowOffsets_[row]));
}

// An element of S, in all lanes.
Value ConvolutionEmitter::factorAt(Value left) {
  return k_.broadcast(k_.loadScalar(elementOf(0, left), spec_.dtype), spec_.lanes);
}

ConvolutionEmitter::Vectors ConvolutionEmitter::multiply(const Tile& tile, const Place& at,
                                                         ValueRange sums) {
  if (!spec_.sRight.is(0))
    return multiplyRows(tile, at, sums);
  Vectors vectors, next;
  for (int j = 0; j < tile.vectors; ++j)
    vectors.push_back(vectorOf(tile, at, 0, j));
  for (int i = 0; i < tile.rows; ++i) {
    Value factor = factorOf(at, i);
    for (int j = 0; j < tile.vectors; ++j)
      next.push_back(math::FmaOp::create(k_.builder(), k_.loc(), factor, vectors[j],
                                         sums[i * tile.vectors + j]));
  }
  return next;
}

} // namespace diptych::codegen
