// Tiling of the product.
#include "codegen/MatmulEmitter.h"

#include "codegen/LineValues.h"
#include "codegen/Lowerings.h"
#include "codegen/Transpose.h"
#include "runtime/MatmulPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
constexpr int kVectors = 2;             // of a whole tile
constexpr int kVectorsOfRow = 8;        // of one row of S
constexpr int kFewerRows[] = {4, 2, 1}; // of tiles for what is left over, where that is not known
// What one copy of a panel serves: as much of S as the last cache holds for all threads.
constexpr int64_t kServedBytes = 8 << 20;
} // namespace

void MatmulEmitter::emit() {
  Value zero = k_.i64(0), s = k_.size(spec_.s), v = k_.size(spec_.v);
  if (spec_.pack) {
    const bool known = !spec_.k.isDynamic() && spec_.k.value < spec_.depth;
    const int64_t depth = known ? spec_.k.value : spec_.depth;
    // What is turned is stored `lanes` steps at a time.
    const int64_t rounded = (depth + spec_.lanes - 1) / spec_.lanes * spec_.lanes;
    const int vectors = joinsLast(spec_.v.value - spec_.tail) ? kVectors + 1 : kVectors;
    packed_ = k_.stackSlots(spec_.dtype, spec_.lanes, static_cast<int>(vectors * rounded));
  }
  if (spec_.rangeOverBlocks)
    blocks();
  else if (!spec_.batch.is(1))
    overBatches();
  else if (spec_.rangeOverV)
    panels(zero, zero, s, place(k_.lo(), v), place(k_.hi(), v));
  else
    panels(zero, place(k_.lo(), s), place(k_.hi(), s), zero, v);
}

void MatmulEmitter::overBatches() {
  Value zero = k_.i64(0), s = k_.size(spec_.s), v = k_.size(spec_.v);
  const int together = batchesAtOnce();
  const auto run = [&](Value from, Value to, int batches) {
    batches_ = batches;
    k_.loop(from, to, batches, [&](Value batch) { panels(batch, zero, s, zero, v); });
  };
  Value single = k_.lo();
  if (together > 1) {
    single = k_.add(k_.lo(), k_.roundDown(k_.sub(k_.hi(), k_.lo()), together));
    run(k_.lo(), single, together);
  }
  run(single, k_.hi(), 1);
}

Value MatmulEmitter::place(Value index, Value extent) {
  if (!spec_.byTiles)
    return index;
  const int64_t size = spec_.rangeOverV ? int64_t{kVectors} * spec_.lanes : spec_.rows;
  return k_.min(k_.mul(index, k_.i64(size)), extent);
}

// Blocks of k stand outermost, so that a block of V stays in cache while s runs. A panel that is
// copied serves so many rows that S should not leave the cache before the next one.
void MatmulEmitter::panels(Value batch, Value s0, Value s1, Value v0, Value v1) {
  batch_ = batch, v0_ = v0, v1_ = v1;
  const auto rows = [&](Value from, Value to) {
    s0_ = from, s1_ = to;
    overDepth(k_.i64(0), k_.size(spec_.k));
  };
  chooseRows(s0, s1);
  if (!spec_.pack)
    return rows(s0, s1);
  int64_t served = kServedBytes / (spec_.depth * sizeOf(spec_.dtype));
  if (allRows_) { // in equal parts of whole tiles, but for the last
    const int64_t parts = (*allRows_ + served / 2) / served;
    if (parts <= 1)
      return rows(s0, s1);
    const int64_t tiles = (*allRows_ + rows_ - 1) / rows_;
    served = (tiles + parts - 1) / parts * rows_;
  }
  served = std::max<int64_t>(1, served / rows_) * rows_;
  k_.loop(s0, s1, served, [&](Value s) { rows(s, k_.min(k_.add(s, k_.i64(served)), s1)); });
}

void MatmulEmitter::overDepth(Value from, Value to) {
  Value block = k_.i64(spec_.depth);
  Value firstEnd = k_.min(to, k_.add(from, block));
  panel(from, firstEnd, true);
  k_.loop(firstEnd, to, spec_.depth,
          [&](Value k) { panel(k, k_.min(k_.add(k, block), to), false); });
}

void MatmulEmitter::blocks() {
  s0_ = v0_ = k_.i64(0), s1_ = k_.size(spec_.s), v1_ = k_.size(spec_.v);
  chooseRows(s0_, s1_);
  const int64_t depth = spec_.depth * spec_.partBlocks;
  k_.loop(k_.lo(), k_.hi(), 1, [&](Value part) {
    batch_ = part; // only the result has a stride along it
    Value k0 = k_.mul(part, k_.i64(depth));
    Value k1 = k_.min(k_.add(k0, k_.i64(depth)), k_.size(spec_.k));
    if (spec_.partBlocks == 1)
      panel(k0, k1, true);
    else
      overDepth(k0, k1);
  });
}

// Along one row of S there is room for more.
int MatmulEmitter::vectorsOfPanel() const {
  if (!transposed())
    return spec_.s.is(1) && !spec_.pack ? kVectorsOfRow : kVectors;
  switch (spec_.turned) {
  case runtime::Turned::byMany: return 1;
  case runtime::Turned::bySeveral:
  case runtime::Turned::byOne: return kVectors;
  case runtime::Turned::singly:
  case runtime::Turned::ahead: return static_cast<int>(std::max(int64_t{1}, 64 / alignment()));
  }
}

void MatmulEmitter::panel(Value k0, Value k1, bool first) {
  k0_ = k0, k1_ = k1, first_ = first;
  switch (spec_.way) {
  case MatmulSpec::Way::partialSums: return partialSums();
  case MatmulSpec::Way::sweep: return sweep();
  case MatmulSpec::Way::tiles: return isOneRow() ? rowPanels() : allColumns();
  }
}

void MatmulEmitter::allColumns() {
  if (spec_.tail == 0)
    return wholeColumns(v1_);
  Value end = k_.min(v1_, k_.i64(spec_.v.value - spec_.tail));
  wholeColumns(end);
  k_.when(k_.known(v1_) ? k_.i64(1) : k_.notLess(v1_, k_.size(spec_.v)), [&] { tail(); });
}

// A tile of one vector loads as often as it multiplies: the panel before takes it in. Of panels
// that are copied the stack holds two vectors.
bool MatmulEmitter::joinsLast(int64_t columns) const {
  const int64_t width = int64_t{kVectors} * spec_.lanes, rest = columns % width;
  const bool fits =
      spec_.pack ? !spec_.k.isDynamic() && 2 * spec_.k.value <= spec_.depth : !transposed();
  return rest > 0 && rest <= spec_.lanes && columns > width && fits && !spec_.upper &&
         vectorsOfPanel() == kVectors;
}

void MatmulEmitter::wholeColumns(Value end) {
  const int vectors = vectorsOfPanel();
  const int64_t width = int64_t{vectors} * spec_.lanes;
  Value count = k_.sub(end, v0_);
  const auto all = k_.known(count);
  const int64_t joined = all && joinsLast(*all) ? width : 0;
  // Width is a power of two, as roundDown asks.
  Value wideEnd = k_.add(v0_, k_.sub(k_.roundDown(count, width), k_.i64(joined)));
  k_.loop(v0_, wideEnd, width,
          [&](Value v) { overRows({nullptr, v, 0, vectors, nullptr, nullptr}); });
  Value last = k_.sub(end, k_.i64(1));
  const auto known =
      spec_.byTiles && spec_.rangeOverV ? std::optional(spec_.v.value - spec_.tail) : all;
  if (known) { // in one tile
    const auto rest = static_cast<int>(*known % width + joined);
    if (rest == 0)
      return;
    Value mask =
        rest % spec_.lanes ? k_.maskBelow(k_.i64(rest % spec_.lanes), spec_.lanes) : nullptr;
    const int vectors = (rest + spec_.lanes - 1) / spec_.lanes;
    k_.when(all ? k_.i64(1) : k_.less(wideEnd, end),
            [&] { overRows({nullptr, wideEnd, 0, vectors, mask, last}); });
    return;
  }
  k_.loop(wideEnd, end, spec_.lanes, [&](Value v) {
    overRows({nullptr, v, 0, 1, k_.maskBelow(k_.sub(end, v), spec_.lanes), last});
  });
}

void MatmulEmitter::chooseRows(Value from, Value to) {
  allRows_ = spec_.upper ? std::nullopt : k_.known(k_.sub(to, from));
  rows_ = allRows_ ? runtime::rowsOfTile(*allRows_, mostRows(spec_)) : spec_.rows;
  const bool cut = spec_.byTiles && !spec_.rangeOverV; // between tiles
  rest_ = allRows_ ? *allRows_ % rows_ : cut ? std::optional(spec_.s.value % rows_) : std::nullopt;
}

void MatmulEmitter::overRows(Tile tile) {
  if (spec_.pack)
    pack(tile);
  overTiles(tile);
}

void MatmulEmitter::overTiles(Tile tile) {
  const int rows = rows_;
  Value end = s1_;
  if (spec_.upper) {
    // Whole tiles up to the one that the diagonal leaves through the last vector.
    const int64_t width = int64_t{tile.vectors} * spec_.lanes;
    Value reach = k_.sub(k_.add(tile.v0, k_.i64(width + rows - 1)), s0_);
    Value tiles = arith::DivSIOp::create(k_.builder(), k_.loc(), reach, k_.i64(rows));
    end = k_.min(s1_, k_.add(s0_, k_.mul(tiles, k_.i64(rows))));
  }
  Value mainEnd;
  if (const auto known = k_.known(k_.sub(end, s0_))) {
    mainEnd = k_.add(s0_, k_.i64(*known / rows * rows));
  } else {
    Value blocks = arith::DivSIOp::create(k_.builder(), k_.loc(), k_.sub(end, s0_), k_.i64(rows));
    mainEnd = k_.add(s0_, k_.mul(blocks, k_.i64(rows)));
  }
  const auto tiles = [&](Value from, Value to, int size) {
    k_.loop(from, to, size, [&](Value s) {
      tile.s0 = s, tile.rows = size;
      if (spec_.pack && !transposed() && size == rows && !tile.isTail)
        fetchNextPanel(tile);
      // In equal parts that registers hold.
      const int most = mostSums();
      for (int parts = (size * tile.vectors + most - 1) / most, done = 0; parts > 0; --parts) {
        tile.s0 = k_.add(s, k_.i64(done));
        tile.rows = (size - done + parts - 1) / parts;
        done += tile.rows;
        this->tile(tile);
      }
    });
  };
  tiles(s0_, mainEnd, rows);
  if (rest_) {
    if (*rest_)
      tiles(mainEnd, end, static_cast<int>(*rest_));
    return;
  }
  Value done = mainEnd;
  for (int fewer : kFewerRows) {
    // Two only where V is turned for each tile.
    if (fewer >= rows || (fewer == 2 && (!transposed() || spec_.pack)))
      continue;
    Value until = k_.add(done, k_.roundDown(k_.sub(end, done), fewer));
    tiles(done, until, fewer);
    done = until;
  }
}

void MatmulEmitter::tile(Tile tile) {
  // In front of the loops over k: LLVM would multiply in them.
  tile.left = offset(spec_.left, tile.s0, nullptr, nullptr);
  tile.leftRows = rowsApart(spec_.left.strides[1], tile.rows);
  if (tile.isTail)
    return tailTile(tile);
  finish(tile, accumulate(tile));
}

Value MatmulEmitter::zeros(int lanes) {
  Type type = k_.vectorOf(computeType(k_.builder().getContext(), spec_.dtype), lanes);
  return arith::ConstantOp::create(k_.builder(), k_.loc(),
                                   cast<TypedAttr>(k_.builder().getZeroAttr(type)));
}

MatmulEmitter::Vectors MatmulEmitter::accumulate(const Tile& tile) {
  if (transposed() && !spec_.pack)
    return accumulateTurned(tile);
  const Vectors none(static_cast<size_t>(tile.rows * tile.vectors), zeros(spec_.lanes));
  return k_.loop(k0_, k1_, 1, none,
                 [&](Value k, ValueRange carried) { return step(tile, k, carried); });
}

Value MatmulEmitter::vIndex(const Tile& tile, int vector) {
  return k_.add(tile.v0, k_.i64(int64_t{vector} * spec_.lanes));
}

Value MatmulEmitter::offset(const Access& access, Value s, Value v, Value k) {
  Value sum = k_.size(access.offset);
  const Value indices[] = {batch_, s, v, k};
  for (int loop = 0; loop < 4; ++loop)
    if (indices[loop] && !access.strides[loop].is(0))
      sum = k_.add(sum, k_.mul(indices[loop], k_.size(access.strides[loop])));
  return sum;
}

MatmulEmitter::Vectors MatmulEmitter::step(const Tile& tile, Value k, ValueRange sums) {
  Vectors right;
  for (int j = 0; j < tile.vectors; ++j)
    if (spec_.pack)
      right.push_back(k_.loadVector(packedAddress(tile, k, k_.i64(j)), spec_.dtype, spec_.lanes,
                                    nullptr, int64_t{spec_.lanes} * sizeOf(spec_.dtype)));
    else
      right.push_back(rightVector(vIndex(tile, j), k, alongV, spec_.lanes, maskOf(tile, j)));
  return multiply(tile, k, 0, right, sums);
}

MatmulEmitter::Vectors MatmulEmitter::rowsApart(const Size& stride, int rows) {
  Vectors apart;
  for (int i = 0; i < rows; ++i)
    apart.push_back(k_.mul(k_.i64(i * sizeOf(spec_.dtype)), k_.size(stride)));
  return apart;
}

// Adds the products with the tile's vectors from `from` on, as many as there are in `right`.
MatmulEmitter::Vectors MatmulEmitter::multiply(const Tile& tile, Value k, int from,
                                               ArrayRef<Value> right, ValueRange sums) {
  Vectors next(sums);
  Value first = k_.address(k_.pointer(spec_.left.arg), spec_.dtype,
                           k_.add(tile.left, k_.mul(k, k_.size(spec_.left.strides[3]))));
  for (int i = 0; i < tile.rows; ++i) {
    Value left = k_.broadcast(k_.loadScalar(k_.rowAddress(first, tile.leftRows, i), spec_.dtype),
                              spec_.lanes);
    for (size_t j = 0; j < right.size(); ++j) {
      Value& sum = next[static_cast<size_t>(i * tile.vectors + from) + j];
      sum = math::FmaOp::create(k_.builder(), k_.loc(), left, right[j], sum);
    }
  }
  return next;
}

// Whether what lies together in C are rows of the tile.
bool MatmulEmitter::storesAcross(const Tile& tile) const {
  return tile.rows > 1 && spec_.result.strides[1].is(1) && !spec_.result.strides[2].is(1);
}

// Turned, so that a lane of v is stored in one piece.
void MatmulEmitter::finishAcross(const Tile& tile, const Vectors& sums) {
  for (int j = 0; j < tile.vectors; ++j) {
    Vectors rows;
    for (int i = 0; i < tile.rows; ++i)
      rows.push_back(sums[i * tile.vectors + j]);
    storeTransposed(k_, rows, maskOf(tile, j), sizeOf(spec_.dtype),
                    [&](Value column, int first, int lane, Value rowMask) {
                      storeAlong(column, k_.add(tile.s0, k_.i64(first)),
                                 k_.add(vIndex(tile, j), k_.i64(lane)), 1, rowMask);
                    });
  }
}

void MatmulEmitter::finish(const Tile& tile, const Vectors& sums) {
  if (storesAcross(tile))
    return finishAcross(tile, sums);
  for (int i = 0; i < tile.rows; ++i)
    for (int j = 0; j < tile.vectors; ++j)
      storeAlong(sums[i * tile.vectors + j], k_.add(tile.s0, k_.i64(i)), vIndex(tile, j), 2,
                 maskOf(tile, j));
}

// Totals of a block: the first are stored, the others added.
void MatmulEmitter::storeAlong(Value sum, Value s, Value v, int loop, Value mask) {
  const Size& stride = spec_.result.strides[static_cast<size_t>(loop)];
  const auto lanes = static_cast<int>(cast<VectorType>(sum.getType()).getNumElements());
  Value address =
      k_.address(k_.pointer(spec_.result.arg), spec_.dtype, offset(spec_.result, s, v, nullptr));
  if (!first_) {
    Value before = stride.is(1)
                       ? k_.loadVector(address, spec_.dtype, lanes, mask)
                       : k_.gatherVector(address, spec_.dtype, lanes, k_.size(stride), mask);
    sum = arith::AddFOp::create(k_.builder(), k_.loc(), before, sum);
  }
  if (!spec_.after.empty())
    sum = lastOf(k_, spec_.after, lanes, contract_, [&](const Access& access) {
      if (access.arg == spec_.result.arg)
        return sum;
      Value from = k_.address(k_.pointer(access.arg), access.dtype, offset(access, s, v, nullptr));
      return k_.loadLanes(from, access.dtype, lanes, access.strides[static_cast<size_t>(loop)],
                          mask);
    });
  if (stride.is(1))
    k_.storeVector(sum, address, spec_.dtype, mask);
  else
    k_.scatterVector(sum, address, spec_.dtype, k_.size(stride), mask);
}

void emitBlockSum(KernelBuilder& k, const BlockSumSpec& spec) {
  auto at = [&](int arg, Value offset) { return k.address(k.pointer(arg), spec.dtype, offset); };
  auto sum = [&](Value i, Value mask) {
    auto block = [&](Value b) {
      return k.loadVector(at(0, k.add(k.mul(b, k.size(spec.n)), i)), spec.dtype, spec.lanes, mask);
    };
    auto total =
        k.loop(k.i64(1), k.size(spec.blocks), 1, block(k.i64(0)),
               [&](Value b, ValueRange carried) -> SmallVector<Value> {
                 return {arith::AddFOp::create(k.builder(), k.loc(), carried[0], block(b))};
               });
    k.storeVector(total[0], at(1, i), spec.dtype, mask);
  };
  Value mainEnd = k.add(k.lo(), k.roundDown(k.sub(k.hi(), k.lo()), spec.lanes));
  k.loop(k.lo(), mainEnd, spec.lanes, [&](Value i) { sum(i, nullptr); });
  k.loop(mainEnd, k.hi(), spec.lanes,
         [&](Value i) { sum(i, k.maskBelow(k.sub(k.hi(), i), spec.lanes)); });
}

} // namespace diptych::codegen
