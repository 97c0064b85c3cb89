// From a trace to a simulated program and its results.
#include "Simulated.h"

#include "codegen/cuda/GpuCompiler.h"
#include "frontend/JitPipeline.h"
#include "frontend/TensorImpl.h"
#include "frontend/Trace.h"
#include "passes/Passes.h"

#include <cstring>

namespace diptych::suite {

// Kernels read vectors: a view into the middle of a buffer is copied, as the device does it.
static Value aligned(Value x) {
  const void* data = eagerTensor(x).data();
  if (reinterpret_cast<uintptr_t>(data) % runtime::cuda::kPointerAlignment == 0)
    return x;
  Value copy = newTensor(x.type());
  std::memcpy(eagerTensor(copy).data(), data, static_cast<size_t>(x.type().bytes()));
  return copy;
}

codegen::Schedule gpuSchedule(const Function& program, ValueSpan inputs, Numerics numerics,
                              Values* captures, int capability) {
  const std::lock_guard lock(traceMutex());
  std::vector<TensorType> types;
  for (const Value& input : inputs)
    types.push_back(input.type());
  TracedModule traced = traceFunction(program, types);
  if (captures)
    captures->assign(traced.captures.begin(), traced.captures.end());
  JitStats stats;
  runPipeline(*traced.module, numerics, stats, "fused", 0, 0, nullptr, Processor::gpu);
  return codegen::schedule(
      traced.main(), codegen::cuda::gpuScheduleOptions(numerics != Numerics::strict, capability));
}

Values runSimulated(const Function& program, ValueSpan inputs, Numerics numerics) {
  Values all(inputs.begin(), inputs.end()), captures;
  const auto compiled =
      codegen::cuda::assembleSimulated(gpuSchedule(program, inputs, numerics, &captures, 90));
  all.insert(all.end(), captures.begin(), captures.end());
  Values held, results;
  std::vector<void*> from, to;
  for (const Value& input : all) {
    held.push_back(aligned(contiguousCopy(input)));
    from.push_back(eagerTensor(held.back()).data());
  }
  for (const TensorType& type : compiled->outputs) {
    results.push_back(newTensor(type));
    to.push_back(eagerTensor(results.back()).data());
  }
  compiled->run(from, to);
  return results;
}

} // namespace diptych::suite
