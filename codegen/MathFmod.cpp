// fmod: long division in pieces of 52 bits, every step exact.
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The exponent of a positive number, denormal or not.
static Num fullExponent(Num a) {
  Mask denormal = a < std::numeric_limits<double>::min();
  return exponent(select(denormal, a * 0x1p54, a)) - select(denormal, constantLike(a, 54.0), 0.0);
}

// One step takes r to r - q b 2^k, where q = floor(r / (b 2^k)) < 2^53 may be one too large.
static Num fmodWide(Num x, Num y) {
  Num a = abs(x), b = abs(y);
  Num base = fullExponent(b);
  Num steps = floor((fullExponent(a) - base) * (1.0 / 52)) + 1.0;
  steps = select(steps > 0.0, steps, 0.0);
  llvm::SmallVector<Num> start{a};
  Num r = repeat(steps, start, [&](llvm::ArrayRef<Num> state) {
    Num r = state[0];
    Num k = atLeast(fullExponent(r) - base - 52.0, 0.0);
    Num first = floor(k * 0.5);
    Num divisor = b * wholePowerOfTwo(first) * wholePowerOfTwo(k - first);
    Num rest = fma(-floor(r / divisor), divisor, r);
    return llvm::SmallVector<Num>{select(rest < 0.0, rest + divisor, rest)};
  })[0];
  r = select(a < b, a, r);
  Mask defined = (a < kInfinity) & (b > 0.0);
  return select(defined, copysign(r, x), std::numeric_limits<double>::quiet_NaN());
}

} // namespace math

mlir::Value MathBuilder::fmod(mlir::Value x, mlir::Value y) {
  return math::expand(builder_, loc_, x, y, math::fmodWide, math::inDouble<math::fmodWide>);
}

} // namespace diptych::codegen
