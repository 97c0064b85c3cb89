// Coalescing of axes and execution of loop nests.
#include "runtime/LaunchNest.h"

#include <algorithm>
#include <cstdlib>

#include "runtime/KernelRegistry.h"
#include "runtime/ThreadPool.h"
#include "runtime/cuda/DeviceMemory.h"

namespace diptych::runtime {

bool isContiguous(const Shape& shape, const Dims& strides) {
  int64_t expected = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != expected)
      return shape.product() == 0;
    expected *= shape[i];
  }
  return true;
}

Axes::Axes(const Shape& shape, std::span<const Dims* const> strides)
    : rank(shape.size()), operands(static_cast<int>(strides.size())) {
  for (int a = 0; a < rank; ++a) {
    extent[a] = shape[a];
    for (int i = 0; i < operands; ++i)
      stride[i][a] = (*strides[i])[a];
  }
}

void Axes::push(int64_t newExtent, std::span<const int64_t> strides) {
  extent[rank] = newExtent;
  for (int i = 0; i < operands; ++i)
    stride[i][rank] = strides[i];
  ++rank;
}

void Axes::erase(int axis) {
  for (int a = axis; a + 1 < rank; ++a) {
    extent[a] = extent[a + 1];
    for (int i = 0; i < operands; ++i)
      stride[i][a] = stride[i][a + 1];
  }
  --rank;
}

void Axes::swap(int a, int b) {
  std::swap(extent[a], extent[b]);
  for (int i = 0; i < operands; ++i)
    std::swap(stride[i][a], stride[i][b]);
}

int64_t Axes::count() const {
  int64_t product = 1;
  for (int a = 0; a < rank; ++a)
    product *= extent[a];
  return product;
}

void Axes::coalesce() {
  for (int a = rank - 1; a >= 0; --a)
    if (extent[a] == 1)
      erase(a);
  const int64_t* output = stride[operands - 1];
  for (int a = 1; a < rank; ++a)
    for (int b = a; b > 0 && std::abs(output[b - 1]) < std::abs(output[b]); --b)
      swap(b - 1, b);
  for (int a = rank - 2; a >= 0; --a) {
    bool one = true;
    for (int i = 0; i < operands && one; ++i)
      one = stride[i][a] == stride[i][a + 1] * extent[a + 1];
    if (!one)
      continue;
    extent[a + 1] *= extent[a];
    erase(a);
  }
}

Buffer allocateBeside(const Strided& array, int64_t bytes) {
  return array.onDevice ? cuda::allocateOnDevice(bytes) : Buffer::allocate(bytes);
}

AnyKernel kernelOf(bool onDevice, OpCode code, DType in, DType out, uint8_t variant) {
  if (onDevice)
    return {nullptr, cuda::findKernel(code, in, out, variant)};
  return {KernelRegistry::current().get(code, in, out, variant), nullptr};
}

void NestCall::place(int64_t row, void** args) const {
  int64_t offset[kMaxOperands] = {};
  for (int a = rows.rank - 2; a >= 0; --a) {
    const int64_t index = row % rows.extent[a];
    row /= rows.extent[a];
    for (int i = 0; i < rows.operands; ++i)
      offset[i] += index * rows.stride[i][a];
  }
  for (int i = 0; i < rows.operands; ++i)
    args[i] = data[i] + offset[i] * itemSize[i];
}

// One launch for each run of the last axis.
bool NestCall::runOnDevice() const {
  constexpr int64_t kMostLaunches = 64;
  const int64_t range = rows.rank ? rows.extent[rows.rank - 1] : 1;
  const int64_t launches = rows.count() / range;
  if (!kernel.device || launches > kMostLaunches)
    return false;
  for (int64_t row = 0; row < launches; ++row) {
    void* args[kMaxOperands];
    place(row, args);
    cuda::launchEager(*kernel.device, {args, static_cast<size_t>(rows.operands)}, params, range);
  }
  return true;
}

// Rows [lo,hi) of the flattened row axes: runs of the last axis, each one call of the kernel.
void NestCall::runRows(int64_t lo, int64_t hi) const {
  const int last = rows.rank - 1;
  const int64_t range = last >= 0 ? rows.extent[last] : 1;
  void* args[kMaxOperands + 1];
  while (lo < hi) {
    const int64_t begin = lo % range, end = std::min(range, begin + hi - lo);
    place(lo / range, args);
    kernel.host(args, params, begin, end);
    lo += end - begin;
  }
}

void NestCall::runInner(int64_t lo, int64_t hi) const {
  NestCall part = *this;
  for (int i = 0; i < rows.operands; ++i)
    part.data[i] += lo * innerStride[i] * itemSize[i];
  part.innerExtent = hi - lo;
  part.params[innerParam] = hi - lo;
  part.runRows(0, rows.count());
}

bool NestCall::run() const {
  const int64_t count = rows.count();
  if (count == 0 || innerExtent == 0)
    return true;
  if (!kernel.host)
    return runOnDevice();
  const int64_t rowWork = innerExtent * workPerElement;
  ThreadPool& pool = ThreadPool::global();
  const int64_t threads = pool.threads();
  if (threads == 1 || count * rowWork < 2 * kParallelGrain)
    return runRows(0, count), true;
  const int64_t rowBlocks = (count + rowBlock - 1) / rowBlock;
  const int64_t innerBlocks = (innerExtent + innerBlock - 1) / innerBlock;
  const bool byRows =
      cutsInner ? innerBlocks < 2 * threads : rowBlocks >= 4 * threads || rowBlocks >= innerBlocks;
  if (byRows) {
    const int64_t grain = std::max<int64_t>(1, kParallelGrain / (rowWork * rowBlock));
    pool.parallelFor(rowBlocks, grain, [&](int64_t lo, int64_t hi) {
      runRows(lo * rowBlock, std::min(count, hi * rowBlock));
    });
    return true;
  }
  const int64_t blockWork = innerBlock * workPerElement * count;
  const int64_t grain = std::max<int64_t>(1, kParallelGrain / blockWork);
  pool.parallelFor(innerBlocks, grain, [&](int64_t lo, int64_t hi) {
    runInner(lo * innerBlock, std::min(innerExtent, hi * innerBlock));
  });
  return true;
}

} // namespace diptych::runtime
