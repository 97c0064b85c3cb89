// The right operand of a product: loaded or computed where it is read, turned in registers, or
// copied into a panel first.
#include "codegen/LineValues.h"
#include "codegen/MatmulEmitter.h"
#include "codegen/Transpose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
// How far in front rows are fetched that are read a cache line at a time: along the row; where it
// is no longer than that, some rows ahead. Many rows at once are more than the hardware follows.
int64_t aheadBytes(const MatmulSpec& spec) {
  constexpr int64_t kAlong = 128, kShortRows = 1024, kFromMemory = 16384;
  const Size& stride = spec.right.strides[2];
  const int64_t apart = stride.value * sizeOf(spec.dtype);
  if (stride.isDynamic() || apart > kAlong)
    return kAlong;
  return !spec.v.isDynamic() && apart * spec.v.value <= runtime::kLastCache ? kShortRows
                                                                            : kFromMemory;
}
} // namespace

Value MatmulEmitter::loadVector(const Access& access, Value v, Value k, Along along, int lanes,
                                Value mask) {
  Value address = k_.address(k_.pointer(access.arg), access.dtype, offset(access, nullptr, v, k));
  return k_.loadLanes(address, access.dtype, lanes, access.strides[along], mask);
}

Value MatmulEmitter::rightVector(Value v, Value k, Along along, int lanes, Value mask) {
  if (spec_.lines.empty())
    return loadVector(spec_.right, v, k, along, lanes, mask);
  return lastOf(k_, spec_.lines, lanes, contract_,
                [&](const Access& access) { return loadVector(access, v, k, along, lanes, mask); });
}

MatmulEmitter::Lanes MatmulEmitter::lanesOf(const Tile& tile, Value vector) {
  Lanes lanes;
  lanes.v0 = k_.add(tile.v0, k_.mul(vector, k_.i64(spec_.lanes)));
  lanes.even = !tile.lastLane;
  lanes.base = offset(spec_.right, nullptr, lanes.v0, nullptr);
  for (int i = 0; i < spec_.lanes; ++i) {
    // Lanes past the end read the last row again; they are never stored.
    Value lane = k_.i64(i);
    if (tile.lastLane)
      lane = k_.min(lane, k_.sub(tile.lastLane, lanes.v0));
    lanes.lanes.push_back(lane);
    lanes.apart.push_back(
        k_.mul(k_.mul(lane, k_.i64(sizeOf(spec_.right.dtype))), k_.size(spec_.right.strides[2])));
  }
  if (spec_.lines.empty() && spec_.turned == runtime::Turned::ahead)
    lanes.ahead = tilesAhead(tile.vectors * spec_.lanes);
  else if (spec_.lines.empty() && !runtime::isForOne(spec_.turned) && !isNear())
    lanes.ahead = k_.i64(aheadBytes(spec_));
  return lanes;
}

// Some tiles of so many rows, in the second cache; along rows of which it would not hold these.
Value MatmulEmitter::tilesAhead(int rows) {
  constexpr int64_t kTiles = 4, kLeast = 16 << 10, kLongRows = 256 << 10, kAlong = 1024;
  Value tile = k_.mul(k_.i64(rows * sizeOf(spec_.dtype)), k_.size(spec_.right.strides[2]));
  Value some =
      arith::MaxSIOp::create(k_.builder(), k_.loc(), k_.i64(kLeast), k_.mul(tile, k_.i64(kTiles)));
  return arith::SelectOp::create(k_.builder(), k_.loc(), k_.less(k_.i64(kLongRows), tile),
                                 k_.i64(kAlong), some);
}

// As many as registers hold beside the sums, of all vectors; or whole vectors, one after the other.
int MatmulEmitter::stepsAtOnce(const Tile& tile) const {
  const int free = registers() - 2 - tile.rows * tile.vectors;
  for (int steps = spec_.lanes; steps * sizeOf(spec_.dtype) >= kQuarterBytes; steps /= 2)
    if (steps * tile.vectors <= free)
      return steps;
  return 0;
}

// Up to `lanes` steps of k: V is read along k, where it is contiguous, and turned in registers.
MatmulEmitter::Vectors MatmulEmitter::transposedStep(const Tile& tile, ArrayRef<Lanes> lanes,
                                                     Value k, ValueRange sums, int steps) {
  Vectors current(sums);
  const int fitting = stepsAtOnce(tile);
  const int all = std::min(fitting ? fitting : spec_.lanes,
                           static_cast<int>(llvm::PowerOf2Ceil(std::max(quarter(), steps))));
  for (int from = 0; from < steps; from += all) {
    Value begin = k_.add(k, k_.i64(from));
    const Steps at{begin, all, std::min(all, steps - from), nullptr, from == 0};
    SmallVector<Vectors> turned;
    for (int j = 0; j < tile.vectors; ++j) {
      turned.push_back(transposeRight(lanes[j], at));
      for (int step = 0; !fitting && step < at.wanted; ++step)
        current = multiply(tile, k_.add(begin, k_.i64(step)), j, turned[j][step], current);
    }
    for (int step = 0; fitting && step < at.wanted; ++step) {
      Vectors right;
      for (const Vectors& vector : turned)
        right.push_back(vector[step]);
      current = multiply(tile, k_.add(begin, k_.i64(step)), 0, right, current);
    }
  }
  return current;
}

MatmulEmitter::Vectors MatmulEmitter::accumulateTurned(const Tile& tile) {
  Vectors sums(static_cast<size_t>(tile.rows * tile.vectors), zeros(spec_.lanes));
  SmallVector<Lanes> lanes;
  for (int j = 0; j < tile.vectors; ++j)
    lanes.push_back(lanesOf(tile, k_.i64(j)));
  const auto upTo = [&](int steps) { return k_.add(k0_, k_.roundDown(k_.sub(k1_, k0_), steps)); };
  Value end = upTo(spec_.lanes), quarters = upTo(quarter());
  const bool known = !spec_.k.isDynamic() && spec_.k.value <= spec_.depth;
  if (!known) // before sums take the registers
    turnRest(tile, lanes, quarters);
  sums = k_.loop(k0_, end, spec_.lanes, sums, [&](Value k, ValueRange carried) {
    return transposedStep(tile, lanes, k, carried, spec_.lanes);
  });
  if (!known) {
    sums = k_.loop(end, quarters, quarter(), sums, [&](Value k, ValueRange carried) {
      return transposedStep(tile, lanes, k, carried, quarter());
    });
    return k_.loop(quarters, k1_, 1, sums, [&](Value k, ValueRange carried) {
      return restStep(tile, k, k_.sub(k, quarters), carried);
    });
  }
  // Read under a mask and turned like the others.
  const auto rest = static_cast<int>(spec_.k.value % spec_.lanes);
  return rest ? transposedStep(tile, lanes, end, sums, rest) : sums;
}

int MatmulEmitter::quarter() const { return static_cast<int>(kQuarterBytes / sizeOf(spec_.dtype)); }

Value MatmulEmitter::turnedAddress(const Tile& tile, Value step, int vector) {
  Value place = k_.add(k_.mul(step, k_.i64(tile.vectors)), k_.i64(vector));
  return k_.address(turned_, spec_.dtype, k_.mul(place, k_.i64(spec_.lanes)));
}

void MatmulEmitter::turnRest(const Tile& tile, ArrayRef<Lanes> lanes, Value k) {
  if (!turned_)
    turned_ = k_.stackSlots(spec_.dtype, spec_.lanes, vectorsOfPanel() * quarter());
  k_.when(k_.less(k, k1_), [&] {
    for (int j = 0; j < tile.vectors; ++j) {
      const Vectors turned = transposeRight(lanes[j], {k, quarter(), quarter(), k_.sub(k1_, k)});
      for (int step = 0; step < quarter(); ++step)
        k_.storeVector(turned[step], turnedAddress(tile, k_.i64(step), j), spec_.dtype, nullptr,
                       alignment());
    }
  });
}

MatmulEmitter::Vectors MatmulEmitter::restStep(const Tile& tile, Value k, Value step,
                                               ValueRange sums) {
  Vectors right;
  for (int j = 0; j < tile.vectors; ++j)
    right.push_back(k_.loadVector(turnedAddress(tile, step, j), spec_.dtype, spec_.lanes, nullptr,
                                  alignment()));
  return multiply(tile, k, 0, right, sums);
}

// Whether all of V fits the second cache: what it sends comes in time by itself.
bool MatmulEmitter::isNear() const {
  constexpr int64_t kNearBytes = 256 << 10;
  return !spec_.v.isDynamic() && !spec_.k.isDynamic() &&
         spec_.v.value * spec_.k.value * sizeOf(spec_.dtype) <= kNearBytes;
}

// One row of them, in pieces of `width` steps.
MatmulEmitter::Vectors MatmulEmitter::rightRow(const Lanes& lanes, int lane, const Steps& steps,
                                               int width) {
  const auto at = [&](int64_t from) {
    Value first = k_.address(k_.pointer(spec_.right.arg), spec_.dtype,
                             k_.add(lanes.base, k_.add(steps.k, k_.i64(from))));
    return lanes.even ? k_.rowAddress(first, lanes.apart, lane)
                      : k_.byteAddress(first, lanes.apart[lane]);
  };
  if (steps.fetches && lanes.ahead)
    k_.prefetch(k_.byteAddress(at(0), lanes.ahead), spec_.turned == runtime::Turned::ahead
                                                        ? KernelBuilder::Near::second
                                                        : KernelBuilder::Near::first);
  Vectors pieces;
  for (int from = 0; from < steps.all; from += width) {
    Value mask;
    if (steps.count)
      mask = k_.maskBelow(k_.sub(steps.count, k_.i64(from)), width);
    else if (steps.wanted < from + width)
      mask = k_.maskBelow(k_.i64(std::max(0, steps.wanted - from)), width);
    if (spec_.lines.empty())
      pieces.push_back(k_.loadVector(at(from), spec_.dtype, width, mask));
    else
      pieces.push_back(rightVector(k_.add(lanes.v0, lanes.lanes[lane]),
                                   k_.add(steps.k, k_.i64(from)), alongK, width, mask));
  }
  return pieces;
}

// V's rows as transposeQuarters takes them: `all` vectors of quarters of 16 bytes, each of another
// row. A whole vector's are read by halves, both at once, so that joining them costs no shuffle and
// a cache line is met once.
MatmulEmitter::Vectors MatmulEmitter::rightRows(const Lanes& lanes, const Steps& steps) {
  const int64_t bytes = sizeOf(spec_.dtype);
  const int quarters = spec_.lanes / quarter();
  const int width = std::min(steps.all, quarters == 4 ? 2 * quarter() : quarter());
  Vectors rows(static_cast<size_t>(steps.all));
  for (int t = 0; t < quarter(); ++t) {
    SmallVector<Vectors> read;
    for (int q = 0; q < quarters; ++q)
      read.push_back(rightRow(lanes, t + q * quarter(), steps, width));
    for (int part = 0; part < steps.all / width; ++part) {
      Vectors pieces;
      for (const Vectors& row : read)
        pieces.push_back(row[part]);
      const int place = part * width + t;
      if (quarters == 1) {
        rows[place] = pieces[0];
        continue;
      }
      Value low = joined(k_, pieces[0], pieces[1]);
      if (quarters == 2) {
        rows[place] = low;
        continue;
      }
      Value high = joined(k_, pieces[2], pieces[3]);
      if (width == quarter()) {
        rows[place] = joined(k_, low, high);
        continue;
      }
      for (int odd = 0; odd < 2; ++odd)
        rows[place + odd * quarter()] = everySecondQuarter(k_, low, high, bytes, odd);
    }
  }
  return rows;
}

MatmulEmitter::Vectors MatmulEmitter::transposeRight(const Lanes& lanes, const Steps& steps) {
  Vectors rows = rightRows(lanes, steps);
  transposeQuarters(k_, rows, sizeOf(spec_.dtype));
  return rows;
}

Value MatmulEmitter::packedAddress(const Tile& tile, Value k, Value vector) {
  Value place = k_.add(k_.mul(k_.sub(k, k0_), k_.i64(tile.vectors)), vector);
  return k_.address(packed_, spec_.dtype, k_.mul(place, k_.i64(spec_.lanes)));
}

// The tile's columns of V in the block, as its tiles read them: from end to end.
void MatmulEmitter::pack(const Tile& tile) {
  if (transposed())
    return packTurned(tile);
  k_.loop(k0_, k1_, 1, [&](Value k) {
    for (int j = 0; j < tile.vectors; ++j)
      k_.storeVector(rightVector(vIndex(tile, j), k, alongV, spec_.lanes, maskOf(tile, j)),
                     packedAddress(tile, k, k_.i64(j)), spec_.dtype, nullptr, alignment());
  });
}

// While tiles run, each fetches its share of the panel that is copied next: from rows far apart,
// which no cache foresees, copying waits for every line.
void MatmulEmitter::fetchNextPanel(const Tile& tile) {
  Value one = k_.i64(1), rows = k_.sub(s1_, s0_), depth = k_.sub(k1_, k0_);
  Value each =
      arith::DivUIOp::create(k_.builder(), k_.loc(), k_.sub(k_.add(depth, rows), one), rows);
  Value from = k_.add(k0_, k_.mul(k_.sub(tile.s0, s0_), each));
  Value to = k_.add(from, k_.mul(k_.i64(tile.rows), each));
  k_.loop(from, k_.min(to, k1_), 1, [&](Value k) {
    for (int j = 0; j < tile.vectors; ++j)
      k_.prefetch(k_.address(k_.pointer(spec_.right.arg), spec_.right.dtype,
                             offset(spec_.right, nullptr, vIndex(tile, tile.vectors + j), k)),
                  KernelBuilder::Near::second);
  });
}

void MatmulEmitter::packTurned(const Tile& tile) {
  Value depth = k_.sub(k1_, k0_), whole = k_.add(k0_, k_.roundDown(depth, spec_.lanes));
  const auto known = k_.known(depth);
  k_.loop(k_.i64(0), k_.i64(tile.vectors), 1, [&](Value vector) {
    const Lanes lanes = lanesOf(tile, vector);
    const auto turn = [&](Value k, int steps, Value count) {
      const Vectors turned = transposeRight(lanes, {k, spec_.lanes, steps, count});
      for (int step = 0; step < steps; ++step)
        k_.storeVector(turned[step], packedAddress(tile, k_.add(k, k_.i64(step)), vector),
                       spec_.dtype, nullptr, alignment());
    };
    k_.loop(k0_, whole, spec_.lanes, [&](Value k) { turn(k, spec_.lanes, nullptr); });
    if (!known)
      k_.loop(whole, k1_, spec_.lanes, [&](Value k) { turn(k, spec_.lanes, k_.sub(k1_, k)); });
    else if (const auto rest = static_cast<int>(*known % spec_.lanes))
      turn(whole, rest, nullptr);
  });
}

} // namespace diptych::codegen
