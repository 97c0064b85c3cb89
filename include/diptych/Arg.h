// How functions of the DSL take their parameters: operands (a tensor or a number, with the caller's
// line) and axes. Parameter types only: never stored, never returned.
#pragma once

#include <concepts>
#include <type_traits>

#include <diptych/Types.h>

namespace diptych {

class Tensor;

using enum DType;

/// A tensor or a C++ number, and the line it was passed on. A number takes the dtype of the tensor
/// it meets; it never changes a tensor's dtype. Refers to the tensor: use it only as a parameter.
class Arg {
public:
  Arg(const Tensor& tensor, SourceLocation where = std::source_location::current())
      : tensor_(&tensor), where_(where) {}

  template <class T>
    requires std::is_arithmetic_v<T>
  Arg(T number, SourceLocation where = std::source_location::current())
      : number_(scalarOf(number)), isBoolean_(std::is_same_v<T, bool>), where_(where) {}

  Arg(const Arg&) = delete;
  Arg& operator=(const Arg&) = delete;

  /// Null for a number.
  const Tensor* tensor() const { return tensor_; }
  const Scalar& number() const { return number_; }
  bool isBoolean() const { return isBoolean_; }
  const SourceLocation& where() const { return where_; }

private:
  template <class T> static Scalar scalarOf(T number) {
    if constexpr (std::is_same_v<T, bool>)
      return Scalar(number);
    else if constexpr (std::is_integral_v<T>)
      return Scalar(static_cast<int64_t>(number));
    else
      return Scalar(static_cast<double>(number));
  }

  const Tensor* tensor_ = nullptr;
  Scalar number_;
  bool isBoolean_ = false;
  SourceLocation where_;
};

/// One axis or several; a negative axis counts from the last. An empty list stands for all axes.
class Axes {
public:
  Axes() = default;
  template <std::integral T>
    requires(!std::is_same_v<T, bool>)
  Axes(T axis) : list_{static_cast<int64_t>(axis)} {}
  Axes(std::initializer_list<int64_t> axes) : list_(axes) {}
  Axes(const std::vector<int64_t>& axes) : list_(axes) {}
  Axes(const Dims& axes) : list_(axes) {}

  const Dims& list() const { return list_; }
  bool all() const { return list_.empty(); }

private:
  Dims list_;
};

} // namespace diptych
