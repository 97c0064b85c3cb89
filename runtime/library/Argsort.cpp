// Positions in the order of the elements along an axis. Stable in both directions, NaN last.
#include "runtime/Library.h"

#include <algorithm>
#include <cmath>

namespace diptych::runtime {

namespace {

template <class T> struct Element {
  T key;
  int64_t position;
};

template <class T> bool isNan(T key) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(key);
  return false;
}

// The position decides between equal keys, so the order is total and any sort is stable.
template <class T>
void sortElements(std::span<Element<T>> elements, size_t count, bool descending) {
  const auto numbers = elements.begin() + static_cast<std::ptrdiff_t>(count);
  if (descending)
    std::sort(elements.begin(), numbers, [](const Element<T>& a, const Element<T>& b) {
      return a.key > b.key || (a.key == b.key && a.position < b.position);
    });
  else
    std::sort(elements.begin(), numbers, [](const Element<T>& a, const Element<T>& b) {
      return a.key < b.key || (a.key == b.key && a.position < b.position);
    });
}

// args x [outer, n, inner], positions; params n, inner, descending; problems outer * inner.
template <class T> struct Argsort {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0], inner = params[1];
    std::vector<Element<T>> elements(static_cast<size_t>(n)); // numbers, then NaNs
    for (int64_t problem = lo; problem < hi; ++problem) {
      const int64_t start = problem / inner * n * inner + problem % inner;
      const T* x = static_cast<const T*>(args[0]) + start;
      int64_t* positions = static_cast<int64_t*>(args[1]) + start;
      size_t count = 0, end = elements.size();
      for (int64_t i = 0; i < n; ++i)
        if (!isNan(x[i * inner]))
          elements[count++] = {x[i * inner], i};
      for (int64_t i = n; i-- > 0;)
        if (isNan(x[i * inner]))
          elements[--end] = {x[i * inner], i};
      sortElements<T>(elements, count, params[2] != 0);
      for (int64_t i = 0; i < n; ++i)
        positions[i * inner] = elements[static_cast<size_t>(i)].position;
    }
  }
};

} // namespace

LIBRARY(Argsort) {
  const Shape& shape = p.result.shape;
  const int64_t n = shape[p.attrs.axis];
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < shape.size(); ++i)
    if (i != p.attrs.axis)
      (i < p.attrs.axis ? outer : inner) *= shape[i];
  return {.kernel = pick<Argsort, float, double, int32_t, int64_t>(p.dtype()),
          .range = n ? outer * inner : 0,
          .work = p.op.cost * static_cast<double>(n),
          .params = {n, inner, p.attrs.flag(AttrField::descending)}};
}

} // namespace diptych::runtime
