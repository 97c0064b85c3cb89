// Eager convolution: the plan as the parameters of a kernel for any shape, pieces over the pool.
#include <algorithm>
#include <optional>

#include "runtime/Buffer.h"
#include "runtime/ConvolutionPlan.h"
#include "runtime/KernelRegistry.h"
#include "runtime/Launch.h"
#include "runtime/LaunchNest.h"
#include "runtime/ThreadPool.h"
#include "runtime/cuda/DeviceLaunch.h"

namespace diptych::runtime {

namespace {

using Loop = ConvolutionPlan::Loop;
using Depth = ConvolutionPlan::Depth;

// In KernelAbi.h's order; loops that the plan lacks stand in front, with one step.
std::vector<int64_t> paramsOf(const ConvolutionPlan& plan) {
  std::vector<int64_t> params;
  std::vector<Loop> outer(kConvolutionLoops - plan.outer.size());
  outer.insert(outer.end(), plan.outer.begin(), plan.outer.end());
  for (const Loop& loop : outer)
    params.insert(params.end(),
                  {loop.extent, loop.left, loop.right, loop.result, loop.sStep, loop.vStep});
  params.insert(params.end(), {plan.s.extent, plan.imageRows ? plan.s.right : plan.s.left,
                               plan.s.result, plan.v.extent, plan.v.result});
  std::vector<Depth> depth(kConvolutionDepth - plan.depth.size());
  depth.insert(depth.end(), plan.depth.begin(), plan.depth.end());
  for (const Depth& loop : depth)
    params.insert(params.end(), {loop.extent, loop.block, loop.left, loop.right});
  return params;
}

// Whether rows read the same elements of the image at steps of the last loop but one.
bool sharesRows(const ConvolutionPlan& plan) {
  const Depth &loop = plan.depth[plan.depth.size() - 2], &last = plan.depth.back();
  return plan.s.right == loop.right && plan.s.extent >= kConvolutionSharing &&
         loop.extent >= kConvolutionSharing && loop.block == loop.extent &&
         last.block == last.extent;
}

uint8_t variantOf(const ConvolutionPlan& plan, const Strided& output) {
  if (plan.imageRows && plan.v.right != 1 && plan.v.extent != 1)
    return kImageSteps;
  if (plan.imageRows)
    return sharesRows(plan) ? kSharedRows : kImageRows;
  if (!plan.kernelIsVector)
    return kRows;
  return plan.s.result == 1 && !output.onDevice ? kColumns : kStrided;
}

/// The kernel packed into panels.
struct Packed {
  TensorType type;
  Buffer buffer;

  Packed(const Strided& w, const ConvolutionProblem& problem, int64_t width)
      : type{w.type->dtype, packedKernelShape(problem, width)},
        buffer(allocateBeside(w, type.bytes())) {
    const int64_t bytes = sizeOf(type.dtype);
    for (const KernelPacking& copy : packingOf(problem, width)) {
      const TensorType part{type.dtype, copy.shape};
      launchCopy({w.data + copy.fromOffset * bytes, &part, &copy.from,
                  isContiguous(copy.shape, copy.from), w.onDevice},
                 {buffer.data() + copy.toOffset * bytes, &part, &copy.to,
                  isContiguous(copy.shape, copy.to), w.onDevice});
    }
  }
};

} // namespace

void launchConvolution(const Strided& x, const Strided& w, const Attrs& attrs,
                       const Strided& output) {
  if (output.type->numel() == 0)
    return;
  if (x.type->shape[2] == 0)
    return launchFill(Scalar(0), output);
  const DType dtype = output.type->dtype;
  if (output.onDevice && !cuda::findKernel(OpCode::Convolution, dtype, dtype, kStrided)) {
    const Strided inputs[] = {x, w};
    return cuda::runOnHost("convolution", inputs, output, [&](auto in, const Strided& out) {
      launchConvolution(in[0], in[1], attrs, out);
    });
  }
  const ConvolutionProblem problem{
      x.type->shape,   w.type->shape, output.type->shape, *x.strides, *w.strides,
      *output.strides, attrs.strides, attrs.dilations,    {},         {}};
  const int64_t width = kConvolutionPanelBytes / sizeOf(dtype);
  ConvolutionTile tile{width / 2, width, kConvolutionPanelRows, false};
  if (!output.onDevice) {
    tile.fewOutputs = kConvolutionFewOutputs;
    tile.run = kConvolutionRunBytes / sizeOf(dtype);
    tile.steps = kConvolutionStep;
  }
  const ConvolutionPlan plan = planConvolution(problem, tile);
  std::optional<Packed> packed;
  if (!plan.imageRows)
    packed.emplace(w, problem, plan.packed);
  std::byte* const weights = packed ? packed->buffer.data() : w.data;
  void* const args[] = {plan.kernelIsVector ? x.data : weights,
                        plan.kernelIsVector ? weights : x.data, output.data};
  const std::vector<int64_t> params = paramsOf(plan);
  const AnyKernel kernel =
      kernelOf(output.onDevice, OpCode::Convolution, dtype, dtype, variantOf(plan, output));
  const int64_t range = plan.range();
  if (kernel.device)
    return cuda::launchEager(*kernel.device, args, params, range);
  const int64_t work = std::max<int64_t>(1, output.type->numel() * plan.terms() / range);
  ThreadPool::global().parallelFor(
      range, std::max<int64_t>(1, kParallelGrain / work),
      [&](int64_t lo, int64_t hi) { kernel.host(args, params.data(), lo, hi); });
}

} // namespace diptych::runtime
