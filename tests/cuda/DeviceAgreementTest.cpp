// Every operator and dtype of the suite on tensors of the device, through the whole runtime: one by
// one on its eager kernels, and compiled. Both give the CPU's bits.
#include "../ops/Suite.h"
#include "frontend/TensorImpl.h"
#include "tests/cuda/Device.h"
#include "tests/cuda/SimulatedKernels.h"

namespace diptych::suite {
namespace {

class OnDevice : public RowTest {
protected:
  void SetUp() override {
    if (!cuda_available())
      GTEST_SKIP() << "no GPU: " << cuda_status();
    if (test::isSimulated())
      test::provideSimulatedKernels();
  }
  void TearDown() override {
    if (cuda_available() && test::isSimulated())
      runtime::cuda::provideKernels(nullptr);
  }
  static Values moved(ValueSpan values, bool onDevice) {
    Values result;
    for (const Value& value : values)
      result.push_back(movedTo(value, onDevice));
    return result;
  }
};

TEST_P(OnDevice, EagerGivesTheCpusBits) {
  expectNoDifference(cases(), [](const Function& program, ValueSpan inputs) {
    const Values there = runEager(program, moved(inputs, true));
    return bitDifference(moved(there, false), runEager(program, inputs));
  });
}

TEST_P(OnDevice, CompiledGivesTheCpusBits) {
  expectNoDifference(cases(), [](const Function& program, ValueSpan inputs) {
    const Values there = runCompiled(program, moved(inputs, true), Numerics::strict);
    return bitDifference(moved(there, false), runEager(program, inputs));
  });
}

INSTANTIATE_TEST_SUITE_P(Operators, OnDevice, testing::ValuesIn(allRows()), rowName);

} // namespace
} // namespace diptych::suite
