// Convolution, and windows added up, as kernel calls.
#include "codegen/Scheduler.h"

#include "runtime/ConvolutionPlan.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

runtime::ConvolutionTile tileOf(const ScheduleOptions& options, DType dtype) {
  const int64_t lanes = options.vectorBytes / sizeOf(dtype);
  return {lanes, 2 * lanes, options.vectorBytes == 64 ? 13 : 5, true, !options.gpu};
}

// Loops of one step say nothing.
ConvolutionSpec specOf(const runtime::ConvolutionPlan& plan, const runtime::ConvolutionTile& tile) {
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
  spec.lanes = static_cast<int>(tile.lanes);
  spec.rows = spec.panelRows = static_cast<int>(plan.rows);
  spec.panelWidth = static_cast<int>(tile.width);
  return spec;
}

constexpr int kSpatial = 3; // where spatial axes begin

} // namespace

/// The one axis that the sums of a convolution go along.
struct Scheduler::LongAxis {
  int64_t depth = 1, image = 0; // its extent, and the image's stride
  int64_t places = 1;           // of the kernel in the image
  int64_t place = 0;            // how far apart, if they lie along one axis
};

// The gradient in the kernel where there is one long image is a product of matrices for each place,
// X[n, k] times G[o, k]'. Products copy what they need of G to the stack; a convolution would have
// all of it packed.
std::optional<Scheduler::LongAxis>
Scheduler::longAxisOf(const runtime::ConvolutionProblem& p) const {
  constexpr int64_t kMostPlaces = 8;
  LongAxis found;
  int axis = 0, axes = 0; // of c, k...
  for (int i = 2; i < p.w.size(); ++i)
    if (p.w[i] != 1)
      axis = i, ++axes;
  for (int i = kSpatial; i < p.out.size(); ++i)
    if (p.out[i] != 1) {
      found.place = found.places == 1 ? p.xStrides[i] * p.strides[i - kSpatial] : 0;
      found.places *= p.out[i];
    }
  if (options_.gpu || options_.choices || axes != 1 || p.w[0] != 1 || p.wStrides[axis] != 1 ||
      found.places > kMostPlaces || p.w.product() <= p.out.product())
    return std::nullopt;
  found.depth = p.w[axis];
  found.image = p.xStrides[axis] * (axis < kSpatial ? 1 : p.dilations[axis - kSpatial]);
  return found;
}

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

void Scheduler::products(Operation* op, const runtime::ConvolutionProblem& p, const LongAxis& axis,
                         const Storage& x, const Storage& w) {
  const int64_t n = p.x[0], o = p.w[1];
  const DType dtype = x.type.dtype;
  MatmulSpec spec;
  spec.dtype = dtype;
  spec.s = n, spec.v = o, spec.k = axis.depth;
  spec.lanes = options_.vectorBytes / static_cast<int>(sizeOf(dtype));
  spec.left = {0, dtype, {0, p.xStrides[0], 0, axis.image}, 0};
  spec.right = {1, dtype, {0, 0, p.wStrides[1], 1}, w.offset};
  // The side with whole vectors is V.
  const bool exchange = o % spec.lanes != 0 && n > o && axis.image == 1;
  // Where places follow the channels in memory, both are rows.
  const bool together = !exchange && axis.place == n * p.xStrides[0];
  const int64_t products = together ? 1 : axis.places;
  if (together)
    spec.s = axis.places * n;
  if (exchange) {
    std::swap(spec.s, spec.v);
    std::swap(spec.left.strides[1], spec.left.strides[2]);
    std::swap(spec.right.strides[1], spec.right.strides[2]);
    std::swap(spec.left, spec.right);
  }
  Access& image = exchange ? spec.right : spec.left;
  const Storage all = newStorage({dtype, {products, spec.s.value, spec.v.value}});
  for (int64_t place = 0; place < products; ++place) {
    Storage one = all;
    one.type.shape = {spec.s.value, spec.v.value};
    one.offset = place * n * o;
    image.offset = x.offset;
    int64_t rest = place;
    for (int i = p.out.size() - 1; i >= kSpatial; rest /= p.out[i--])
      image.offset.value += rest % p.out[i] * p.xStrides[i] * p.strides[i - kSpatial];
    spec.result = {2, dtype, {0, spec.v, 1, 0}, one.offset};
    ScheduledCall call;
    call.name = "matmul";
    call.flops = 2.0 * static_cast<double>(one.type.numel() * axis.depth);
    call.buffers = {x.buffer, w.buffer, all.buffer};
    product(spec, std::move(call), one);
  }
  Storage& result = storages_[op->getResult(0)] = all; // [n, 1, o, p...]
  result.type.shape = p.out;
  result.strides = contiguousStrides(p.out);
  for (int i = kSpatial; i < p.out.size(); ++i)
    result.strides[i] *= n * o;
  result.strides[0] = exchange ? 1 : o;
  result.strides[2] = exchange ? n : 1;
}

void Scheduler::convolution(Operation* op) {
  const Attrs attrs = ir::attrsOf(op);
  const auto operand = [&](int i) {
    const Storage& storage = at(op->getOperand(i));
    return storage.splat ? contiguous(storage) : storage;
  };
  const TensorType type = ir::tensorTypeOf(op->getResult(0).getType());
  const Storage x = operand(0), w = operand(1);
  const runtime::ConvolutionProblem problem{x.type.shape,  w.type.shape,
                                            type.shape,    x.strides,
                                            w.strides,     contiguousStrides(type.shape),
                                            attrs.strides, attrs.dilations};
  if (const std::optional<LongAxis> axis = longAxisOf(problem))
    return products(op, problem, *axis, x, w);
  const Storage to = allocateResult(op);
  if (to.type.numel() == 0)
    return;
  if (x.type.shape[2] == 0) {
    Storage zero = to;
    zero.splat = Scalar(0.0);
    return copy(zero, to);
  }
  runtime::ConvolutionTile tile = tileOf(options_, to.type.dtype);
  runtime::ConvolutionPlan plan = planConvolution(problem, tile);
  if (options_.gpu) { // in one panel: tiles are cut when the kernel is emitted
    tile.rows = std::max(plan.s.extent, plan.v.extent);
    tile.width = plan.v.extent;
    plan = planConvolution(problem, tile);
  }
  ConvolutionSpec spec = specOf(plan, tile);
  spec.dtype = to.type.dtype;
  const Storage kernel = packedKernel(w, problem, plan.packed);
  const Storage &left = plan.kernelIsVector ? x : kernel, &right = plan.kernelIsVector ? kernel : x;
  spec.leftOffset = left.offset, spec.rightOffset = right.offset;
  ScheduledCall call;
  call.name = "convolution";
  call.buffers = {left.buffer, right.buffer, to.buffer};
  call.flops = 2.0 * static_cast<double>(to.type.numel()) * static_cast<double>(plan.terms());
  call.range = plan.range();
  call.work = call.flops;
  const double work = call.work / static_cast<double>(call.range);
  call.grain = std::max<int64_t>(1, static_cast<int64_t>(kPieceWork / std::max(1.0, work)));
  call.kernel = {spec, options_.contract};
  // Few results, each a long sum.
  const int64_t blocks = plan.blocks();
  if (choose(options_.choices, to.type.numel() <= 4096 && blocks >= 8))
    splitOverBlocks(std::move(call), spec, blocks, to.type.numel());
  else
    this->call(std::move(call));
}

void Scheduler::splitOverBlocks(ScheduledCall product, ConvolutionSpec spec, int64_t blocks,
                                int64_t n) {
  const Storage parts = newStorage({spec.dtype, {blocks, n}});
  const int result = product.buffers[2];
  spec.rangeOverBlocks = true;
  spec.blockStride = n;
  product.kernel = {spec, options_.contract};
  product.buffers[2] = parts.buffer;
  product.range = blocks;
  product.grain = std::max<int64_t>(
      1, static_cast<int64_t>(kPieceWork * static_cast<double>(blocks) / product.flops));
  call(std::move(product));
  addBlocks(parts, result, spec.lanes);
}

// Places of a window are loops around those over windows: what windows share is then added in the
// order of places. Axes that have no windows stand outside, where threads may take pieces of them.
void Scheduler::overlapAdd(Operation* op) {
  const Attrs attrs = ir::attrsOf(op);
  const Storage x = at(op->getOperand(0)), to = allocateResult(op);
  Storage zero = to;
  zero.splat = isFloat(to.type.dtype) ? Scalar(0.0) : Scalar(int64_t{0});
  copy(zero, to);
  if (x.type.numel() == 0 || to.type.numel() == 0)
    return;
  LoweredNest nest;
  nest.name = "overlap_add";
  nest.buffers = {to.buffer};
  Access read{1, x.type.dtype, {}, x.offset}, written{0, to.type.dtype, {}, to.offset};
  const auto loop = [&](int64_t extent, int64_t from, int64_t into) {
    nest.nest.extents.push_back(extent);
    read.strides.push_back(from);
    written.strides.push_back(into);
  };
  const auto eachAxis = [&](auto plain, auto windowed) {
    for (int i = 0, from = 0; i < to.type.rank(); ++i, ++from) {
      const int which = from - i;
      if (which < attrs.axes.size() && attrs.axes[which] == i)
        windowed(i, from++, which);
      else
        plain(i, from);
    }
  };
  const auto nothing = [](auto...) {};
  int64_t rows = 1;
  eachAxis(
      [&](int i, int from) {
        loop(to.type.shape[i], x.strides[from], to.strides[i]);
        rows *= to.type.shape[i];
      },
      nothing);
  eachAxis(nothing, [&](int i, int from, int which) {
    loop(x.type.shape[from + 1], x.strides[from + 1], to.strides[i] * attrs.dilations[which]);
  });
  eachAxis(nothing, [&](int i, int from, int which) {
    loop(x.type.shape[from], x.strides[from], to.strides[i] * attrs.strides[which]);
  });
  nest.nest.lines.push_back({Line::Load{written}, to.type.dtype});
  if (x.splat) {
    nest.nest.lines.push_back({Line::Constant{*x.splat}, to.type.dtype});
  } else {
    nest.buffers.push_back(x.buffer);
    nest.nest.lines.push_back({Line::Load{read}, to.type.dtype});
  }
  nest.nest.lines.push_back({Line::Apply{OpCode::Add, {0, 1}}, to.type.dtype});
  nest.nest.stores.push_back({2, written});
  nest.flops = static_cast<double>(x.type.numel());
  finishNest(nest.nest, options_);
  call(std::move(nest));
  if (rows == 1) // the outermost loop goes over places: in one piece
    schedule_.calls.back().grain = schedule_.calls.back().range, schedule_.calls.back().work = 0;
}

} // namespace diptych::codegen
