// Whether a pass keeps what functions give: those that FileCheck reads, interpreted before and
// after it.
#pragma once

#include "ReferenceEmitter.h"
#include "ir/Dialect.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "passes/Interpreter.h"
#include "passes/Passes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

namespace diptych::test {

inline Values someInputs(mlir::func::FuncOp function) {
  Values inputs;
  for (const TensorType& type : ir::tensorTypesOf(function.getArgumentTypes())) {
    std::vector<double> data;
    for (int64_t i = 0; i < type.numel(); ++i)
      data.push_back(1.5 + std::sin(static_cast<double>(1 + i * (3 + i))));
    inputs.push_back(reference::tensor(type, data));
  }
  return inputs;
}

/// Of a file in tests/passes; `pass` says whether it changed a function. How many it did.
inline int expectKeptValues(const char* file, llvm::function_ref<bool(mlir::func::FuncOp)> pass) {
  mlir::MLIRContext context;
  ir::loadDialects(context);
  const auto path = std::filesystem::path(DIPTYCH_TEST_DIR) / "passes" / file;
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(path.string(), &context);
  EXPECT_TRUE(module) << path;
  if (!module)
    return 0;
  reference::ReferenceEmitter numbers;
  const EmitterScope scope(numbers);
  int changed = 0;
  for (mlir::func::FuncOp function : module->getOps<mlir::func::FuncOp>()) {
    SCOPED_TRACE(function.getName().str());
    const Values inputs = someInputs(function);
    const auto before = reference::dataOf(passes::interpret(function, inputs)[0]);
    changed += pass(function);
    EXPECT_TRUE(mlir::succeeded(mlir::verify(function)));
    const auto after = reference::dataOf(passes::interpret(function, inputs)[0]);
    EXPECT_EQ(before.size(), after.size());
    for (size_t i = 0; i < std::min(before.size(), after.size()); ++i)
      EXPECT_NEAR(before[i], after[i], 1e-13 * (1 + std::abs(before[i])));
  }
  return changed;
}

} // namespace diptych::test
