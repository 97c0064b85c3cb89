// Memory of a kernel that lasts for one call: from the heap in libdiptych, from the caller's
// workspace in an artefact (aot/library), so everything asks Eigen's allocator.
#pragma once

#include <Eigen/Core>

#include <cstdint>

namespace diptych::runtime::kernels {

/// `size` elements that nobody has written.
template <class T> class Array {
public:
  explicit Array(int64_t size)
      : data_(static_cast<T*>(
            Eigen::internal::aligned_malloc(static_cast<size_t>(size) * sizeof(T)))) {}
  Array(const Array&) = delete;
  ~Array() { Eigen::internal::aligned_free(data_); }

  T& operator[](int64_t i) { return data_[i]; }
  T* begin() { return data_; }

private:
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
