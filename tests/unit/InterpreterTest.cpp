// The interpreter on textual IR, with plain loops as the meaning of operators.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ReferenceEmitter.h"
#include "ir/Dialect.h"
#include "mlir/Parser/Parser.h"
#include "passes/Interpreter.h"

namespace diptych {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct InterpreterTest : testing::Test {
  InterpreterTest() { ir::loadDialects(context); }
  Values run(const char* text, const Values& inputs) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context, "program.mlir");
    if (!module)
      throw Error("the program does not parse");
    const EmitterScope scope(numbers);
    return passes::interpret(module->lookupSymbol<mlir::func::FuncOp>("main"), inputs);
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  reference::ReferenceEmitter numbers;
};

TEST_F(InterpreterTest, RunsFusionsAsTheirBodies) {
  const Values results = run(R"(
    func.func @main(%x: tensor<2x2xf64>) -> tensor<2xf64> {
      %r = diptych.fusion "reduction" (%a = %x : tensor<2x2xf64>) -> tensor<2xf64> {
        %n = diptych.mul %a, %a : tensor<2x2xf64>, tensor<2x2xf64> -> tensor<2x2xf64>
        %s = diptych.sum %n {axes = array<i64: 1>} : tensor<2x2xf64> -> tensor<2xf64>
        diptych.yield %s : tensor<2xf64>
      }
      return %r : tensor<2xf64>
    })",
                             {reference::tensor({2, 2}, {1, 2, 3, 4})});
  EXPECT_THAT(reference::dataOf(results[0]), ElementsAre(5, 25));
}

TEST_F(InterpreterTest, TakesDerivativesFromTheEmitter) {
  const Values results = run(R"(
    func.func private @square(%x: tensor<2xf64>) -> tensor<2xf64> {
      %y = diptych.mul %x, %x : tensor<2xf64>, tensor<2xf64> -> tensor<2xf64>
      return %y : tensor<2xf64>
    }
    func.func @main(%x: tensor<2xf64>, %c: tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) {
      %y, %dx = diptych.vjp @square(%x) cotangents(%c) wrt [0]
          : (tensor<2xf64>, tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>)
      %z, %dy = diptych.jvp @square(%x) tangents(%c) wrt [0]
          : (tensor<2xf64>, tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>)
      return %y, %dx, %dy : tensor<2xf64>, tensor<2xf64>, tensor<2xf64>
    })",
                             {reference::tensor({2}, {3, 5}), reference::tensor({2}, {1, 10})});
  EXPECT_THAT(reference::dataOf(results[0]), ElementsAre(9, 25));
  EXPECT_THAT(reference::dataOf(results[1]), ElementsAre(6, 100));
  EXPECT_THAT(reference::dataOf(results[2]), ElementsAre(6, 100));
}

TEST_F(InterpreterTest, OneValueMayBeReturnedTwice) {
  const Values results = run(R"(
    func.func @main(%x: tensor<1xf64>) -> (tensor<1xf64>, tensor<1xf64>) {
      return %x, %x : tensor<1xf64>, tensor<1xf64>
    })",
                             {reference::tensor({1}, {3})});
  EXPECT_EQ(results[0], results[1]);
}

TEST_F(InterpreterTest, RefusesInputsOfOtherTypes) {
  try {
    run("func.func @main(%x: tensor<2xf64>) { return }", {reference::tensor({3}, {1, 2, 3})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("@main: expected inputs of types (f64[2]), got (f64[3])"));
  }
}

TEST_F(InterpreterTest, RecursionEndsBeforeTheStack) {
  try {
    run("func.func @main(%x: tensor<f64>) -> tensor<f64> {\n"
        "  %y = func.call @main(%x) : (tensor<f64>) -> tensor<f64>\n"
        "  return %y : tensor<f64>\n}",
        {reference::tensor(Shape{}, {1})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("program.mlir:2: @main: expected at most 256 calls"));
  }
}

TEST_F(InterpreterTest, ErrorsHaveTheLineOfTheOperation) {
  struct Failing : reference::ReferenceEmitter {
    Value emit(OpCode, ValueSpan, const Attrs&) override { throw Error("it broke"); }
  } failing;
  const EmitterScope scope(failing);
  module =
      mlir::parseSourceString<mlir::ModuleOp>("func.func @main(%x: tensor<f64>) {\n  diptych.exp "
                                              "%x : tensor<f64> -> tensor<f64>\n  return\n}",
                                              &context, "program.mlir");
  try {
    passes::interpret(module->lookupSymbol<mlir::func::FuncOp>("main"),
                      Values{reference::tensor(Shape{}, {1})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("program.mlir:2: it broke"));
  }
}

} // namespace
} // namespace diptych
