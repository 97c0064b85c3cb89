// Positions in the order of the elements along an axis. Stable in both directions, NaN last.
#pragma once

#include "runtime/library/kernels/Array.h"

#include <algorithm>
#include <cmath>

namespace diptych::runtime::kernels {

template <class T> bool isNan(T key) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(key);
  return false;
}

template <class T> void sortElements(Element<T>* first, Element<T>* last, bool descending) {
  if (descending)
    std::sort(first, last, [](const Element<T>& a, const Element<T>& b) {
      return a.key > b.key || (a.key == b.key && a.position < b.position);
    });
  else
    std::sort(first, last);
}

// args x [outer, n, inner], positions; params n, inner, descending; problems outer * inner.
template <class T> struct Argsort {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0], inner = params[1];
    Array<Element<T>> elements(n); // numbers, then NaNs
    for (int64_t problem = lo; problem < hi; ++problem) {
      const int64_t start = problem / inner * n * inner + problem % inner;
      const T* x = static_cast<const T*>(args[0]) + start;
      int64_t* positions = static_cast<int64_t*>(args[1]) + start;
      int64_t count = 0, end = n;
      for (int64_t i = 0; i < n; ++i)
        if (!isNan(x[i * inner]))
          elements[count++] = {x[i * inner], i};
      for (int64_t i = n; i-- > 0;)
        if (isNan(x[i * inner]))
          elements[--end] = {x[i * inner], i};
      sortElements(elements.begin(), elements.begin() + count, params[2] != 0);
      for (int64_t i = 0; i < n; ++i)
        positions[i * inner] = elements[i].position;
    }
  }
};

} // namespace diptych::runtime::kernels
