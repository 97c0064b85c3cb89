// sin, cos over the full range. |x| < 2^30: three-part reduction by pi/2 in fma arithmetic, exact
// to 2^-120. Beyond: x times 2/pi modulo 4 in integers (Payne and Hanek), one lane at a time under
// a branch no other lane can feel.
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
static constexpr double kLargeArgument = 0x1p30;

/// 2/pi times 2^1280, rounded down, least significant word first.
static constexpr unsigned kTwoOverPiBits = 1280;
static constexpr uint64_t kTwoOverPi[kTwoOverPiBits / 64] = {
    0xf0cfbc209af4361d, 0x56033046fc7b6bab, 0x6bfb5fb11f8d5d08, 0x3d0739f78a5292ea,
    0x7527bac7ebe5f17b, 0x4f463f669e5fea2d, 0x6d367ecf27cb09b7, 0xef2f118b5a0a6d1f,
    0x1ff897ffde05980f, 0x9c845f8bbdf9283b, 0x3991d639835339f4, 0xe99c7026b45f7e41,
    0xe88235f52ebb4484, 0xfe1deb1cb129a73e, 0x06492eea09d1921c, 0xb7246e3a424dd2e0,
    0xfe5163abdebbc561, 0xdb6295993c439041, 0xfc2757d1f534ddc0, 0xa2f9836e4e441529};

/// x = k pi/2 + r + tail, |r| <= pi/4; `quadrant` holds k in its low two bits.
struct TrigReduction {
  Num r, tail;
  Int quadrant;
};

// The first fma is exact: both terms are multiples of 2^-53 and the difference is below 1.
static TrigReduction reduceModerate(Num x) {
  constexpr double round = 0x1.8p52;
  Num shifted = fma(x, 0x1.45f306dc9c883p-1, round);
  Num n = shifted - round;
  Num exact = fma(n, -kPiHalf[0], x);
  Pair second = twoProduct(n, kPiHalf[1]);
  Pair r = fastTwoSum(exact, -second.hi);
  return {r.hi, fma(n, -kPiHalf[2], r.lo - second.lo), bits(shifted)};
}

/// Wide integers for the large reduction; scalars only.
struct Wide {
  mlir::OpBuilder& builder;
  mlir::Location loc;

  mlir::Type type(unsigned width) const { return builder.getIntegerType(width); }
  mlir::Value constant(const llvm::APInt& value) const {
    auto attribute = builder.getIntegerAttr(type(value.getBitWidth()), value);
    return arith::ConstantOp::create(builder, loc, attribute);
  }
  mlir::Value constant(unsigned width, uint64_t value) const {
    return constant(llvm::APInt(width, value));
  }
  template <typename Op> mlir::Value apply(mlir::Value a, mlir::Value b) const {
    return Op::create(builder, loc, a, b);
  }
  mlir::Value shift(mlir::Value a, unsigned count) const {
    return apply<arith::ShRUIOp>(a, constant(a.getType().getIntOrFloatBitWidth(), count));
  }
  mlir::Value resize(mlir::Value a, unsigned width) const {
    if (width < a.getType().getIntOrFloatBitWidth())
      return arith::TruncIOp::create(builder, loc, type(width), a);
    return arith::ExtUIOp::create(builder, loc, type(width), a);
  }
};

/// |x| 2/pi modulo 4 in units of 2^-190, as an i192, for |x| >= 2^30. Error below 2^-136.
static mlir::Value turnsModuloFour(const Wide& wide, mlir::Value xBits) {
  mlir::Value exponent = wide.apply<arith::AndIOp>(wide.shift(xBits, 52), wide.constant(64, 0x7ff));
  mlir::Value mantissa = wide.apply<arith::AndIOp>(xBits, wide.constant(64, (1ull << 52) - 1));
  mantissa = wide.apply<arith::OrIOp>(mantissa, wide.constant(64, 1ull << 52));
  // |x| = mantissa 2^(exponent - 1075): keep the bits of 2/pi from weight 2^-190 / 2^(exponent -
  // 1075) up.
  mlir::Value drop =
      wide.apply<arith::SubIOp>(wide.constant(64, kTwoOverPiBits - 190 + 1075), exponent);
  // Lanes that are not large land here too and are discarded; a shift too far would be poison.
  drop = wide.apply<arith::MinUIOp>(drop, wide.constant(64, kTwoOverPiBits - 1));
  mlir::Value table = wide.constant(llvm::APInt(kTwoOverPiBits, kTwoOverPi));
  mlir::Value window = wide.apply<arith::ShRUIOp>(table, wide.resize(drop, kTwoOverPiBits));
  return wide.apply<arith::MulIOp>(wide.resize(window, 192), wide.resize(mantissa, 192));
}

/// The reduction of one large lane; garbage for other lanes.
static TrigReduction reduceLarge(const Scope& scope, mlir::Value x) {
  Wide wide{scope.builder, scope.loc};
  Num argument{&scope, x};
  Int xBits = bits(argument);
  mlir::Value turns = turnsModuloFour(wide, xBits.value);
  // Nearest quadrant, then the signed rest: the top two bits drop out by wrapping.
  mlir::Value nearest =
      wide.apply<arith::AddIOp>(turns, wide.constant(llvm::APInt::getOneBitSet(192, 189)));
  Int quadrant{&scope, wide.resize(wide.shift(nearest, 190), 64)};
  mlir::Value rest = wide.apply<arith::ShLIOp>(turns, wide.constant(192, 2));
  mlir::Value zero = wide.constant(192, 0);
  mlir::Value below =
      arith::CmpIOp::create(scope.builder, scope.loc, arith::CmpIPredicate::slt, rest, zero);
  Mask negative{&scope, below};
  rest = arith::SelectOp::create(scope.builder, scope.loc, below,
                                 wide.apply<arith::SubIOp>(zero, rest), rest);
  // 150 bits of |rest| / 2^192 as three exact pieces; at most 62 of them are leading zeros.
  auto piece = [&](unsigned shift, double weight) {
    mlir::Value low = wide.resize(wide.shift(rest, shift), 64);
    low = wide.apply<arith::AndIOp>(low, wide.constant(64, (1ull << 50) - 1));
    mlir::Value converted =
        arith::SIToFPOp::create(scope.builder, scope.loc, scope.builder.getF64Type(), low);
    return Num{&scope, converted} * weight;
  };
  Pair turn = fastTwoSum(piece(142, 0x1p-50), piece(92, 0x1p-100));
  turn = fastTwoSum(turn.hi, turn.lo + piece(42, 0x1p-150));
  Pair angle = twoProduct(turn.hi, kPiHalf[0]);
  angle.lo = fma(turn.hi, kPiHalf[1], fma(turn.lo, kPiHalf[0], angle.lo));
  angle = fastTwoSum(angle.hi, angle.lo);
  // sin and cos of -x in terms of x: negate the angle and the quadrant.
  Mask flipped = (xBits >> 63) != 0;
  Mask minus = negative ^ flipped;
  Num signedQuadrant = select(flipped, number((quadrant ^ -1) + 1), number(quadrant));
  return {select(minus, -angle.hi, angle.hi), select(minus, -angle.lo, angle.lo),
          bits(signedQuadrant)};
}

/// Replaces the lanes of `moderate` where `large` holds, one at a time.
static TrigReduction replaceLargeLanes(Num x, Mask large, TrigReduction moderate) {
  const Scope& scope = *x.scope;
  mlir::OpBuilder& builder = scope.builder;
  mlir::Location loc = scope.loc;
  Scope lane{builder, loc, nullptr};
  if (!scope.shape) {
    TrigReduction other = reduceLarge(lane, x.value);
    return {{&scope, other.r.value}, {&scope, other.tail.value}, {&scope, other.quadrant.value}};
  }
  auto index = [&](int64_t i) -> mlir::Value {
    return arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(i));
  };
  mlir::Value state[] = {moderate.r.value, moderate.tail.value, moderate.quadrant.value};
  auto loop = scf::ForOp::create(builder, loc, index(0), index(scope.shape.getNumElements()),
                                 index(1), state);
  {
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    mlir::Value i = loop.getInductionVar();
    auto extract = [&](mlir::Value from) -> mlir::Value {
      return LLVM::ExtractElementOp::create(builder, loc, from, i);
    };
    TrigReduction other = reduceLarge(lane, extract(x.value));
    mlir::Value isLarge = extract(large.value);
    mlir::Value fresh[] = {other.r.value, other.tail.value, other.quadrant.value};
    llvm::SmallVector<mlir::Value> next;
    for (auto [value, carried] : llvm::zip(fresh, loop.getRegionIterArgs())) {
      mlir::Value kept = arith::SelectOp::create(builder, loc, isLarge, value, extract(carried));
      next.push_back(LLVM::InsertElementOp::create(builder, loc, carried, kept, i));
    }
    scf::YieldOp::create(builder, loc, next);
  }
  return {{&scope, loop.getResult(0)}, {&scope, loop.getResult(1)}, {&scope, loop.getResult(2)}};
}

static TrigReduction reduceTrig(Num x) {
  const Scope& scope = *x.scope;
  mlir::OpBuilder& builder = scope.builder;
  TrigReduction moderate = reduceModerate(x);
  Mask large = abs(x) >= kLargeArgument;
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
    TrigReduction other = replaceLargeLanes(x, large, moderate);
    mlir::Value replaced[] = {other.r.value, other.tail.value, other.quadrant.value};
    scf::YieldOp::create(builder, scope.loc, replaced);
    builder.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(builder, scope.loc, values);
  }
  return {
      {&scope, branch.getResult(0)}, {&scope, branch.getResult(1)}, {&scope, branch.getResult(2)}};
}

/// sin(r + tail): relative error 2^-58 before the last rounding.
static Num sinKernel(Num r, Num tail, Num z) {
  Num s = polynomial(z, {-0x1.5555555555549p-3, 0x1.111111110f89cp-7, -0x1.a01a019c141bbp-13,
                         0x1.71de3578eea44p-19, -0x1.ae5e66a5d06f3p-26, 0x1.5d9301c363eabp-33});
  return r + fma(r * z, s, fma(tail * z, -0.5, tail));
}

/// cos(r + tail) = 1 - z/2 + z^2 C(z) - r tail, the rounding of 1 - z/2 recovered.
static Num cosKernel(Num r, Num tail, Num z) {
  Num c = polynomial(z, {0x1.555555555554cp-5, -0x1.6c16c16c15217p-10, 0x1.a01a019cbe0a3p-16,
                         -0x1.27e4f8116c5f6p-22, 0x1.1ee9f044f7a2ep-29, -0x1.8fb0917ce95e2p-37});
  Num half = z * 0.5;
  Pair main = fastTwoSum(1.0, -half);
  return main.hi + (main.lo + fma(z * z, c, r * -tail));
}

static Num sinKernelNarrow(Num r, Num z) {
  Num s = polynomial(z, {-0x1.5555554cb204ap-3, 0x1.1111089060c90p-7, -0x1.a00f98c1a551bp-13,
                         0x1.6cd725f5e05fap-19});
  return fma(r * z, s, r);
}

static Num cosKernelNarrow(Num z) {
  Num c = polynomial(z, {0x1.5555554f48bcfp-5, -0x1.6c16b892b95a0p-10, 0x1.a0111c163414ep-16,
                         -0x1.2429fc106c09cp-22});
  return fma(z, fma(z, c, -0.5), 1.0);
}

/// sin(x + shift pi/2): odd quadrants take the cosine, quadrants 2 and 3 the opposite sign.
static Num trig(Num x, int64_t shift, bool narrow) {
  TrigReduction reduced = reduceTrig(x);
  Int quadrant = reduced.quadrant + shift;
  Num z = reduced.r * reduced.r;
  Num sine = narrow ? sinKernelNarrow(reduced.r, z) : sinKernel(reduced.r, reduced.tail, z);
  Num cosine = narrow ? cosKernelNarrow(z) : cosKernel(reduced.r, reduced.tail, z);
  Num y = select((quadrant & 1) != 0, cosine, sine);
  y = number(bits(y) ^ ((quadrant << 62) & std::numeric_limits<int64_t>::min()));
  // Infinities have no angle; NaN stays NaN.
  return select(abs(x) < std::numeric_limits<double>::infinity(), y, x - x);
}

static Num sinWide(Num x) { return select(x == 0.0, x, trig(x, 0, false)); }
static Num sinNarrow(Num x) { return select(x == 0.0, x, trig(x, 0, true)); }
static Num cosWide(Num x) { return trig(x, 1, false); }
static Num cosNarrow(Num x) { return trig(x, 1, true); }

} // namespace math

mlir::Value MathBuilder::sin(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::sinWide, math::sinNarrow);
}
mlir::Value MathBuilder::cos(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::cosWide, math::cosNarrow);
}

} // namespace diptych::codegen
