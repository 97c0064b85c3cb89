// Convolution as kernel calls.
#include "codegen/Scheduler.h"

#include "ir/DialectMovements.h"
#include "runtime/ConvolutionPlan.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

runtime::ConvolutionTile tileOf(const ScheduleOptions& options, DType dtype) {
  const int64_t lanes = options.vectorBytes / sizeOf(dtype);
  const int registers = vectorRegisters(options.vectorBytes);
  runtime::ConvolutionTile tile{lanes, 2 * lanes, registers == 32 ? 13 : 5, true};
  if (!options.gpu)
    tile.registers = registers, tile.fewOutputs = 1, tile.run = 8 * lanes, tile.steps = 4;
  return tile;
}

// The loops that move along a padded axis, in an edge's order.
ConvolutionSpec::Edge edgeOf(int axis, const runtime::ConvolutionPlan& plan,
                             const runtime::ConvolutionProblem& p, const ConvolutionSpec& spec) {
  ConvolutionSpec::Edge edge{p.inside[axis], -p.zeros[axis], {}};
  const auto strideOf = [&](const auto& loop) { return loop.padded == axis ? loop.along : 0; };
  for (const auto& loop : plan.outer)
    if (loop.extent != 1)
      edge.strides.push_back(strideOf(loop));
  edge.strides.resize(spec.outer.size());
  edge.strides.insert(edge.strides.end(), {strideOf(plan.s), strideOf(plan.v)});
  for (int i = 0; i < static_cast<int>(plan.depth.size()); ++i) // c, k...
    if (plan.depth[static_cast<size_t>(i)].extent != 1)
      edge.strides.push_back(i == axis + 1 ? p.dilations[axis] : 0);
  return edge;
}

// Loops of one step say nothing.
ConvolutionSpec specOf(const runtime::ConvolutionPlan& plan, const runtime::ConvolutionTile& tile,
                       const runtime::ConvolutionProblem& problem) {
  ConvolutionSpec spec;
  for (const auto& loop : plan.outer)
    if (loop.extent != 1)
      spec.outer.push_back(
          {loop.extent, loop.left, loop.right, loop.result, loop.sStep, loop.vStep});
  if (spec.outer.empty())
    spec.outer.push_back({1, 0, 0, 0, 0, 0});
  for (const auto& loop : plan.depth)
    if (loop.extent != 1)
      spec.depth.push_back({loop.extent, loop.block, loop.left, loop.right});
  spec.s = plan.s.extent, spec.sLeft = plan.s.left, spec.sRight = plan.s.right;
  spec.sResult = plan.s.result;
  spec.v = plan.v.extent, spec.vResult = plan.v.result;
  if (!plan.kernelIsVector && plan.v.extent != 1)
    spec.vRight = plan.v.right;
  spec.lanes = static_cast<int>(tile.lanes);
  spec.rows = spec.panelRows = static_cast<int>(plan.rows);
  spec.panelWidth = static_cast<int>(plan.width);
  spec.imageIsLeft = plan.kernelIsVector;
  for (int axis = 0; axis < problem.strides.size(); ++axis)
    if (problem.isPadded(axis))
      spec.edges.push_back(edgeOf(axis, plan, problem, spec));
  return spec;
}

} // namespace

Storage Scheduler::packedKernel(const Storage& w, const runtime::ConvolutionProblem& problem,
                                int64_t width) {
  const Storage packed = newStorage({w.type.dtype, runtime::packedKernelShape(problem, width)});
  for (const runtime::KernelPacking& copy : runtime::packingOf(problem, width)) {
    Storage from = w, to = packed;
    from.type.shape = to.type.shape = copy.shape;
    from.strides = copy.from;
    to.strides = copy.to;
    from.offset += copy.fromOffset;
    to.offset += copy.toOffset;
    this->copy(from, to);
    schedule_.calls.back().apart = true;
  }
  return packed;
}

void Scheduler::convolution(Operation* op) {
  const Attrs attrs = ir::attrsOf(op);
  const auto operand = [&](int i) {
    const Storage& storage = at(op->getOperand(i));
    return storage.splat ? contiguous(storage) : storage;
  };
  Value result = op->getResult(0);
  const TensorType type = ir::tensorTypeOf(result.getType());
  Storage x = whole_.contains(ir::Origin(op->getOperand(0)).value()) ? padded(op->getOperand(0))
                                                                     : operand(0);
  const Storage w = operand(1);
  runtime::ConvolutionProblem problem{x.type.shape,
                                      w.type.shape,
                                      type.shape,
                                      x.strides,
                                      w.strides,
                                      stridesInOrder(type.shape, layouts_.lookup(result)),
                                      attrs.strides,
                                      attrs.dilations,
                                      {},
                                      {}};
  findZeros(op->getOperand(0), problem);
  if (kernelGradient(op, problem, x, w))
    return;
  if (type.numel() == 0 || x.type.shape[2] == 0) {
    const Storage to = allocateResult(op);
    Storage zero = to;
    zero.splat = Scalar(0.0);
    if (type.numel() > 0)
      copy(zero, to);
    return;
  }
  runtime::ConvolutionTile tile = tileOf(options_, type.dtype);
  runtime::ConvolutionPlan plan = planConvolution(problem, tile);
  // As its readers see it only where that leaves operands their roles.
  if (layouts_.contains(result)) {
    runtime::ConvolutionProblem rowMajor = problem;
    rowMajor.outStrides = contiguousStrides(type.shape);
    runtime::ConvolutionPlan usual = planConvolution(rowMajor, tile);
    if (choose(options_.choices, usual.kernelIsVector != plan.kernelIsVector))
      problem = std::move(rowMajor), plan = std::move(usual);
  }
  const Storage to = allocateResult(op, problem.outStrides);
  if (options_.gpu) { // in one panel: tiles are cut when the kernel is emitted
    tile.rows = std::max(plan.s.extent, plan.v.extent);
    tile.width = plan.v.extent;
    plan = planConvolution(problem, tile);
  }
  // Where each row of a tile would have to ask for every element, or a copy costs little beside
  // what is done with it, the image is padded in memory.
  constexpr int64_t kCheapCopy = 2048; // multiplications for an element
  if ((plan.kernelIsVector && plan.s.padded >= 0) ||
      (!problem.zeros.empty() && problem.w[1] * plan.terms() / problem.w[2] >= kCheapCopy)) {
    x = padded(op->getOperand(0));
    problem.xStrides = x.strides;
    problem.zeros = problem.inside = {};
    plan = planConvolution(problem, tile);
  }
  const Storage kernel = plan.imageRows ? w : packedKernel(w, problem, plan.packed);
  convolution(specOf(plan, tile, problem), plan.kernelIsVector ? x : kernel,
              plan.kernelIsVector ? kernel : x, to);
}

// The kernel that the plan describes.
void Scheduler::convolution(ConvolutionSpec spec, const Storage& left, const Storage& right,
                            const Storage& to) {
  spec.dtype = to.type.dtype;
  spec.leftOffset = left.offset, spec.rightOffset = right.offset;
  double terms = 1;
  int64_t blocks = 1;
  for (const ConvolutionSpec::Depth& loop : spec.depth) {
    terms *= static_cast<double>(loop.extent.value);
    blocks *= (loop.extent.value + loop.block.value - 1) / loop.block.value;
  }
  ScheduledCall call;
  call.name = "convolution";
  call.buffers = {left.buffer, right.buffer, to.buffer};
  call.flops = 2.0 * static_cast<double>(to.type.numel()) * terms;
  call.range = 1;
  for (const ConvolutionSpec::Loop& loop : spec.outer)
    call.range *= loop.extent.value;
  call.work = call.flops;
  const double work = call.work / static_cast<double>(call.range);
  call.grain = std::max<int64_t>(1, static_cast<int64_t>(kPieceWork / std::max(1.0, work)));
  call.kernel = {spec, options_.contract};
  // Few results, each a long sum.
  if (choose(options_.choices, to.type.numel() <= 4096 && blocks >= 8))
    splitOverBlocks(std::move(call), spec, blocks, to.type.numel());
  else
    this->call(std::move(call));
}

void Scheduler::splitOverBlocks(ScheduledCall product, ConvolutionSpec spec, int64_t blocks,
                                int64_t n) {
  const Storage parts = newStorage({spec.dtype, {blocks, n}});
  const int result = product.buffers[ConvolutionSpec::kResult];
  spec.rangeOverBlocks = true;
  spec.blockStride = n;
  product.kernel = {spec, options_.contract};
  product.buffers[ConvolutionSpec::kResult] = parts.buffer;
  product.range = blocks;
  product.grain = std::max<int64_t>(
      1, static_cast<int64_t>(kPieceWork * static_cast<double>(blocks) / product.flops));
  call(std::move(product));
  addBlocks(parts, result, spec.lanes);
}

} // namespace diptych::codegen
