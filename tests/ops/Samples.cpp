// Sampling, by dtype.
#include "Samples.h"

#include "tests/Elements.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "frontend/TensorImpl.h"

namespace diptych::suite {

namespace {

template <class T> T* elementsOf(const Value& value) {
  return reinterpret_cast<T*>(eagerTensor(value).data());
}

/// make(i) gives element i as T.
template <class Make> Value filled(const TensorType& type, Make make) {
  Value value = newTensor(type);
  withElement(type.dtype, [&]<class T>(T) {
    for (int64_t i = 0; i < type.numel(); ++i)
      elementsOf<T>(value)[i] = make(i, T());
  });
  return value;
}

double uniform(Generator& generator) { return static_cast<double>(generator() >> 11) * 0x1p-53; }

template <class T> std::vector<T> specialsOf() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<T, uint8_t>) {
    return {0, 1};
  } else if constexpr (!std::is_integral_v<T>) {
    const auto least = Limits::denorm_min(), normal = Limits::min(), epsilon = Limits::epsilon(),
               most = Limits::max();
    std::vector<T> list;
    for (double number :
         {0.0,   1.0 * least, 3.0 * least, 1.0 * normal, normal / 2.0,  1.0 * epsilon,
          1e-3,  0.5,         0.75,        1.0,          1.0 + epsilon, 1 - epsilon / 2.0,
          1.5,   2.0,         2.5,         3.0,          10.3,          88.8,
          103.5, 709.9,       745.2,       1e5,          2147483648.0,  9.3e18,
          1e30,  most / 2.0,  1.0 * most})
      list.push_back(static_cast<T>(number));
    list.push_back(Limits::infinity());
    for (size_t i = 0, count = list.size(); i < count; ++i)
      list.push_back(T(-list[i]));
    list.push_back(Limits::quiet_NaN());
    return list;
  } else {
    return {0,
            1,
            -1,
            2,
            -2,
            3,
            7,
            -8,
            1000003,
            Limits::max(),
            Limits::max() - 1,
            Limits::min(),
            Limits::min() + 1,
            T(1) << (8 * sizeof(T) / 2),
            -(T(1) << (8 * sizeof(T) / 2))};
  }
}

template <class T> T randomBits(Generator& generator) {
  const uint64_t bits = generator();
  if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<float>(static_cast<uint32_t>(bits));
  else if constexpr (std::is_same_v<T, double>)
    return std::bit_cast<double>(bits);
  else if constexpr (std::is_same_v<T, uint8_t>)
    return bits & 1;
  else if constexpr (!std::is_integral_v<T>)
    return T::fromBits(static_cast<uint16_t>(bits));
  else
    return static_cast<T>(bits);
}

} // namespace

Value fromNumbers(const TensorType& type, const std::vector<double>& numbers) {
  return filled(type, [&]<class T>(int64_t i, T) {
    return static_cast<T>(numbers[static_cast<size_t>(i) % numbers.size()]);
  });
}

std::vector<double> numbersOf(const Value& x) {
  const Value held = contiguousCopy(x);
  std::vector<double> numbers;
  withElement(x.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < x.type().numel(); ++i)
      numbers.push_back(static_cast<double>(elementsOf<T>(held)[i]));
  });
  return numbers;
}

Value grid(const TensorType& type, double low, double high, int lane, Generator& generator) {
  if (type.dtype == DType::boolean)
    return filled(type, [&]<class T>(int64_t, T) { return static_cast<T>(generator() & 1); });
  if (!isFloat(type.dtype))
    return filled(type, [&]<class T>(int64_t, T) {
      return static_cast<T>(static_cast<int64_t>(generator() % 19) - 9);
    });
  const int64_t cells = std::max<int64_t>(64, type.numel());
  std::vector<int64_t> order(static_cast<size_t>(cells));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), generator);
  const double width = (high - low) / static_cast<double>(cells);
  return filled(type, [&]<class T>(int64_t i, T) {
    return static_cast<T>(
        low + width * (static_cast<double>(order[static_cast<size_t>(i)]) + 0.125 + 0.25 * lane));
  });
}

Value wild(const TensorType& type, Generator& generator) {
  return filled(type, [&]<class T>(int64_t, T) {
    static const std::vector<T> special = specialsOf<T>();
    const uint64_t draw = generator() % 4;
    if (draw == 0)
      return special[generator() % special.size()];
    if (draw == 1 && !std::is_integral_v<T>)
      return static_cast<T>(20 * uniform(generator) - 10);
    return randomBits<T>(generator);
  });
}

Value specials(DType dtype) {
  int64_t count = 0;
  withElement(dtype, [&]<class T>(T) { count = static_cast<int64_t>(specialsOf<T>().size()); });
  return specialsEvery(dtype, count, 1);
}

Value specialsEvery(DType dtype, int64_t count, int64_t period) {
  return filled({dtype, {count}}, [&]<class T>(int64_t i, T) {
    static const std::vector<T> special = specialsOf<T>();
    return special[static_cast<size_t>(i / period) % special.size()];
  });
}

Value indices(DType dtype, const Shape& shape, int64_t extent, Generator& generator) {
  return filled({dtype, shape}, [&]<class T>(int64_t, T) {
    return static_cast<T>(generator() % static_cast<uint64_t>(std::max<int64_t>(1, extent)));
  });
}

Value direction(const TensorType& type, Generator& generator) {
  return filled(type,
                [&]<class T>(int64_t, T) { return static_cast<T>(2 * uniform(generator) - 1); });
}

} // namespace diptych::suite
