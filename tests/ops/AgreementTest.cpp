// Eager, interpreted and compiled give the same bits in strict numerics, for every operator and
// dtype, on any numbers and any strides; standard numerics stay near.
#include "Suite.h"

namespace diptych::suite {
namespace {

using Suite = RowTest;

TEST_P(Suite, EagerEqualsInterpretedEqualsCompiled) {
  expectNoDifference(cases(), strictDifference);
}

// Standard numerics may contract and reassociate.
TEST_P(Suite, StandardIsNear) {
  expectNoDifference(smoothCases(), [&](const Function& program, ValueSpan inputs) {
    return nearDifference(runCompiled(program, inputs, Numerics::standard),
                          runEager(program, inputs), boundFor(dtype(), inputs));
  });
}

INSTANTIATE_TEST_SUITE_P(Operators, Suite, testing::ValuesIn(allRows()), rowName);

} // namespace
} // namespace diptych::suite
