// The committed table of errors, docs/accuracy.txt: complete, true at its own worst points, and not
// exceeded by samples of other arguments.
#include "tools/diptych-accuracy/Measure.h"

#include <diptych/Error.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace diptych::accuracy {
namespace {

DType dtypeNamed(const std::string& text) { return text == "f32" ? DType::f32 : DType::f64; }

std::map<std::string, Row> table() {
  std::map<std::string, Row> rows;
  for (const Row& row : readTable(DIPTYCH_ACCURACY_TABLE))
    rows[row.op + "_" + row.dtype] = row;
  return rows;
}

std::vector<std::string> rowNames() {
  std::vector<std::string> names;
  for (const OpInfo* op : measuredOperators())
    for (const char* dtype : {"f32", "f64"})
      names.push_back(std::string(op->name) + "_" + dtype);
  return names;
}

class Accuracy : public testing::TestWithParam<std::string> {};

TEST_P(Accuracy, IsThatOfTheOperatorPage) {
  static const std::map<std::string, Row> rows = table();
  const auto found = rows.find(GetParam());
  ASSERT_NE(found, rows.end()) << "docs/accuracy.txt has no row; run ./dev accuracy";
  const Row& row = found->second;
  const Reference* reference = referenceFor(row.op);
  ASSERT_NE(reference, nullptr) << "tools/diptych-accuracy has no reference";
  const auto isOp = [&](const OpInfo* op) { return op->name == row.op; };
  const std::vector<const OpInfo*> all = measuredOperators();
  const OpInfo& op = **std::find_if(all.begin(), all.end(), isOp);
  const DType dtype = dtypeNamed(row.dtype);
  EXPECT_TRUE(std::isfinite(row.worst.ulp));
  if (row.worst.ulp > 0)
    EXPECT_NEAR(measureAt(op, *reference, dtype, row.worst.x, row.worst.y).ulp, row.worst.ulp,
                1e-3);
  // Other samples may find a little more than the many of the table did.
  const Worst worst = measure(op, *reference, dtype, 40000 * reference->thinned, 7);
  EXPECT_LE(worst.ulp, row.worst.ulp * 1.05 + (row.worst.ulp > 0 ? 0.02 : 0))
      << "at " << worst.x << ", " << worst.y;
}

INSTANTIATE_TEST_SUITE_P(All, Accuracy, testing::ValuesIn(rowNames()),
                         [](const auto& info) { return info.param; });

// The measure itself: a wrong sign, an infinity and a neighbour are seen.
TEST(AccuracyMeasure, SeesErrors) {
  const OpInfo& sign = info(OpCode::Sign);
  const Reference* identity = referenceFor("neg");
  EXPECT_TRUE(std::isinf(measureAt(sign, *identity, DType::f64, 0, 0).ulp)); // 0 is not -0
  EXPECT_GT(measureAt(sign, *identity, DType::f64, 1, 0).ulp, 1e15);
  EXPECT_EQ(measureAt(info(OpCode::Neg), *identity, DType::f32, -0.0, 0).ulp, 0);
  EXPECT_TRUE(std::isinf(measureAt(info(OpCode::Abs), *referenceFor("log"), DType::f64, 0, 0).ulp));
}

} // namespace
} // namespace diptych::accuracy
