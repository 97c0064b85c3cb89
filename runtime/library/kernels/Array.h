// Memory of a kernel that lasts for one call: from the heap in libdiptych, from the caller's
// workspace in an artefact (aot/library), so everything asks Eigen's allocator.
#pragma once

#include <Eigen/Core>

#include <algorithm>
#include <cstdint>

namespace diptych::runtime::kernels {

/// `size` elements that nobody has written.
template <class T> class Array {
public:
  explicit Array(int64_t size)
      : data_(static_cast<T*>(Eigen::internal::handmade_aligned_malloc(
            static_cast<size_t>(size) * sizeof(T), kAlignment))) {
    if (!data_)
      Eigen::internal::throw_std_bad_alloc();
  }
  Array(const Array&) = delete;
  ~Array() { Eigen::internal::handmade_aligned_free(data_); }

  T& operator[](int64_t i) { return data_[i]; }
  T* begin() { return data_; }

private:
  // Of a struct of vectors it is more than Eigen's own.
  static constexpr size_t kAlignment = std::max<size_t>(alignof(T), EIGEN_DEFAULT_ALIGN_BYTES);
  T* data_;
};

/// A number and where it stands; equal ones are ordered by position, so the order is total.
template <class T> struct Element {
  T key;
  int64_t position;
  bool operator<(const Element& other) const {
    return key < other.key || (key == other.key && position < other.position);
  }
};

} // namespace diptych::runtime::kernels
