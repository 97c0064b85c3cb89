// Tensors from numbers. Ranges and fills are emitted, so that a trace sees them as they are made;
// literals and foreign memory become eager tensors, or constants of a trace.
#include <diptych/Factories.h>

#include "frontend/Ops.h"

#include <atomic>
#include <cmath>
#include <cstring>

namespace diptych {

using detail::located;
using detail::misuse;
using detail::wrap;

static std::atomic<DType> defaultDType{DType::f64};

void set_default_dtype(DType dtype, std::source_location where) {
  located(where, [&] {
    if (!isFloat(dtype))
      misuse("set_default_dtype", "f32, f64, bf16 or f16", name(dtype),
             "give integers their dtype by name");
    defaultDType = dtype;
  });
}

DType default_dtype() { return defaultDType; }

namespace detail {

static Value literal(const TensorType& type, const void* bytes) {
  auto elements = std::make_shared<Literal>();
  elements->type = type;
  elements->bytes.resize(static_cast<size_t>(type.bytes()));
  if (!elements->bytes.empty())
    std::memcpy(elements->bytes.data(), bytes, elements->bytes.size());
  Attrs attrs;
  attrs.shape = type.shape;
  attrs.dtype = type.dtype;
  attrs.literal = std::move(elements);
  return emitted::emit(OpCode::Constant, {}, attrs);
}

Tensor fromBytes(const TensorType& type, const void* bytes, const SourceLocation& where) {
  return located(where, [&] {
    return Tensor(emitsEagerly() ? eagerCopy(type, bytes) : literal(type, bytes));
  });
}

// begin + step * i: two roundings an element, and no sum that drifts.
Tensor range(Scalar begin, Scalar step, int64_t count, DType dtype, const SourceLocation& where) {
  return located(where, [&] {
    const TensorType type{dtype, {count}};
    const Value index = emitted::iota(type, 0);
    return wrap(
        emitted::add(emitted::mul(index, emitted::like(index, step)), emitted::like(index, begin)));
  });
}

int64_t rangeCount(double begin, double end, double step, const SourceLocation& where) {
  return located(where, [&] {
    if (!(step != 0) || !std::isfinite(step) || !std::isfinite(begin) || !std::isfinite(end))
      misuse("arange", "finite bounds and a step that is not 0",
             std::to_string(begin) + " to " + std::to_string(end) + " by " + std::to_string(step),
             "check the numbers");
    const double count = std::ceil((end - begin) / step);
    if (count > 0x1p48)
      misuse("arange", "at most 2^48 elements", std::to_string(count), "take a larger step");
    return count > 0 ? static_cast<int64_t>(count) : int64_t{0};
  });
}

// In the double's 53 bits large integers would meet.
int64_t rangeCount(int64_t begin, int64_t end, int64_t step, const SourceLocation& where) {
  return located(where, [&] {
    if (step == 0)
      misuse("arange", "a step that is not 0", "0", "check the numbers");
    if (step > 0 ? end <= begin : end >= begin)
      return int64_t{0};
    const auto low = static_cast<uint64_t>(std::min(begin, end));
    const uint64_t span = static_cast<uint64_t>(std::max(begin, end)) - low;
    const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : -static_cast<uint64_t>(step);
    const uint64_t count = (span - 1) / stride + 1;
    if (count > uint64_t{1} << 48)
      misuse("arange", "at most 2^48 elements", std::to_string(count), "take a larger step");
    return static_cast<int64_t>(count);
  });
}

void checkCount(int64_t count, const Shape& shape, const SourceLocation& where) {
  bool negative = false;
  for (int64_t extent : shape)
    negative |= extent < 0;
  if (negative || count != shape.product())
    throw Error(where, "tensor: expected a shape of " + std::to_string(count) + " elements, got " +
                           shape.str() + "; the shape must hold exactly the elements given");
}

void throwRagged(int64_t expected, int64_t got, const SourceLocation& where) {
  throw Error(where, "tensor: expected rows of " + std::to_string(expected) + " elements, got " +
                         std::to_string(got) + "; nested lists must not be ragged");
}

Tensor blob(const TensorType& type, const void* elements, std::shared_ptr<const void> owner,
            const SourceLocation& where) {
  return located(where, [&] {
    int64_t count = 1;
    for (int64_t extent : type.shape)
      if (extent < 0 || __builtin_mul_overflow(count, extent ? extent : 1, &count) ||
          count > int64_t{1} << 48)
        misuse("from_blob", "extents that are not negative and below 2^48 elements",
               type.shape.str(), "check the shape");
    if (!elements && type.numel() > 0)
      misuse("from_blob", "a pointer to " + std::to_string(type.numel()) + " elements", "null",
             "pass memory that holds them");
    return Tensor(eagerView(type, elements, std::move(owner)));
  });
}

} // namespace detail

static Tensor filled(const TensorType& type, Scalar value, const SourceLocation& where) {
  return located(where, [&] {
    // Contiguous, so that data() of a new tensor works; the emitter may have repeated one element.
    return wrap(detail::presentable(emitted::constant(type, value)));
  });
}

Tensor zeros(const Shape& shape, DType dtype, SourceLocation where) {
  return filled({dtype, shape}, 0, where);
}
Tensor ones(const Shape& shape, DType dtype, SourceLocation where) {
  return filled({dtype, shape}, 1, where);
}
Tensor full(const Shape& shape, Scalar value, DType dtype, SourceLocation where) {
  return filled({dtype, shape}, value, where);
}
// On x's device too, where x has one.
static Tensor filledLike(const Tensor& x, Scalar value, const SourceLocation& where) {
  return located(where, [&] {
    const Tensor result = filled(x.type(), value, where);
    return x.is_traced() || x.device() == "cpu" ? result : result.to(x.device());
  });
}
Tensor zeros_like(const Tensor& x, SourceLocation where) { return filledLike(x, 0, where); }
Tensor ones_like(const Tensor& x, SourceLocation where) { return filledLike(x, 1, where); }
Tensor full_like(const Tensor& x, Scalar value, SourceLocation where) {
  return filledLike(x, value, where);
}

Tensor eye(int64_t n, DType dtype, SourceLocation where) {
  return located(where, [&] { return wrap(emitted::eye(n, dtype)); });
}

// The second half counts back from the end, so that both ends are exact.
Tensor linspace(double begin, double end, int64_t count, DType dtype, SourceLocation where) {
  return located(where, [&] {
    if (!isFloat(dtype) || count < 0)
      misuse("linspace", "a count that is not negative, in f32, f64, bf16 or f16",
             std::to_string(count) + " in " + name(dtype), "use arange for integers");
    const Value index = emitted::iota({DType::f64, {count}}, 0);
    const auto number = [&](double value) { return emitted::like(index, value); };
    const double last = static_cast<double>(count - 1);
    const double step = count > 1 ? (end - begin) / last : 0.0;
    const Value ascending = emitted::add(number(begin), emitted::mul(index, number(step)));
    const Value fromEnd = emitted::mul(emitted::sub(number(last), index), number(step));
    const Value descending = emitted::sub(number(end), fromEnd);
    const Value isFirstHalf = emitted::lt(index, number(static_cast<double>(count) / 2));
    return wrap(emitted::convert(emitted::where(isFirstHalf, ascending, descending), dtype));
  });
}

} // namespace diptych
