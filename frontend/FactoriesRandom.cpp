// Random draws: a counter-based generator, one for the process. Eager only.
#include <diptych/Factories.h>

#include "frontend/Ops.h"

#include <atomic>
#include <cmath>
#include <mutex>
#include <numbers>

namespace diptych {

using detail::located;
using detail::misuse;

namespace {

// SplitMix64 (Steele, Lea, Flood 2014): draw i is the mix of seed + (i + 1) * golden ratio.
uint64_t drawAt(uint64_t seed, uint64_t position) {
  uint64_t z = seed + (position + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

struct Generator {
  std::mutex mutex;
  uint64_t seed = 0;
  uint64_t position = 0;
};

Generator& generator() {
  static Generator instance;
  return instance;
}

// A stretch of draws that belongs to one call.
struct Draws {
  explicit Draws(uint64_t count) {
    Generator& source = generator();
    const std::scoped_lock lock(source.mutex);
    seed = source.seed;
    first = source.position;
    source.position += count;
  }
  uint64_t bits(uint64_t i) const { return drawAt(seed, first + i); }
  // [0, 1) on a grid of 2^-53, or 2^-24 so that f32 cannot round up to 1.
  template <class T> T uniform(uint64_t i) const {
    if constexpr (sizeof(T) == 4)
      return static_cast<T>(static_cast<double>(bits(i) >> 40) * 0x1p-24);
    else
      return static_cast<T>(bits(i) >> 11) * 0x1p-53;
  }

  uint64_t seed, first;
};

template <class T> void fillUniform(std::vector<T>& elements) {
  const Draws draws(elements.size());
  for (size_t i = 0; i < elements.size(); ++i)
    elements[i] = draws.uniform<T>(i);
}

// Box-Muller on two draws an element; 1 - u keeps the logarithm's argument above 0.
template <class T> void fillNormal(std::vector<T>& elements) {
  const Draws draws(2 * elements.size());
  for (size_t i = 0; i < elements.size(); ++i) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - draws.uniform<double>(2 * i)));
    elements[i] = static_cast<T>(
        radius * std::cos(2.0 * std::numbers::pi * draws.uniform<double>(2 * i + 1)));
  }
}

template <class T>
Tensor drawn(const Shape& shape, void (*fill)(std::vector<T>&), const SourceLocation& where) {
  std::vector<T> elements(static_cast<size_t>(shape.product()));
  fill(elements);
  return detail::fromBytes({dtypeOf<T>, shape}, elements.data(), where);
}

Tensor random(const char* op, const Shape& shape, DType dtype, const SourceLocation& where,
              void (*fill32)(std::vector<float>&), void (*fill64)(std::vector<double>&)) {
  return located(where, [&] {
    if (!isFloat(dtype))
      misuse(op, "f32 or f64", name(dtype), "draw floats and convert them with floor and astype");
    for (int64_t extent : shape)
      if (extent < 0)
        misuse(op, "extents that are not negative", shape.str(), "check the shape");
    if (!detail::emitsEagerly())
      throw Error(std::string(op) +
                  ": a traced function cannot draw random numbers (they would be "
                  "the same at every call); draw them outside and pass them as an input");
    return dtype == DType::f32 ? drawn<float>(shape, fill32, where)
                               : drawn<double>(shape, fill64, where);
  });
}

} // namespace

void manual_seed(uint64_t seed) {
  Generator& source = generator();
  const std::scoped_lock lock(source.mutex);
  source.seed = seed;
  source.position = 0;
}

Tensor rand(const Shape& shape, DType dtype, SourceLocation where) {
  return random("rand", shape, dtype, where, fillUniform<float>, fillUniform<double>);
}

Tensor randn(const Shape& shape, DType dtype, SourceLocation where) {
  return random("randn", shape, dtype, where, fillNormal<float>, fillNormal<double>);
}

} // namespace diptych
