// Traces: handles, lifting, capturing, failure; and that what a trace asks for is what comes out of
// differentiation and interpretation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ReferenceEmitter.h"
#include "ir/Emitted.h"
#include "ir/IrEmitter.h"
#include "mlir/IR/Verifier.h"
#include "passes/Interpreter.h"
#include "passes/Passes.h"

namespace diptych {
namespace {

using namespace emitted;
using ir::IrEmitter;
using testing::HasSubstr;

struct IrEmitterTest : testing::Test {
  IrEmitterTest() {
    ir::loadDialects(context);
    module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  }
  mlir::func::FuncOp newFunction(const char* name, std::vector<TensorType> inputs) {
    llvm::SmallVector<mlir::Type> types;
    for (const TensorType& type : inputs)
      types.push_back(ir::mlirTypeOf(&context, type));
    mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module->getBody());
    return mlir::func::FuncOp::create(builder, builder.getUnknownLoc(), name,
                                      builder.getFunctionType(types, {}));
  }
  size_t functionCount() {
    const auto functions = module->getOps<mlir::func::FuncOp>();
    return static_cast<size_t>(std::distance(functions.begin(), functions.end()));
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

const TensorType scalar{DType::f64, {}};

/// Sum of the outputs: the seed of a gradient.
Seeds ones(std::span<const TensorType> types) {
  Seeds seeds;
  for (const TensorType& type : types)
    seeds.values.push_back(constant(type, 1.0));
  return seeds;
}

Value gradient(const std::function<Value(const Value&)>& f, const Value& x) {
  const Function function = [&](ValueSpan inputs) { return Values{f(inputs[0])}; };
  const int wrt[] = {0};
  return currentEmitter().vjp(function, ValueSpan(&x, 1), wrt, ones).derivatives[0];
}

TEST_F(IrEmitterTest, OneHandleForOneValue) {
  IrEmitter emitter(newFunction("f", {scalar}));
  const mlir::Value argument = emitter.function().getArgument(0);
  const Value x = emitter.wrap(argument);
  EXPECT_EQ(x, emitter.wrap(argument));
  EXPECT_EQ(emitter.unwrap(x), argument);
  EXPECT_EQ(x.type(), scalar);
}

TEST_F(IrEmitterTest, MisfitsAreErrorsWithTheUsersLine) {
  IrEmitter emitter(newFunction("f", {{DType::f64, {4, 3}}, {DType::f64, {5, 2}}}));
  EmitterScope scope(emitter);
  const Values inputs = emitter.wrap(emitter.function().getArguments());
  const LocationScope line({"model.cpp", 41, 3});
  try {
    matmul(inputs[0], inputs[1]);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("model.cpp:41: matmul: expected equal inner sizes"));
    EXPECT_EQ(error.where().line, 41);
  }
}

TEST_F(IrEmitterTest, OperationsCarryTheUsersLine) {
  IrEmitter emitter(newFunction("f", {scalar}));
  EmitterScope scope(emitter);
  const LocationScope line({"model.cpp", 7, 5});
  const Value y = exp(emitter.wrap(emitter.function().getArgument(0)));
  const SourceLocation where = ir::sourceLocationOf(emitter.unwrap(y).getLoc());
  EXPECT_STREQ(where.file, "model.cpp");
  EXPECT_EQ(where.line, 7);
}

TEST_F(IrEmitterTest, AttributesSurviveTheRoundTrip) {
  IrEmitter emitter(newFunction("f", {{DType::f32, {4, 3}}}));
  EmitterScope scope(emitter);
  const Value x = emitter.wrap(emitter.function().getArgument(0));
  const Value padded = pad(x, {1, 0}, {0, 2}, {0, 1}, -0.0);
  const Attrs attrs = ir::attrsOf(emitter.unwrap(padded).getDefiningOp());
  EXPECT_EQ(attrs.low, Dims({1, 0}));
  EXPECT_EQ(attrs.high, Dims({0, 2}));
  EXPECT_EQ(attrs.interior, Dims({0, 1}));
  EXPECT_EQ(attrs.value, Scalar(-0.0));

  auto literal = std::make_shared<Literal>();
  literal->type = {DType::boolean, {9}};
  literal->bytes.assign(9, std::byte{0});
  literal->bytes[0] = literal->bytes[8] = std::byte{1};
  Attrs dense;
  dense.literal = literal;
  const Value flags = emitter.emit(OpCode::Constant, {}, dense);
  const Attrs back = ir::attrsOf(emitter.unwrap(flags).getDefiningOp());
  ASSERT_TRUE(back.literal);
  EXPECT_EQ(back.literal->type, literal->type);
  EXPECT_EQ(back.literal->bytes, literal->bytes);
}

TEST_F(IrEmitterTest, ValuesOfAnotherTraceAreRefused) {
  Value stray;
  {
    IrEmitter other(newFunction("other", {scalar}));
    stray = other.wrap(other.function().getArgument(0));
    IrEmitter emitter(newFunction("f", {scalar}));
    EmitterScope scope(emitter);
    EXPECT_THROW(
        {
          try {
            exp(stray);
          } catch (const Error& error) {
            EXPECT_THAT(error.what(), HasSubstr("belongs to another trace"));
            throw;
          }
        },
        Error);
  }
  IrEmitter emitter(newFunction("g", {scalar}));
  try {
    emitter.unwrap(stray);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("belongs to a trace that is over"));
  }
}

TEST_F(IrEmitterTest, ThrowingFunctionLeavesNoCallee) {
  IrEmitter emitter(newFunction("f", {scalar}));
  EmitterScope scope(emitter);
  const Value x = emitter.wrap(emitter.function().getArgument(0));
  const auto throws = [](const Value& y) -> Value {
    gradient([](const Value& z) { return exp(z); }, y);
    return gradient([](const Value&) -> Value { throw Error("no"); }, y);
  };
  EXPECT_THROW(gradient(throws, x), Error);
  EXPECT_EQ(functionCount(), 1U);
  emitter.finish(Values{x});
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*module)));
}

/// Takes any value of numbers as one more argument.
struct Capturing : IrEmitter {
  using IrEmitter::IrEmitter;
  mlir::Value capture(const Value& value) override {
    captured.push_back(value);
    return appendArgument(value.type());
  }
  Values captured;
};

// d2/dx2 (x^3 k a) with a of the outer trace, k a captured number, both used two functions deep.
TEST_F(IrEmitterTest, NestedFunctionsReachOuterValuesAndCapturedNumbers) {
  const Value number = reference::tensor(scalar, {5.0});
  Values captured;
  auto function = newFunction("main", {scalar, scalar});
  {
    Capturing emitter(function);
    EmitterScope scope(emitter);
    const Values inputs = emitter.wrap(function.getArguments());
    const Value second = gradient(
        [&](const Value& x) {
          return gradient([&](const Value& y) { return y * y * y * number * inputs[1]; }, x);
        },
        inputs[0]);
    emitter.finish(Values{second});
    captured = emitter.captured;
  }
  ASSERT_EQ(captured.size(), 1U);
  EXPECT_EQ(captured[0], number);
  EXPECT_EQ(function.getNumArguments(), 3U);
  ASSERT_TRUE(mlir::succeeded(mlir::verify(*module)));

  reference::ReferenceEmitter numbers;
  EmitterScope scope(numbers);
  const Values inputs{reference::tensor(scalar, {2.0}), reference::tensor(scalar, {3.0}), number};
  const double expected = 6.0 * 2.0 * 3.0 * 5.0;
  EXPECT_DOUBLE_EQ(reference::dataOf(passes::interpret(function, inputs)[0])[0], expected);
  for (Numerics numerics : {Numerics::strict, Numerics::standard}) {
    mlir::OwningOpRef<mlir::ModuleOp> copy = module->clone();
    passes::differentiate(*copy, numerics);
    ASSERT_TRUE(mlir::succeeded(mlir::verify(*copy)));
    auto main = copy->lookupSymbol<mlir::func::FuncOp>("main");
    passes::simplify(main, numerics);
    EXPECT_DOUBLE_EQ(reference::dataOf(passes::interpret(main, inputs)[0])[0], expected);
    EXPECT_EQ(std::distance(copy->begin(), copy->end()), 1);
  }
}

TEST_F(IrEmitterTest, AnInputUsedFromOutsideIsNotDifferentiated) {
  auto function = newFunction("main", {scalar});
  IrEmitter emitter(function);
  {
    EmitterScope scope(emitter);
    const Value x = emitter.wrap(function.getArgument(0));
    emitter.finish(Values{gradient([&](const Value& y) { return y * x; }, x)});
  }
  passes::differentiate(*module, Numerics::strict);
  reference::ReferenceEmitter numbers;
  EmitterScope scope(numbers);
  const Values inputs{reference::tensor(scalar, {3.0})};
  EXPECT_DOUBLE_EQ(reference::dataOf(passes::interpret(function, inputs)[0])[0], 3.0);
}

// The Hessian of sum(exp(x)^2) by columns: a batched jvp of a gradient; 4 exp(2x) on the diagonal.
TEST_F(IrEmitterTest, BatchedTangentsOfAGradientAreTheHessian) {
  auto function = newFunction("main", {{DType::f64, {2}}});
  IrEmitter emitter(function);
  {
    EmitterScope scope(emitter);
    const Value x = emitter.wrap(function.getArgument(0));
    const auto loss = [](const Value& y) { return sum(exp(y) * exp(y), {0}); };
    const Function slope = [&](ValueSpan inputs) { return Values{gradient(loss, inputs[0])}; };
    const int wrt[] = {0};
    const Derivatives result =
        emitter.jvp(slope, ValueSpan(&x, 1), wrt, {{eye(2, DType::f64)}, /*batch=*/2});
    emitter.finish(result.derivatives);
  }
  ASSERT_TRUE(mlir::succeeded(mlir::verify(*module)));
  for (Numerics numerics : {Numerics::strict, Numerics::standard}) {
    mlir::OwningOpRef<mlir::ModuleOp> copy = module->clone();
    passes::differentiate(*copy, numerics);
    auto main = copy->lookupSymbol<mlir::func::FuncOp>("main");
    passes::simplify(main, numerics);
    ASSERT_TRUE(mlir::succeeded(mlir::verify(*copy)));
    reference::ReferenceEmitter numbers;
    EmitterScope scope(numbers);
    const Values inputs{reference::tensor({DType::f64, {2}}, {0.5, -1.0})};
    const std::vector<double> hessian = reference::dataOf(passes::interpret(main, inputs)[0]);
    const double expected[] = {4 * std::exp(1.0), 0, 0, 4 * std::exp(-2.0)};
    for (size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(hessian[i], expected[i], 1e-12);
  }
}

} // namespace
} // namespace diptych
