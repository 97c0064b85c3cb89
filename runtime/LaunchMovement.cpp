// Operators that put elements into parts of an output: strided copies into views of it.
#include "runtime/Launch.h"

namespace diptych::runtime {

namespace {

/// A part of an array; keeps its own type and strides.
struct Part {
  TensorType type;
  Dims strides;
  Strided array;

  Part(const Strided& whole, const Shape& shape, const Dims& strides, int64_t offset)
      : type{whole.type->dtype, shape}, strides(strides),
        array{whole.data + offset * sizeOf(type.dtype), &type, &this->strides,
              isContiguous(shape, strides)} {}
  Part(const Part&) = delete;
};

} // namespace

void launchConcatenate(std::span<const Strided> inputs, int64_t axis, const Strided& output) {
  int64_t offset = 0;
  for (const Strided& input : inputs) {
    const Part part(output, input.type->shape, *output.strides, offset);
    launchCopy(input, part.array);
    offset += input.type->shape[axis] * (*output.strides)[axis];
  }
}

void launchPad(const Strided& input, const Attrs& attrs, const Strided& output) {
  launchFill(attrs.value, output);
  Dims strides = *output.strides;
  int64_t offset = 0;
  for (int a = 0; a < strides.size(); ++a) {
    offset += attrs.low[a] * strides[a];
    strides[a] *= attrs.interior[a] + 1;
  }
  if (input.type->numel() == 0)
    return;
  const Part part(output, input.type->shape, strides, offset);
  launchCopy(input, part.array);
}

} // namespace diptych::runtime
