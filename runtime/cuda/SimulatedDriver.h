// The table of Driver.h on the host, for tests on machines without a GPU: the whole runtime runs
// against it. It is strict where a device is forgiving or slow to tell: nothing enqueued happens
// before somebody synchronises, device memory can be touched by kernels and copies only (any other
// access ends the process), fresh memory holds NaNs, and writes beside a block are found.
#pragma once

#include "runtime/cuda/Driver.h"
#include "runtime/cuda/Simulator.h"

#include <functional>
#include <string>
#include <vector>

namespace diptych::runtime::cuda {

/// A kernel as the simulated driver runs it: all blocks of a grid, one launch a call. Parameters
/// are 8 bytes each. Returns false, with why, for a kernel that failed.
struct SimulatedKernel {
  struct Call {
    unsigned grid[3], block[3];
    unsigned sharedBytes;
    const uint64_t* parameters;
  };
  std::string name;
  size_t parameters = 0;
  std::function<bool(const Call& call, std::string& why)> run;
};

/// A kernel's host version, launched through the simulator.
SimulatedKernel simulatedKernel(const Launch& launch, size_t parameters, SimulatedFn function);

/// What stands for PTX: moduleLoad takes its address. Must outlive the module.
struct SimulatedImage {
  static constexpr uint64_t kMagic = 0x44495053494d3031; // no PTX begins like this
  const uint64_t magic = kMagic;
  std::vector<SimulatedKernel> kernels;
};

const Driver& simulatedDriver();

/// What tests ask the simulated driver, and tell it.
namespace simulated {

struct Counts {
  int64_t launches = 0, copiesToDevice = 0, copiesToHost = 0, copiesOnDevice = 0, fills = 0;
  int64_t synchronisations = 0, graphLaunches = 0, allocations = 0, frees = 0;
  int64_t pending = 0; // enqueued, not yet done
};
Counts counts();
/// Bytes that memAlloc gives out altogether; more is out of memory.
void setMemoryLimit(int64_t bytes);
/// Blocks that memAlloc gave out and nobody freed.
int64_t liveBlocks();
/// The next call of the table under this name ("memAlloc", "launchKernel", ...) gives `result`.
void failNext(const std::string& name, Result result);
/// A kernel or copy that failed leaves an error behind that every later call gives, as on a device;
/// this forgets it.
void forgetFailure();
/// Puts work into a stream, as libraries above the driver do.
void enqueue(DriverStream* stream, std::function<void()> work);
/// Whether an address lies in simulated device memory.
bool isDeviceAddress(const void* address);

} // namespace simulated
} // namespace diptych::runtime::cuda
