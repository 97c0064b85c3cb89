// Derivatives inside a trace: the function is traced into a private callee, and one operation asks
// for its derivative. A function that throws leaves no callee behind.
#include "ir/IrEmitter.h"

namespace diptych::ir {

/// A traced callee, and what it takes from the traces around it.
struct IrEmitter::Nested {
  mlir::func::FuncOp function;
  Values lifted;
};

static std::string freeName(mlir::ModuleOp module, const std::string& stem) {
  for (int number = 0;; ++number)
    if (const std::string name = stem + std::to_string(number); !module.lookupSymbol(name))
      return name;
}

static void eraseAll(llvm::ArrayRef<mlir::func::FuncOp> functions) {
  for (mlir::func::FuncOp function : functions)
    function.erase();
}

IrEmitter::Nested IrEmitter::trace(const char* name, const Function& f, ValueSpan inputs) {
  mlir::MLIRContext* context = builder_.getContext();
  auto module = function_->getParentOfType<mlir::ModuleOp>();
  llvm::SmallVector<mlir::Type> types;
  for (const Value& input : inputs)
    types.push_back(mlirTypeOf(context, input.type()));
  mlir::OpBuilder atEnd = mlir::OpBuilder::atBlockEnd(module.getBody());
  auto callee = mlir::func::FuncOp::create(atEnd, locationOf(context, currentLocation()),
                                           freeName(module, function_.getName().str() + "_" + name),
                                           atEnd.getFunctionType(types, {}));
  callee.setPrivate();

  IrEmitter inner(callee, *this);
  try {
    EmitterScope scope(inner);
    const Values arguments = inner.wrap(callee.getArguments());
    inner.finish(f(arguments));
  } catch (...) {
    eraseAll(inner.callees_);
    callee.erase();
    throw;
  }
  callees_.append(inner.callees_);
  callees_.push_back(callee);
  return {callee, inner.lifted_};
}

// Operands of a derivative: the inputs, what the callee lifted, the seeds.
static void append(llvm::SmallVectorImpl<mlir::Value>& values,
                   const llvm::SmallVectorImpl<mlir::Value>& more) {
  values.append(more.begin(), more.end());
}

static mlir::RankedTensorType seededType(mlir::Type type, int64_t batch) {
  TensorType seeded = tensorTypeOf(type);
  if (batch > 0)
    seeded.shape.insert(0, batch);
  return mlirTypeOf(type.getContext(), seeded);
}

static void checkSeeds(const char* what, const Seeds& seeds, llvm::ArrayRef<mlir::Type> expected) {
  bool fits = seeds.values.size() == expected.size();
  for (size_t i = 0; fits && i < expected.size(); ++i)
    fits = seeds.values[i].type() == tensorTypeOf(seededType(expected[i], seeds.batch));
  if (fits)
    return;
  std::string want, got;
  for (mlir::Type type : expected)
    want += " " + tensorTypeOf(seededType(type, seeds.batch)).str();
  for (const Value& value : seeds.values)
    got += " " + value.type().str();
  throw Error(currentLocation(), std::string(what) + ": expected seeds of types" + want + ", got" +
                                     got + "; a seed has the type of what it is seed of");
}

static llvm::SmallVector<mlir::Type> selected(mlir::TypeRange types, std::span<const int> wrt) {
  llvm::SmallVector<mlir::Type> result;
  for (int index : wrt)
    result.push_back(types[index]);
  return result;
}

Derivatives IrEmitter::split(mlir::Operation* op, size_t outputs) {
  const auto results = op->getResults();
  return {wrap(results.take_front(outputs)), wrap(results.drop_front(outputs))};
}

Derivatives IrEmitter::vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                           const std::function<Seeds(std::span<const TensorType>)>& makeSeeds) {
  const Nested nested = trace("vjp", f, inputs);
  mlir::func::FuncOp callee = nested.function;
  const auto outputs = callee.getResultTypes();
  const std::vector<TensorType> outputTypes = tensorTypesOf(outputs);
  const Seeds seeds = makeSeeds(outputTypes);
  checkSeeds("vjp", seeds, llvm::SmallVector<mlir::Type>(outputs));

  llvm::SmallVector<mlir::Value> operands = unwrap(inputs);
  append(operands, unwrap(nested.lifted));
  llvm::SmallVector<mlir::Type> results(outputs);
  for (mlir::Type type : selected(callee.getArgumentTypes(), wrt))
    results.push_back(seededType(type, seeds.batch));
  const auto op = VjpOp::create(builder_, locationOf(builder_.getContext(), currentLocation()),
                                results, callee.getName(), operands, unwrap(seeds.values),
                                llvm::SmallVector<int64_t>(wrt.begin(), wrt.end()), seeds.batch);
  return split(op, outputs.size());
}

Derivatives IrEmitter::jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                           const Seeds& tangents) {
  const Nested nested = trace("jvp", f, inputs);
  mlir::func::FuncOp callee = nested.function;
  checkSeeds("jvp", tangents, selected(callee.getArgumentTypes(), wrt));

  const auto outputs = callee.getResultTypes();
  llvm::SmallVector<mlir::Value> operands = unwrap(inputs);
  append(operands, unwrap(nested.lifted));
  llvm::SmallVector<mlir::Type> results(outputs);
  for (mlir::Type type : outputs)
    results.push_back(seededType(type, tangents.batch));
  const auto op = JvpOp::create(builder_, locationOf(builder_.getContext(), currentLocation()),
                                results, callee.getName(), operands, unwrap(tangents.values),
                                llvm::SmallVector<int64_t>(wrt.begin(), wrt.end()), tangents.batch);
  return split(op, outputs.size());
}

} // namespace diptych::ir
