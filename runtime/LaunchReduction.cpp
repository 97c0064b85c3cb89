// Reductions and their indices: one axis at a time, innermost first, as the numerics contract says.
#include <algorithm>

#include "runtime/Buffer.h"
#include "runtime/ColumnPlan.h"
#include "runtime/KernelRegistry.h"
#include "runtime/LaunchNest.h"
#include "runtime/ThreadPool.h"
#include "runtime/cuda/DeviceLaunch.h"

namespace diptych::runtime {

namespace {

/// An input with one axis set apart; the other axes are those of the output.
struct OneAxis {
  int64_t extent, stride;
  Axes others;

  OneAxis(const Strided& input, int64_t axis, const Strided& output)
      : extent(input.type->shape[axis]), stride((*input.strides)[axis]) {
    Dims kept = *input.strides;
    kept.erase(axis);
    const Dims* strides[] = {&kept, output.strides};
    others = Axes(output.type->shape, strides);
  }

  /// An axis along which both sides are dense, for a kernel that runs along it; -1 if there is
  /// none.
  int denseAxis() const {
    for (int a = others.rank - 1; a >= 0; --a)
      if (others.stride[0][a] == 1 && others.stride[1][a] == 1)
        return a;
    return -1;
  }
};

constexpr int64_t kBlock = 4096, kGroup = 64; // of the canonical order

// Totals of blocks in groups, then of groups, each in order.
template <class T> void addInGroups(const std::byte* totals, int64_t blocks, std::byte* result) {
  const T* from = reinterpret_cast<const T*>(totals);
  T sum = 0;
  for (int64_t begin = 0; begin < blocks; begin += kGroup) {
    T group = 0;
    for (int64_t i = begin; i < std::min(blocks, begin + kGroup); ++i)
      group += from[i];
    sum += group;
  }
  *reinterpret_cast<T*>(result) = sum;
}

/// One row, its blocks as rows of the kernel on all threads. False where that is not worth it, or
/// where the combiner is not a sum of floats.
bool sumLongRow(const NestCall& call, OpCode code, DType dtype, int64_t n, int64_t stride) {
  const bool sums =
      info(code).isReduction() && info(code).combiner == OpCode::Add && isFloat(dtype);
  if (!sums || !call.kernel.host || call.rows.rank != 0 || n < 32 * kBlock ||
      ThreadPool::global().threads() == 1)
    return false;
  const int64_t whole = n / kBlock, rest = n % kBlock, blocks = whole + (rest != 0);
  const int64_t size = sizeOf(dtype);
  const Buffer totals = Buffer::allocate(blocks * size);
  const auto sum = [&](int64_t first, int64_t extent, int64_t lo, int64_t hi) {
    const int64_t params[] = {extent, 1, kBlock * stride, stride, 0, 1, 0};
    void* args[] = {call.data[0] + first * kBlock * stride * size, totals.data() + first * size};
    call.kernel.host(args, params, lo, hi);
  };
  ThreadPool::global().parallelFor(whole, kParallelGrain / kBlock,
                                   [&](int64_t lo, int64_t hi) { sum(0, kBlock, lo, hi); });
  if (rest != 0)
    sum(whole, rest, 0, 1);
  (dtype == DType::f32 ? addInGroups<float> : addInGroups<double>)(totals.data(), blocks,
                                                                   call.data[1]);
  return true;
}

/// A fold of 16 partials takes as long for an axis of a few elements as for a whole vector of them.
/// So their tree is an operator at a time on all rows: what lies beside the axis is dense more
/// often.
bool foldShortAxis(OpCode code, const Strided& input, int64_t axis, const Strided& output) {
  constexpr int64_t kMostElements = 4, kLeastRows = 64;
  const int64_t n = input.type->shape[axis], size = sizeOf(input.type->dtype);
  const DType dtype = output.type->dtype;
  if (output.onDevice || !info(code).isReduction() || isHalf(dtype) || n < 2 || n > kMostElements ||
      output.type->numel() < kLeastRows)
    return false;
  Dims strides = *input.strides;
  strides.erase(axis);
  const bool contiguous = isContiguous(output.type->shape, strides);
  const auto slice = [&](int64_t i) {
    return Strided{input.data + i * (*input.strides)[axis] * size, output.type, &strides,
                   contiguous};
  };
  const OpCode combiner = info(code).combiner;
  const auto combine = [&](const Strided& x, const Strided& y, const Strided& to) {
    const Strided operands[] = {x, y};
    launchPointwise(combiner, operands, to);
  };
  combine(slice(0), slice(n == 2 ? 1 : 2), output);
  if (n == 3)
    combine(output, slice(1), output);
  if (n == 4) {
    const Buffer odd = Buffer::allocate(output.type->bytes());
    const Dims dense = contiguousStrides(output.type->shape);
    const Strided sums{odd.data(), output.type, &dense, true};
    combine(slice(1), slice(3), sums);
    combine(output, sums, output);
  }
  if (combiner == OpCode::Add && isFloat(dtype)) { // sums begin with 0: none is -0.0
    alignas(double) std::byte zero[sizeof(double)] = {};
    const Dims same(output.type->shape.size(), 0);
    combine(output, {zero, output.type, &same, false}, output);
  }
  return true;
}

bool reduceAxis(OpCode code, const Strided& input, int64_t axis, const Strided& output) {
  OneAxis parts(input, axis, output);
  if (parts.others.count() == 0)
    return true;
  parts.others.coalesce();
  uint8_t variant = kStrided;
  NestCall call;
  const int dense = parts.denseAxis();
  if (parts.stride == 1 || parts.extent == 1) {
    variant = kRows;
  } else if (dense >= 0) {
    variant = kColumns;
    call.innerExtent = parts.others.extent[dense];
    call.innerStride[0] = call.innerStride[1] = 1;
    parts.others.erase(dense);
  }
  call.rows = parts.others;
  call.setOperand(0, input);
  call.setOperand(1, output);
  const int64_t reducedStride = parts.extent == 1 ? 1 : parts.stride;
  const int64_t inner = variant == kColumns ? 1 : 0;
  const int64_t params[] = {parts.extent,
                            call.innerExtent,
                            call.rangeStride(0),
                            reducedStride,
                            inner,
                            call.rangeStride(1),
                            inner};
  std::copy(std::begin(params), std::end(params), call.params);
  call.innerParam = 1;
  call.innerBlock = 64;
  const int64_t size = sizeOf(input.type->dtype);
  const bool tiles =
      variant == kColumns &&
      (!info(code).isReduction() ||
       foldsTiles({parts.extent, call.innerExtent, std::abs(parts.stride) * size, size}));
  if (tiles)
    call.innerBlock = leastColumnsOfTiles(call.innerExtent, size);
  if (tiles && info(code).isReduction() && !output.onDevice)
    variant = kTiledColumns;
  call.workPerElement = std::max<int64_t>(1, parts.extent);
  call.kernel = kernelOf(output.onDevice, code, input.type->dtype, output.type->dtype, variant);
  if (variant == kRows && sumLongRow(call, code, input.type->dtype, parts.extent, reducedStride))
    return true;
  return call.run();
}

// The type rule lets only operators with an identity, sum and product, come here.
void reduceNothing(OpCode code, const Strided& output) {
  launchFill(Scalar(info(code).combiner == OpCode::Add ? 0 : 1), output);
}

// False where the device has no kernel for it.
bool reduce(OpCode code, const Strided& input, const Dims& axes, const Strided& output) {
  Dims order = axes;
  std::sort(order.begin(), order.end(), std::greater<>());
  Strided current = input;
  TensorType types[2];
  Dims strides[2];
  Buffer buffers[2];
  for (int i = 0; i < order.size(); ++i) {
    const bool final = i + 1 == order.size();
    const int64_t axis = order[i];
    Strided target = output;
    if (!final) {
      TensorType& type = types[i % 2];
      type = *current.type;
      type.shape.erase(axis);
      strides[i % 2] = contiguousStrides(type.shape);
      buffers[i % 2] = allocateBeside(output, type.bytes());
      target = {buffers[i % 2].data(), &type, &strides[i % 2], true, output.onDevice};
    }
    if (current.type->shape[axis] == 0)
      reduceNothing(code, target);
    else if (!foldShortAxis(code, current, axis, target) &&
             !reduceAxis(code, current, axis, target))
      return false;
    current = target;
  }
  return true;
}

} // namespace

void launchReduction(OpCode code, const Strided& input, const Dims& axes, const Strided& output) {
  if (axes.empty())
    return launchCopy(input, output);
  if (!reduce(code, input, axes, output))
    cuda::runOnHost(info(code).name, {&input, 1}, output,
                    [&](auto in, const Strided& out) { launchReduction(code, in[0], axes, out); });
}

void launchArgReduction(OpCode code, const Strided& input, int64_t axis, const Strided& output) {
  if (!reduceAxis(code, input, axis, output))
    cuda::runOnHost(info(code).name, {&input, 1}, output, [&](auto in, const Strided& out) {
      launchArgReduction(code, in[0], axis, out);
    });
}

} // namespace diptych::runtime
