// Windows that roll along an axis, by order: a thread to each element, which looks through the
// window. The host goes along the axis instead and keeps what the window before has told
// (runtime/library/kernels/Rolling.h): fewer comparisons, one after the other. Positions and ranks
// are exact, so results are the same. NaN counts as missing.
#include "codegen/cuda/GpuEmitters.h"

#include "codegen/ExtremumKeys.h"
#include "codegen/Lowerings.h"

#include <limits>

namespace diptych::codegen::cuda {

using namespace mlir;

namespace {

constexpr int kThreads = 128;
constexpr int64_t kAhead = 4; // loads under way
/// Extrema of windows above so many elements are found from those of pieces of the axis.
constexpr int64_t kDirect = 128, kPiece = 64;

using runtime::cuda::Launch;
using Float = arith::CmpFPredicate;
using Integer = arith::CmpIPredicate;

/// The row of an element along the axis, and its own place there.
class Rolling {
public:
  /// `element` of x; where `inPieces`, of an array with a number for each piece instead.
  Rolling(GpuKernel& k, const RollingSpec& spec, Value element, bool inPieces = false)
      : b_(k.builder(), k.loc(), spec.dtype), k_(k), spec_(spec) {
    Value inner = k.size(spec.inner), length = inPieces ? pieces() : k.size(spec.n);
    Value row = k.divide(element, inner), outer = k.divide(row, length);
    own_ = k.remainder(row, length);
    Value within = k.remainder(element, inner);
    start_ = k.add(k.mul(k.mul(outer, k.size(spec.n)), inner), within);
    firstPiece_ = k.add(k.mul(k.mul(outer, pieces()), inner), within);
  }

  /// The extremum of piece own().
  Value ofPiece() {
    Value from = k_.mul(own_, k_.i64(kPiece));
    Value to = k_.min(k_.add(from, k_.i64(kPiece)), k_.size(spec_.n));
    return best(from, to, nothing(k_.sub(to, k_.i64(1))), element)[1];
  }
  Value extremum() { return best(first(), behind(), nothing(own_), element)[1]; }
  // Elements up to the first whole piece, pieces, and what is left.
  Value extremumByPieces() {
    const auto ofPiece = [&](Value piece) {
      Value place = k_.add(firstPiece_, k_.mul(piece, k_.size(spec_.inner)));
      return k_.loadScalar(k_.address(k_.scratch(), DType::i64, place), DType::i64);
    };
    Value up = k_.ceilDivide(first(), kPiece), down = k_.divide(behind(), k_.i64(kPiece));
    Value head = k_.min(behind(), k_.mul(up, k_.i64(kPiece)));
    Value tail = greater(head, k_.mul(down, k_.i64(kPiece)));
    SmallVector<Value> so = best(first(), head, nothing(own_), element);
    so = best(up, down, so, ofPiece);
    return best(tail, behind(), so, element)[1];
  }

  // (those below + those up to it + 1) / 2; comparisons with NaN hold for none.
  Value rank() {
    Value x = at(own_);
    Value total = overWindow({k_.i64(1)}, [&](Value i, ValueRange so) -> SmallVector<Value> {
      Value other = at(i);
      return {k_.add(k_.add(so[0], number(is(Float::OLT, other, x))),
                     number(is(Float::OLE, other, x)))};
    })[0];
    Type f64 = k_.builder().getF64Type();
    Value rank =
        b_.create<arith::MulFOp>(b_.create<arith::SIToFPOp>(f64, total), k_.constant(f64, 0.5));
    if (rank.getType() != x.getType())
      rank = b_.create<arith::TruncFOp>(x.getType(), rank);
    return b_.select(is(Float::ORD, x, x), rank, x);
  }

  // The number that `k` others stand before, by halving the range of numbers that it may be in;
  // each turn ends that range at numbers of the window. Then the place of that number, the oldest
  // first. No such number: own().
  Value choice(Value k) {
    Type type = k_.builder().getIntegerType(width());
    Value most = limit(type, APInt::getSignedMaxValue(width()));
    Value least = limit(type, APInt::getSignedMinValue(width()));
    SmallVector<Value> range = overWindow({most, least}, [&](Value i, ValueRange so) {
      const auto [key, there] = keyAt(i);
      return SmallVector<Value>{b_.select(there, b_.create<arith::MinSIOp>(so[0], key), so[0]),
                                b_.select(there, b_.create<arith::MaxSIOp>(so[1], key), so[1])};
    });
    range.push_back(k_.i64(0)); // numbers below the range
    range = k_.repeat(
        range, [&](ValueRange so) { return is(Integer::slt, so[0], so[1]); },
        [&](ValueRange so) { return halved(so, k); });
    return overWindow({own_, range[2]}, [&](Value i, ValueRange so) {
      const auto [key, there] = keyAt(i);
      Value equal = k_.both(there, k_.equal(key, range[0]));
      return SmallVector<Value>{b_.select(k_.both(equal, k_.equal(so[1], k)), i, so[0]),
                                k_.add(so[1], number(equal))};
    })[0];
  }

private:
  static Value element(Value i) { return i; }
  Value pieces() { return k_.ceilDivide(k_.size(spec_.n), kPiece); }
  /// Where the window begins and ends.
  Value first() {
    Value before = k_.sub(k_.size(spec_.window), k_.i64(1));
    return k_.select(k_.less(own_, before), k_.i64(0), k_.sub(own_, before));
  }
  Value behind() { return k_.add(own_, k_.i64(1)); }
  Value greater(Value x, Value y) { return k_.select(k_.less(x, y), y, x); }

  Value at(Value i) {
    Value place = k_.add(start_, k_.mul(i, k_.size(spec_.inner)));
    return k_.loadScalar(k_.address(k_.pointer(0), spec_.dtype, place), spec_.dtype);
  }
  SmallVector<Value> overWindow(ValueRange init,
                                function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    return k_.unrolled(first(), behind(), 1, kAhead, init, body);
  }

  SmallVector<Value> nothing(Value place) {
    Type type = computeType(k_.builder().getContext(), spec_.dtype);
    return {k_.constant(type, std::numeric_limits<double>::quiet_NaN()), place};
  }
  // The first of the best at positions number `from` to `to`, and where it is.
  SmallVector<Value> best(Value from, Value to, ValueRange init,
                          function_ref<Value(Value)> position) {
    const Float better = spec_.code == OpCode::RollingArgmax ? Float::UGT : Float::ULT;
    return k_.unrolled(from, to, 1, kAhead, init, [&](Value j, ValueRange so) {
      Value i = position(j), x = at(i);
      Value wins = k_.both(is(Float::ORD, x, x), is(better, x, so[0]));
      return SmallVector<Value>{b_.select(wins, x, so[0]), b_.select(wins, i, so[1])};
    });
  }

  SmallVector<Value> halved(ValueRange so, Value k) {
    Value one = b_.integer(so[0], 1);
    Value apart = b_.create<arith::ShRSIOp>(b_.create<arith::XOrIOp>(so[0], so[1]), one);
    Value middle = b_.create<arith::AddIOp>(b_.create<arith::AndIOp>(so[0], so[1]), apart);
    // How many are up to the middle, the greatest of these, the least of the others.
    SmallVector<Value> cut = overWindow({k_.i64(0), so[0], so[1]}, [&](Value i, ValueRange found) {
      const auto [key, there] = keyAt(i);
      Value low = k_.both(there, is(Integer::sle, key, middle));
      Value high = k_.both(there, is(Integer::sgt, key, middle));
      return SmallVector<Value>{
          k_.add(found[0], number(low)),
          b_.select(low, b_.create<arith::MaxSIOp>(found[1], key), found[1]),
          b_.select(high, b_.create<arith::MinSIOp>(found[2], key), found[2])};
    });
    Value isLow = k_.less(k, cut[0]);
    return {b_.select(isLow, so[0], cut[2]), b_.select(isLow, cut[1], so[1]),
            b_.select(isLow, so[2], cut[0])};
  }

  // An integer in the order of the numbers, 0 and -0 being one; and whether there is a number.
  std::pair<Value, Value> keyAt(Value i) {
    Value x = at(i);
    Value oneZero = b_.create<arith::AddFOp>(x, k_.constant(x.getType(), 0.0));
    return {orderedBits(k_, oneZero), is(Float::ORD, x, x)};
  }
  unsigned width() const { return spec_.dtype == DType::f32 ? 32 : 64; }

  template <class Predicate> Value is(Predicate predicate, Value x, Value y) {
    using Op = std::conditional_t<std::is_same_v<Predicate, Float>, arith::CmpFOp, arith::CmpIOp>;
    return Op::create(k_.builder(), k_.loc(), predicate, x, y);
  }
  Value number(Value flag) { return b_.create<arith::ExtUIOp>(k_.builder().getI64Type(), flag); }
  Value limit(Type type, const APInt& value) {
    return arith::ConstantOp::create(k_.builder(), k_.loc(), IntegerAttr::get(type, value));
  }

  ScalarBuilder b_;
  GpuKernel& k_;
  const RollingSpec& spec_;
  Value own_, start_, firstPiece_;
};

Launch& storeEach(Emission& emission, const RollingSpec& spec,
                  function_ref<Value(GpuKernel&, Value)> result) {
  const std::vector<Size> extents{spec.rows, spec.n, spec.picks};
  return emission.launch(countOf(extents, kThreads), kThreads, [&](GpuKernel& k) {
    Value unit = k.globalThread();
    k.when(k.less(unit, k.product(extents)), [&] {
      const DType dtype = spec.code == OpCode::RollingRank ? spec.dtype : DType::i64;
      Value y = result(k, unit), to = k.pointer(pointersOf({spec}) - 1);
      k.storeScalar(y, k.address(to, dtype, unit), dtype);
    });
  });
}

void storePieces(Emission& emission, const RollingSpec& spec) {
  const runtime::cuda::Count pieces{{factorOf({spec.rows}), factorOf({spec.n}, kPiece)}, kThreads};
  emission.launchAbove(spec.window, kDirect, pieces, kThreads, [&](GpuKernel& k) {
    Value unit = k.globalThread();
    Value count = k.mul(k.size(spec.rows), k.ceilDivide(k.size(spec.n), kPiece));
    k.when(k.less(unit, count), [&] {
      k.storeScalar(Rolling(k, spec, unit, /*inPieces=*/true).ofPiece(),
                    k.address(k.scratch(), DType::i64, unit), DType::i64);
    });
  });
}

void emitExtrema(Emission& emission, const RollingSpec& spec) {
  const auto is = [&](bool above) {
    return spec.window.isDynamic() || (spec.window.value > kDirect) == above;
  };
  if (is(true)) {
    emission.frame.scratch = true;
    emission.launches.scratchUnit = sizeof(int64_t);
    emission.launches.scratch.factors = {factorOf({spec.rows}), factorOf({spec.n}, kPiece)};
  }
  const auto launch = [&](Value (Rolling::*extremum)()) -> Launch& {
    Launch& made = storeEach(emission, spec, [&](GpuKernel& k, Value unit) {
      return (Rolling(k, spec, unit).*extremum)();
    });
    made.guard = extentOf(spec.window);
    return made;
  };
  if (is(false))
    launch(&Rolling::extremum).atMost = kDirect;
  if (is(true)) {
    storePieces(emission, spec);
    launch(&Rolling::extremumByPieces).above = kDirect;
  }
}

} // namespace

void emitRolling(Emission& emission, const RollingSpec& spec) {
  if (spec.code == OpCode::RollingRank)
    storeEach(emission, spec,
              [&](GpuKernel& k, Value unit) { return Rolling(k, spec, unit).rank(); });
  else if (spec.code == OpCode::RollingArgselect)
    storeEach(emission, spec, [&](GpuKernel& k, Value unit) {
      Value element = k.divide(unit, k.size(spec.picks));
      Value choice = k.loadScalar(k.address(k.pointer(1), DType::i64, unit), DType::i64);
      return Rolling(k, spec, element).choice(choice);
    });
  else
    emitExtrema(emission, spec);
}

} // namespace diptych::codegen::cuda
