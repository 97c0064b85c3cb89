// Draws, each a function of a key and of an element's number: bits by Philox, then arithmetic of
// the DSL, so that they run wherever it runs.
#include <diptych/Random.h>

#include "frontend/Ops.h"
#include "frontend/RandomKeys.h"

#include <diptych/Composites.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace diptych {

using detail::located;
using detail::misuse;

namespace random {

namespace {

// Checks what all draws share and runs `body` on the key, under the user's line.
template <class Body> Tensor draw(const char* op, const Arg& key, const Shape& shape, Body&& body) {
  return located(key.where(), [&] {
    const Tensor& given = keyOf(op, key);
    for (int64_t extent : shape)
      if (extent < 0)
        misuse(op, "extents that are not negative", shape.str(), "check the shape");
    return body(given);
  });
}

void requireFloat(const char* op, DType dtype) {
  if (!isFloat(dtype))
    misuse(op, "f32, f64, bf16 or f16", name(dtype), "for whole numbers use random::randint");
}

// Parameters must not make the result larger than was asked for.
const Tensor& ofShape(const char* op, const Tensor& result, const Shape& shape) {
  if (!(result.shape() == shape))
    misuse(op, "parameters that broadcast to " + shape.str(), result.shape().str(),
           "ask for the shape of the parameters");
  return result;
}

bool isNumber(const Arg& arg, double number) {
  return !arg.tensor() && arg.number().asDouble() == number;
}

Tensor parameter(const Arg& arg, DType dtype) {
  return arg.tensor() ? *arg.tensor() : full({}, arg.number(), dtype);
}

// The row-major number of every element, as a sum over the axes: movements of it fuse, while a
// reshape of a range would be stored.
Tensor numbered(const Shape& shape) {
  Tensor index = arange(shape.back());
  int64_t stride = shape.back();
  for (int axis = shape.size() - 2; axis >= 0; --axis) {
    Shape column(static_cast<int>(shape.size() - axis), 1);
    column[0] = shape[axis];
    index = reshape(arange(shape[axis]) * stride, column) + index;
    stride *= shape[axis];
  }
  return index;
}

Tensor bitsOf(const Tensor& key, const Shape& shape, int64_t stream) {
  return shape.empty() ? philox(key, 0, stream) : philox(key, numbered(shape), stream);
}

int digitsOf(DType dtype) {
  switch (dtype) {
  case DType::f32: return 24;
  case DType::bf16: return 8;
  case DType::f16: return 11;
  default: return 53;
  }
}

// On [0, 1), a multiple of 2^-digits: every number of them is one of the dtype.
Tensor unit(const Tensor& bits, DType dtype) {
  const int digits = digitsOf(dtype);
  return shift_right(bits, 64 - digits).astype(dtype) * std::ldexp(1.0, -digits);
}

// f64 on (0, 1): odd multiples of 2^-53.
Tensor openUnit(const Tensor& bits) {
  return (shift_right(bits, 12) * 2 + 1).astype(DType::f64) * 0x1p-53;
}

// The upper 64 bits of bits * range, both unsigned.
Tensor scaled(const Tensor& bits, uint64_t range) {
  const auto low = static_cast<int64_t>(range & 0xffffffff),
             high = static_cast<int64_t>(range >> 32);
  const Tensor upper = shift_right(bits, 32), lower = bits - upper * (int64_t{1} << 32);
  const Tensor middle = upper * low + shift_right(lower * low, 32);
  if (high == 0)
    return shift_right(middle, 32);
  const Tensor carried = shift_right(middle, 32);
  const Tensor rest = lower * high + (middle - carried * (int64_t{1} << 32));
  return upper * high + carried + shift_right(rest, 32);
}

// z with Phi(z) = p for 0 < p <= 1/2: Hastings' rational start (error 4.5e-4), then Halley's
// iteration twice, each of which cubes the error.
Tensor lowerQuantile(const Tensor& p) {
  const Tensor t = sqrt(-2 * log(p));
  Tensor z = (2.515517 + t * (0.802853 + t * 0.010328)) /
                 (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
             t;
  const double peak = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  for (int i = 0; i < 2; ++i) {
    const Tensor step = (normal_cdf(z) - p) / (peak * exp(-0.5 * z * z));
    z = z - step / (1 + 0.5 * z * step);
  }
  return z;
}

} // namespace

Tensor bits(const Arg& key, const Shape& shape) {
  return draw("bits", key, shape, [&](const Tensor& k) { return bitsOf(k, shape, 0); });
}

Tensor uniform(const Arg& key, const Shape& shape, DType dtype, const Arg& low, const Arg& high) {
  return draw("uniform", key, shape, [&](const Tensor& k) {
    requireFloat("uniform", dtype);
    const Tensor u = unit(bitsOf(k, shape, 0), dtype);
    if (isNumber(low, 0) && isNumber(high, 1))
      return u;
    const Tensor begin = parameter(low, dtype), end = parameter(high, dtype);
    const Tensor x = begin + (end - begin) * u;
    // Rounding may reach the end, which does not belong to the interval.
    return ofShape("uniform", where(x < end, x, begin), shape);
  });
}

Tensor normal(const Arg& key, const Shape& shape, DType dtype, const Arg& mean,
              const Arg& deviation) {
  return draw("normal", key, shape, [&](const Tensor& k) {
    requireFloat("normal", dtype);
    const Tensor radius = sqrt(-2 * log(1 - unit(bitsOf(k, shape, 0), DType::f64)));
    const Tensor angle = (2 * std::numbers::pi) * unit(bitsOf(k, shape, 1), DType::f64);
    const Tensor z = (radius * cos(angle)).astype(dtype);
    if (isNumber(mean, 0) && isNumber(deviation, 1))
      return z;
    return ofShape("normal", parameter(mean, dtype) + parameter(deviation, dtype) * z, shape);
  });
}

Tensor truncated_normal(const Arg& key, const Shape& shape, double low, double high, DType dtype) {
  return draw("truncated_normal", key, shape, [&](const Tensor& k) {
    requireFloat("truncated_normal", dtype);
    const std::string interval = "[" + std::to_string(low) + ", " + std::to_string(high) + "]";
    if (!(low < high))
      misuse("truncated_normal", "low below high", interval, "check the bounds");
    if (low > 37 || high < -37)
      misuse("truncated_normal", "an interval that reaches within 37 deviations of 0", interval,
             "beyond, its probability is no f64");
    // The lower tail has all digits.
    const bool turned = low >= 0;
    const Tensor begin = normal_cdf(full({}, turned ? -high : low, DType::f64));
    const Tensor end = normal_cdf(full({}, turned ? -low : high, DType::f64));
    const Tensor p = begin + (end - begin) * openUnit(bitsOf(k, shape, 0));
    const Tensor z = lowerQuantile(minimum(p, 1 - p)), signedZ = where(p <= 0.5, z, -z);
    return clamp(turned ? -signedZ : signedZ, low, high).astype(dtype);
  });
}

Tensor exponential(const Arg& key, const Shape& shape, DType dtype) {
  return draw("exponential", key, shape, [&](const Tensor& k) {
    requireFloat("exponential", dtype);
    return (-log1p(-unit(bitsOf(k, shape, 0), DType::f64))).astype(dtype);
  });
}

Tensor gumbel(const Arg& key, const Shape& shape, DType dtype) {
  return draw("gumbel", key, shape, [&](const Tensor& k) {
    requireFloat("gumbel", dtype);
    return (-log(-log(openUnit(bitsOf(k, shape, 0))))).astype(dtype);
  });
}

Tensor bernoulli(const Arg& key, const Shape& shape, const Arg& p) {
  return draw("bernoulli", key, shape, [&](const Tensor& k) {
    const DType dtype = p.tensor() ? p.tensor()->dtype() : default_dtype();
    requireFloat("bernoulli", dtype);
    return ofShape("bernoulli", unit(bitsOf(k, shape, 0), dtype) < p, shape);
  });
}

Tensor randint(const Arg& key, const Shape& shape, int64_t low, int64_t high, DType dtype) {
  return draw("randint", key, shape, [&](const Tensor& k) {
    if (!isInteger(dtype))
      misuse("randint", "i32 or i64", name(dtype), "convert the numbers with astype");
    const std::string interval = std::to_string(low) + " and " + std::to_string(high);
    if (low >= high)
      misuse("randint", "low below high", interval, "high itself is not drawn");
    if (dtype == DType::i32 && (low < std::numeric_limits<int32_t>::min() ||
                                high - 1 > std::numeric_limits<int32_t>::max()))
      misuse("randint", "bounds within i32", interval, "ask for i64");
    const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    return (scaled(bitsOf(k, shape, 0), range) + low).astype(dtype);
  });
}

Tensor dropout(const Arg& arg, double p, const Tensor& key) {
  return located(arg.where(), [&] {
    const Tensor x = detail::tensorOf(arg);
    detail::requireFloat("dropout", x.value());
    if (!(p >= 0 && p <= 1))
      misuse("dropout", "a probability from 0 to 1", std::to_string(p), "check p");
    if (p == 0)
      return x;
    return draw("dropout", {key, arg.where()}, x.shape(), [&](const Tensor& k) {
      // With p = 1 all are 0: nothing to scale, and no 0 / 0 in the derivative.
      const Tensor scaled = p == 1 ? x : x / (1 - p);
      return where(unit(bitsOf(k, x.shape(), 0), x.dtype()) >= p, scaled, 0);
    });
  });
}

} // namespace random

//===-- With the next key --------------------------------------------------------------------===//

// Checked before a key is used up.
static void checkDraw(const char* op, const Shape& shape, DType dtype) {
  random::requireFloat(op, dtype);
  for (int64_t extent : shape)
    if (extent < 0)
      misuse(op, "extents that are not negative", shape.str(), "check the shape");
}

Tensor rand(const Shape& shape, DType dtype, SourceLocation where) {
  return located(where, [&] {
    checkDraw("rand", shape, dtype);
    return random::uniform({random::next_key("rand", where), where}, shape, dtype);
  });
}

Tensor randn(const Shape& shape, DType dtype, SourceLocation where) {
  return located(where, [&] {
    checkDraw("randn", shape, dtype);
    return random::normal({random::next_key("randn", where), where}, shape, dtype);
  });
}

} // namespace diptych
