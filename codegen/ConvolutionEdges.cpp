// Zeros around the image of a convolution that are not in memory. They are multiplied like all
// others, so no bit depends on where they come from. Along vectors lanes are masked; rows of a tile
// beyond the image read zeros in memory, and so do steps that are written out; else the sum's loop
// is cut in three.
#include "codegen/ConvolutionEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace diptych::codegen {

using namespace mlir;

using Edge = ConvolutionSpec::Edge;

ConvolutionEmitter::Across ConvolutionEmitter::acrossOf(const Edge& edge) const {
  const size_t s = spec_.outer.size();
  return edge.strides[s] ? Across::rows : edge.strides[s + 1] ? Across::lanes : Across::outer;
}

int64_t ConvolutionEmitter::stepOf(const Edge& edge, size_t depth) const {
  return edge.strides[spec_.outer.size() + 2 + depth];
}

size_t ConvolutionEmitter::depthOf(const Edge& edge) const {
  size_t depth = 0;
  while (depth < spec_.depth.size() && !stepOf(edge, depth))
    ++depth;
  return depth;
}

std::optional<size_t> ConvolutionEmitter::findEdge(Across across) const {
  for (size_t i = 0; i < spec_.edges.size(); ++i)
    if (acrossOf(spec_.edges[i]) == across)
      return i;
  return std::nullopt;
}

std::optional<size_t> ConvolutionEmitter::edgeToCut(size_t depth) const {
  for (size_t i = 0; i < spec_.edges.size(); ++i)
    if (acrossOf(spec_.edges[i]) != Across::lanes && depthOf(spec_.edges[i]) == depth)
      return i;
  return std::nullopt;
}

bool ConvolutionEmitter::mayAsk() const {
  return !spec_.imageIsLeft &&
         (findEdge(Across::rows).has_value() || findEdge(Across::outer).has_value());
}

// The sum of a tile. What no loop of it moves along decides for all of it, or for a row.
ConvolutionEmitter::Vectors ConvolutionEmitter::total(const Tile& tile) {
  const Vectors none(static_cast<size_t>(tile.rows * tile.vectors), zeros());
  Value isInside;
  for (size_t i = 0; i < spec_.edges.size(); ++i) {
    const Edge& edge = spec_.edges[i];
    if (depthOf(edge) < spec_.depth.size())
      continue;
    if (acrossOf(edge) == Across::outer) {
      Value here = isOn(edge, tile.at.edges[i]);
      isInside = isInside ? both(isInside, here) : here;
    }
  }
  Place inside = tile.at, outside = tile.at;
  const auto rows = findEdge(Across::rows);
  if (rows && depthOf(spec_.edges[*rows]) == spec_.depth.size())
    inside.asks |= 1U << *rows;
  outside.isOutside = true;
  const auto sum = [&] { return accumulate(tile, 0, inside, none); };
  return isInside ? k_.choose(isInside, sum, [&] { return accumulate(tile, 0, outside, none); })
                  : sum();
}

// Negative places are large ones.
Value ConvolutionEmitter::isOn(const Edge& edge, Value place) {
  return arith::CmpIOp::create(k_.builder(), k_.loc(), arith::CmpIPredicate::ult, place,
                               k_.i64(edge.extent));
}

Value ConvolutionEmitter::laneMask(size_t edge, Value first, int64_t lane) {
  const int64_t extent = spec_.edges[edge].extent;
  Value place = k_.add(first, k_.i64(lane));
  if (const auto known = k_.known(place); known && *known >= 0 && *known + spec_.lanes <= extent)
    return nullptr;
  Value below = k_.maskBelow(k_.sub(k_.i64(extent), place), spec_.lanes);
  Value before = k_.maskBelow(k_.sub(k_.i64(0), place), spec_.lanes);
  Value notBefore =
      arith::XOrIOp::create(k_.builder(), k_.loc(), before, k_.fullMask(nullptr, spec_.lanes));
  return both(below, notBefore);
}

// Masks of steps that are written out stand before all loops.
void ConvolutionEmitter::keepLaneMasks(const Tile& tile) {
  laneMasks_.clear();
  const auto edge = findEdge(Across::lanes);
  if (!edge)
    return;
  const size_t depth = depthOf(spec_.edges[*edge]), last = spec_.depth.size() - 1;
  int64_t steps = 1;
  if (depth < spec_.depth.size()) {
    if (depth != last || (tile.together == kNone && !writesOut(tile, last)))
      return;
    steps = spec_.depth[last].extent.value;
  }
  for (int64_t i = 0; i < steps; ++i) {
    Value first = tile.at.edges[*edge];
    if (depth < spec_.depth.size())
      first = moved(first, k_.i64(i), stepOf(spec_.edges[*edge], depth));
    Vectors& masks = laneMasks_.emplace_back();
    for (int j = 0; j < tile.vectors; ++j)
      for (int64_t begin : piecesOf())
        masks.push_back(laneMask(*edge, first, begin + j * spec_.lanes * spec_.vRight.value));
  }
}

Value ConvolutionEmitter::laneMaskOf(const Tile& tile, const Place& at, int j, size_t piece) {
  const auto edge = findEdge(Across::lanes);
  if (!edge)
    return j + 1 == tile.vectors && !pieceMasks_.empty() ? pieceMasks_[piece] : nullptr;
  const std::vector<int64_t> begins = piecesOf();
  if (laneMasks_.empty())
    return laneMask(*edge, at.edges[*edge], begins[piece] + j * spec_.lanes * spec_.vRight.value);
  const size_t number = static_cast<size_t>(j) * begins.size() + piece;
  return laneMasks_[laneMasks_.size() == 1 ? 0 : at.step][number];
}

Value ConvolutionEmitter::insideOr(Value address, const Place& at, int row) {
  Value inside;
  for (size_t i = 0; i < spec_.edges.size(); ++i)
    if (at.asks >> i & 1) {
      const Edge& edge = spec_.edges[i];
      Value on = isOn(edge, k_.add(at.edges[i], k_.i64(row * edge.strides[spec_.outer.size()])));
      inside = inside ? both(inside, on) : on;
    }
  return inside ? arith::SelectOp::create(k_.builder(), k_.loc(), inside, address, zeroSlot_)
                : address;
}

ConvolutionEmitter::Vectors ConvolutionEmitter::cut(const Tile& tile, size_t depth, size_t number,
                                                    const Place& at, ValueRange sums) {
  const Edge& edge = spec_.edges[number];
  const bool rows = acrossOf(edge) == Across::rows;
  const int64_t stride = stepOf(edge, depth), s = edge.strides[spec_.outer.size()];
  const auto max = [&](Value x, Value y) -> Value {
    return arith::MaxSIOp::create(k_.builder(), k_.loc(), x, y);
  };
  const auto stepsTo = [&](int64_t place) {
    Value way = max(k_.sub(k_.i64(place), at.edges[number]), k_.i64(0)), unused;
    return stride == 1 ? way : divided(k_.add(way, k_.i64(stride - 1)), k_.i64(stride), unused);
  };
  Value begin = begin_[depth], end = end_[depth];
  Value first = k_.min(max(stepsTo(0), begin), end);
  Value last = k_.min(max(stepsTo(edge.extent - (rows ? (tile.rows - 1) * s : 0)), first), end);
  Place off = at;
  if (rows)
    off.asks |= 1U << number;
  else
    off.isOutside = true;
  const auto stepFrom = [&](const Place& from) {
    return [&](Value i, ValueRange carried) { return advance(tile, depth, from, i, carried); };
  };
  Vectors before = k_.loop(begin, first, 1, sums, stepFrom(off));
  Vectors on = k_.loop(first, last, 1, before, stepFrom(at));
  return k_.loop(last, end, 1, on, stepFrom(off));
}

} // namespace diptych::codegen
