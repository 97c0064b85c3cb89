// The right operand of a product: loaded or computed where it is read, turned in registers, or
// copied into a panel first.
#include "codegen/Lowerings.h"
#include "codegen/MatmulEmitter.h"
#include "codegen/Transpose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
// How far in front a row is fetched that is read a cache line at a time.
constexpr int64_t kAheadBytes = 256;
} // namespace

Value MatmulEmitter::loadVector(const Access& access, Value v, Value k, Along along, int lanes,
                                Value mask) {
  Value place = offset(access, nullptr, v, k);
  Value address = k_.address(k_.pointer(access.arg), access.dtype, place);
  const Size& stride = access.strides[along];
  if (stride.is(0))
    return k_.broadcast(k_.loadScalar(address, access.dtype), lanes);
  if (stride.is(1)) {
    if (!mask)
      k_.prefetchNext(access, access.strides[0], place, lanes);
    return k_.loadVector(address, access.dtype, lanes, mask);
  }
  return k_.gatherVector(address, access.dtype, lanes, k_.size(stride), mask);
}

Value MatmulEmitter::rightVector(Value v, Value k, Along along, int lanes, Value mask) {
  if (spec_.lines.empty())
    return loadVector(spec_.right, v, k, along, lanes, mask);
  SmallVector<Value> values;
  for (const Line& line : spec_.lines) {
    ScalarBuilder b(k_.builder(), k_.loc(), line.dtype, contract_);
    if (auto* load = std::get_if<Line::Load>(&line.what)) {
      values.push_back(loadVector(load->from, v, k, along, lanes, mask));
    } else if (auto* constant = std::get_if<Line::Constant>(&line.what)) {
      values.push_back(k_.broadcast(b.literal(constant->value), lanes));
    } else if (auto* parameter = std::get_if<Line::Parameter>(&line.what)) {
      values.push_back(k_.broadcast(k_.number(*parameter, line.dtype), lanes));
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

// Up to `lanes` steps of k at once: V is read along k, where it is contiguous, and turned in
// registers.
MatmulEmitter::Vectors MatmulEmitter::transposedStep(const Tile& tile, Value k, ValueRange sums,
                                                     int steps) {
  Vectors current(sums);
  for (int j = 0; j < tile.vectors; ++j) {
    const Vectors turned = transposeRight(tile, k_.i64(j), k, steps);
    for (int step = 0; step < steps; ++step)
      current = multiply(tile, k_.add(k, k_.i64(step)), j, turned[step], current);
  }
  return current;
}

MatmulEmitter::Vectors MatmulEmitter::accumulateTurned(const Tile& tile) {
  Vectors sums(static_cast<size_t>(tile.rows * tile.vectors), zeros(spec_.lanes));
  Value end = k_.add(k0_, k_.roundDown(k_.sub(k1_, k0_), spec_.lanes));
  const bool known = !spec_.k.isDynamic() && spec_.k.value <= spec_.depth;
  if (!known) // before sums take the registers
    turnRest(tile, end);
  sums = k_.loop(k0_, end, spec_.lanes, sums, [&](Value k, ValueRange carried) {
    return transposedStep(tile, k, carried, spec_.lanes);
  });
  if (!known)
    return k_.loop(end, k1_, 1, sums, [&](Value k, ValueRange carried) {
      return restStep(tile, k, k_.sub(k, end), carried);
    });
  // Read under a mask and turned like the others.
  const auto rest = static_cast<int>(spec_.k.value % spec_.lanes);
  return rest ? transposedStep(tile, end, sums, rest) : sums;
}

Value MatmulEmitter::turnedAddress(const Tile& tile, Value step, int vector) {
  Value place = k_.add(k_.mul(step, k_.i64(tile.vectors)), k_.i64(vector));
  return k_.address(turned_, spec_.dtype, k_.mul(place, k_.i64(spec_.lanes)));
}

void MatmulEmitter::turnRest(const Tile& tile, Value k) {
  if (!turned_)
    turned_ = k_.stackSlots(spec_.dtype, spec_.lanes, vectorsOfPanel() * spec_.lanes);
  k_.when(k_.less(k, k1_), [&] {
    for (int j = 0; j < tile.vectors; ++j) {
      const Vectors turned = transposeRight(tile, k_.i64(j), k, spec_.lanes, k_.sub(k1_, k));
      for (int step = 0; step < spec_.lanes; ++step)
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

// V's rows as transposeQuarters takes them. They are read by halves of a register, both at once, so
// that joining them costs no shuffle and a cache line is met once.
MatmulEmitter::Vectors MatmulEmitter::rightRows(const Tile& tile, Value vector, Value k, int steps,
                                                Value count) {
  const int64_t bytes = sizeOf(spec_.dtype);
  const int quarter = static_cast<int>(kQuarterBytes / bytes);
  const int quarters = spec_.lanes / quarter;
  const int parts = quarters > 1 ? 2 : 1, width = spec_.lanes / parts;
  Value v0 = k_.add(tile.v0, k_.mul(vector, k_.i64(spec_.lanes)));
  const auto row = [&](int lane) {
    Value v = k_.add(v0, k_.i64(lane));
    // Lanes past the end read the last row again; they are never stored.
    if (tile.lastLane)
      v = k_.min(v, tile.lastLane);
    if (!spec_.pack && !count && spec_.lines.empty()) {
      Value ahead = k_.add(k, k_.i64(kAheadBytes / sizeOf(spec_.dtype)));
      k_.prefetch(k_.address(k_.pointer(spec_.right.arg), spec_.dtype,
                             offset(spec_.right, nullptr, v, ahead)));
    }
    Vectors read;
    for (int part = 0; part < parts; ++part) {
      const int from = part * width;
      Value mask;
      if (count)
        mask = k_.maskBelow(k_.sub(count, k_.i64(from)), width);
      else if (steps < from + width)
        mask = k_.maskBelow(k_.i64(std::max(0, steps - from)), width);
      read.push_back(rightVector(v, k_.add(k, k_.i64(from)), alongK, width, mask));
    }
    return read;
  };
  Vectors rows(static_cast<size_t>(spec_.lanes));
  for (int t = 0; t < quarter; ++t) {
    SmallVector<Vectors> read;
    for (int q = 0; q < quarters; ++q)
      read.push_back(row(t + q * quarter));
    for (int part = 0; part < parts; ++part) {
      if (quarters == 1) {
        rows[t] = read[0][0];
        continue;
      }
      Value low = joined(k_, read[0][part], read[1][part]);
      if (quarters == 2) {
        rows[part * quarter + t] = low;
        continue;
      }
      Value high = joined(k_, read[2][part], read[3][part]);
      for (int odd = 0; odd < 2; ++odd)
        rows[(2 * part + odd) * quarter + t] = everySecondQuarter(k_, low, high, bytes, odd);
    }
  }
  return rows;
}

MatmulEmitter::Vectors MatmulEmitter::transposeRight(const Tile& tile, Value vector, Value k,
                                                     int steps, Value count) {
  Vectors rows = rightRows(tile, vector, k, steps, count);
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
    const auto turn = [&](Value k, int steps, Value count) {
      const Vectors turned = transposeRight(tile, vector, k, steps, count);
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
