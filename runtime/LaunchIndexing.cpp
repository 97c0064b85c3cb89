// Gather, scatter-add and scatter: brings operands into the form the kernels take, and turns their
// status into an error that names the index.
#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>

#include "runtime/Dense.h"
#include "runtime/IndexPlan.h"
#include "runtime/KernelRegistry.h"
#include "runtime/LaunchNest.h"
#include "runtime/ThreadPool.h"
#include "runtime/cuda/DeviceLaunch.h"
#include "runtime/cuda/DeviceMemory.h"

namespace diptych::runtime {

namespace {

/// x seen as [outer, n, inner] around an axis.
struct Around {
  int64_t outer = 1, n, inner = 1;

  Around(const Shape& shape, int64_t axis) : n(shape[axis]) {
    for (int64_t a = 0; a < axis; ++a)
      outer *= shape[a];
    for (int64_t a = axis + 1; a < shape.size(); ++a)
      inner *= shape[a];
  }
};

// Before any kernel runs: what is written to would otherwise be half done, and with empty operands
// no kernel would look at the indices at all.
void checkIndices(OpCode code, std::span<const int64_t> values, const TensorType& x, int64_t axis) {
  const int64_t extent = x.shape[axis];
  bool fits = true;
  for (const int64_t value : values)
    fits &= static_cast<uint64_t>(value) < static_cast<uint64_t>(extent);
  if (fits)
    return;
  size_t position = 0;
  while (static_cast<uint64_t>(values[position]) < static_cast<uint64_t>(extent))
    ++position;
  throw Error(std::string(info(code).name) + ": index " + std::to_string(values[position]) +
              " at position " + std::to_string(position) + " is out of range for axis " +
              std::to_string(axis) + " of " + x.str() + "; indices go from 0 to " +
              std::to_string(extent - 1));
}

std::span<const int64_t> valuesOf(const Dense& indices) {
  return {reinterpret_cast<const int64_t*>(indices.data()), static_cast<size_t>(indices.numel())};
}

// Each piece has a status of its own. before(lo, hi) comes first.
template <class Before>
void run(OpCode code, DType dtype, void* const* args, const int64_t* params, const IndexPlan& plan,
         const Before& before) {
  const KernelFn kernel = KernelRegistry::current().get(code, dtype, dtype, kContiguous);
  std::atomic<int64_t> bad{0};
  ThreadPool::global().parallelFor(plan.range, plan.grain, [&](int64_t lo, int64_t hi) {
    int64_t status = 0;
    void* own[4] = {args[0], args[1], args[2], &status};
    before(lo, hi);
    kernel(own, params, lo, hi);
    if (status)
      bad.store(status, std::memory_order_relaxed);
  });
  if (bad.load())
    throw Error(std::string("internal: ") + info(code).name + ": kernel refused the index at " +
                std::to_string(bad.load() - 1));
}

// Waits for the kernel's word on the indices. False, and nothing was done, where there is no
// kernel.
bool runOnDevice(OpCode code, std::vector<void*> args, const Dense& indices, const TensorType& x,
                 int64_t axis) {
  const cuda::DeviceKernel* kernel = cuda::findKernel(code, x.dtype, x.dtype, kContiguous);
  if (!kernel)
    return false;
  const Around around(x.shape, axis);
  const int64_t params[] = {around.n, indices.numel(), around.inner};
  const Buffer status = cuda::allocateOnDevice(sizeof(int64_t));
  int64_t failed = 0;
  cuda::writeOnDevice(status.data(), reinterpret_cast<const std::byte*>(&failed), sizeof failed);
  args.push_back(status.data());
  cuda::launchEager(*kernel, args, params, around.outer);
  cuda::copyToHost(&failed, status.data(), sizeof failed);
  if (failed) {
    std::vector<int64_t> values(static_cast<size_t>(indices.numel()));
    cuda::copyToHost(values.data(), indices.data(), 8 * indices.numel());
    checkIndices(code, values, x, axis);
  }
  return true;
}

// What has no elements is left to the host, which looks at the indices all the same.
bool gatherOnDevice(const Strided& x, const Strided& indices, int64_t axis, const Strided& output) {
  if (output.type->numel() == 0)
    return false;
  const Dense positions(indices, DType::i64), source(x);
  return runOnDevice(OpCode::Gather, {source.data(), positions.data(), output.data}, positions,
                     *x.type, axis);
}

bool scatterOnDevice(OpCode code, const Strided& x, const Strided& indices, const Strided& updates,
                     int64_t axis, const Strided& output) {
  const DType dtype = x.type->dtype;
  if (updates.type->numel() == 0 || !cuda::findKernel(code, dtype, dtype, kContiguous))
    return false;
  launchCopy(x, output);
  const Dense positions(indices, DType::i64), added(updates);
  return runOnDevice(code, {positions.data(), added.data(), output.data}, positions, *x.type, axis);
}

} // namespace

void launchGather(const Strided& x, const Strided& indices, int64_t axis, const Strided& output) {
  if (output.onDevice) {
    if (gatherOnDevice(x, indices, axis, output))
      return;
    const Strided inputs[] = {x, indices};
    return cuda::runOnHost("gather", inputs, output, [&](auto in, const Strided& out) {
      launchGather(in[0], in[1], axis, out);
    });
  }
  const Dense positions(indices, DType::i64);
  checkIndices(OpCode::Gather, valuesOf(positions), *x.type, axis);
  if (output.type->numel() == 0)
    return;
  const Dense source(x);
  const Around around(x.type->shape, axis);
  void* args[] = {source.data(), positions.data(), output.data};
  const int64_t params[] = {around.n, positions.numel(), around.inner, around.outer};
  run(OpCode::Gather, x.type->dtype, args, params,
      gatherPlan(around.outer, positions.numel(), around.inner), [](int64_t, int64_t) {});
}

void launchScatter(OpCode code, const Strided& x, const Strided& indices, const Strided& updates,
                   int64_t axis, const Strided& output) {
  if (output.onDevice) {
    if (scatterOnDevice(code, x, indices, updates, axis, output))
      return;
    const Strided inputs[] = {x, indices, updates};
    return cuda::runOnHost(info(code).name, inputs, output, [&](auto in, const Strided& out) {
      launchScatter(code, in[0], in[1], in[2], axis, out);
    });
  }
  const Dense positions(indices, DType::i64);
  checkIndices(code, valuesOf(positions), *x.type, axis);
  if (updates.type->numel() == 0)
    return launchCopy(x, output);
  const Dense added(updates);
  const Around around(x.type->shape, axis);
  const IndexPlan plan = scatterPlan(around.outer, around.n, positions.numel(), around.inner);
  // Whoever adds to rows copies them, into its own cache.
  const bool inPieces = x.contiguous && plan.range >= 2 * plan.grain;
  if (!inPieces)
    launchCopy(x, output);
  const int64_t rowBytes = around.inner * sizeOf(x.type->dtype);
  void* args[] = {positions.data(), added.data(), output.data};
  const int64_t params[] = {around.n, positions.numel(), around.inner, around.outer};
  run(code, x.type->dtype, args, params, plan, [&](int64_t lo, int64_t hi) {
    if (inPieces)
      std::memcpy(output.data + lo * rowBytes, x.data + lo * rowBytes,
                  static_cast<size_t>((hi - lo) * rowBytes));
  });
}

} // namespace diptych::runtime
