// Eager, interpreted and compiled give the same bits in strict numerics, for every operator and
// dtype, on any numbers and any strides; standard numerics stay near.
#include "Suite.h"

#include "runtime/ThreadPool.h"

namespace diptych::suite {
namespace {

using Suite = RowTest;

TEST_P(Suite, EagerEqualsInterpretedEqualsCompiled) {
  expectNoDifference(cases(), strictDifference);
}

// Standard numerics may contract and reassociate. No case here cancels catastrophically, so the
// bound is a few roundings of the largest element: 1e-12 in f64, 1e-5 in f32.
TEST_P(Suite, StandardIsNear) {
  const double bound = dtype() == DType::f32 ? 1e-5 : 1e-12;
  expectNoDifference(smoothCases(), [&](const Function& program, ValueSpan inputs) {
    return nearDifference(runCompiled(program, inputs, Numerics::standard),
                          runEager(program, inputs), {bound, 0, bound});
  });
}

INSTANTIATE_TEST_SUITE_P(Operators, Suite, testing::ValuesIn(allRows()), rowName);

} // namespace
} // namespace diptych::suite
