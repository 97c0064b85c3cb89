// Rows, and finding the case that fails.
#include "Suite.h"

#include <cmath>

#include "ir/TypeRules.h"

namespace diptych::suite {

std::vector<Row> rowsWhere(const std::function<bool(const Row&)>& keep) {
  constexpr Row rows[] = {
#define DIPTYCH_SUITE_ROW(CODE, DTYPE) {OpCode::CODE, DType::DTYPE},
#include "tests/OperatorSuite.inc"
#undef DIPTYCH_SUITE_ROW
  };
  std::vector<Row> kept;
  for (const Row& row : rows) {
    // The one dtype that a record allows and its type rule does not.
    const bool refused = row.op().typeRule == &typerules::iota && row.dtype == DType::boolean;
    if (!refused && keep(row))
      kept.push_back(row);
  }
  return kept;
}

std::vector<Row> allRows() {
  return rowsWhere([](const Row&) { return true; });
}

std::vector<Row> differentiableRows() {
  return rowsWhere([](const Row& row) {
    return isFloat(row.dtype) && row.op().operandCount > 0 &&
           row.op().derivative != DerivativeKind::NotDifferentiable &&
           row.op().typeRule != &typerules::comparison &&
           row.op().typeRule != &typerules::argReduction &&
           row.op().typeRule != &typerules::argsort &&
           row.op().typeRule != &typerules::searchsorted &&
           row.op().typeRule != &typerules::rollingPosition &&
           row.op().typeRule != &typerules::rollingSelect &&
           row.op().typeRule != &typerules::argCumulative;
  });
}

std::string rowName(const testing::TestParamInfo<Row>& row) {
  return std::string(row.param.op().name) + "_" + diptych::name(row.param.dtype);
}

std::vector<Case> RowTest::smoothCases() const {
  std::vector<Case> smooth;
  for (Case& each : cases())
    if (each.smooth)
      smooth.push_back(std::move(each));
  return smooth;
}

Bound boundFor(DType dtype, ValueSpan inputs) {
  if (!isFloat(dtype))
    return {};
  int64_t most = 1;
  for (const Value& input : inputs)
    most = std::max(most, input.type().numel());
  const double bound = dtype == DType::bf16  ? 0x1p-7
                       : dtype == DType::f16 ? 0x1p-10
                       : dtype == DType::f32 ? 1e-5
                                             : 1e-12;
  return {bound, bound * std::sqrt(static_cast<double>(most)), bound};
}

static std::string guarded(const std::function<std::string(const Function&, ValueSpan)>& difference,
                           const Joined& joined) {
  try {
    return difference(joined.program, joined.inputs);
  } catch (const std::exception& error) {
    return std::string("threw ") + error.what();
  }
}

void expectNoDifference(const std::vector<Case>& cases,
                        const std::function<std::string(const Function&, ValueSpan)>& difference) {
  const std::string together = guarded(difference, join(cases));
  if (together.empty())
    return;
  int reported = 0;
  for (const Case& each : cases) {
    const std::string found = guarded(difference, join({each}));
    if (!found.empty() && ++reported <= 5)
      ADD_FAILURE() << each.label << ": " << found;
  }
  if (!reported)
    ADD_FAILURE() << "only all cases together: " << together;
}

} // namespace diptych::suite
