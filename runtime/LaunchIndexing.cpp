// Gather, scatter-add and scatter: brings operands into the form the kernels take, and turns their
// status into an error that names the index.
#include <algorithm>
#include <mutex>
#include <string>

#include "runtime/Dense.h"
#include "runtime/KernelRegistry.h"
#include "runtime/LaunchNest.h"
#include "runtime/ThreadPool.h"

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
void checkIndices(OpCode code, const Dense& indices, const TensorType& x, int64_t axis) {
  const auto* values = reinterpret_cast<const int64_t*>(indices.data());
  const int64_t extent = x.shape[axis], count = indices.numel();
  bool fits = true;
  for (int64_t i = 0; i < count; ++i)
    fits &= static_cast<uint64_t>(values[i]) < static_cast<uint64_t>(extent);
  if (fits)
    return;
  int64_t position = 0;
  while (static_cast<uint64_t>(values[position]) < static_cast<uint64_t>(extent))
    ++position;
  throw Error(std::string(info(code).name) + ": index " + std::to_string(values[position]) +
              " at position " + std::to_string(position) + " is out of range for axis " +
              std::to_string(axis) + " of " + x.str() + "; indices go from 0 to " +
              std::to_string(extent - 1));
}

// The range of the kernel is the outer axis; each piece has a status of its own.
void runOverOuter(KernelFn kernel, void* const* args, const int64_t* params, int64_t outer,
                  int64_t rowWork, OpCode code) {
  std::atomic<int64_t> bad{0};
  const int64_t grain = std::max<int64_t>(1, kParallelGrain / std::max<int64_t>(1, rowWork));
  ThreadPool::global().parallelFor(outer, grain, [&](int64_t lo, int64_t hi) {
    int64_t status = 0;
    void* own[4] = {args[0], args[1], args[2], &status};
    kernel(own, params, lo, hi);
    if (status)
      bad.store(status, std::memory_order_relaxed);
  });
  if (bad.load())
    throw Error(std::string("internal: ") + info(code).name + ": kernel refused the index at " +
                std::to_string(bad.load() - 1));
}

} // namespace

void launchGather(const Strided& x, const Strided& indices, int64_t axis, const Strided& output) {
  const Dense positions(indices, DType::i64);
  checkIndices(OpCode::Gather, positions, *x.type, axis);
  if (output.type->numel() == 0)
    return;
  const Dense source(x);
  const Around around(x.type->shape, axis);
  void* args[] = {source.data(), positions.data(), output.data};
  const int64_t params[] = {around.n, positions.numel(), around.inner};
  const DType dtype = x.type->dtype;
  runOverOuter(KernelRegistry::current().get(OpCode::Gather, dtype, dtype, kContiguous), args,
               params, around.outer, positions.numel() * around.inner, OpCode::Gather);
}

void launchScatter(OpCode code, const Strided& x, const Strided& indices, const Strided& updates,
                   int64_t axis, const Strided& output) {
  const Dense positions(indices, DType::i64);
  checkIndices(code, positions, *x.type, axis);
  launchCopy(x, output);
  if (updates.type->numel() == 0)
    return;
  const Dense added(updates);
  const Around around(x.type->shape, axis);
  void* args[] = {positions.data(), added.data(), output.data};
  const int64_t params[] = {around.n, positions.numel(), around.inner};
  const DType dtype = x.type->dtype;
  runOverOuter(KernelRegistry::current().get(code, dtype, dtype, kContiguous), args, params,
               around.outer, positions.numel() * around.inner, code);
}

} // namespace diptych::runtime
