// Every operator and dtype of the suite on tensors of the device, through the whole runtime: one by
// one on its eager kernels, and compiled. Both give the CPU's bits.
#include "../ops/Suite.h"
#include "tests/cuda/Device.h"

namespace diptych::suite {
namespace {

class OnDevice : public test::WithDeviceKernels<RowTest> {};

TEST_P(OnDevice, EagerGivesTheCpusBits) {
  expectNoDifference(cases(), [](const Function& program, ValueSpan inputs) {
    const Values there = runEager(program, test::moved(inputs, true));
    return bitDifference(test::moved(there, false), runEager(program, inputs));
  });
}

TEST_P(OnDevice, CompiledGivesTheCpusBits) {
  expectNoDifference(cases(), [](const Function& program, ValueSpan inputs) {
    const Values there = runCompiled(program, test::moved(inputs, true), Numerics::strict);
    return bitDifference(test::moved(there, false), runEager(program, inputs));
  });
}

INSTANTIATE_TEST_SUITE_P(Operators, OnDevice, testing::ValuesIn(allRows()), rowName);

} // namespace
} // namespace diptych::suite
