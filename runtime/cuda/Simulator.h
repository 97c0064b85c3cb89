// A GPU that is not there: runs a kernel's host version, block after block, the threads of a block
// as fibers that really meet in barriers and shuffles. For tests of indexing and order, not for
// speed. A barrier or shuffle that not all threads reach is an Error, not a hang.
#pragma once

#include "runtime/cuda/LaunchSpec.h"

namespace diptych::runtime::cuda {

/// One thread of the kernel. `params[i]` points to argument i, as cuLaunchKernel takes them.
using SimulatedFn = void (*)(void** params);

/// Runs a grid of the launch on the calling thread. Throws Error where threads fail to meet.
void simulateLaunch(SimulatedFn kernel, const Launch& launch, int64_t grid, void** params);

/// Runs all launches of a kernel on host memory, with scratch of its own. `functions`: one for each
/// launch.
void simulate(const LaunchSpec& spec, std::span<const SimulatedFn> functions, void* const* args,
              std::span<const int64_t> params);

} // namespace diptych::runtime::cuda

/// What a kernel's host version calls.
extern "C" {
int32_t diptych_sim_thread();
int32_t diptych_sim_block();
int32_t diptych_sim_threads();
int32_t diptych_sim_blocks();
void diptych_sim_barrier();
/// Of all blocks of the cluster.
void diptych_sim_cluster_barrier();
/// The block's shared memory, of at least so many bytes; 0: what the launch gives.
void* diptych_sim_shared(int64_t bytes);
/// What an address of the block's shared memory is in block `rank` of the cluster.
void* diptych_sim_peer(void* address, int32_t rank);
/// Of the lane `lane ^ offset` or `lane + offset` of the warp; its own where there is none.
int32_t diptych_sim_shuffle_xor(int32_t value, int32_t offset);
int32_t diptych_sim_shuffle_down(int32_t value, int32_t offset);
/// Bit i: whether lane i of the warp holds `predicate`.
int32_t diptych_sim_ballot(bool predicate);
}
