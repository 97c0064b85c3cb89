// `diptych-gpu test` runs the tests of the CUDA side, with GoogleTest's options; `diptych-gpu
// bench` measures. Without DIPTYCH_CUDA in the environment both ask for a GPU; `simulate` there
// takes the simulated device.
#include "benchmarks/gpu/Bench.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "test") {
    ++argv;
    --argc;
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
  }
  if (what == "bench")
    return diptych::bench::gpuBench({argv + 2, argv + argc});
  if (what == "status") {
    std::puts(diptych::cuda_status().c_str());
    return diptych::cuda_available() ? 0 : 77;
  }
  std::fputs("usage: diptych-gpu status | test [--gtest_...] | bench [options]\n", stderr);
  return 2;
}
