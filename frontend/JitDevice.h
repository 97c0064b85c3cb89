// Schedules compiled for the device: PTX for the GPU that is there, or kernels of the simulator.
#pragma once

#include "codegen/KernelCompiler.h"
#include "runtime/cuda/DeviceProgram.h"

namespace diptych {

/// The schedule, made with codegen::cuda::gpuScheduleOptions, on the device. Kernels are compiled
/// once a process. `usesBlas`: large matrix products are cuBLAS's where it is found.
/// `persistent`: their code is kept on disk.
std::unique_ptr<runtime::cuda::DeviceProgram> compileForDevice(const codegen::Schedule& schedule,
                                                               bool usesBlas, bool persistent,
                                                               codegen::KernelTimes& times);

} // namespace diptych
