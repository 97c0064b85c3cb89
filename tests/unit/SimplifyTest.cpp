// What the textual tests of folds and algebra rewrite means the same before and after: bit for bit
// in strict numerics, nearly in standard ones.
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>

#include "ReferenceEmitter.h"
#include "ir/Dialect.h"
#include "mlir/Parser/Parser.h"
#include "passes/Interpreter.h"
#include "passes/Passes.h"

namespace diptych {
namespace {

struct SimplifyTest : testing::TestWithParam<const char*> {
  SimplifyTest() {
    ir::loadDialects(context);
    const auto path = std::filesystem::path(DIPTYCH_TEST_DIR) / GetParam();
    module = mlir::parseSourceFile<mlir::ModuleOp>(path.string(), &context);
  }

  // Halves between -2 and 2, zeros of both signs among them; small indices; both booleans.
  static Values inputsOf(mlir::func::FuncOp function) {
    Values inputs;
    unsigned state = 12345;
    for (const TensorType& type : ir::tensorTypesOf(function.getArgumentTypes())) {
      std::vector<double> data;
      for (int64_t i = 0; i < type.numel(); ++i) {
        state = state * 1664525U + 1013904223U;
        const int draw = static_cast<int>(state >> 28);
        data.push_back(isFloat(type.dtype) ? (draw == 15 ? -0.0 : (draw - 4) / 2.0) : draw % 2);
      }
      inputs.push_back(reference::tensor(type, data));
    }
    return inputs;
  }

  void compare(Numerics numerics, const std::function<void(double, double)>& check) {
    ASSERT_TRUE(module);
    const std::vector<mlir::func::FuncOp> functions(module->getOps<mlir::func::FuncOp>().begin(),
                                                    module->getOps<mlir::func::FuncOp>().end());
    ASSERT_GT(functions.size(), 5U);
    reference::ReferenceEmitter numbers;
    const EmitterScope scope(numbers);
    for (mlir::func::FuncOp function : functions) {
      SCOPED_TRACE(function.getName().str());
      const Values inputs = inputsOf(function);
      const Values before = passes::interpret(function, inputs);
      passes::simplify(function, numerics);
      const Values after = passes::interpret(function, inputs);
      ASSERT_EQ(before.size(), after.size());
      for (size_t i = 0; i < before.size(); ++i) {
        ASSERT_EQ(before[i].type(), after[i].type());
        for (size_t j = 0; j < reference::dataOf(before[i]).size(); ++j)
          check(reference::dataOf(before[i])[j], reference::dataOf(after[i])[j]);
      }
    }
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_P(SimplifyTest, StrictKeepsEveryBit) {
  compare(Numerics::strict, [](double before, double after) {
    EXPECT_EQ(std::bit_cast<uint64_t>(before), std::bit_cast<uint64_t>(after));
  });
}

TEST_P(SimplifyTest, StandardKeepsTheValue) {
  compare(Numerics::standard, [](double before, double after) {
    EXPECT_NEAR(before, after, 1e-14 * (1 + std::abs(before)));
  });
}

INSTANTIATE_TEST_SUITE_P(Files, SimplifyTest,
                         testing::Values("ir/folders.mlir", "passes/simplify.mlir"));

} // namespace
} // namespace diptych
