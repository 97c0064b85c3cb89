// Numbers for tests: reproducible, of every dtype. Knows no operator.
#pragma once

#include <diptych/Value.h>

#include <random>

namespace diptych::suite {

using Generator = std::mt19937_64;

/// An eager tensor holding `numbers` cast to its dtype; they repeat where there are too few.
Value fromNumbers(const TensorType& type, const std::vector<double>& numbers);
std::vector<double> numbersOf(const Value& x);

/// Different numbers in (low, high), at least (high - low) / 256 apart for up to 64 elements, and
/// as far from those of a grid with another `lane` (0 to 3): no ties, so differences can be taken.
/// Integers: in [-9, 9]. Booleans: both.
Value grid(const TensorType& type, double low, double high, int lane, Generator& generator);
/// Any bit pattern, and every special value.
Value wild(const TensorType& type, Generator& generator);
/// Zeros of both signs, denormals, infinities, NaN, the largest, halves, ...; for integers the
/// extremes. As numbers of the dtype.
Value specials(DType dtype);
/// Element i is specials(dtype)[(i / period) % their count]: a coordinate of their product.
Value specialsEvery(DType dtype, int64_t count, int64_t period);
/// Between 0 and extent, repeated ones among them.
Value indices(DType dtype, const Shape& shape, int64_t extent, Generator& generator);
/// Standard uniform on [-1, 1]: seeds of derivatives.
Value direction(const TensorType& type, Generator& generator);

} // namespace diptych::suite
