// Operators that put elements into parts of an output: strided copies into views of it.
#include "ir/Steps.h"
#include "runtime/KernelAbi.h"
#include "runtime/Launch.h"
#include "runtime/cuda/DeviceLaunch.h"
#include "runtime/cuda/EagerTable.h"

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
              isContiguous(shape, strides), whole.onDevice} {}
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

// Slab after slab, so that nothing is written twice: on each axis what lies before and behind, of
// the input's places on the axes so far. Elements between those of the input lie everywhere, and on
// a device each slab would be a launch.
static void fillAround(const Shape& input, const Attrs& attrs, const Strided& output) {
  bool hasInterior = output.onDevice;
  for (int a = 0; a < input.size(); ++a)
    hasInterior |= attrs.interior[a] != 0;
  if (hasInterior)
    return launchFill(attrs.value, output);
  Shape shape = output.type->shape;
  int64_t offset = 0;
  const auto fill = [&](int axis, int64_t extent, int64_t at) {
    if (extent == 0)
      return;
    Shape slab = shape;
    slab[axis] = extent;
    launchFill(attrs.value, Part(output, slab, *output.strides, offset + at).array);
  };
  for (int a = 0; a < input.size(); ++a) {
    const int64_t stride = (*output.strides)[a];
    fill(a, attrs.low[a], 0);
    fill(a, attrs.high[a], (attrs.low[a] + input[a]) * stride);
    shape[a] = input[a];
    offset += attrs.low[a] * stride;
  }
}

void launchPad(const Strided& input, const Attrs& attrs, const Strided& output) {
  fillAround(input.type->shape, attrs, output);
  if (input.type->numel() == 0)
    return;
  Dims strides = *output.strides;
  int64_t offset = 0;
  for (int a = 0; a < strides.size(); ++a) {
    offset += attrs.low[a] * strides[a];
    strides[a] *= stepWithin(attrs.interior[a], output.type->shape[a]) + 1;
  }
  const Part part(output, input.type->shape, strides, offset);
  launchCopy(input, part.array);
}

// One place of the windows after the other, added to what is there: windows laid on the output do
// not overlap at one place of theirs.
void launchOverlapAdd(const Strided& input, const Attrs& attrs, const Strided& output) {
  // Sums are launches of their own; without a kernel each would be copies to and fro.
  const DType dtype = output.type->dtype;
  if (output.onDevice && !cuda::findKernel(OpCode::Add, dtype, dtype, kStrided))
    return cuda::runOnHost("overlap_add", {&input, 1}, output, [&](auto in, const Strided& out) {
      launchOverlapAdd(in[0], attrs, out);
    });
  launchFill(Scalar(0), output);
  if (input.type->numel() == 0)
    return;
  Shape shape, sizes;
  Dims inputStrides, outputStrides, inputSteps, outputSteps;
  for (int i = 0, from = 0; i < output.type->rank(); ++i, ++from) {
    const int which = from - i;
    const bool windowed = which < attrs.axes.size() && attrs.axes[which] == i;
    shape.push_back(input.type->shape[from]);
    inputStrides.push_back((*input.strides)[from]);
    outputStrides.push_back((*output.strides)[i] * (windowed ? attrs.strides[which] : 1));
    if (!windowed)
      continue;
    ++from;
    sizes.push_back(input.type->shape[from]);
    inputSteps.push_back((*input.strides)[from]);
    outputSteps.push_back((*output.strides)[i] * attrs.dilations[which]);
  }
  for (int64_t place = 0; place < sizes.product(); ++place) {
    int64_t rest = place, read = 0, written = 0;
    for (int i = sizes.size() - 1; i >= 0; --i) {
      read += rest % sizes[i] * inputSteps[i];
      written += rest % sizes[i] * outputSteps[i];
      rest /= sizes[i];
    }
    const Part from(input, shape, inputStrides, read), to(output, shape, outputStrides, written);
    const Strided sum[] = {to.array, from.array};
    launchPointwise(OpCode::Add, sum, to.array);
  }
}

} // namespace diptych::runtime
