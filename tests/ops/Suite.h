// The rows of the generated suite as test parameters: one for each operator and dtype.
#pragma once

#include <gtest/gtest.h>

#include "Agreement.h"
#include "Cases.h"

namespace diptych::suite {

struct Row {
  OpCode code;
  DType dtype;
  const OpInfo& op() const { return info(code); }
};

inline void PrintTo(const Row& row, std::ostream* os) { *os << row.op().name << " " << row.dtype; }

/// Every row the type rules allow for which `keep` holds.
std::vector<Row> rowsWhere(const std::function<bool(const Row&)>& keep);
std::vector<Row> allRows();
/// Rows whose results have derivatives, or have them by being locally constant.
std::vector<Row> differentiableRows();
std::string rowName(const testing::TestParamInfo<Row>& row);

/// A run of the cases of a row, and which of them differ: found one by one when all together do.
struct RowTest : testing::TestWithParam<Row> {
  const OpInfo& op() const { return GetParam().op(); }
  DType dtype() const { return GetParam().dtype; }
  std::vector<Case> cases() const { return casesOf(op(), dtype()); }
  std::vector<Case> smoothCases() const;
};

/// Near enough where elements are sums of others, in any order: a few roundings of the largest
/// element, and of the longest sum, which may cancel. 1e-12 in f64, 1e-5 in f32, a
/// rounding in bf16 and f16.
Bound boundFor(DType dtype, ValueSpan inputs);

/// Checks `difference` on all cases joined; where it finds one, on each case, to name it.
void expectNoDifference(const std::vector<Case>& cases,
                        const std::function<std::string(const Function&, ValueSpan)>& difference);

} // namespace diptych::suite
