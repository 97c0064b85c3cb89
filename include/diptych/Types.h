// What a tensor is made of: element types, shapes, scalars. Knows no operator.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include <diptych/Error.h>
#include <diptych/Half.h>

namespace diptych {

/// Element types. Booleans are stored as one byte, 0 or 1. bf16 and f16 are storage: every operator
/// computes on them what it computes on f32, and its result is rounded once (Half.h).
enum class DType : uint8_t { f32, f64, i32, i64, boolean, bf16, f16 };

constexpr int kDTypeCount = 7;
constexpr int kMaxRank = 8;

/// Bytes of one element.
constexpr int64_t sizeOf(DType dtype) {
  constexpr std::array<int64_t, kDTypeCount> bytes{4, 8, 4, 8, 1, 2, 2};
  return bytes[static_cast<size_t>(dtype)];
}
/// bf16 or f16.
constexpr bool isHalf(DType dtype) { return dtype == DType::bf16 || dtype == DType::f16; }
constexpr bool isFloat(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64 || isHalf(dtype);
}
constexpr bool isInteger(DType dtype) { return dtype == DType::i32 || dtype == DType::i64; }

/// "f64", "bf16", "boolean", ...
const char* name(DType dtype);

template <class T> struct DTypeOf;
template <> struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <> struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <> struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <> struct DTypeOf<int64_t> {
  static constexpr DType value = DType::i64;
};
template <> struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};
template <> struct DTypeOf<bfloat16> {
  static constexpr DType value = DType::bf16;
};
template <> struct DTypeOf<float16> {
  static constexpr DType value = DType::f16;
};
template <class T> constexpr DType dtypeOf = DTypeOf<T>::value;

/// A short list of integers held in place: shapes, axes, strides. At most kMaxRank entries;
/// a longer list throws Error.
class Dims {
public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values);
  explicit Dims(std::span<const int64_t> values);
  Dims(const std::vector<int64_t>& values) : Dims(std::span<const int64_t>(values)) {}
  Dims(int64_t count, int64_t value);
  // Copies only the entries in use: most lists are short and attributes are copied often.
  Dims(const Dims& other) { *this = other; }
  Dims& operator=(const Dims& other) {
    if (this == &other)
      return *this;
    size_ = other.size_;
    for (int i = 0; i < size_; ++i)
      values_[i] = other.values_[i];
    return *this;
  }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t operator[](int64_t i) const { return values_[i]; }
  int64_t& operator[](int64_t i) { return values_[i]; }
  const int64_t* begin() const { return values_; }
  const int64_t* end() const { return values_ + size_; }
  int64_t* begin() { return values_; }
  int64_t* end() { return values_ + size_; }
  int64_t back() const { return values_[size_ - 1]; }
  int64_t& back() { return values_[size_ - 1]; }
  void push_back(int64_t value);
  void pop_back() { --size_; }
  void insert(int64_t position, int64_t value);
  void erase(int64_t position);
  bool contains(int64_t value) const;
  std::span<const int64_t> span() const { return {values_, static_cast<size_t>(size_)}; }
  /// Product of the entries; 1 for an empty list.
  int64_t product() const;
  /// "[2,3]"
  std::string str() const;

  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.size_ != b.size_)
      return false;
    for (int i = 0; i < a.size_; ++i)
      if (a.values_[i] != b.values_[i])
        return false;
    return true;
  }

private:
  int64_t values_[kMaxRank];
  int size_ = 0;
};

using Shape = Dims;

/// Element type and shape: all that is known of a tensor before it has a value.
struct TensorType {
  DType dtype = DType::f64;
  Shape shape;

  int rank() const { return shape.size(); }
  int64_t numel() const { return shape.product(); }
  int64_t bytes() const { return numel() * sizeOf(dtype); }
  /// "f64[2,3]"
  std::string str() const;
  friend bool operator==(const TensorType& a, const TensorType& b) {
    return a.dtype == b.dtype && a.shape == b.shape;
  }
};

/// A number of the host language: exact for every i64 and every f64.
struct Scalar {
  Scalar() = default;
  Scalar(double value) : floating(value) {}
  Scalar(float value) : floating(value) {}
  Scalar(int value) : isInteger(true), integer(value) {}
  Scalar(int64_t value) : isInteger(true), integer(value) {}
  Scalar(long long value) : isInteger(true), integer(value) {}
  Scalar(size_t value) : isInteger(true), integer(static_cast<int64_t>(value)) {}
  Scalar(bool value) : isInteger(true), integer(value) {}

  double asDouble() const { return isInteger ? static_cast<double>(integer) : floating; }
  int64_t asInteger() const { return isInteger ? integer : static_cast<int64_t>(floating); }
  friend bool operator==(const Scalar& a, const Scalar& b);

  bool isInteger = false;
  double floating = 0.0;
  int64_t integer = 0;
};

/// Row-major strides, in elements.
Dims contiguousStrides(const Shape& shape);

std::ostream& operator<<(std::ostream& os, DType dtype);
std::ostream& operator<<(std::ostream& os, const Dims& dims);
std::ostream& operator<<(std::ostream& os, const TensorType& type);

} // namespace diptych
