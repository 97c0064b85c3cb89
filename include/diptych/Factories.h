// Tensors from numbers: literals, ranges, fills, random draws, foreign memory.
#pragma once

#include <diptych/Tensor.h>

namespace diptych {

/// The dtype of zeros, ones, rand, ... where none is given, and of a floating number that meets no
/// tensor. f64 at the start; any float. One for the whole process.
void set_default_dtype(DType dtype, std::source_location where = std::source_location::current());
DType default_dtype();

namespace detail {
/// Copies `bytes` (row-major) into a tensor; in a trace, a constant of the program.
Tensor fromBytes(const TensorType& type, const void* bytes, const SourceLocation& where);
Tensor range(Scalar begin, Scalar step, int64_t count, DType dtype, const SourceLocation& where);
int64_t rangeCount(double begin, double end, double step, const SourceLocation& where);
int64_t rangeCount(int64_t begin, int64_t end, int64_t step, const SourceLocation& where);
Tensor blob(const TensorType& type, const void* elements, std::shared_ptr<const void> owner,
            const SourceLocation& where);
void checkCount(int64_t count, const Shape& shape, const SourceLocation& where);
[[noreturn]] void throwRagged(int64_t expected, int64_t got, const SourceLocation& where);

template <class T>
concept Element =
    std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, bool> ||
    std::is_same_v<T, bfloat16> || std::is_same_v<T, float16> ||
    (std::is_integral_v<T> && std::is_signed_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));

template <class T> constexpr DType elementDType() {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
    return sizeof(T) == 4 ? DType::i32 : DType::i64;
  else
    return dtypeOf<T>;
}

// bool has no addressable vector: one byte an element, as tensors store it.
template <class T> using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

template <class T>
Tensor fromElements(const std::vector<Stored<T>>& elements, const Shape& shape,
                    const SourceLocation& where) {
  checkCount(static_cast<int64_t>(elements.size()), shape, where);
  return fromBytes({elementDType<T>(), shape}, elements.data(), where);
}

template <class T> using Row = std::initializer_list<T>;

template <class T>
void append(std::vector<Stored<T>>& elements, const Row<T>& row, size_t expected,
            const SourceLocation& where) {
  if (row.size() != expected)
    throwRagged(static_cast<int64_t>(expected), static_cast<int64_t>(row.size()), where);
  elements.insert(elements.end(), row.begin(), row.end());
}
} // namespace detail

/// A rank-0 tensor of the number's own dtype: double is f64, float f32, int i32, bool boolean,
/// bfloat16 bf16, float16 f16.
template <detail::Element T>
Tensor tensor(T value, std::source_location where = std::source_location::current()) {
  return detail::fromElements<T>({static_cast<detail::Stored<T>>(value)}, {}, where);
}

/// A copy of the elements, under their own dtype; the shape is [size] unless given.
template <detail::Element T>
Tensor tensor(const std::vector<T>& elements,
              std::source_location where = std::source_location::current()) {
  return detail::fromElements<T>({elements.begin(), elements.end()},
                                 {static_cast<int64_t>(elements.size())}, where);
}
template <detail::Element T>
Tensor tensor(const std::vector<T>& elements, const Shape& shape,
              std::source_location where = std::source_location::current()) {
  if constexpr (std::is_same_v<T, bool>)
    return detail::fromElements<T>({elements.begin(), elements.end()}, shape, where);
  else
    return detail::fromElements<T>(elements, shape, where);
}

/// tensor({1.0, 2.0}), tensor({{1.0, 2.0}, {3.0, 4.0}}), and one level deeper. Error if ragged.
template <detail::Element T>
Tensor tensor(std::initializer_list<T> row,
              std::source_location where = std::source_location::current()) {
  return detail::fromElements<T>({row.begin(), row.end()}, {static_cast<int64_t>(row.size())},
                                 where);
}
template <detail::Element T>
Tensor tensor(std::initializer_list<T> row, const Shape& shape,
              std::source_location where = std::source_location::current()) {
  return detail::fromElements<T>({row.begin(), row.end()}, shape, where);
}
template <detail::Element T>
Tensor tensor(std::initializer_list<detail::Row<T>> rows,
              std::source_location where = std::source_location::current()) {
  const size_t columns = rows.size() ? rows.begin()->size() : 0;
  std::vector<detail::Stored<T>> elements;
  for (const detail::Row<T>& row : rows)
    detail::append(elements, row, columns, where);
  return detail::fromElements<T>(
      elements, {static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns)}, where);
}
template <detail::Element T>
Tensor tensor(std::initializer_list<std::initializer_list<detail::Row<T>>> blocks,
              std::source_location where = std::source_location::current()) {
  const size_t rows = blocks.size() ? blocks.begin()->size() : 0;
  const size_t columns = rows ? blocks.begin()->begin()->size() : 0;
  std::vector<detail::Stored<T>> elements;
  for (const auto& block : blocks) {
    if (block.size() != rows)
      detail::throwRagged(static_cast<int64_t>(rows), static_cast<int64_t>(block.size()), where);
    for (const detail::Row<T>& row : block)
      detail::append(elements, row, columns, where);
  }
  return detail::fromElements<T>(elements,
                                 {static_cast<int64_t>(blocks.size()), static_cast<int64_t>(rows),
                                  static_cast<int64_t>(columns)},
                                 where);
}

Tensor zeros(const Shape& shape, DType dtype = default_dtype(),
             SourceLocation where = std::source_location::current());
Tensor ones(const Shape& shape, DType dtype = default_dtype(),
            SourceLocation where = std::source_location::current());
/// Every element is `value`, which must fit the dtype (0.5 does not fit i64).
Tensor full(const Shape& shape, Scalar value, DType dtype = default_dtype(),
            SourceLocation where = std::source_location::current());
/// Shape and dtype of x.
Tensor zeros_like(const Tensor& x, SourceLocation where = std::source_location::current());
Tensor ones_like(const Tensor& x, SourceLocation where = std::source_location::current());
Tensor full_like(const Tensor& x, Scalar value,
                 SourceLocation where = std::source_location::current());
/// The identity matrix [n,n].
Tensor eye(int64_t n, DType dtype = default_dtype(),
           SourceLocation where = std::source_location::current());

/// begin, begin + step, ... before end. Integers give i64, floats the default dtype.
template <class B, class E = B, class S = int>
  requires(std::is_arithmetic_v<B> && std::is_arithmetic_v<E> && std::is_arithmetic_v<S>)
Tensor arange(B begin, E end, S step = 1,
              std::source_location where = std::source_location::current()) {
  constexpr bool integers = std::is_integral_v<B> && std::is_integral_v<E> && std::is_integral_v<S>;
  using Bound = std::conditional_t<integers, int64_t, double>;
  const auto first = static_cast<Bound>(begin), each = static_cast<Bound>(step);
  const int64_t count = detail::rangeCount(first, static_cast<Bound>(end), each, where);
  return detail::range(first, each, count, integers ? DType::i64 : default_dtype(), where);
}
/// 0, 1, ... before end.
template <class E>
  requires std::is_arithmetic_v<E>
Tensor arange(E end, std::source_location where = std::source_location::current()) {
  return arange(E(0), end, 1, where);
}
/// `count` numbers evenly from begin to end, both included exactly.
Tensor linspace(double begin, double end, int64_t count, DType dtype = default_dtype(),
                SourceLocation where = std::source_location::current());

/// Seeds the process's generator: draw i takes random::fold_in(random::key(seed), i). The same seed
/// and the same draws in the same order give the same numbers. Seed 0 at the start.
void manual_seed(uint64_t seed);
/// random::uniform on [0, 1) with the next key: of the innermost random::Scope, or of the process's
/// generator, which is eager only: in a trace without a scope it throws Error, as the numbers would
/// be the same at every call.
Tensor rand(const Shape& shape, DType dtype = default_dtype(),
            SourceLocation where = std::source_location::current());
/// random::normal, as rand.
Tensor randn(const Shape& shape, DType dtype = default_dtype(),
             SourceLocation where = std::source_location::current());

/// A tensor over memory of yours, without a copy. It must stay alive and unchanged while the tensor
/// or anything that shares its elements lives: hand over `owner` to tie them together.
template <detail::Element T>
Tensor from_blob(const T* elements, const Shape& shape, std::shared_ptr<const void> owner = nullptr,
                 std::source_location where = std::source_location::current()) {
  return detail::blob({detail::elementDType<T>(), shape}, elements, std::move(owner), where);
}

} // namespace diptych
