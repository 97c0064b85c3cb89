// Tensor's own methods: types, reading elements out, and refusing to where there are none.
#include <diptych/Tensor.h>

#include "frontend/Ops.h"
#include "frontend/Tape.h"

#include <cstring>

namespace diptych {

using detail::located;
using detail::misuse;
using detail::wrap;

namespace detail {

void throwEmpty() {
  throw Error("this Tensor is empty (default-constructed, or the gradient of a leaf before any "
              "backward); assign it a value before using it");
}

bool isEager(const Value& value) { return findTensor(value) != nullptr; }
bool emitsEagerly() { return &currentEmitter() == &eagerEmitter(); }

// Under a trace or a batch there is no tape to switch off: results lose their derivative instead.
// Only for guards made inside it, so that tracing under an eager guard traces the same program.
bool& tracesConstants() {
  static thread_local bool on = false;
  return on;
}

Tensor wrap(Value value) {
  if (tracesConstants() && isFloat(value.dtype()))
    value = emitted::stop_gradient(value);
  return Tensor(std::move(value));
}

Value presentable(const Value& value) {
  const TensorImpl* tensor = findTensor(value);
  return tensor && !tensor->requiresGrad() ? contiguousCopy(value) : value;
}

Value eagerCopy(const TensorType& type, const void* elements) {
  const Value value = newTensor(type);
  if (type.bytes() > 0)
    std::memcpy(findTensor(value)->data(), elements, static_cast<size_t>(type.bytes()));
  return value;
}

Value eagerView(const TensorType& type, const void* elements, std::shared_ptr<const void> owner) {
  // Eager kernels never write to an operand, so const is kept in fact.
  return fromMemory(type, const_cast<void*>(elements), [owner = std::move(owner)](void*) {});
}

static const TensorImpl& readable(const char* op, const Tensor& x) {
  if (const TensorImpl* tensor = findTensor(x.value()))
    return *tensor;
  misuse(op, "a tensor whose elements are known", "traced " + x.type().str(),
         "inside a traced function use where(condition, a, b) in place of a C++ branch, or leave "
         "this part outside of it");
}

static Scalar load(DType dtype, const std::byte* element) {
  switch (dtype) {
  case DType::f32: return Scalar(*reinterpret_cast<const float*>(element));
  case DType::f64: return Scalar(*reinterpret_cast<const double*>(element));
  case DType::i32: return Scalar(static_cast<int64_t>(*reinterpret_cast<const int32_t*>(element)));
  case DType::i64: return Scalar(*reinterpret_cast<const int64_t*>(element));
  case DType::boolean: return Scalar(static_cast<int64_t>(*element != std::byte{0}));
  case DType::bf16: return Scalar(float(*reinterpret_cast<const bfloat16*>(element)));
  case DType::f16: return Scalar(float(*reinterpret_cast<const float16*>(element)));
  }
  throw Error("internal: an element type without a meaning");
}

static Scalar single(const char* op, const Tensor& x, const char* remedy) {
  const TensorImpl& tensor = readable(op, x);
  if (x.numel() != 1)
    misuse(op, "one element", x.type().str(), remedy);
  alignas(8) std::byte element[8];
  loadElement(tensor, element);
  return load(x.dtype(), element);
}

Scalar item(const Tensor& x, const SourceLocation& where) {
  return located(where, [&] {
    return single("item", x, "read several with to_vector, or reduce with sum, max, ...");
  });
}

static void requireDType(const char* op, const Tensor& x, DType dtype) {
  if (x.dtype() != dtype)
    misuse(op, std::string("a tensor of ") + name(dtype), x.type().str(),
           std::string("ask for its own type, or convert it with astype(") + name(dtype) + ")");
}

const void* data(const Tensor& x, DType dtype, const SourceLocation& where) {
  return located(where, [&]() -> const void* {
    const TensorImpl& tensor = readable("data", x);
    requireDType("data", x, dtype);
    if (tensor.isOnDevice())
      misuse("data", "a tensor on the CPU", x.type().str() + " on cuda",
             "keep x.to(\"cpu\") in a variable and read that, or use to_vector");
    if (!tensor.isContiguous())
      misuse("data", "a contiguous tensor",
             x.type().str() + " with strides " + tensor.strides().str(),
             "keep x.contiguous() in a variable and read that, or use to_vector");
    return tensor.data();
  });
}

void copyOut(const Tensor& x, DType dtype, void* out, const SourceLocation& where) {
  located(where, [&] {
    readable("to_vector", x);
    requireDType("to_vector", x, dtype);
    const Value rows = movedTo(contiguousCopy(x.value()), false);
    if (x.type().bytes() > 0)
      std::memcpy(out, findTensor(rows)->data(), static_cast<size_t>(x.type().bytes()));
  });
}

} // namespace detail

Tensor::Tensor(Value value) : value_(std::move(value)), where_(currentLocation()) {}

int64_t Tensor::shape(int64_t axis, SourceLocation where) const {
  return located(where, [&] { return shape()[detail::axisOf("shape", axis, rank())]; });
}

bool Tensor::is_traced() const { return !detail::isEager(value()); }

bool Tensor::is_contiguous() const {
  const TensorImpl* tensor = findTensor(value());
  return !tensor || tensor->isContiguous();
}

Tensor::operator bool() const {
  return located(where_, [&] {
    const Scalar number = detail::single(
        "if", *this, "a tensor of several elements is neither true nor false: use any or all");
    return number.isInteger ? number.integer != 0 : number.floating != 0;
  });
}

Tensor Tensor::to(DType dtype, SourceLocation where) const {
  return located(where, [&] { return wrap(emitted::convert(value(), dtype)); });
}

Tensor Tensor::astype(DType dtype, SourceLocation where) const { return to(dtype, where); }

Tensor Tensor::contiguous(SourceLocation where) const {
  return located(where, [&] {
    if (is_contiguous())
      return *this;
    if (!requires_grad())
      return Tensor(contiguousCopy(value()));
    // The one operator that always copies, and that the tape knows how to differentiate.
    const Value operands[] = {value()};
    return wrap(emitted::concatenate(operands, 0));
  });
}

Tensor Tensor::detach(SourceLocation where) const {
  return located(where, [&] { return Tensor(emitted::stop_gradient(value())); });
}

} // namespace diptych
