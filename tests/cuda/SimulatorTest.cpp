// The simulator itself: threads that meet, and threads that fail to.
#include "runtime/cuda/Simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <diptych/Error.h>

namespace diptych::runtime::cuda {
namespace {

int64_t* numbers(void** params) { return *static_cast<int64_t**>(params[0]); }

std::vector<int64_t> run(SimulatedFn kernel, int64_t grid, int block, size_t results) {
  std::vector<int64_t> out(results, -1);
  int64_t* pointer = out.data();
  void* params[] = {&pointer};
  Launch launch;
  launch.block = block;
  launch.cooperative = true;
  simulateLaunch(kernel, launch, grid, params);
  return out;
}

TEST(Simulator, EveryThreadOfEveryBlockRunsOnce) {
  const auto out = run(
      [](void** params) {
        const int64_t self =
            int64_t{diptych_sim_block()} * diptych_sim_threads() + diptych_sim_thread();
        numbers(params)[self] += 1 + self + 1000 * diptych_sim_blocks();
      },
      3, 40, 120);
  for (size_t i = 0; i < out.size(); ++i)
    EXPECT_EQ(out[i], static_cast<int64_t>(i) + 3000);
}

// Each thread reads what its successor wrote before the barrier.
TEST(Simulator, SharedMemoryIsSeenAfterTheBarrier) {
  const auto out = run(
      [](void** params) {
        auto* shared = static_cast<int64_t*>(diptych_sim_shared(64 * 8));
        const int self = diptych_sim_thread();
        shared[self] = 7 * self;
        diptych_sim_barrier();
        numbers(params)[self] = shared[(self + 1) % 64];
      },
      1, 64, 64);
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(out[static_cast<size_t>(i)], 7 * ((i + 1) % 64));
}

// Two shuffles in a row: the second must not overwrite what the first has yet to hand over.
TEST(Simulator, ShufflesStayWithinTheWarp) {
  const auto out = run(
      [](void** params) {
        const int self = diptych_sim_thread();
        const int32_t a = diptych_sim_shuffle_xor(self, 1);
        const int32_t b = diptych_sim_shuffle_down(100 + self, 8);
        const int32_t bits = diptych_sim_ballot(self % 32 < 3);
        numbers(params)[self] = a + 1000 * b + 1000000 * bits;
      },
      1, 64, 64);
  for (int i = 0; i < 64; ++i) {
    const int64_t below = i % 32 + 8 < 32 ? 108 + i : 100 + i;
    EXPECT_EQ(out[static_cast<size_t>(i)], (i ^ 1) + 1000 * below + 7000000);
  }
}

TEST(Simulator, ABarrierThatSomeNeverReachIsAnError) {
  const auto missing = [] {
    run(
        [](void**) {
          if (diptych_sim_thread() < 5)
            diptych_sim_barrier();
        },
        2, 32, 1);
  };
  EXPECT_THAT(missing, testing::ThrowsMessage<Error>(testing::HasSubstr("5 threads wait")));
}

TEST(Simulator, AShuffleOfHalfAWarpIsAnError) {
  const auto half = [] {
    run(
        [](void**) {
          if (diptych_sim_thread() % 32 < 16)
            diptych_sim_shuffle_xor(1, 1);
        },
        1, 32, 1);
  };
  EXPECT_THAT(half, testing::ThrowsMessage<Error>(testing::HasSubstr("16 in a warp")));
}

TEST(Simulator, AKernelThatMeetsMustSaySo) {
  const auto alone = [] {
    Launch launch;
    launch.block = 32;
    simulateLaunch([](void**) { diptych_sim_barrier(); }, launch, 1, nullptr);
  };
  EXPECT_THAT(alone, testing::ThrowsMessage<Error>(testing::HasSubstr("cooperative")));
}

Launch clusterOf(int blocks) {
  Launch launch;
  launch.block = 32;
  launch.cooperative = true;
  launch.cluster = blocks;
  launch.sharedBytes = 100 << 10;
  return launch;
}

// Each block reads what the next one of its cluster wrote, at the far end of its shared memory.
TEST(Simulator, BlocksOfAClusterSeeEachOthersMemory) {
  std::vector<int64_t> out(6, -1);
  int64_t* pointer = out.data();
  void* params[] = {&pointer};
  const auto kernel = [](void** params) {
    auto* last = static_cast<int64_t*>(diptych_sim_shared(0)) + 12799;
    const int block = diptych_sim_block();
    if (diptych_sim_thread() == 5)
      *last = 100 + block;
    diptych_sim_cluster_barrier();
    if (diptych_sim_thread() == 7)
      numbers(params)[block] = *static_cast<int64_t*>(diptych_sim_peer(last, (block + 1) % 3));
    diptych_sim_cluster_barrier();
  };
  simulateLaunch(kernel, clusterOf(3), 6, params);
  EXPECT_EQ(out, (std::vector<int64_t>{101, 102, 100, 104, 105, 103}));
}

TEST(Simulator, ABlockThatItsClusterWaitsForInVainIsAnError) {
  const auto half = [] {
    simulateLaunch(
        [](void**) {
          if (diptych_sim_block() == 1)
            diptych_sim_cluster_barrier();
        },
        clusterOf(2), 2, nullptr);
  };
  EXPECT_THAT(half, testing::ThrowsMessage<Error>(testing::HasSubstr("32 threads wait")));
  const auto odd = [] { simulateLaunch([](void**) {}, clusterOf(2), 3, nullptr); };
  EXPECT_THAT(odd, testing::ThrowsMessage<Error>(testing::HasSubstr("clusters of 2")));
}

TEST(LaunchSpec, GridsFollowTheParams) {
  Launch launch;
  launch.grid.factors = {{{{0, 0}}, 128, 0}, {{{3, -1}}, 1, 0}};
  launch.guard = {0, 0};
  launch.above = 4096;
  const int64_t few[] = {4096, 1000}, many[] = {4097, 1000};
  EXPECT_EQ(launch.blocks(few), 0);
  EXPECT_EQ(launch.blocks(many), 99);
  launch.grid.pieces = 5;
  EXPECT_EQ(launch.blocks(many), 20);
  launch.grid.factors.push_back({{{0, 1}}, 10000, 2});
  EXPECT_EQ(launch.blocks(many), 40);
}

} // namespace
} // namespace diptych::runtime::cuda
