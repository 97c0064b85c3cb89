// argmax and argmin. Along a dense reduced axis lanes take places in turn and their finds are
// merged at the end, equals by place; across columns each lane has a row of its own. Positions are
// exact, so both give what one element after the other gives.
#include "codegen/Emit.h"
#include "codegen/Lowerings.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

namespace diptych::codegen {

using namespace mlir;

// Unordered, so that a NaN is better, but not than a NaN.
Value extremumWins(ScalarBuilder& b, bool greatest, Value candidate, Value best) {
  using FloatPredicate = arith::CmpFPredicate;
  using IntegerPredicate = arith::CmpIPredicate;
  Value better =
      b.compare(greatest ? FloatPredicate::UGT : FloatPredicate::ULT,
                greatest ? IntegerPredicate::sgt : IntegerPredicate::slt, candidate, best);
  if (!ScalarBuilder::isFloatLike(candidate))
    return better;
  return b.create<arith::AndIOp>(better, b.create<arith::CmpFOp>(FloatPredicate::ORD, best, best));
}

namespace {

class ArgEmitter {
public:
  ArgEmitter(KernelBuilder& k, const ArgSpec& spec)
      : k_(k), spec_(spec), b_(k.builder(), k.loc(), spec.from.dtype),
        last_(spec.extents.size() - 1), indices_(spec.extents.size()) {}

  void emit() { level(0); }

private:
  using Values = SmallVector<Value>;

  void level(size_t depth);
  void overColumns(size_t depth, Value from, Value to);
  void columns();
  void row();
  Values alongRow(Value from, Value to, int vectors, Values best);
  Values restOfRow(Value from, Value to, Values best);

  Value addressOf(const Access& access, Value shift) {
    Value offset = k_.add(k_.size(access.offset), shift);
    for (size_t loop = 0; loop < indices_.size(); ++loop)
      offset = k_.add(offset, k_.mul(indices_[loop], k_.size(access.strides[loop])));
    return k_.address(k_.pointer(access.arg), access.dtype, offset);
  }
  Value load(int lanes, Value shift) {
    Value address = addressOf(spec_.from, shift);
    return lanes == 1 ? k_.loadScalar(address, spec_.from.dtype)
                      : k_.loadVector(address, spec_.from.dtype, lanes, mask_);
  }
  // Rows lie too far apart for the hardware to see where this goes.
  void prefetchBelow(int vector) {
    constexpr int64_t kRows = 16;
    k_.prefetch(
        addressOf(spec_.from, k_.add(shiftOf(vector),
                                     k_.mul(k_.size(spec_.from.strides[last_]), k_.i64(kRows)))));
  }
  Value shiftOf(int vector) { return k_.i64(vector * spec_.lanes); }

  // best, place: a find and where.
  void take(Value candidate, Value place, Value& best, Value& at, Value where = nullptr) {
    Value won = extremumWins(b_, spec_.greatest, candidate, best);
    if (where)
      won = b_.create<arith::AndIOp>(won, where);
    best = b_.select(won, candidate, best);
    at = b_.select(won, place, at);
  }
  // Of two finds in no order: equals go by place.
  void merge(Value candidate, Value place, Value& best, Value& at) {
    Value won = extremumWins(b_, spec_.greatest, candidate, best);
    Value lost = extremumWins(b_, spec_.greatest, best, candidate);
    Value before = b_.create<arith::CmpIOp>(arith::CmpIPredicate::slt, place, at);
    Value apart = b_.create<arith::XOrIOp>(won, lost);
    won = b_.select(apart, won, before);
    best = b_.select(won, candidate, best);
    at = b_.select(won, place, at);
  }
  Value placesFrom(Value first) {
    return b_.create<arith::AddIOp>(k_.broadcast(first, spec_.lanes), k_.laneIndex(spec_.lanes));
  }
  Value lanesFrom(Value x, int64_t first, int64_t count) {
    SmallVector<int64_t> chosen(static_cast<size_t>(count));
    std::iota(chosen.begin(), chosen.end(), first);
    return b_.create<vector::ShuffleOp>(x, x, chosen);
  }

  KernelBuilder& k_;
  const ArgSpec& spec_;
  ScalarBuilder b_;
  const size_t last_;
  Values indices_;
  int vectors_ = 1; // of columns, side by side
  Value mask_;
};

} // namespace

void ArgEmitter::level(size_t depth) {
  if (depth == last_) {
    indices_[last_] = k_.i64(0);
    return spec_.vectorLoop == static_cast<int>(last_) ? row() : columns();
  }
  Value from = depth == 0 ? k_.lo() : k_.i64(0);
  Value to = depth == 0 ? k_.hi() : k_.size(spec_.extents[depth]);
  if (spec_.vectorLoop == static_cast<int>(depth))
    return overColumns(depth, from, to);
  k_.loop(from, to, 1, [&](Value i) {
    indices_[depth] = i;
    level(depth + 1);
  });
}

// Four vectors at a time, each a chain of its own, then one, then what is left of one.
void ArgEmitter::overColumns(size_t depth, Value from, Value to) {
  const auto step = [&](Value begin, Value end, int vectors) {
    k_.loop(begin, end, vectors * spec_.lanes, [&](Value i) {
      vectors_ = vectors;
      indices_[depth] = i;
      level(depth + 1);
    });
  };
  Value extent = k_.sub(to, from);
  Value fours = k_.add(from, k_.roundDown(extent, kArgColumns * spec_.lanes));
  Value ones = k_.add(from, k_.roundDown(extent, spec_.lanes));
  step(from, fours, kArgColumns);
  step(fours, ones, 1);
  k_.when(k_.less(ones, to), [&] {
    mask_ = k_.maskBelow(k_.sub(to, ones), spec_.lanes);
    vectors_ = 1;
    indices_[depth] = ones;
    level(depth + 1);
    mask_ = nullptr;
  });
}

// Each lane, or the one element there is, goes along the reduced axis in order.
void ArgEmitter::columns() {
  const int lanes = spec_.vectorLoop < 0 ? 1 : spec_.lanes, count = vectors_;
  const auto spread = [&](Value place) { return lanes == 1 ? place : k_.broadcast(place, lanes); };
  Values best;
  for (int v = 0; v < count; ++v)
    best.append({load(lanes, shiftOf(v)), spread(k_.i64(0))});
  best = k_.loop(k_.i64(1), k_.size(spec_.extents[last_]), 1, best, [&](Value r, ValueRange so) {
    indices_[last_] = r;
    Values next(so);
    for (int v = 0; v < count; ++v) {
      if (lanes > 1)
        prefetchBelow(v);
      take(load(lanes, shiftOf(v)), spread(r), next[2 * v], next[2 * v + 1]);
    }
    return next;
  });
  indices_[last_] = k_.i64(0);
  for (int v = 0; v < count; ++v) {
    Value to = addressOf(spec_.to, shiftOf(v));
    lanes == 1 ? k_.storeScalar(best[2 * v + 1], to, DType::i64)
               : k_.storeVector(best[2 * v + 1], to, DType::i64, mask_);
  }
}

// From the first element on, which a lane has found that finds nothing better.
void ArgEmitter::row() {
  const int lanes = spec_.lanes;
  Value first = k_.broadcast(load(1, k_.i64(0)), lanes), place = k_.broadcast(k_.i64(0), lanes);
  Value extent = k_.size(spec_.extents[last_]);
  Value twos = k_.roundDown(extent, 2 * lanes), ones = k_.roundDown(extent, lanes);
  Values best = alongRow(k_.i64(0), twos, 2, {first, place, first, place});
  merge(best[2], best[3], best[0], best[1]);
  best = alongRow(twos, ones, 1, {best[0], best[1]});
  best = k_.choose(
      k_.less(ones, extent), [&] { return restOfRow(ones, extent, best); }, [&] { return best; });
  for (int64_t half = lanes / 2; half >= 1; half /= 2) {
    Value found = lanesFrom(best[0], 0, half), at = lanesFrom(best[1], 0, half);
    merge(lanesFrom(best[0], half, half), lanesFrom(best[1], half, half), found, at);
    best = {found, at};
  }
  k_.storeScalar(b_.create<vector::ExtractOp>(best[1], int64_t{0}), addressOf(spec_.to, k_.i64(0)),
                 DType::i64);
}

ArgEmitter::Values ArgEmitter::restOfRow(Value from, Value to, Values best) {
  mask_ = k_.maskBelow(k_.sub(to, from), spec_.lanes);
  take(load(spec_.lanes, from), placesFrom(from), best[0], best[1], mask_);
  mask_ = nullptr;
  return best;
}

ArgEmitter::Values ArgEmitter::alongRow(Value from, Value to, int vectors, Values best) {
  const int lanes = spec_.lanes;
  return k_.loop(from, to, vectors * lanes, best, [&](Value r, ValueRange so) {
    Values next(so);
    for (int v = 0; v < vectors; ++v) {
      Value begin = k_.add(r, shiftOf(v));
      take(load(lanes, begin), placesFrom(begin), next[2 * v], next[2 * v + 1]);
    }
    return next;
  });
}

void emitArg(KernelBuilder& k, const ArgSpec& spec) { ArgEmitter(k, spec).emit(); }

} // namespace diptych::codegen
