// An index out of range is an error that names the operator, however the program runs.
#include "Suite.h"

namespace diptych::suite {
namespace {

using Indexing = RowTest;

TEST_P(Indexing, OutOfRangeThrowsInEveryMode) {
  Generator generator(5);
  for (const DType indexType : {DType::i32, DType::i64})
    for (const double bad : {-1.0, 5.0, 2147483647.0, -2147483648.0})
      for (int64_t position : {0, 3}) {
        std::vector<double> numbers{1, 0, 4, 4};
        numbers[static_cast<size_t>(position)] = bad;
        const Value x = grid({dtype(), {2, 5, 3}}, -3, 3, 0, generator);
        Values inputs{x, fromNumbers({indexType, {4}}, numbers)};
        if (op().operandCount == 3)
          inputs.push_back(grid({dtype(), {2, 4, 3}}, -3, 3, 1, generator));
        Attrs attrs;
        attrs.axis = 1;
        const Function program = [&](ValueSpan in) {
          return Values{currentEmitter().emit(op().code, in, attrs)};
        };
        const auto expectThrow = [&](const char* way, const std::function<Values()>& run) {
          try {
            run();
            ADD_FAILURE() << way << ": index " << bad << " was accepted";
          } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find(op().name), std::string::npos)
                << way << ": " << error.what();
          }
        };
        expectThrow("eager", [&] { return runEager(program, inputs); });
        expectThrow("interpreted", [&] { return runInterpreted(program, inputs); });
        expectThrow("compiled", [&] { return runCompiled(program, inputs, Numerics::strict); });
        expectThrow("standard", [&] { return runCompiled(program, inputs, Numerics::standard); });
      }
}

// Indices past i32 must not be cut to it.
TEST_P(Indexing, WideIndicesAreNotCut) {
  Generator generator(6);
  Values inputs{grid({dtype(), {5}}, -3, 3, 0, generator),
                fromNumbers({DType::i64, {1}}, {4294967296.0})};
  if (op().operandCount == 3)
    inputs.push_back(grid({dtype(), {1}}, -3, 3, 1, generator));
  const Function program = [&](ValueSpan in) {
    return Values{currentEmitter().emit(op().code, in, {})};
  };
  EXPECT_THROW(runEager(program, inputs), Error);
  EXPECT_THROW(runCompiled(program, inputs, Numerics::strict), Error);
}

INSTANTIATE_TEST_SUITE_P(Operators, Indexing, testing::ValuesIn(rowsWhere([](const Row& row) {
                           return row.op().family == Family::Gather ||
                                  row.op().family == Family::ScatterAdd;
                         })),
                         rowName);

} // namespace
} // namespace diptych::suite
