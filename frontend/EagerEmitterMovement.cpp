// Operators that are views, strided copies or new tensors.
#include <array>

#include "frontend/EagerEmitter.h"
#include "ir/Steps.h"

namespace diptych::eager {

namespace {

const TensorImpl& tensor(const Value& value) {
  return *static_cast<const TensorImpl*>(value.impl());
}

Value alias(const TensorType& type, ValueSpan operands, const Attrs&) {
  return viewOf(tensor(operands[0]), type, tensor(operands[0]).strides());
}

Value convert(const TensorType& type, ValueSpan operands, const Attrs& attrs) {
  const TensorImpl& x = tensor(operands[0]);
  if (x.type.dtype == type.dtype)
    return alias(type, operands, attrs);
  auto* output = new TensorImpl(type, x.isOnDevice());
  Value result(output);
  const runtime::Strided input = x.strided();
  runtime::launchPointwise(OpCode::Convert, {&input, 1}, output->strided());
  return result;
}

Value broadcast(const TensorType& type, ValueSpan operands, const Attrs& attrs) {
  const TensorImpl& x = tensor(operands[0]);
  Dims strides(type.rank(), 0);
  for (int i = 0; i < attrs.axes.size(); ++i)
    strides[attrs.axes[i]] = x.strides()[i];
  return viewOf(x, type, strides);
}

Value transpose(const TensorType& type, ValueSpan operands, const Attrs& attrs) {
  const TensorImpl& x = tensor(operands[0]);
  Dims strides;
  for (int64_t axis : attrs.axes)
    strides.push_back(x.strides()[axis]);
  return viewOf(x, type, strides);
}

Value slice(const TensorType& type, ValueSpan operands, const Attrs& attrs) {
  const TensorImpl& x = tensor(operands[0]);
  Dims strides = x.strides();
  int64_t offset = 0;
  for (int i = 0; i < strides.size(); ++i) {
    offset += attrs.starts[i] * strides[i];
    strides[i] *= stepWithin(attrs.strides[i], x.type.shape[i]);
  }
  // An empty view may start past the end: keep its pointer inside the storage.
  return viewOf(x, type, strides, type.numel() ? offset : 0);
}

Value reverse(const TensorType& type, ValueSpan operands, const Attrs& attrs) {
  const TensorImpl& x = tensor(operands[0]);
  Dims strides = x.strides();
  int64_t offset = 0;
  for (int64_t axis : attrs.axes) {
    offset += (type.shape[axis] - 1) * strides[axis];
    strides[axis] = -strides[axis];
  }
  return viewOf(x, type, strides, type.numel() ? offset : 0);
}

Value windows(const TensorType& type, ValueSpan operands, const Attrs& attrs) {
  const TensorImpl& x = tensor(operands[0]);
  Dims strides;
  for (int i = 0, next = 0; i < x.type.rank(); ++i) {
    const int64_t stride = x.strides()[i];
    if (next == attrs.axes.size() || attrs.axes[next] != i) {
      strides.push_back(stride);
      continue;
    }
    strides.push_back(stride * attrs.strides[next]);
    strides.push_back(stride * attrs.dilations[next++]);
  }
  return viewOf(x, type, strides);
}

/// Strides of x under another shape, where its elements already lie so. Axes of both shapes are
/// matched in groups of equal size; inside a group x's axes must run into each other.
bool viewStrides(const TensorImpl& x, const Shape& shape, Dims& strides) {
  Shape from;
  Dims fromStrides;
  for (int i = 0; i < x.type.rank(); ++i)
    if (x.type.shape[i] != 1) {
      from.push_back(x.type.shape[i]);
      fromStrides.push_back(x.strides()[i]);
    }
  strides = Dims(shape.size(), 1);
  int a = 0, b = 0;
  while (a < from.size()) {
    int64_t left = from[a], right = 1;
    int lastA = a;
    const int firstB = b;
    while (b < shape.size() && (right < left || right == 1))
      right *= shape[b++];
    while (left != right) {
      if (left < right && lastA + 1 < from.size()) {
        ++lastA;
        if (fromStrides[lastA - 1] != from[lastA] * fromStrides[lastA])
          return false;
        left *= from[lastA];
      } else if (right < left && b < shape.size()) {
        right *= shape[b++];
      } else {
        return false;
      }
    }
    int64_t stride = fromStrides[lastA];
    for (int i = b - 1; i >= firstB; --i) {
      strides[i] = stride;
      stride *= shape[i];
    }
    a = lastA + 1;
  }
  return true;
}

Value reshape(const TensorType& type, ValueSpan operands, const Attrs&) {
  const TensorImpl& x = tensor(operands[0]);
  if (x.isContiguous())
    return viewOf(x, type, contiguousStrides(type.shape));
  if (type.shape == x.type.shape)
    return viewOf(x, type, x.strides());
  Dims strides;
  if (viewStrides(x, type.shape, strides))
    return viewOf(x, type, strides);
  return viewOf(tensor(contiguousCopy(operands[0])), type, contiguousStrides(type.shape));
}

Value pad(const TensorType& type, ValueSpan operands, const Attrs& attrs) {
  auto* output = new TensorImpl(type, tensor(operands[0]).isOnDevice());
  Value result(output);
  runtime::launchPad(tensor(operands[0]).strided(), attrs, output->strided());
  return result;
}

Value concatenate(const TensorType& type, ValueSpan operands, const Attrs& attrs) {
  auto* output = new TensorImpl(type, tensor(operands[0]).isOnDevice());
  Value result(output);
  std::vector<runtime::Strided> inputs;
  for (const Value& operand : operands)
    inputs.push_back(tensor(operand).strided());
  runtime::launchConcatenate(inputs, attrs.axis, output->strided());
  return result;
}

Value constant(const TensorType& type, ValueSpan, const Attrs& attrs) {
  if (!attrs.literal)
    return splat(type, attrs.value);
  // Nobody writes through a tensor, so the literal's own bytes serve.
  const std::shared_ptr<const Literal> literal = attrs.literal;
  void* bytes = const_cast<std::byte*>(literal->bytes.data());
  return fromMemory(type, bytes, [literal](void*) {});
}

// One run of indices, repeated along the other axes.
Value iota(const TensorType& type, ValueSpan, const Attrs& attrs) {
  auto* run = new TensorImpl({type.dtype, {type.shape[attrs.axis]}});
  const Value values(run);
  runtime::launchIota(run->strided());
  Dims strides(type.rank(), 0);
  strides[attrs.axis] = 1;
  return viewOf(*run, type, strides);
}

struct Entry {
  OpCode code;
  Handler handler;
};
// One operator, one function: what has no kernel of its own.
constexpr Entry entries[] = {
    {OpCode::StopGradient, alias},      {OpCode::Convert, convert},
    {OpCode::Broadcast, broadcast},     {OpCode::Reshape, reshape},
    {OpCode::Transpose, transpose},     {OpCode::Slice, slice},
    {OpCode::Windows, windows},         {OpCode::Pad, pad},
    {OpCode::Reverse, reverse},         {OpCode::Constant, constant},
    {OpCode::Concatenate, concatenate}, {OpCode::Iota, iota},
};

constexpr size_t kOperators = 0
#define DIPTYCH_OPCODE(CODE) +1
#include "ir/OpCodes.h.inc"
    ;

constexpr std::array<Handler, kOperators> table = [] {
  std::array<Handler, kOperators> handlers{};
  for (const Entry& entry : entries)
    handlers[static_cast<size_t>(entry.code)] = entry.handler;
  return handlers;
}();

} // namespace

Handler handlerOf(OpCode code) { return table[static_cast<size_t>(code)]; }

} // namespace diptych::eager
