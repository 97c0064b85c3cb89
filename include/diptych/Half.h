// Numbers of 16 bits: bfloat16 (8 digits, the range of f32) and float16 (11 digits, up to 65504).
// They are stored and converted; arithmetic is that of float.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace diptych {

namespace detail {

/// x as a float that lies on the same side of every number of fewer digits: rounding it again
/// rounds x once.
constexpr float roundedToOdd(double x) {
  const auto near = static_cast<float>(x);
  const auto wide = static_cast<double>(near);
  const auto bits = std::bit_cast<uint32_t>(near);
  if (wide == x || x != x || (bits & 1))
    return near;
  const bool below = (wide < 0 ? -wide : wide) < (x < 0 ? -x : x);
  // Beside 0 the sign is x's, since -0.0f has it.
  return std::bit_cast<float>(below ? bits + 1 : bits - 1);
}

constexpr uint16_t bfloat16Bits(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (x != x)
    return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

constexpr uint16_t float16Bits(float x) {
  const auto all = std::bit_cast<uint32_t>(x);
  const uint32_t sign = (all >> 16) & 0x8000, bits = all & 0x7fffffff;
  if (bits > 0x7f800000)
    return static_cast<uint16_t>(sign | 0x7e00);
  if (bits >= 0x477ff000) // 65520, half way to what would be the next
    return static_cast<uint16_t>(sign | 0x7c00);
  if (bits < 0x38800000) // below 2^-14: multiples of 2^-24, as the digits of numbers from 0.5 on
    return static_cast<uint16_t>(
        sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(bits) + 0.5F) - 0x3f000000));
  return static_cast<uint16_t>(sign | ((bits - 0x38000000 + 0xfff + ((bits >> 13) & 1)) >> 13));
}

constexpr float fromBfloat16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

constexpr float fromFloat16(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000U) << 16, magnitude = (bits & 0x7fffU) << 13;
  if ((bits & 0x7c00) == 0x7c00)
    return std::bit_cast<float>(sign | 0x7f800000 | magnitude);
  const auto scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  return std::bit_cast<float>(sign | scaled);
}

} // namespace detail

/// An element of a bf16 tensor. From a number by rounding to nearest even; too large a number
/// becomes an infinity.
struct bfloat16 {
  bfloat16() = default;
  explicit constexpr bfloat16(double x) : bits(detail::bfloat16Bits(detail::roundedToOdd(x))) {}
  static constexpr bfloat16 fromBits(uint16_t bits) {
    bfloat16 result;
    result.bits = bits;
    return result;
  }
  constexpr operator float() const { return detail::fromBfloat16(bits); }

  uint16_t bits = 0;
};

/// An element of an f16 tensor (IEEE binary16); from a number as bfloat16.
struct float16 {
  float16() = default;
  explicit constexpr float16(double x) : bits(detail::float16Bits(detail::roundedToOdd(x))) {}
  static constexpr float16 fromBits(uint16_t bits) {
    float16 result;
    result.bits = bits;
    return result;
  }
  constexpr operator float() const { return detail::fromFloat16(bits); }

  uint16_t bits = 0;
};

} // namespace diptych

/// Of bfloat16 and float16, what is asked of numeric formats: epsilon, the least and largest
/// numbers. `Digits` includes the leading one.
namespace diptych::detail {
template <class T, int Digits, int MinExponent, uint16_t Min, uint16_t Max, uint16_t Epsilon>
struct HalfLimits {
  static constexpr bool is_specialized = true, is_signed = true, is_integer = false,
                        is_exact = false, has_infinity = true, has_quiet_NaN = true,
                        is_iec559 = true, is_bounded = true;
  static constexpr int digits = Digits, min_exponent = MinExponent, radix = 2;
  static constexpr T min() { return T::fromBits(Min); }
  static constexpr T max() { return T::fromBits(Max); }
  static constexpr T lowest() { return T::fromBits(Max | 0x8000); }
  static constexpr T epsilon() { return T::fromBits(Epsilon); }
  static constexpr T denorm_min() { return T::fromBits(1); }
  static constexpr T infinity() { return T::fromBits(Max + 1); }
  static constexpr T quiet_NaN() { return T(std::numeric_limits<double>::quiet_NaN()); }
};
} // namespace diptych::detail

template <>
struct std::numeric_limits<diptych::bfloat16>
    : diptych::detail::HalfLimits<diptych::bfloat16, 8, -125, 0x0080, 0x7f7f, 0x3c00> {};
template <>
struct std::numeric_limits<diptych::float16>
    : diptych::detail::HalfLimits<diptych::float16, 11, -13, 0x0400, 0x7bff, 0x1400> {};
