// Random programs on the device, each by its seed: eager there and compiled give the CPU's bits,
// values and gradients. DIPTYCH_GPU_FUZZ programs are run (20), from seed 1 on.
#include "../fuzz/Functions.h"
#include "../fuzz/Generate.h"
#include "tests/cuda/Device.h"
#include "tests/ops/Agreement.h"

#include <cstdlib>

namespace diptych::fuzz {
namespace {

int64_t programs() {
  const char* text = std::getenv("DIPTYCH_GPU_FUZZ");
  return text ? std::atoll(text) : 20;
}

class DeviceFuzz : public test::WithDeviceKernels<testing::TestWithParam<int64_t>> {
protected:
  void expectTheCpusBits(const char* what, const Function& program, const Values& inputs) {
    const Values expected = suite::runEager(program, inputs), there = test::moved(inputs, true);
    EXPECT_EQ(suite::bitDifference(test::moved(suite::runEager(program, there), false), expected),
              "")
        << what << ", eager";
    EXPECT_EQ(
        suite::bitDifference(
            test::moved(suite::runCompiled(program, there, Numerics::strict), false), expected),
        "")
        << what << ", compiled";
  }
};

TEST_P(DeviceFuzz, GivesTheCpusBits) {
  const auto seed = static_cast<uint64_t>(GetParam());
  const Program program = generate(seed, {.operators = 5 + static_cast<int>(seed * 7 % 20),
                                          .wild = seed % 2 == 0,
                                          .largest = seed % 10 == 3 ? 20000 : 500});
  expectTheCpusBits("values", program.function(), program.inputs());
  expectTheCpusBits("gradients", gradientOf(program), program.inputs());
  if (HasFailure())
    ADD_FAILURE() << "seed " << seed << "\n" << program.text();
}

INSTANTIATE_TEST_SUITE_P(Programs, DeviceFuzz, testing::Range<int64_t>(1, 1 + programs()),
                         testing::PrintToStringParamName());

} // namespace
} // namespace diptych::fuzz
