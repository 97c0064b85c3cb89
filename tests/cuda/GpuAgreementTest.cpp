// The kernels that the GPU would run, in simulation, for every operator and dtype of the suite: in
// strict numerics they give the bits of eager mode.
#include "../ops/Suite.h"
#include "Simulated.h"

namespace diptych::suite {
namespace {

using Gpu = RowTest;

TEST_P(Gpu, SimulatedEqualsEager) {
  expectNoDifference(cases(), [](const Function& program, ValueSpan inputs) {
    return bitDifference(runSimulated(program, inputs, Numerics::strict),
                         runEager(program, inputs));
  });
}

INSTANTIATE_TEST_SUITE_P(Operators, Gpu, testing::ValuesIn(allRows()), rowName);

} // namespace
} // namespace diptych::suite
