// Cumulative operators: independent rows around one axis that is walked in order.
#include "runtime/ColumnPlan.h"
#include "runtime/KernelRegistry.h"
#include "runtime/LaunchNest.h"

#include "runtime/cuda/DeviceLaunch.h"
#include <algorithm>

namespace diptych::runtime {

namespace {

// Axes of the output and the inputs without `axis`.
Axes around(std::span<const Strided> operands, int64_t axis) {
  Shape shape = operands.back().type->shape;
  shape.erase(static_cast<int>(axis));
  Dims kept[kMaxOperands];
  const Dims* strides[kMaxOperands];
  for (size_t i = 0; i < operands.size(); ++i) {
    kept[i] = *operands[i].strides;
    kept[i].erase(static_cast<int>(axis));
    strides[i] = &kept[i];
  }
  Axes axes(shape, {strides, operands.size()});
  axes.coalesce();
  return axes;
}

// An axis along which every operand is dense, for vectors; -1 if there is none.
int denseAxis(const Axes& axes) {
  for (int a = axes.rank - 1; a >= 0; --a) {
    bool dense = true;
    for (int i = 0; i < axes.operands; ++i)
      dense = dense && axes.stride[i][a] == 1;
    if (dense)
      return a;
  }
  return -1;
}

} // namespace

void launchCumulative(OpCode code, std::span<const Strided> inputs, int64_t axis,
                      const Strided& output) {
  if (output.type->numel() == 0)
    return;
  Strided operands[kMaxOperands];
  std::copy(inputs.begin(), inputs.end(), operands);
  operands[inputs.size()] = output;
  const size_t count = inputs.size() + 1;
  NestCall call;
  call.rows = around({operands, count}, axis);
  const int dense = denseAxis(call.rows);
  const uint8_t variant = dense >= 0 ? kColumns : kStrided;
  const int inner = dense >= 0 ? dense : call.rows.rank - 1;
  if (inner >= 0) {
    call.innerExtent = call.rows.extent[inner];
    for (size_t i = 0; i < count; ++i)
      call.innerStride[i] = call.rows.stride[i][inner];
    call.rows.erase(inner);
  }
  const int64_t n = output.type->shape[axis];
  call.params[0] = n;
  call.params[1] = call.innerExtent;
  for (size_t i = 0; i < count; ++i) {
    call.setOperand(static_cast<int>(i), operands[i]);
    call.params[2 + 3 * i] = call.rangeStride(static_cast<int>(i));
    call.params[3 + 3 * i] = (*operands[i].strides)[axis];
    call.params[4 + 3 * i] = call.innerStride[i];
  }
  call.innerParam = 1;
  call.innerBlock = variant == kColumns ? leastColumnsOfScans(sizeOf(output.type->dtype)) : 4;
  call.workPerElement = n;
  call.kernel = kernelOf(output.onDevice, code, inputs[0].type->dtype, output.type->dtype, variant);
  if (!call.run())
    cuda::runOnHost(info(code).name, inputs, output,
                    [&](auto in, const Strided& out) { launchCumulative(code, in, axis, out); });
}

} // namespace diptych::runtime
