// Operators of runtime/library in eager mode: contiguous operands, problems spread over the pool.
#include <string>

#include "runtime/Dense.h"
#include "runtime/LaunchNest.h"
#include "runtime/Library.h"
#include "runtime/ThreadPool.h"
#include "runtime/cuda/DeviceLaunch.h"
#include "runtime/cuda/EagerTable.h"

namespace diptych::runtime {

void launchLibrary(OpCode code, std::span<const Strided> inputs, const Attrs& attrs,
                   const Strided& output) {
  const cuda::DeviceKernel* onDevice = nullptr;
  if (output.onDevice) {
    onDevice = cuda::findKernel(code, inputs[0].type->dtype, output.type->dtype, kContiguous);
    if (!onDevice)
      return cuda::runOnHost(info(code).name, inputs, output, [&](auto in, const Strided& out) {
        launchLibrary(code, in, attrs, out);
      });
  }
  std::vector<TensorType> types;
  std::vector<Dense> dense;
  std::vector<void*> args;
  for (const Strided& input : inputs) {
    types.push_back(*input.type);
    dense.emplace_back(input);
    args.push_back(dense.back().data());
  }
  int64_t status = 0;
  args.push_back(output.data);
  const LibraryCall call = libraryCall({info(code), types, *output.type, attrs});
  if (onDevice) {
    if (call.range != 0)
      cuda::launchEager(*onDevice, args, call.params, call.range);
    return;
  }
  args.push_back(&status);
  ThreadPool::global().parallelFor(
      call.allSteps(), call.grain(kParallelGrain),
      [&](int64_t lo, int64_t hi) { call.kernel(args.data(), call.params.data(), lo, hi); });
  if (status)
    throw Error(std::string(info(code).name) + ": " + failureText(call, status));
}

} // namespace diptych::runtime
