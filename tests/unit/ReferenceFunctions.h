// Special functions that C's library lacks, in long double: the tests' second opinion. Written for
// accuracy and by other methods than the library's own; slow.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace diptych::reference {

/// P(X <= x), X standard normal. x / sqrt(2) rounds; its error counts x^2 / 2 times and is put
/// back.
inline long double normalCdf(long double x) {
  constexpr long double rootHalf = std::numbers::sqrt2_v<long double> / 2;
  // sqrt(1/2) less its long double.
  constexpr long double rest = 1.895032558893257079655e-20L;
  const long double a = -x * rootHalf;
  const long double lost = std::fma(-x, rootHalf, -a) - x * rest;
  const long double tail = std::erfc(a);
  if (tail == 0 || std::isnan(tail) || std::isinf(x))
    return tail / 2;
  return (tail - lost * 2 * std::numbers::inv_sqrtpi_v<long double> * std::exp(-a * a)) / 2;
}

/// The inverse of erf by Newton's method, for doubles x.
inline long double erfinv(long double x) {
  const long double a = std::fabs(x);
  if (!(a < 1))
    return a == 1 ? x * HUGE_VALL : std::nanl("");
  const long double slope = std::sqrt(std::numbers::pi_v<long double>) / 2;
  if (a < 1e-8L)
    return x * slope * (1 + a * a * std::numbers::pi_v<long double> / 12);
  // From the right, where erf is concave, Newton's steps from below the root stay on its side.
  const long double w = -std::log((1 - a) * (1 + a));
  const long double u = 2 / (std::numbers::pi_v<long double> * 0.147L) + w / -2;
  long double y = std::sqrt(std::sqrt(u * u + w / 0.147L) - u);
  for (int step = 0; step < 8; ++step) {
    const long double residual = a < 0.5L ? std::erf(y) - a : (1 - a) - std::erfc(y);
    const long double newton = residual * slope * std::exp(y * y);
    y -= newton / (1 + y * newton); // Halley
  }
  return std::copysign(y, x);
}

inline constexpr long double kBernoulliOverFactorial[] = {
    0.08333333333333333333333L,    -0.001388888888888888888889L, 0.00003306878306878306878307L,
    -8.267195767195767195767e-7L,  2.087675698786809897921e-8L,  -5.284190138687493184848e-10L,
    1.338253653068467883283e-11L,  -3.38968029632258286683e-13L, 8.586062056277844564136e-15L,
    -2.174868698558061873042e-16L, 5.509002828360229515203e-18L, -1.395446468581252334071e-19L};

/// The sum of (x + k)^-s over k >= 0, x > 0, s > 1: Euler-Maclaurin from x + 20.
inline long double hurwitzZeta(long double s, long double x) {
  constexpr int terms = 20;
  const long double end = x + terms;
  long double factor = s / end, bracket = 0;
  for (int j = 0; j < 12; ++j) {
    bracket += kBernoulliOverFactorial[j] * factor;
    factor *= (s + 2 * j + 1) / end * ((s + 2 * j + 2) / end);
  }
  long double sum = std::pow(end, -s) * (bracket + 0.5L + end / (s - 1));
  for (int k = terms; k-- > 0;)
    sum += std::pow(x + k, -s);
  return sum;
}

/// What polygamma(n, x) is the sum of, without signs: what its error is relative to.
inline long double polygammaScale(long double n, long double x, long double sign) {
  n = std::nearbyint(n);
  const long double s = n + 1, factorial = std::tgamma(s);
  if (x > 0)
    return factorial * hurwitzZeta(s, x);
  const long double y = -x - std::floor(-x);
  return factorial * (hurwitzZeta(s, 1 - y) + sign * (hurwitzZeta(s, y) - hurwitzZeta(s, 1 - x)));
}

/// For n >= 1; NaN at poles of either sign.
inline long double polygamma(long double n, long double x) {
  n = std::nearbyint(n);
  if (!(n >= 1) || n > 170 || std::isnan(x))
    return std::nanl("");
  const bool odd = std::fmod(n, 2) == 1;
  if (x <= 0 && std::floor(x) == x)
    return odd && !std::isinf(x) ? HUGE_VALL : x == 0 ? -HUGE_VALL : std::nanl("");
  if (std::isinf(x))
    return 0;
  const long double sum = polygammaScale(n, x, odd ? 1 : -1);
  return odd ? sum : -sum;
}

/// Recurrence to 40 and Stirling's series; Taylor's near the positive root; reflection below 0.
inline long double digamma(long double x) {
  constexpr long double root = 1.46163214496836234128091663864L,
                        rest = -1.82570963159634842146e-20L;
  constexpr long double taylor[] = {
      0.9676722454476211704274L,   -0.4427631689835921060929L,  0.2584997609556510106244L,
      -0.1639427054424065275043L,  0.1078240506912623657572L,   -0.07219956125645471092612L,
      0.04880428816414310722509L,  -0.03316112647484735929226L, 0.02259764823221810465962L,
      -0.0154247659049489591388L,  0.01053879161661217538812L,  -0.00720453438635686824097L,
      0.004926781395729853446354L, -0.003369801655439328082793L};
  if (std::isnan(x) || x == HUGE_VALL)
    return x;
  if (x == 0)
    return std::copysign(HUGE_VALL, -x);
  if (x < 0) {
    const long double f = x - std::floor(x + 0.5L);
    const long double angle = std::numbers::pi_v<long double> * f;
    if (f == 0 || std::isinf(x))
      return std::nanl("");
    return digamma(1 - x) - std::numbers::pi_v<long double> * std::cos(angle) / std::sin(angle);
  }
  if (std::fabs(x - root) < 0.02L) {
    const long double d = (x - root) - rest;
    long double sum = 0;
    for (int k = std::size(taylor); k-- > 0;)
      sum = (sum + taylor[k]) * d;
    return sum;
  }
  long double end = x, below = 0;
  for (; end < 40; ++end)
    below += 1 / end;
  long double series = 0, power = 1 / (end * end), factorial = 1;
  for (int j = 0; j < 12; ++j) { // B(2j) / (2j x^2j)
    series += kBernoulliOverFactorial[j] * factorial * power;
    factorial *= static_cast<long double>(2 * j + 2) * (2 * j + 3);
    power /= end * end;
  }
  return std::log(end) - 0.5L / end - series - below;
}

/// The first two words of Philox4x32-10, low word first, by the paper's definition.
inline int64_t philox(int64_t key, int64_t counter, int64_t stream) {
  const auto word = [](int64_t x, int half) {
    return static_cast<uint32_t>(static_cast<uint64_t>(x) >> (32 * half));
  };
  uint32_t k[2] = {word(key, 0), word(key, 1)};
  uint32_t c[4] = {word(counter, 0), word(counter, 1), word(stream, 0), word(stream, 1)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    const uint32_t next[4] = {
        static_cast<uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(b),
        static_cast<uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(a)};
    std::copy(next, next + 4, c);
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return static_cast<int64_t>(c[0] | uint64_t{c[1]} << 32);
}

/// Of a number of `width` bits.
inline int64_t shiftRight(int64_t x, int64_t places, int width) {
  if (places < 0 || places >= width)
    return 0;
  const uint64_t bits = width == 32 ? static_cast<uint32_t>(x) : static_cast<uint64_t>(x);
  const uint64_t moved = bits >> places;
  return width == 32 ? static_cast<int32_t>(moved) : static_cast<int64_t>(moved);
}

} // namespace diptych::reference
