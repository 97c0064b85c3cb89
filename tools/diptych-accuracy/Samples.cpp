// Where a function is measured.
#include "Samples.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

namespace diptych::accuracy {

namespace {

template <class T> using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

// Where something begins or ends: zeros, poles, overflow, the last normal number.
constexpr double kPoints[] = {
    0.25, 0.35, 0.5, std::numbers::sqrt2 / 2, 1, std::numbers::sqrt2, 1.4616321449683623, 1.5, 2,
    2.5, 3, std::numbers::e, std::numbers::pi / 4, std::numbers::pi / 2, std::numbers::pi,
    2 * std::numbers::pi, 5.93, 10, 27.2, 36.7, 38.5, 88.72283905206835, 89.41598629223294,
    103.97207708399179, 127, 149, 170, 709.782712893384, 708.3964185322641, 710.4758600739439,
    745.1332191019411, 1023, 1074, 0.34657359027997264, 0.693147180559945, 0x1p23, 0x1p24, 0x1p52,
    0x1p53, 1e22,
    // Nearest to a multiple of pi/2 among all f64 and among f32.
    0x1.6ac5b262ca1ffp+849, 0x1.f37c8ap+95};

template <class T> void addWithNeighbours(std::vector<T>& values, T point) {
  T below = point, above = point;
  for (int i = 0; i < 16; ++i) {
    for (T value : {below, above})
      for (T signedValue : {value, -value})
        values.push_back(signedValue);
    below = std::nextafter(below, T(0));
    above = std::nextafter(above, std::numeric_limits<T>::infinity());
  }
}

template <class T> void addSpecials(std::vector<T>& values) {
  using Limits = std::numeric_limits<T>;
  for (T value : {T(0), Limits::infinity()})
    for (T signedValue : {value, -value})
      values.push_back(signedValue);
  values.push_back(Limits::quiet_NaN());
  for (T value : {Limits::denorm_min(), Limits::min(), Limits::max(), Limits::epsilon()})
    addWithNeighbours(values, value);
  for (double point : kPoints)
    addWithNeighbours(values, static_cast<T>(point));
  for (int i = 1; i < 64; ++i)
    addWithNeighbours(values, std::ldexp(T(1), -i));
}

// Sign and exponent in turn, the mantissa random.
template <class T> T anyExponent(Generator& generator, int64_t i) {
  constexpr int mantissa = std::numeric_limits<T>::digits - 1, rest = 8 * sizeof(T) - mantissa;
  const auto top = static_cast<Bits<T>>(static_cast<uint64_t>(i) % (uint64_t{1} << rest));
  const auto low = static_cast<Bits<T>>(generator() & ((uint64_t{1} << mantissa) - 1));
  return std::bit_cast<T>(static_cast<Bits<T>>(top << mantissa | low));
}

template <class T> T moderate(Generator& generator) {
  std::uniform_real_distribution<double> exponent(-12, 12);
  const double size = std::exp2(exponent(generator));
  return static_cast<T>(generator() & 1 ? size : -size);
}

template <class T> T sweep(Generator& generator, int64_t i, int64_t count) {
  if constexpr (sizeof(T) == 8)
    return anyExponent<T>(generator, i);
  const int64_t step = std::max<int64_t>(1, (int64_t{1} << 32) / count);
  return std::bit_cast<float>(static_cast<uint32_t>(static_cast<uint64_t>(i * step) +
                                                    generator() % static_cast<uint64_t>(step)));
}

template <class T> std::vector<T> onLine(int64_t count, Generator& generator) {
  std::vector<T> values;
  addSpecials(values);
  for (int64_t i = 0; i < count * 3 / 4; ++i)
    values.push_back(sweep<T>(generator, i, count * 3 / 4));
  for (int64_t i = 0; i < count / 4; ++i)
    values.push_back(moderate<T>(generator));
  return values;
}

template <class T> T pick(const std::vector<T>& values, Generator& generator) {
  return values[generator() % values.size()];
}

} // namespace

template <class T> Points<T> pointsOf(int arity, int64_t count, uint64_t seed) {
  Generator generator(seed);
  Points<T> points;
  if (arity == 1) {
    points.x = onLine<T>(count, generator);
    return points;
  }
  std::vector<T> specials;
  addSpecials(specials);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t kind = i % 8;
    const auto draw = [&](int64_t of) {
      if (kind == 0)
        return pick(specials, generator);
      if (kind < 3)
        return anyExponent<T>(generator, static_cast<int64_t>(generator() >> 1));
      // A whole number now and then: orders and exponents.
      return kind == 3 && of == 0 ? static_cast<T>(generator() % 171) : moderate<T>(generator);
    };
    points.x.push_back(draw(0));
    points.y.push_back(draw(1));
  }
  return points;
}

template Points<float> pointsOf<float>(int, int64_t, uint64_t);
template Points<double> pointsOf<double>(int, int64_t, uint64_t);

} // namespace diptych::accuracy
