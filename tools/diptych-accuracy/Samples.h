// Arguments to measure functions at.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace diptych::accuracy {

using Generator = std::mt19937_64;

/// y is empty for functions of one variable.
template <class T> struct Points {
  std::vector<T> x, y;
};
template <class T> Points<T> pointsOf(int arity, int64_t count, uint64_t seed);

} // namespace diptych::accuracy
