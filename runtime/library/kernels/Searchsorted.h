// Binary search of values in sorted rows.
#pragma once

#include <algorithm>
#include <cmath>

namespace diptych::runtime::kernels {

// Less in the order of argsort: NaN last, all NaN equal.
template <class T> bool before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a < b || (std::isnan(b) && !std::isnan(a));
  else
    return a < b;
}

// args sorted [rows, n], values [rows, m], counts; params n, m, right; problems rows.
template <class T> struct Searchsorted {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0], m = params[1];
    for (int64_t row = lo; row < hi; ++row) {
      const T* first = static_cast<const T*>(args[0]) + row * n;
      const T* values = static_cast<const T*>(args[1]) + row * m;
      int64_t* counts = static_cast<int64_t*>(args[2]) + row * m;
      for (int64_t i = 0; i < m; ++i)
        counts[i] = (params[2] ? std::upper_bound(first, first + n, values[i], before<T>)
                               : std::lower_bound(first, first + n, values[i], before<T>)) -
                    first;
    }
  }
};

} // namespace diptych::runtime::kernels
