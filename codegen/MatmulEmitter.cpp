// Tiling of the product and the two ways to read V.
#include "codegen/MatmulEmitter.h"

#include "codegen/Lowerings.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
constexpr int kMiddleRows = 4;
} // namespace

void MatmulEmitter::emit() {
  Value zero = k_.i64(0), s = k_.size(spec_.s), v = k_.size(spec_.v);
  if (spec_.rangeOverBlocks)
    blocks();
  else if (!spec_.batch.is(1))
    k_.loop(k_.lo(), k_.hi(), 1, [&](Value batch) { panels(batch, zero, s, zero, v); });
  else if (spec_.rangeOverV)
    panels(zero, zero, s, k_.lo(), k_.hi());
  else
    panels(zero, k_.lo(), k_.hi(), zero, v);
}

// Blocks of k stand outermost, so that a block of V stays in cache while s runs.
void MatmulEmitter::panels(Value batch, Value s0, Value s1, Value v0, Value v1) {
  batch_ = batch, s0_ = s0, s1_ = s1, v0_ = v0, v1_ = v1;
  overDepth(k_.i64(0), k_.size(spec_.k));
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

void MatmulEmitter::panel(Value k0, Value k1, bool first) {
  k0_ = k0, k1_ = k1, first_ = first;
  const int vectors = spec_.s.is(1) && !transposed() ? 8 : 2;
  const int64_t width = int64_t{vectors} * spec_.lanes;
  Value count = k_.sub(v1_, v0_);
  // Width is a power of two, as roundDown asks.
  Value wideEnd = k_.add(v0_, k_.roundDown(count, width));
  k_.loop(v0_, wideEnd, width,
          [&](Value v) { overRows({nullptr, v, 0, vectors, nullptr, nullptr}); });
  k_.loop(wideEnd, v1_, spec_.lanes, [&](Value v) {
    Value mask = k_.maskBelow(k_.sub(v1_, v), spec_.lanes);
    overRows({nullptr, v, 0, 1, mask, k_.sub(v1_, k_.i64(1))});
  });
}

void MatmulEmitter::overRows(Tile tile) {
  const int rows = spec_.rows;
  Value end = s1_;
  if (spec_.upper) {
    // Whole tiles up to the one that the diagonal leaves through the last vector.
    const int64_t width = int64_t{tile.vectors} * spec_.lanes;
    Value reach = k_.sub(k_.add(tile.v0, k_.i64(width + rows - 1)), s0_);
    Value tiles = arith::DivSIOp::create(k_.builder(), k_.loc(), reach, k_.i64(rows));
    end = k_.min(s1_, k_.add(s0_, k_.mul(tiles, k_.i64(rows))));
  }
  Value count = k_.sub(end, s0_);
  if (!spec_.s.isDynamic() && spec_.s.value < rows) {
    rowTiles(tile, s0_, end, spec_.s.value >= kMiddleRows ? kMiddleRows : 1);
    return;
  }
  Value blocks = arith::DivSIOp::create(k_.builder(), k_.loc(), count, k_.i64(rows));
  Value mainEnd = k_.add(s0_, k_.mul(blocks, k_.i64(rows)));
  k_.loop(s0_, mainEnd, rows, [&](Value s) {
    tile.s0 = s, tile.rows = rows;
    this->tile(tile);
  });
  rowTiles(tile, mainEnd, end, kMiddleRows);
}

// Rows in groups, the rest one by one.
void MatmulEmitter::rowTiles(Tile tile, Value from, Value to, int rows) {
  Value groupedEnd = k_.add(from, k_.roundDown(k_.sub(to, from), rows));
  k_.loop(from, groupedEnd, rows, [&](Value s) {
    tile.s0 = s, tile.rows = rows;
    this->tile(tile);
  });
  if (rows == 1)
    return;
  k_.loop(groupedEnd, to, 1, [&](Value s) {
    tile.s0 = s, tile.rows = 1;
    this->tile(tile);
  });
}

void MatmulEmitter::tile(const Tile& tile) { finish(tile, accumulate(tile)); }

MatmulEmitter::Vectors MatmulEmitter::accumulate(const Tile& tile) {
  Type type = k_.vectorOf(computeType(k_.builder().getContext(), spec_.dtype), spec_.lanes);
  Value zero = arith::ConstantOp::create(k_.builder(), k_.loc(),
                                         cast<TypedAttr>(k_.builder().getZeroAttr(type)));
  Vectors sums(static_cast<size_t>(tile.rows * tile.vectors), zero);
  Value from = k0_;
  if (transposed()) {
    Value blockEnd = k_.add(k0_, k_.roundDown(k_.sub(k1_, k0_), spec_.lanes));
    sums = k_.loop(k0_, blockEnd, spec_.lanes, sums, [&](Value k, ValueRange carried) {
      return transposedStep(tile, k, carried, spec_.lanes);
    });
    from = blockEnd;
    // A rest of known length is read under a mask and turned like the others.
    if (!spec_.k.isDynamic() && spec_.k.value <= spec_.depth)
      if (const auto rest = static_cast<int>(spec_.k.value % spec_.lanes))
        return transposedStep(tile, from, sums, rest);
  }
  return k_.loop(from, k1_, 1, sums,
                 [&](Value k, ValueRange carried) { return step(tile, k, carried); });
}

Value MatmulEmitter::vIndex(const Tile& tile, int vector) {
  return k_.add(tile.v0, k_.i64(int64_t{vector} * spec_.lanes));
}

Value MatmulEmitter::offset(const Access& access, Value s, Value v, Value k) {
  Value sum = k_.size(access.offset);
  const Value indices[] = {batch_, s, v, k};
  for (int loop = 0; loop < 4; ++loop)
    if (!access.strides[loop].is(0))
      sum = k_.add(sum, k_.mul(indices[loop], k_.size(access.strides[loop])));
  return sum;
}

Value MatmulEmitter::loadVector(const Access& access, Value v, Value k, Along along, Value mask) {
  Value address = k_.address(k_.pointer(access.arg), access.dtype, offset(access, nullptr, v, k));
  const Size& stride = access.strides[along];
  if (stride.is(0))
    return k_.broadcast(k_.loadScalar(address, access.dtype), spec_.lanes);
  if (stride.is(1))
    return k_.loadVector(address, access.dtype, spec_.lanes, mask);
  return k_.gatherVector(address, access.dtype, spec_.lanes, k_.size(stride), mask);
}

Value MatmulEmitter::rightVector(Value v, Value k, Along along, Value mask) {
  if (spec_.lines.empty())
    return loadVector(spec_.right, v, k, along, mask);
  SmallVector<Value> values;
  for (const Line& line : spec_.lines) {
    ScalarBuilder b(k_.builder(), k_.loc(), line.dtype, contract_);
    if (auto* load = std::get_if<Line::Load>(&line.what)) {
      values.push_back(loadVector(load->from, v, k, along, mask));
    } else if (auto* constant = std::get_if<Line::Constant>(&line.what)) {
      values.push_back(k_.broadcast(b.literal(constant->value), spec_.lanes));
    } else if (auto* parameter = std::get_if<Line::Parameter>(&line.what)) {
      values.push_back(k_.broadcast(k_.number(*parameter, line.dtype), spec_.lanes));
    } else {
      const auto& apply = std::get<Line::Apply>(line.what);
      SmallVector<Value> operands;
      for (int operand : apply.operands)
        operands.push_back(values[static_cast<size_t>(operand)]);
      values.push_back(lowerPointwise(apply.code, b, operands));
    }
  }
  return values.back();
}

MatmulEmitter::Vectors MatmulEmitter::step(const Tile& tile, Value k, ValueRange sums) {
  Vectors right;
  for (int j = 0; j < tile.vectors; ++j)
    right.push_back(rightVector(vIndex(tile, j), k, alongV, tile.mask));
  return multiply(tile, k, right, sums);
}

MatmulEmitter::Vectors MatmulEmitter::multiply(const Tile& tile, Value k, ArrayRef<Value> right,
                                               ValueRange sums) {
  Vectors next;
  for (int i = 0; i < tile.rows; ++i) {
    Value s = k_.add(tile.s0, k_.i64(i));
    Value address =
        k_.address(k_.pointer(spec_.left.arg), spec_.dtype, offset(spec_.left, s, nullptr, k));
    Value left = k_.broadcast(k_.loadScalar(address, spec_.dtype), spec_.lanes);
    for (int j = 0; j < tile.vectors; ++j)
      next.push_back(
          math::FmaOp::create(k_.builder(), k_.loc(), left, right[j], sums[i * tile.vectors + j]));
  }
  return next;
}

// Up to `lanes` steps of k at once: V is read along k, where it is contiguous, and turned in
// registers.
MatmulEmitter::Vectors MatmulEmitter::transposedStep(const Tile& tile, Value k, ValueRange sums,
                                                     int steps) {
  SmallVector<Vectors> turned;
  for (int j = 0; j < tile.vectors; ++j)
    turned.push_back(transposeRight(tile, j, k, steps));
  Vectors current(sums);
  for (int step = 0; step < steps; ++step) {
    Vectors right;
    for (int j = 0; j < tile.vectors; ++j)
      right.push_back(turned[j][step]);
    current = multiply(tile, k_.add(k, k_.i64(step)), right, current);
  }
  return current;
}

// Eklundh's transposition: log2(lanes) rounds that exchange off-diagonal blocks.
static void turn(OpBuilder& builder, Location loc, SmallVector<Value>& rows) {
  const auto lanes = static_cast<int64_t>(rows.size());
  for (int64_t width = 1; width < lanes; width *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const bool odd = lane & width;
      low.push_back(odd ? lanes + lane - width : lane);
      high.push_back(odd ? lanes + lane : lane + width);
    }
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & width)
        continue;
      Value a = rows[i], b = rows[i + width];
      rows[i] = vector::ShuffleOp::create(builder, loc, a, b, low);
      rows[i + width] = vector::ShuffleOp::create(builder, loc, a, b, high);
    }
  }
}

MatmulEmitter::Vectors MatmulEmitter::transposeRight(const Tile& tile, int vector, Value k,
                                                     int steps) {
  Vectors rows;
  Value mask = steps < spec_.lanes ? k_.maskBelow(k_.i64(steps), spec_.lanes) : nullptr;
  for (int lane = 0; lane < spec_.lanes; ++lane) {
    Value v = k_.add(vIndex(tile, vector), k_.i64(lane));
    // Lanes past the end read the last row again; they are never stored.
    if (tile.lastLane)
      v = k_.min(v, tile.lastLane);
    rows.push_back(rightVector(v, k, alongK, mask));
  }
  turn(k_.builder(), k_.loc(), rows);
  return rows;
}

void MatmulEmitter::finish(const Tile& tile, const Vectors& sums) {
  const Size& stride = spec_.result.strides[2];
  for (int i = 0; i < tile.rows; ++i)
    for (int j = 0; j < tile.vectors; ++j) {
      Value s = k_.add(tile.s0, k_.i64(i));
      Value address = k_.address(k_.pointer(spec_.result.arg), spec_.dtype,
                                 offset(spec_.result, s, vIndex(tile, j), nullptr));
      Value sum = sums[i * tile.vectors + j];
      if (!first_) {
        Value before = stride.is(1) ? k_.loadVector(address, spec_.dtype, spec_.lanes, tile.mask)
                                    : k_.gatherVector(address, spec_.dtype, spec_.lanes,
                                                      k_.size(stride), tile.mask);
        sum = arith::AddFOp::create(k_.builder(), k_.loc(), before, sum);
      }
      if (stride.is(1))
        k_.storeVector(sum, address, spec_.dtype, tile.mask);
      else
        k_.scatterVector(sum, address, spec_.dtype, k_.size(stride), tile.mask);
    }
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
