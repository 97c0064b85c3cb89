// Eager convolution: the plan as the parameters of a kernel for any shape, pieces over the pool.
#include <algorithm>
#include <optional>

#include "ir/TypeRules.h"
#include "runtime/Buffer.h"
#include "runtime/ConvolutionPlan.h"
#include "runtime/ConvolutionPrograms.h"
#include "runtime/KernelRegistry.h"
#include "runtime/Launch.h"
#include "runtime/LaunchNest.h"
#include "runtime/ThreadPool.h"
#include "runtime/cuda/DeviceLaunch.h"

namespace diptych::runtime {

namespace {

using Loop = ConvolutionPlan::Loop;
using Depth = ConvolutionPlan::Depth;

// Loops of one step stand in front, where they cost least.
template <class Loops> Loops inOrder(const Loops& loops, size_t count) {
  Loops all(count - loops.size());
  for (const bool ones : {true, false})
    std::copy_if(loops.begin(), loops.end(), std::back_inserter(all),
                 [&](const auto& loop) { return (loop.extent == 1) == ones; });
  return all;
}

// In KernelAbi.h's order.
std::vector<int64_t> paramsOf(const ConvolutionPlan& plan, bool continues) {
  std::vector<int64_t> params;
  const std::vector<Loop> outer = inOrder(plan.outer, kConvolutionLoops);
  for (const Loop& loop : outer)
    params.insert(params.end(),
                  {loop.extent, loop.left, loop.right, loop.result, loop.sStep, loop.vStep});
  params.insert(params.end(),
                {plan.s.extent, plan.imageRows ? plan.s.right : plan.s.left, plan.s.result,
                 std::max<int64_t>(plan.run, 1), plan.jump, plan.v.extent, plan.v.result});
  std::vector<Depth> depth = inOrder(plan.depth, kConvolutionDepth);
  if (plan.sharesRows) { // the last two as they are
    depth.assign(kConvolutionDepth - plan.depth.size(), {});
    depth.insert(depth.end(), plan.depth.begin(), plan.depth.end());
  }
  for (const Depth& loop : depth)
    params.insert(params.end(), {loop.extent, loop.block, loop.left, loop.right});
  params.push_back(continues);
  return params;
}

uint8_t variantOf(const ConvolutionPlan& plan, const Strided& output) {
  if (plan.imageRows && plan.v.right != 1 && plan.v.extent != 1)
    return kSteppedRows;
  if (plan.imageRows)
    return plan.sharesRows ? kSharedRows : kImageRows;
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

// What is packed of a large kernel stays in a cache until it has been read: so many steps of c, in
// whole blocks, go before the next ones are packed.
int64_t channelsTogether(const ConvolutionProblem& problem, const ConvolutionTile& tile,
                         const Strided& output) {
  constexpr int64_t kStays = 1 << 18; // bytes
  const int64_t channels = problem.w[2], size = sizeOf(output.type->dtype);
  const int64_t bytes = problem.w.product() / channels * size; // of a step
  if (output.onDevice || bytes * channels <= kStays)
    return channels;
  const ConvolutionPlan plan = planConvolution(problem, tile);
  const int64_t block = plan.depth[0].block;
  return plan.imageRows ? channels : std::max<int64_t>(1, kStays / (bytes * block)) * block;
}

void run(const ConvolutionProblem& problem, const ConvolutionTile& tile, const Strided& x,
         const Strided& w, const Strided& output, bool continues) {
  const ConvolutionPlan plan = planConvolution(problem, tile);
  std::optional<Packed> packed;
  if (!plan.imageRows)
    packed.emplace(w, problem, plan.packed);
  std::byte* const weights = packed ? packed->buffer.data() : w.data;
  void* const args[] = {plan.kernelIsVector ? x.data : weights,
                        plan.kernelIsVector ? weights : x.data, output.data};
  const std::vector<int64_t> params = paramsOf(plan, continues);
  const DType dtype = output.type->dtype;
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

// By the kernels for any shape.
void runKernels(const Strided& x, const Strided& w, const Attrs& attrs, const Strided& output) {
  const DType dtype = output.type->dtype;
  ConvolutionProblem problem{
      x.type->shape,   w.type->shape, output.type->shape, *x.strides, *w.strides,
      *output.strides, attrs.strides, attrs.dilations,    {},         {}};
  const int64_t width = kConvolutionPanelBytes / sizeOf(dtype);
  ConvolutionTile tile{width / 2, width, kConvolutionPanelRows, false};
  if (!output.onDevice) {
    tile.fewOutputs = kConvolutionFewOutputs;
    tile.run = kConvolutionRunBytes / sizeOf(dtype);
    tile.steps = kConvolutionStep;
    tile.runs = true;
  }
  const int64_t channels = problem.w[2], some = channelsTogether(problem, tile, output);
  for (int64_t first = 0; first < channels; first += some) {
    problem.x[2] = problem.w[2] = std::min(some, channels - first);
    const auto from = [&](Strided operand, const Dims& strides) {
      operand.data += first * strides[2] * sizeOf(dtype);
      return operand;
    };
    run(problem, tile, from(x, problem.xStrides), from(w, problem.wStrides), output, first > 0);
  }
}

} // namespace

void launchConvolution(const Strided& x, const Attrs* pad, const Strided& w, const Attrs& attrs,
                       const Strided& output) {
  if (output.type->numel() == 0)
    return;
  if (x.type->shape[2] == 0)
    return launchFill(Scalar(0), output);
  const DType dtype = output.type->dtype;
  if (output.onDevice && !cuda::findKernel(OpCode::Convolution, dtype, dtype, kStrided)) {
    const Strided inputs[] = {x, w};
    return cuda::runOnHost("convolution", inputs, output, [&](auto in, const Strided& out) {
      launchConvolution(in[0], pad, in[1], attrs, out);
    });
  }
  if (!output.onDevice)
    if (auto* program = ConvolutionPrograms::global().find({x, w, attrs, pad, *output.type})) {
      void* const inputs[] = {x.data, w.data};
      void* const outputs[] = {output.data};
      return program->run(inputs, outputs);
    }
  if (!pad)
    return runKernels(x, w, attrs, output);
  const TensorType type = inferType(OpCode::Pad, {x.type, 1}, *pad);
  const Buffer buffer = Buffer::allocate(type.bytes());
  const Dims strides = contiguousStrides(type.shape);
  const Strided padded{buffer.data(), &type, &strides, true};
  launchPad(x, *pad, padded);
  runKernels(padded, w, attrs, output);
}

} // namespace diptych::runtime
