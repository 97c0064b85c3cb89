// Gradients in the kernel of a convolution that are no convolution of their own: of one long image,
// a product of matrices for each place; of few channels, sums along both operands.
#include "codegen/Scheduler.h"

#include "runtime/ConvolutionPlan.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

constexpr int kSpatial = 3;                    // where spatial axes begin
constexpr int64_t kLongSum = 8 * kMatmulBlock; // from here on products may be cut along it
// Terms of a block, as an axis is summed in.
constexpr int64_t kPartialsBlock = 4096;

using Depth = runtime::ConvolutionPlan::Depth;

// Loops of the sum; neighbours that are one loop to both operands merge.
std::vector<Depth> depthOf(const runtime::ConvolutionProblem& p) {
  std::vector<Depth> depth;
  for (int i = 2; i < p.w.size(); ++i) {
    const int64_t image = p.xStrides[i] * (i < kSpatial ? 1 : p.dilations[i - kSpatial]);
    const Depth next{p.w[i], 1, p.wStrides[i], image};
    if (next.extent == 1)
      continue;
    if (!depth.empty() && depth.back().left == next.left * next.extent &&
        depth.back().right == next.right * next.extent)
      depth.back() = {depth.back().extent * next.extent, 1, next.left, next.right};
    else
      depth.push_back(next);
  }
  return depth;
}

/// Places and rows of a tile share the registers.
struct PartialTile {
  int64_t places = 1, rows = 0; // none: there are too many places
  /// For each multiplication.
  double loads() const {
    return rows ? 1.0 / static_cast<double>(rows) + 1.0 / static_cast<double>(places) : 2;
  }
};

/// Of S one vector for each row is held, of V one, and `vectors` for each sum.
PartialTile tileOf(int64_t places, int64_t outputs, int64_t registers, int64_t vectors) {
  const int64_t most = (registers - 1) / (places * vectors + 1);
  if (most == 0)
    return {places, 0};
  const int64_t panels = (outputs + most - 1) / most;
  return {places, (outputs + panels - 1) / panels};
}

constexpr double kPackingWork = 16; // of one element, in multiplications

// Of the lanes that hold so many elements.
double shareOf(int64_t extent, int64_t lanes) {
  const int64_t whole = (extent + lanes - 1) / lanes * lanes;
  return static_cast<double>(extent) / static_cast<double>(whole);
}

// Lanes of a row's last vector are lost, but nothing is packed: worth it where an element of the
// kernel meets few of the image's.
bool paysInPartials(const runtime::ConvolutionProblem& p, const Depth& row, int64_t partials) {
  constexpr double kSpeed = 0.85; // of tiles whose operands both are vectors in no panel
  const int64_t kernels = p.w[0] * p.w[1];
  const auto meets = static_cast<double>(p.out.product() / kernels);
  return row.left == 1 && row.right == 1 && p.w.product() / kernels >= kPartialsBlock / 4 &&
         meets / (kSpeed * shareOf(row.extent, partials)) <=
             meets / shareOf(p.w[1], partials) + kPackingWork;
}

/// The image with a copy for each place of the kernel along the last axis: of each row what meets a
/// row of the kernel's operand, so that rows follow each other as they do there, and are one loop.
struct RowCopies {
  Shape shape;
  Dims from; // strides in the image
  runtime::ConvolutionProblem problem;
};

std::optional<RowCopies> rowCopiesOf(const runtime::ConvolutionProblem& p, int64_t partials) {
  const int last = p.x.size() - 1, row = last - 1;
  if (row < kSpatial)
    return std::nullopt;
  RowCopies copies{p.x, p.xStrides, p};
  copies.shape[last] = p.w[last];
  copies.from[last] *= p.dilations[last - kSpatial];
  copies.shape.insert(row, p.out[last]);
  copies.from.insert(row, p.xStrides[last] * p.strides[last - kSpatial]);
  const Dims to = contiguousStrides(copies.shape);
  runtime::ConvolutionProblem& next = copies.problem;
  for (int i = 0; i < row; ++i)
    next.xStrides[i] = to[i];
  next.xStrides[row] = to[last], next.xStrides[last] = 1;
  next.strides[last - kSpatial] = to[row], next.dilations[last - kSpatial] = 1;
  const std::vector<Depth> before = depthOf(p), after = depthOf(next);
  if (after.size() >= before.size() || after.back().left != 1)
    return std::nullopt;
  const auto products = static_cast<double>(p.out.product() * p.w.product() / (p.w[0] * p.w[1]));
  const double saved = products / shareOf(before.back().extent, partials) -
                       products / shareOf(after.back().extent, partials);
  if (saved <= kPackingWork * static_cast<double>(copies.shape.product()))
    return std::nullopt;
  return copies;
}

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
  // Places first; or as readers see it, but where sums are long, whose parts have no gaps.
  const bool asRead = layouts_.contains(op->getResult(0)) && axis.depth < kLongSum;
  Dims strides = p.outStrides;
  if (!asRead) {
    strides = contiguousStrides(p.out);
    for (int i = kSpatial; i < p.out.size(); ++i)
      strides[i] *= n * o;
    strides[0] = exchange ? 1 : o;
    strides[2] = exchange ? n : 1;
  }
  // Where places follow the channels in memory, both are rows.
  const bool together = !exchange && !asRead && axis.place == n * p.xStrides[0];
  const int64_t products = together ? 1 : axis.places;
  if (together)
    spec.s = axis.places * n;
  spec.result = {2, dtype, {0, strides[0], strides[2], 0}, 0};
  if (exchange) {
    std::swap(spec.s, spec.v);
    for (Access* access : {&spec.left, &spec.right, &spec.result})
      std::swap(access->strides[1], access->strides[2]);
    std::swap(spec.left, spec.right);
  }
  Access& image = exchange ? spec.right : spec.left;
  const Storage result = allocateResult(op, strides); // [n, 1, o, p...]
  for (int64_t place = 0; place < products; ++place) {
    Storage one = result;
    one.type.shape = {spec.s.value, spec.v.value};
    one.strides = {spec.result.strides[1].value, spec.result.strides[2].value};
    image.offset = x.offset;
    int64_t rest = place;
    for (int i = p.out.size() - 1; i >= kSpatial; rest /= p.out[i--]) {
      image.offset.value += rest % p.out[i] * p.xStrides[i] * p.strides[i - kSpatial];
      one.offset += rest % p.out[i] * strides[i];
    }
    spec.result.offset = one.offset;
    ScheduledCall call;
    call.name = "matmul";
    call.flops = 2.0 * static_cast<double>(one.type.numel() * axis.depth);
    call.buffers = {x.buffer, w.buffer, one.buffer};
    product(spec, std::move(call), one);
  }
}

std::optional<ConvolutionSpec> Scheduler::partialSumsOf(const runtime::ConvolutionProblem& p,
                                                        DType dtype) const {
  std::vector<Depth> depth = depthOf(p);
  if (!options_.contract || options_.gpu || options_.choices || p.out.product() == 0 ||
      depth.empty() || !paysInPartials(p, depth.back(), 64 / sizeOf(dtype)))
    return std::nullopt;
  const int64_t vectors = 64 / options_.vectorBytes;
  cutIntoBlocks(depth, kPartialsBlock);
  ConvolutionSpec spec;
  spec.partialSums = true;
  for (const Depth& loop : depth)
    spec.depth.push_back({loop.extent, loop.block, loop.left, loop.right});
  spec.s = p.w[1], spec.sLeft = p.wStrides[1], spec.sResult = p.outStrides[2];
  spec.v = 1, spec.vResult = 1;
  spec.lanes = options_.vectorBytes / static_cast<int>(sizeOf(dtype));
  // The kernel's places and n, innermost first: in the tile while that saves loads, else around it.
  const int64_t registers = vectorRegisters(options_.vectorBytes);
  PartialTile tile = tileOf(1, p.w[1], registers, vectors);
  std::vector<ConvolutionSpec::Loop> around;
  const auto axis = [&](int64_t extent, int64_t image, int64_t result) {
    int64_t own = 1;
    for (int64_t part = 2; part <= extent && around.empty(); ++part)
      if (const PartialTile wider = tileOf(tile.places * part, p.w[1], registers, vectors);
          extent % part == 0 &&
          wider.loads() <= tileOf(tile.places * own, p.w[1], registers, vectors).loads())
        own = part;
    if (own > 1)
      spec.places.insert(spec.places.begin(), {own, 0, image, result, 0, 0});
    if (own < extent)
      around.insert(around.begin(), {extent / own, 0, image * own, result * own, 0, 0});
    tile = tileOf(tile.places * own, p.w[1], registers, vectors);
  };
  for (int i = p.out.size() - 1; i >= kSpatial; --i)
    axis(p.out[i], p.xStrides[i] * p.strides[i - kSpatial], p.outStrides[i]);
  axis(p.out[0], p.xStrides[0], p.outStrides[0]);
  spec.rows = spec.panelRows = static_cast<int>(tile.rows);
  spec.outer = {{p.w[0], p.wStrides[0], p.xStrides[1], p.outStrides[1], 0, 0},
                {(p.w[1] + tile.rows - 1) / tile.rows, tile.rows * p.wStrides[1], 0,
                 tile.rows * p.outStrides[2], tile.rows, 0}};
  spec.outer.insert(spec.outer.end(), around.begin(), around.end());
  return spec;
}

bool Scheduler::kernelGradient(Operation* op, runtime::ConvolutionProblem problem, const Storage& x,
                               const Storage& w) {
  const std::optional<LongAxis> axis = longAxisOf(problem);
  const std::optional<ConvolutionSpec> partials =
      axis ? std::nullopt : partialSumsOf(problem, x.type.dtype);
  if (!axis && !partials)
    return false;
  if (!problem.zeros.empty()) {
    const Storage whole = padded(op->getOperand(0));
    problem.xStrides = whole.strides;
    problem.zeros = problem.inside = {};
    return kernelGradient(op, std::move(problem), whole, w);
  }
  if (axis)
    products(op, problem, *axis, x, w);
  else if (const auto copies = rowCopiesOf(problem, 64 / sizeOf(x.type.dtype))) {
    Storage from = x;
    from.type.shape = copies->shape, from.strides = copies->from;
    const Storage rows = newStorage(from.type);
    copy(from, rows);
    convolution(*partialSumsOf(copies->problem, x.type.dtype), w, rows,
                allocateResult(op, problem.outStrides));
  } else {
    convolution(*partials, w, x, allocateResult(op, problem.outStrides));
  }
  return true;
}

} // namespace diptych::codegen
