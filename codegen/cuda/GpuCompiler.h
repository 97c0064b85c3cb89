// GPU kernels of schedules: as PTX with what their launches need, or as programs for the simulator.
#pragma once

#include "codegen/Schedule.h"
#include "codegen/cuda/GpuEmitters.h"
#include "runtime/Program.h"
#include "runtime/cuda/Simulator.h"

#include <memory>

namespace diptych::codegen::cuda {

/// What blocks of kernels have on a GPU of the compute capability (90 for sm_90); 0: on every one.
GpuLimits limitsOf(int capability);
/// 90 for "sm_90".
int capabilityOf(const std::string& architecture);
/// What the scheduler should know of a GPU of this capability.
ScheduleOptions gpuScheduleOptions(bool contract, int capability = 0);

/// The kernel of a call.
GpuRequest requestOf(const ScheduledCall& call);
/// The kernels of a schedule and of the parts of its loops, in order.
void appendRequests(const Schedule& schedule, std::vector<GpuRequest>& requests);

/// The text that decides a kernel's code: equal texts are one kernel.
std::string textOf(const GpuRequest& request);

struct PtxModule {
  std::string ptx;
  /// One for each request, in order; equal requests share functions.
  std::vector<runtime::cuda::LaunchSpec> kernels;
};
/// Kernels are named prefix0, prefix1, ... Safe to call from several threads.
PtxModule compilePtx(std::span<const GpuRequest> requests, const std::string& architecture,
                     const std::string& prefix = "diptych_kernel_");

/// A kernel that the simulator runs. Lives as long as the process.
struct SimulatedKernel {
  runtime::cuda::LaunchSpec spec;
  std::vector<runtime::cuda::SimulatedFn> functions; // one for each launch
};
/// One for each request, in order. Safe to call from several threads.
std::vector<const SimulatedKernel*> compileSimulated(std::span<const GpuRequest> requests);

/// The schedule with every kernel in simulation, on host memory.
std::shared_ptr<runtime::Program> assembleSimulated(const Schedule& schedule);

} // namespace diptych::codegen::cuda
