// Eager kernels on strided arrays: chooses the variant, loops what a kernel does not, spreads big
// work over the pool. Takes operands that fit (types were inferred before); knows no tensor.
// Bits depend neither on the variant nor on the number of threads: the kernels guarantee it.
#pragma once

#include <cstddef>
#include <span>

#include <diptych/Types.h>

#include "ir/Fused.h"
#include "ir/OpTable.h"

namespace diptych::runtime {

/// An array in memory, borrowed. Strides are in elements; 0 repeats, negative runs backwards.
struct Strided {
  std::byte* data; // of the element at index 0,...,0
  const TensorType* type;
  const Dims* strides;
  bool contiguous;       // row-major without gaps
  bool onDevice = false; // then the host must not follow `data`; kernels of the device do the work
};

class Buffer;
/// Memory on the side where `array` lies.
Buffer allocateBeside(const Strided& array, int64_t bytes);

/// Whether elements lie row-major without gaps; axes of extent 1 may have any stride.
bool isContiguous(const Shape& shape, const Dims& strides);

/// One operator of the pointwise family; the output is not among the inputs, or is exactly one.
void launchPointwise(OpCode code, std::span<const Strided> inputs, const Strided& output);
/// One axis after the other, innermost first.
void launchReduction(OpCode code, const Strided& input, const Dims& axes, const Strided& output);
void launchArgReduction(OpCode code, const Strided& input, int64_t axis, const Strided& output);
/// One or two inputs of the output's shape.
void launchCumulative(OpCode code, std::span<const Strided> inputs, int64_t axis,
                      const Strided& output);
/// On the host; inputs and outputs of one shape.
void launchFused(Fused code, std::span<const Strided> inputs, int64_t axis,
                 std::span<const Strided> outputs);
void launchMatmul(const Strided& x, const Strided& y, const Strided& output);
/// [n, g, c, l...] by [g, o, c, k...] into [n, g, o, p...], contiguous. On the host x may have to
/// be padded first, as `pad` says.
void launchConvolution(const Strided& x, const Attrs* pad, const Strided& w, const Attrs& attrs,
                       const Strided& output);
void launchOverlapAdd(const Strided& input, const Attrs& attrs, const Strided& output);
/// Throws Error where an index is out of range. The output is contiguous.
void launchGather(const Strided& x, const Strided& indices, int64_t axis, const Strided& output);
/// ScatterAdd or Scatter.
void launchScatter(OpCode code, const Strided& x, const Strided& indices, const Strided& updates,
                   int64_t axis, const Strided& output);

/// An operator of runtime/library. Throws Error where the kernel reports a failure. The output is
/// contiguous.
void launchLibrary(OpCode code, std::span<const Strided> inputs, const Attrs& attrs,
                   const Strided& output);

/// Same dtype and shape on both sides; any strides.
void launchCopy(const Strided& input, const Strided& output);
void launchFill(Scalar value, const Strided& output);
void launchConcatenate(std::span<const Strided> inputs, int64_t axis, const Strided& output);
void launchPad(const Strided& input, const Attrs& attrs, const Strided& output);
/// 0, 1, 2, ... in a one-dimensional contiguous output.
void launchIota(const Strided& output);

/// `value` as an element of `dtype` in memory.
void storeScalar(DType dtype, Scalar value, std::byte* where);

} // namespace diptych::runtime
