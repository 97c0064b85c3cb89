// sin, cos over the full range. |x| < 2^30, in f32 < 2^15: three-part reduction by pi/2 in fma
// arithmetic, exact to 2^-120, in f32 2^-60. Beyond: f32 by way of f64; f64 by x times 2/pi modulo
// 4 in integers (Payne and Hanek), one lane at a time. Both stand under a branch no other lane can
// feel. Kernels on |r| <= pi/4: our own minimax fits.
#include <bit>
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {
namespace math {

namespace arith = mlir::arith;
namespace scf = mlir::scf;
namespace LLVM = mlir::LLVM;

static constexpr double kPiHalf[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54,
                                     -0x1.f1976b7ed8fbcp-110};
static constexpr double kPiHalfNarrow[] = {0x1.921fb6p+0, -0x1.777a5cp-25, -0x1.ee59dap-50};
static constexpr double kLargeArgument = 0x1p30, kLargeNarrow = 0x1p15;

static bool isNarrow(Num x) { return formatOf(x).fraction == 23; }

/// 2/pi times 2^1280, rounded down, least significant word first, and a word of the integer part.
static constexpr int64_t kTwoOverPiBits = 1280;
static constexpr uint64_t kTwoOverPi[kTwoOverPiBits / 64 + 1] = {
    0xf0cfbc209af4361d, 0x56033046fc7b6bab, 0x6bfb5fb11f8d5d08, 0x3d0739f78a5292ea,
    0x7527bac7ebe5f17b, 0x4f463f669e5fea2d, 0x6d367ecf27cb09b7, 0xef2f118b5a0a6d1f,
    0x1ff897ffde05980f, 0x9c845f8bbdf9283b, 0x3991d639835339f4, 0xe99c7026b45f7e41,
    0xe88235f52ebb4484, 0xfe1deb1cb129a73e, 0x06492eea09d1921c, 0xb7246e3a424dd2e0,
    0xfe5163abdebbc561, 0xdb6295993c439041, 0xfc2757d1f534ddc0, 0xa2f9836e4e441529,
    0x0000000000000000};

/// x = k pi/2 + r + tail, |r| <= pi/4; `quadrant` holds k in its low two bits.
struct TrigReduction {
  Num r, tail;
  Int quadrant;
};

// The first fma is exact: both terms are multiples of 2^-53, in f32 2^-24, and the difference is
// below 1.
static TrigReduction reduceModerate(Num x) {
  const double round = formatOf(x).round;
  const double* piHalf = isNarrow(x) ? kPiHalfNarrow : kPiHalf;
  Num shifted = fma(x, 0x1.45f306dc9c883p-1, round);
  Num n = shifted - round;
  Num exact = fma(n, -piHalf[0], x);
  Pair second = twoProduct(n, piHalf[1]);
  Pair r = fastTwoSum(exact, -second.hi);
  return {r.hi, fma(n, -piHalf[2], r.lo - second.lo), bits(shifted)};
}

/// Scalar integer arithmetic the vector kinds lack: 128 bits.
struct Wide {
  mlir::OpBuilder& builder;
  mlir::Location loc;

  mlir::Value resize(mlir::Value a, unsigned width) const {
    mlir::Type type = builder.getIntegerType(width);
    if (width < a.getType().getIntOrFloatBitWidth())
      return arith::TruncIOp::create(builder, loc, type, a);
    return arith::ExtUIOp::create(builder, loc, type, a);
  }
  mlir::Value constant(unsigned width, int64_t value) const {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getIntegerAttr(builder.getIntegerType(width), value));
  }
  /// The upper half of an i128.
  mlir::Value upper(mlir::Value a) const {
    return resize(arith::ShRUIOp::create(builder, loc, a, constant(128, 64)), 64);
  }
  /// a * b + carry for i64, as an i128.
  mlir::Value multiplyAdd(mlir::Value a, mlir::Value b, mlir::Value carry) const {
    mlir::Value product = arith::MulIOp::create(builder, loc, resize(a, 128), resize(b, 128));
    return arith::AddIOp::create(builder, loc, product, resize(carry, 128));
  }
};

/// |x| 2/pi modulo 4 in units of 2^-126, as high and low words, for |x| >= 2^30.
static std::pair<Int, Int> turnsModuloFour(const Scope& scope, Int xBits) {
  mlir::OpBuilder& builder = scope.builder;
  mlir::Location loc = scope.loc;
  Wide wide{builder, loc};
  Int exponent = (xBits >> 52) & 0x7ff;
  Int mantissa = (xBits & 0x000fffffffffffff) | 0x0010000000000000;
  // |x| = mantissa 2^(exponent - 1075): of 2/pi, only 192 bits from this one up can matter.
  Int first = (exponent ^ -1) + (kTwoOverPiBits - 190 + 1075 + 1);
  // Lanes that are not large are computed too, and dropped: keep their loads inside the table.
  first.value =
      arith::MinUIOp::create(builder, loc, first.value, scope.constant(kTwoOverPiBits - 190 + 22));
  // A constant of the function, not a global: kernels move between modules freely.
  auto words = llvm::ArrayRef<uint64_t>(kTwoOverPi);
  auto type = mlir::VectorType::get({static_cast<int64_t>(words.size())}, builder.getI64Type());
  mlir::Value table =
      arith::ConstantOp::create(builder, loc, mlir::DenseElementsAttr::get(type, words));
  mlir::Value word[4], window[3];
  for (int i = 0; i < 4; ++i) {
    Int index = (first >> 6) + i;
    word[i] = LLVM::ExtractElementOp::create(builder, loc, table, index.value);
  }
  for (int i = 0; i < 3; ++i)
    window[i] = LLVM::FshrOp::create(builder, loc, word[i + 1], word[i], first.value);
  mlir::Value low = wide.multiplyAdd(window[0], mantissa.value, wide.constant(64, 0));
  mlir::Value middle = wide.multiplyAdd(window[1], mantissa.value, wide.upper(low));
  mlir::Value high = wide.multiplyAdd(window[2], mantissa.value, wide.upper(middle));
  return {{&scope, wide.resize(high, 64)}, {&scope, wide.resize(middle, 64)}};
}

/// The reduction of one large lane; garbage for other lanes.
static TrigReduction reduceLarge(const Scope& scope, mlir::Value x) {
  mlir::OpBuilder& builder = scope.builder;
  Int xBits = bits(Num{&scope, x});
  auto [high, low] = turnsModuloFour(scope, xBits);
  // Nearest quadrant; what is left of it, signed, has the binary point before its first bit.
  Int quadrant = (high + (int64_t(1) << 61)) >> 62;
  Int restHigh = (high << 2) | (low >> 62), restLow = low << 2;
  // One's complement stands for negation: off by 2^-128, where the rest is at least 2^-63.
  Int sign{&scope,
           arith::ShRSIOp::create(builder, scope.loc, restHigh.value, scope.constant(int64_t(63)))};
  restHigh = restHigh ^ sign;
  restLow = restLow ^ sign;
  auto piece = [&](Int bitsOfRest, double weight) {
    return Num{&scope, arith::SIToFPOp::create(builder, scope.loc, builder.getF64Type(),
                                               bitsOfRest.value)} *
           weight;
  };
  // 53, 43 and 32 bits: each converts exactly.
  Pair turn = fastTwoSum(piece(restHigh >> 11, 0x1p-53),
                         piece(((restHigh & 0x7ff) << 32) | (restLow >> 32), 0x1p-96));
  turn = fastTwoSum(turn.hi, turn.lo + piece(restLow & 0xffffffff, 0x1p-128));
  Pair angle = twoProduct(turn.hi, kPiHalf[0]);
  angle.lo = fma(turn.hi, kPiHalf[1], fma(turn.lo, kPiHalf[0], angle.lo));
  angle = fastTwoSum(angle.hi, angle.lo);
  // The angle and the quadrant of -x are those of x negated.
  Int flip = (sign ^ xBits) & std::numeric_limits<int64_t>::min();
  Int negative = xBits >> 63;
  Int all = (negative ^ -1) + 1;
  return {number(bits(angle.hi) ^ flip), number(bits(angle.lo) ^ flip),
          (quadrant ^ all) + negative};
}

/// `moderate` with the lanes of `large` reduced again, one at a time.
static TrigReduction replaceLargeLanes(Num x, Mask large, TrigReduction moderate) {
  const Scope& scope = *x.scope;
  mlir::OpBuilder& builder = scope.builder;
  mlir::Location loc = scope.loc;
  Scope lane{builder, loc, nullptr};
  if (!scope.shape) {
    TrigReduction other = reduceLarge(lane, x.value);
    return {{&scope, other.r.value}, {&scope, other.tail.value}, {&scope, other.quadrant.value}};
  }
  mlir::Value kept[] = {moderate.r.value, moderate.tail.value, moderate.quadrant.value};
  auto loop = scf::ForOp::create(builder, loc, lane.constant(int64_t(0)),
                                 lane.constant(scope.shape.getNumElements()),
                                 lane.constant(int64_t(1)), kept);
  {
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    mlir::Value i = loop.getInductionVar();
    TrigReduction other =
        reduceLarge(lane, LLVM::ExtractElementOp::create(builder, loc, x.value, i));
    mlir::Value fresh[] = {other.r.value, other.tail.value, other.quadrant.value};
    llvm::SmallVector<mlir::Value> next;
    for (auto [value, carried] : llvm::zip(fresh, loop.getRegionIterArgs()))
      next.push_back(LLVM::InsertElementOp::create(builder, loc, carried, value, i));
    scf::YieldOp::create(builder, loc, next);
  }
  auto merged = [&](int part) -> mlir::Value {
    return arith::SelectOp::create(builder, loc, large.value, loop.getResult(part), kept[part]);
  };
  return {{&scope, merged(0)}, {&scope, merged(1)}, {&scope, merged(2)}};
}

static TrigReduction reduceTrig(Num x);

/// The reduction of f32 by that of f64, whose tail is far below the last place of r.
static TrigReduction reduceInDouble(Num x) {
  const Scope& scope = *x.scope;
  TrigReduction wide = reduceTrig(widen(x));
  Num r = narrow(wide.r);
  mlir::Value quadrant = arith::TruncIOp::create(
      scope.builder, scope.loc, scope.laned(scope.builder.getI32Type()), wide.quadrant.value);
  return {r, narrow(wide.r - widen(r)), {&scope, quadrant}};
}

static TrigReduction selectReduction(Mask which, const TrigReduction& a, const TrigReduction& b) {
  const Scope& scope = *which.scope;
  mlir::Value quadrant = arith::SelectOp::create(scope.builder, scope.loc, which.value,
                                                 a.quadrant.value, b.quadrant.value);
  return {select(which, a.r, b.r), select(which, a.tail, b.tail), {&scope, quadrant}};
}

static TrigReduction reduceTrig(Num x) {
  const Scope& scope = *x.scope;
  mlir::OpBuilder& builder = scope.builder;
  TrigReduction moderate = reduceModerate(x);
  Mask large = abs(x) >= (isNarrow(x) ? kLargeNarrow : kLargeArgument);
  mlir::Value any = large.value;
  if (scope.shape)
    any =
        mlir::vector::ReductionOp::create(builder, scope.loc, mlir::vector::CombiningKind::OR, any);
  mlir::Value values[] = {moderate.r.value, moderate.tail.value, moderate.quadrant.value};
  auto branch =
      scf::IfOp::create(builder, scope.loc, mlir::ValueRange(values).getTypes(), any, true);
  {
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    TrigReduction other = isNarrow(x) ? selectReduction(large, reduceInDouble(x), moderate)
                                      : replaceLargeLanes(x, large, moderate);
    mlir::Value replaced[] = {other.r.value, other.tail.value, other.quadrant.value};
    scf::YieldOp::create(builder, scope.loc, replaced);
    builder.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(builder, scope.loc, values);
  }
  return {
      {&scope, branch.getResult(0)}, {&scope, branch.getResult(1)}, {&scope, branch.getResult(2)}};
}

/// (sin(r) / r - 1) / z, z = r^2: relative error of the sine 2^-58, in f32 2^-28.
static Num sinRest(Num z) {
  if (isNarrow(z))
    return polynomial(z, {-0x1.555546p-3, 0x1.11077cp-7, -0x1.9955aep-13});
  return polynomial(z, {-0x1.5555555555549p-3, 0x1.111111110f89cp-7, -0x1.a01a019c141bbp-13,
                        0x1.71de3578eea44p-19, -0x1.ae5e66a5d06f3p-26, 0x1.5d9301c363eabp-33});
}

/// (cos(r) - 1 + z / 2) / z^2: error of the cosine 2^-64, in f32 2^-33.
static Num cosRest(Num z) {
  if (isNarrow(z))
    return polynomial(z, {0x1.55554ap-5, -0x1.6c0c1ap-10, 0x1.99e0ecp-16});
  return polynomial(z, {0x1.555555555554cp-5, -0x1.6c16c16c15217p-10, 0x1.a01a019cbe0a3p-16,
                        -0x1.27e4f8116c5f6p-22, 0x1.1ee9f044f7a2ep-29, -0x1.8fb0917ce95e2p-37});
}

/// sin(r + tail), the last sum left open: below 0.8 ulp with it.
static Pair sinPair(Num r, Num tail, Num z) {
  return {r, fma(r * z, sinRest(z), fma(tail * z, -0.5, tail))};
}

/// cos(r + tail) = 1 - z/2 + z^2 C(z) - r tail, the rounding of 1 - z/2 recovered; below 0.8 ulp
/// with the last sum.
static Pair cosPair(Num r, Num tail, Num z) {
  Num half = z * 0.5;
  Pair main = fastTwoSum(1.0, -half);
  return {main.hi, main.lo + fma(z * z, cosRest(z), r * -tail)};
}

static Num sinKernel(Num r, Num tail, Num z) {
  Pair sine = sinPair(r, tail, z);
  return sine.hi + sine.lo;
}

static Num cosKernel(Num r, Num tail, Num z) {
  Pair cosine = cosPair(r, tail, z);
  return cosine.hi + cosine.lo;
}

/// Infinities have no angle; NaN stays NaN.
static Num finiteOrNan(Num x, Num y) {
  return select(abs(x) < std::numeric_limits<double>::infinity(), y, x - x);
}

/// Picks sin(x + shift pi/2): odd quadrants take the cosine, quadrants 2 and 3 the opposite sign.
static Num choose(Int quadrant, Num sine, Num cosine) {
  Num y = select((quadrant & 1) != 0, cosine, sine);
  const int64_t signBit = isNarrow(y) ? 31 : 63;
  return number(bits(y) ^ ((quadrant << (signBit - 1)) & (int64_t(-1) << signBit)));
}

static Num trig(Num x, int64_t shift) {
  auto [r, tail, quadrant] = reduceTrig(x);
  Num z = r * r;
  return finiteOrNan(x, choose(quadrant + shift, sinKernel(r, tail, z), cosKernel(r, tail, z)));
}

// sin / cos, in odd quadrants -cos / sin, as pairs: below 0.8 ulp.
static Num tanBoth(Num x) {
  auto [r, tail, quadrant] = reduceTrig(x);
  Num z = r * r;
  Pair sine = sinPair(r, tail, z), cosine = cosPair(r, tail, z);
  sine = fastTwoSum(sine.hi, sine.lo);
  cosine = fastTwoSum(cosine.hi, cosine.lo);
  Mask odd = (quadrant & 1) != 0;
  Pair above{select(odd, -cosine.hi, sine.hi), select(odd, -cosine.lo, sine.lo)};
  Pair below{select(odd, sine.hi, cosine.hi), select(odd, sine.lo, cosine.lo)};
  return select(x == 0.0, x, finiteOrNan(x, divide(above, below)));
}

static Num sinBoth(Num x) { return select(x == 0.0, x, trig(x, 0)); }
static Num cosBoth(Num x) { return trig(x, 1); }

} // namespace math

mlir::Value MathBuilder::sin(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::sinBoth);
}
mlir::Value MathBuilder::tan(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::tanBoth);
}
mlir::Value MathBuilder::cos(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::cosBoth);
}

} // namespace diptych::codegen
