// The tensor: an immutable value with a shape and an element type. Knows no operator: see Ops.h.
#pragma once

#include <diptych/Arg.h>
#include <diptych/Value.h>

namespace diptych {

class Tensor;

namespace detail {
[[noreturn]] void throwEmpty();
Scalar item(const Tensor& x, const SourceLocation& where);
const void* data(const Tensor& x, DType dtype, const SourceLocation& where);
/// Copies the elements in row-major order.
void copyOut(const Tensor& x, DType dtype, void* out, const SourceLocation& where);
} // namespace detail

/// What a backward sweep leaves behind.
struct GraphOptions {
  /// Keeps the tape, so that it can be swept again; else it is freed.
  bool retain_graph = false;
  /// Records the sweep itself, so that its results can be differentiated; keeps the tape too.
  bool create_graph = false;
};

/// An immutable array of rank 0 to 8. Copying shares. Inside jit or a transform a tensor may be
/// traced: it then has a type but no numbers, and reading an element throws Error.
/// Only the methods ending in `_` change anything: the gradient a leaf has, not its elements.
class Tensor {
public:
  /// Empty: holds nothing until it is assigned; any use but defined() throws Error.
  Tensor() = default;
  explicit Tensor(Value value);

  bool defined() const { return static_cast<bool>(value_); }
  /// The handle inside. Two tensors are one and the same when their values are equal.
  const Value& value() const {
    if (!value_)
      detail::throwEmpty();
    return value_;
  }
  /// The line that made it, for messages; unknown where that was not inside a DSL function.
  const SourceLocation& where() const { return where_; }

  const TensorType& type() const { return value().type(); }
  const Shape& shape() const { return value().shape(); }
  /// Extent of one axis; a negative axis counts from the last.
  int64_t shape(int64_t axis, SourceLocation where = std::source_location::current()) const;
  DType dtype() const { return value().dtype(); }
  int rank() const { return value().rank(); }
  int dim() const { return rank(); }
  int64_t numel() const { return type().numel(); }
  /// "cpu" or "cuda"; "traced" where it has no elements yet.
  std::string device() const;
  /// True where it has a type but no numbers that C++ could read.
  bool is_traced() const;
  bool is_contiguous() const;

  /// The only element as a C++ number. Error for another number of elements and for a traced
  /// tensor.
  template <class T> T item(SourceLocation where = std::source_location::current()) const {
    static_assert(std::is_arithmetic_v<T>, "item<T>: T is a number type");
    const Scalar number = detail::item(*this, where);
    return number.isInteger ? static_cast<T>(number.integer) : static_cast<T>(number.floating);
  }

  /// The elements in row-major order, as long as a tensor shares them. Error unless T is the
  /// tensor's dtype, the tensor is contiguous, on the CPU, and not traced.
  template <class T> const T* data(SourceLocation where = std::source_location::current()) const {
    return static_cast<const T*>(detail::data(*this, dtypeOf<T>, where));
  }

  /// A copy of the elements in row-major order. Error unless T is the dtype; error if traced.
  template <class T>
  std::vector<T> to_vector(SourceLocation where = std::source_location::current()) const;

  /// The truth of a single element, as in `if (x > 0)`. Error for several elements; error for a
  /// traced tensor, whose value is not known yet: use where(condition, a, b).
  explicit operator bool() const;

  /// The same numbers in another dtype (see the operator `convert` for the rounding).
  Tensor to(DType dtype, SourceLocation where = std::source_location::current()) const;
  Tensor astype(DType dtype, SourceLocation where = std::source_location::current()) const;
  /// The tensor on a device, "cpu" or "cuda"; itself where it is there already. Differentiable: the
  /// gradient comes back to this tensor's device. Error for "cuda" where there is no GPU
  /// (Device.h), and inside a traced function, which runs where its arguments are.
  Tensor to(const std::string& device,
            SourceLocation where = std::source_location::current()) const;
  /// The same tensor with its elements in row-major order; itself where they are already.
  Tensor contiguous(SourceLocation where = std::source_location::current()) const;
  /// The same numbers without a history: nothing flows back through it.
  Tensor detach(SourceLocation where = std::source_location::current()) const;

  /// True for a leaf that asked for a gradient, and for what was computed from one.
  bool requires_grad() const;
  /// Asks for a gradient (of a float) and returns the tensor, so that it can end a declaration.
  Tensor requires_grad_(bool on = true,
                        SourceLocation where = std::source_location::current()) const;
  /// What backward() has added up for this leaf; an empty tensor before the first.
  Tensor grad() const;
  /// Forgets the gradient: the next backward() starts from nothing.
  void zero_grad_() const;
  /// Adds d(this)/d(leaf) to the gradient of every leaf that asked for one. `this` has one element.
  /// As in y.backward({.retain_graph = true}).
  void backward(GraphOptions options = {},
                SourceLocation where = std::source_location::current()) const;
  /// The same for any shape, with the cotangent of this tensor given.
  void backward(const Tensor& cotangent, GraphOptions options = {},
                SourceLocation where = std::source_location::current()) const;

private:
  Value value_;
  SourceLocation where_;
};

template <class T> std::vector<T> Tensor::to_vector(SourceLocation where) const {
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<uint8_t> bytes(static_cast<size_t>(numel()));
    detail::copyOut(*this, DType::boolean, bytes.data(), where);
    return std::vector<bool>(bytes.begin(), bytes.end());
  } else {
    std::vector<T> elements(static_cast<size_t>(numel()));
    detail::copyOut(*this, dtypeOf<T>, elements.data(), where);
    return elements;
  }
}

/// Nested brackets as NumPy prints them, then the type; a rank-0 tensor prints as its number, a
/// traced one as "traced f64[3]". Above 1000 elements only the ends of each axis are shown.
std::ostream& operator<<(std::ostream& os, const Tensor& x);

} // namespace diptych
