// Panels, blocks and register tiles of a convolution.
#include "codegen/ConvolutionEmitter.h"

#include "codegen/LineValues.h"
#include "codegen/Lowerings.h"
#include "codegen/Transpose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/bit.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
constexpr int kVectors = 2, kVectorsOfOneRow = 8; // of a whole tile
constexpr int kHeights[] = {8, 6, 4, 3, 2}, kHeightsOfImageRows[] = {4}, kHeightsSharing[] = {2};
constexpr int kLeastHeight = 4; // that leaves no single row: others take two to four
} // namespace

ConvolutionEmitter::ConvolutionEmitter(KernelBuilder& kernel, const ConvolutionSpec& spec,
                                       bool contract)
    : k_(kernel), spec_(spec), contract_(contract), firstResult_(k_.i64(spec.resultOffset)),
      begin_(spec.depth.size(), k_.i64(0)), end_(spec.depth.size()) {
  for (size_t i = 0; i < spec.depth.size(); ++i)
    end_[i] = k_.size(spec.depth[i].extent);
}

void ConvolutionEmitter::emit() {
  if (mayAsk()) {
    const auto count =
        static_cast<int>((spec_.panelWidth * spec_.vRight.value + kMostColumns) / spec_.lanes);
    zeroSlot_ = k_.stackSlots(spec_.dtype, spec_.lanes, count);
    for (int i = 0; i < count; ++i)
      k_.storeSlot(zeros(), zeroSlot_, k_.i64(i));
  }
  if (spec_.rangeOverBlocks)
    overBlocks();
  else
    blocksFrom(0);
}

Value ConvolutionEmitter::moved(Value offset, Value index, const Size& stride) {
  return k_.add(offset, k_.mul(index, k_.size(stride)));
}

Value ConvolutionEmitter::divided(Value x, Value y, Value& rest) {
  Value quotient = arith::DivUIOp::create(k_.builder(), k_.loc(), x, y);
  rest = k_.sub(x, k_.mul(quotient, y));
  return quotient;
}

Value ConvolutionEmitter::both(Value x, Value y) {
  return arith::AndIOp::create(k_.builder(), k_.loc(), x, y);
}

Value ConvolutionEmitter::isZero(Value x) {
  return arith::CmpIOp::create(k_.builder(), k_.loc(), arith::CmpIPredicate::eq, x, k_.i64(0));
}

Value ConvolutionEmitter::negated(Value condition) {
  Value one = arith::ConstantOp::create(k_.builder(), k_.loc(), k_.builder().getBoolAttr(true));
  return arith::XOrIOp::create(k_.builder(), k_.loc(), condition, one);
}

bool ConvolutionEmitter::hasOneBlock() const {
  return llvm::all_of(spec_.depth, [](const ConvolutionSpec::Depth& loop) {
    return !loop.extent.isDynamic() && loop.extent.value == loop.block.value;
  });
}

// Every block writes its own result, all of it.
void ConvolutionEmitter::overBlocks() {
  int64_t range = 1;
  for (const ConvolutionSpec::Loop& loop : spec_.outer)
    range *= loop.extent.value;
  k_.loop(k_.lo(), k_.hi(), 1, [&](Value block) {
    firstResult_ = k_.add(k_.i64(spec_.resultOffset), k_.mul(block, k_.i64(spec_.blockStride)));
    for (size_t i = spec_.depth.size(); i-- > 0;) {
      const int64_t size = spec_.depth[i].block.value, extent = spec_.depth[i].extent.value;
      Value index = k_.i64(0);
      if (size < extent)
        block = divided(block, k_.i64((extent + size - 1) / size), index);
      begin_[i] = k_.mul(index, k_.i64(size));
      end_[i] = k_.min(k_.add(begin_[i], k_.i64(size)), k_.i64(extent));
    }
    overRange(k_.i64(0), k_.i64(range));
  });
}

// The last of the outer loops is a loop; the others' indices are found once for each run of it.
void ConvolutionEmitter::overRange(Value lo, Value hi) {
  const size_t last = spec_.outer.size() - 1;
  Value run = k_.size(spec_.outer[last].extent), unused;
  Value from = divided(lo, run, unused);
  Value to = divided(k_.add(hi, k_.sub(run, k_.i64(1))), run, unused);
  k_.loop(from, to, 1, [&](Value rest) {
    SmallVector<Value> index(last);
    Value begin = k_.mul(rest, run);
    for (size_t i = last; i-- > 0;) {
      if (i == 0)
        index[i] = rest;
      else if (spec_.outer[i].extent.is(1))
        index[i] = k_.i64(0);
      else
        rest = divided(rest, k_.size(spec_.outer[i].extent), index[i]);
    }
    Panel around = firstPanel();
    for (size_t i = 0; i < last; ++i)
      around = movedAlong(around, i, index[i]);
    Value first = arith::MaxSIOp::create(k_.builder(), k_.loc(), k_.sub(lo, begin), k_.i64(0));
    k_.loop(first, k_.min(k_.sub(hi, begin), run), 1, [&](Value i) {
      const Panel panel = movedAlong(around, last, i);
      rowsOf(panel.at, panel.s, panel.v);
    });
  });
}

ConvolutionEmitter::Panel ConvolutionEmitter::firstPanel() {
  Panel first{{k_.i64(spec_.leftOffset), k_.i64(spec_.rightOffset), firstResult_},
              k_.size(spec_.s),
              k_.size(spec_.v)};
  for (const Line& line : spec_.after)
    if (auto* load = std::get_if<Line::Load>(&line.what);
        load && load->from.arg != ConvolutionSpec::kResult)
      first.at.after.push_back(k_.size(load->from.offset));
  for (const ConvolutionSpec::Edge& edge : spec_.edges)
    first.at.edges.push_back(k_.i64(edge.first));
  return first;
}

ConvolutionEmitter::Panel ConvolutionEmitter::movedAlong(Panel panel, size_t i, Value index) {
  const ConvolutionSpec::Loop& loop = spec_.outer[i];
  Place& at = panel.at;
  at.left = moved(at.left, index, loop.left);
  at.right = moved(at.right, index, loop.right);
  at.result = moved(at.result, index, loop.result);
  if (!loop.sStep.is(0))
    panel.s = k_.sub(panel.s, k_.mul(index, k_.size(loop.sStep)));
  if (!loop.vStep.is(0))
    panel.v = k_.sub(panel.v, k_.mul(index, k_.size(loop.vStep)));
  size_t number = 0;
  for (const Line& line : spec_.after)
    if (auto* load = std::get_if<Line::Load>(&line.what);
        load && load->from.arg != ConvolutionSpec::kResult) {
      Value& offset = at.after[number++];
      offset = moved(offset, index, load->from.strides[i]);
    }
  for (size_t edge = 0; edge < spec_.edges.size(); ++edge)
    at.edges[edge] = moved(at.edges[edge], index, spec_.edges[edge].strides[i]);
  return panel;
}

// `s` rows are left, the panel's or fewer. Where that is known, the last panel has a tile of its
// own; else rows come in groups, the rest of them one by one.
void ConvolutionEmitter::rowsOf(Place at, Value s, Value v) {
  if (!spec_.s.isDynamic()) {
    const auto rest = static_cast<int>(spec_.s.value % spec_.panelRows);
    if (spec_.s.value >= spec_.panelRows)
      k_.when(rest ? negated(k_.less(s, k_.i64(spec_.panelRows))) : Value(k_.i64(1)),
              [&] { vectorsOf(at, spec_.panelRows, v); });
    if (rest)
      k_.when(spec_.s.value < spec_.panelRows ? Value(k_.i64(1))
                                              : k_.less(s, k_.i64(spec_.panelRows)),
              [&] { vectorsOf(at, rest, v); });
    return;
  }
  Value count = k_.min(s, k_.i64(spec_.panelRows)), done = k_.i64(0);
  Value first = k_.sub(k_.size(spec_.s), s);
  const auto tilesOf = [&](int rows) {
    Value end = k_.add(done, k_.mul(groupsOf(k_.sub(count, done), rows), k_.i64(rows)));
    k_.loop(done, end, rows, [&](Value row) {
      Place here = at;
      here.row = k_.add(first, row);
      here.left = moved(at.left, row, spec_.sLeft);
      here.right = moved(at.right, row, spec_.sRight);
      here.result = moved(at.result, row, spec_.sResult);
      vectorsOf(here, rows, v);
    });
    done = end;
  };
  tilesOf(spec_.rows);
  k_.when(k_.less(done, count), [&] { llvm::for_each(lowerHeights(), tilesOf); });
}

std::vector<int> ConvolutionEmitter::lowerHeights() const {
  std::vector<int> heights;
  for (int rows : spec_.sharesRows     ? ArrayRef(kHeightsSharing)
                  : spec_.sRight.is(0) ? ArrayRef(kHeights)
                                       : ArrayRef(kHeightsOfImageRows))
    if (rows < spec_.rows)
      heights.push_back(rows);
  if (spec_.rows > 1)
    heights.push_back(1);
  return heights;
}

// A single row's sums wait for themselves: rather a tile less, if others take what is left.
Value ConvolutionEmitter::groupsOf(Value rows, int height) {
  Value rest, groups = divided(rows, k_.i64(height), rest);
  if (spec_.sharesRows || !spec_.sRight.is(0) || height < kLeastHeight)
    return groups;
  Value leavesOne = both(k_.less(k_.i64(0), groups), isZero(k_.sub(rest, k_.i64(1))));
  return arith::SelectOp::create(k_.builder(), k_.loc(), leavesOne, k_.sub(groups, k_.i64(1)),
                                 groups);
}

void ConvolutionEmitter::vectorsOf(Place at, int rows, Value v) {
  if (spec_.partialSums)
    return partialTile(at, rows);
  if (spec_.v.isDynamic())
    return partsOf(at, rows, v);
  const int64_t width = spec_.panelWidth, rest = spec_.v.value % width;
  const auto vectorsOf = [&](int64_t elements) {
    return static_cast<int>((elements + spec_.lanes - 1) / spec_.lanes);
  };
  if (spec_.v.value >= width)
    k_.when(rest ? negated(k_.less(v, k_.i64(width))) : Value(k_.i64(1)),
            [&] { tile({at, rows, vectorsOf(width)}); });
  if (rest)
    k_.when(spec_.v.value < width ? Value(k_.i64(1)) : k_.less(v, k_.i64(width)), [&] {
      const int64_t last = rest % spec_.lanes;
      tile({at, rows, vectorsOf(rest), last ? Value(k_.i64(last)) : nullptr});
    });
}

// Of one row so many vectors at once that their sums do not wait for each other; of rows that share
// what they read so many that registers hold the sums, an element of S for each and a vector.
int ConvolutionEmitter::vectorsOfRows(int rows) const {
  const int all = spec_.panelWidth / spec_.lanes;
  if (rows == 1)
    return std::min(kVectorsOfOneRow, all);
  const int registers = vectorRegisters(spec_.lanes * sizeOf(spec_.dtype));
  return shares(rows) ? static_cast<int>(llvm::bit_floor(unsigned(registers - 1 - rows) / rows))
                      : kVectors;
}

void ConvolutionEmitter::partsOf(const Place& at, int rows, Value v) {
  const int most = vectorsOfRows(rows);
  const int64_t width = int64_t{most} * spec_.lanes;
  Value count = k_.min(v, k_.i64(spec_.panelWidth)), whole = k_.roundDown(count, width);
  const auto from = [&](Value done, int vectors, Value rest) {
    Place here = at;
    here.right = moved(at.right, done, spec_.vRight);
    here.result = moved(at.result, done, spec_.vResult);
    tile({here, rows, vectors, rest});
  };
  k_.loop(k_.i64(0), whole, width, [&](Value done) { from(done, most, nullptr); });
  Value left = k_.sub(count, whole);
  Value needed = k_.quotient(k_.add(left, k_.i64(spec_.lanes - 1)), spec_.lanes);
  k_.when(k_.less(k_.i64(0), left), [&] {
    for (int vectors = 1; vectors <= most; ++vectors)
      k_.when(isZero(k_.sub(needed, k_.i64(vectors))),
              [&] { from(whole, vectors, k_.sub(left, k_.i64((vectors - 1) * spec_.lanes))); });
  });
}

// Blocks stand outside, so that what one of them reads stays in the cache while tiles run.
void ConvolutionEmitter::blocksFrom(size_t depth) {
  if (hasOneBlock())
    return overRange(k_.lo(), k_.hi());
  if (depth == spec_.depth.size()) {
    isFirstBlock_ = isZero(k_.size(spec_.continues));
    for (Value begin : begin_)
      isFirstBlock_ = both(isFirstBlock_, isZero(begin));
    return overRange(k_.lo(), k_.hi());
  }
  const ConvolutionSpec::Depth& loop = spec_.depth[depth];
  Value extent = k_.size(loop.extent), size = k_.size(loop.block), unused;
  Value count = loop.extent.isDynamic()
                    ? divided(k_.add(extent, k_.sub(size, k_.i64(1))), size, unused)
                    : k_.i64((loop.extent.value + loop.block.value - 1) / loop.block.value);
  k_.loop(k_.i64(0), count, 1, [&](Value index) {
    begin_[depth] = k_.mul(index, size);
    end_[depth] = k_.min(k_.add(begin_[depth], size), extent);
    blocksFrom(depth + 1);
  });
}

void ConvolutionEmitter::tile(Tile tile) {
  tile.together = findTogether(tile.rows);
  if (tile.rest)
    tile.mask = k_.maskBelow(tile.rest, spec_.lanes);
  keepRowOffsets(tile);
  keepPieceMasks(tile);
  keepLaneMasks(tile);
  finish(tile, total(tile));
}

Value ConvolutionEmitter::zeros() {
  Type type = k_.vectorOf(computeType(k_.builder().getContext(), spec_.dtype), spec_.lanes);
  return arith::ConstantOp::create(k_.builder(), k_.loc(),
                                   cast<TypedAttr>(k_.builder().getZeroAttr(type)));
}

Value ConvolutionEmitter::elementOf(int arg, Value offset) {
  return k_.address(k_.pointer(arg), spec_.dtype, offset);
}

// The first block's totals are stored, the others' added.
void ConvolutionEmitter::finish(const Tile& tile, const Vectors& sums) {
  if (!isFirstBlock_)
    return store(tile, sums, false);
  k_.when(isFirstBlock_, [&] { store(tile, sums, false); });
  k_.when(negated(isFirstBlock_), [&] { store(tile, sums, true); });
}

void ConvolutionEmitter::store(const Tile& tile, const Vectors& sums, bool add) {
  if (spec_.sResult.is(1) && !spec_.vResult.is(1) && tile.rows > 1)
    return storeAcross(tile, sums, add);
  for (int i = 0; i < tile.rows; ++i)
    for (int j = 0; j < tile.vectors; ++j)
      storeSum(tile, sums[i * tile.vectors + j], i, int64_t{j} * spec_.lanes, false, add,
               j + 1 == tile.vectors ? tile.mask : nullptr);
}

// What lies together are rows of the tile: turned, so that a lane is stored in one piece.
void ConvolutionEmitter::storeAcross(const Tile& tile, const Vectors& sums, bool add) {
  for (int j = 0; j < tile.vectors; ++j) {
    Vectors rows;
    for (int i = 0; i < tile.rows; ++i)
      rows.push_back(sums[i * tile.vectors + j]);
    storeTransposed(k_, rows, j + 1 == tile.vectors ? tile.mask : nullptr, sizeOf(spec_.dtype),
                    [&](Value column, int first, int lane, Value rowMask) {
                      storeSum(tile, column, first, int64_t{j} * spec_.lanes + lane, true, add,
                               rowMask);
                    });
  }
}

void ConvolutionEmitter::storeSum(const Tile& tile, Value sum, int row, int64_t lane, bool across,
                                  bool add, Value mask) {
  const Size& stride = across ? spec_.sResult : spec_.vResult;
  Value offset =
      moved(moved(tile.at.result, k_.i64(row), spec_.sResult), k_.i64(lane), spec_.vResult);
  Value address = elementOf(ConvolutionSpec::kResult, offset);
  if (add) {
    Value before = k_.loadLanes(address, spec_.dtype, spec_.lanes, stride, mask);
    sum = arith::AddFOp::create(k_.builder(), k_.loc(), before, sum);
  }
  if (!spec_.after.empty())
    sum = lastAfter(tile, sum, row, lane, across, mask);
  if (stride.is(1))
    k_.storeVector(sum, address, spec_.dtype, mask);
  else
    k_.scatterVector(sum, address, spec_.dtype, k_.size(stride), mask);
}

Value ConvolutionEmitter::lastAfter(const Tile& tile, Value sum, int row, int64_t lane, bool across,
                                    Value mask) {
  size_t next = 0;
  return lastOf(k_, spec_.after, spec_.lanes, contract_, [&](const Access& access) {
    if (access.arg == ConvolutionSpec::kResult)
      return sum;
    const Size &s = access.strides[spec_.outer.size()], &v = access.strides[spec_.outer.size() + 1];
    Value offset = moved(moved(tile.at.after[next++], k_.i64(row), s), k_.i64(lane), v);
    return k_.loadLanes(k_.address(k_.pointer(access.arg), access.dtype, offset), access.dtype,
                        spec_.lanes, across ? s : v, mask);
  });
}

} // namespace diptych::codegen
