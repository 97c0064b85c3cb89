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

IrEmitter::Nested IrEmitter::trace(const char* name, const Function& f,
                                   llvm::ArrayRef<mlir::Type> types) {
  mlir::MLIRContext* context = builder_.getContext();
  auto module = function_->getParentOfType<mlir::ModuleOp>();
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

static llvm::SmallVector<mlir::Type> typesOf(mlir::MLIRContext* context, ValueSpan values) {
  llvm::SmallVector<mlir::Type> types;
  for (const Value& value : values)
    types.push_back(mlirTypeOf(context, value.type()));
  return types;
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
  const Nested nested = trace("vjp", f, typesOf(builder_.getContext(), inputs));
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
  const Nested nested = trace("jvp", f, typesOf(builder_.getContext(), inputs));
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

//===-- Functions with rules of their own ----------------------------------------------------===//

static llvm::SmallVector<mlir::Type> floats(llvm::ArrayRef<mlir::Type> types) {
  llvm::SmallVector<mlir::Type> result;
  for (mlir::Type type : types)
    if (llvm::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(type)))
      result.push_back(type);
  return result;
}

Values IrEmitter::custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan inputs) {
  const llvm::SmallVector<mlir::Type> types = typesOf(builder_.getContext(), inputs);
  const Nested primal = trace("custom", f->primal, types);
  mlir::func::FuncOp callee = primal.function;
  const llvm::SmallVector<mlir::Type> results(callee.getResultTypes());
  const auto rule = [&](const char* name, const Function& own, llvm::ArrayRef<mlir::Type> given,
                        llvm::ArrayRef<mlir::Type> wanted) {
    llvm::SmallVector<mlir::Type> all(types);
    all.append(results);
    all.append(floats(given));
    const Nested nested = trace(name, own, all);
    mlir::func::FuncOp function = nested.function;
    if (function.getResultTypes() != llvm::ArrayRef<mlir::Type>(floats(wanted)))
      throw Error(currentLocation(), "internal: a rule of " + f->name + " gives other types");
    return nested;
  };
  const Nested vjp = rule("custom_vjp", f->vjp, results, types);
  const Nested jvp = rule("custom_jvp", f->jvp, types, results);
  mlir::func::FuncOp vjpRule = vjp.function, jvpRule = jvp.function;
  return wrap(CustomOp::create(builder_, locationOf(builder_.getContext(), currentLocation()),
                               results, callee.getName(), unwrap(inputs), unwrap(primal.lifted),
                               vjpRule.getName(), unwrap(vjp.lifted), jvpRule.getName(),
                               unwrap(jvp.lifted), f->name)
                  ->getResults());
}

Values IrEmitter::checkpoint(const Function& f, ValueSpan inputs) {
  const Nested nested = trace("checkpoint", f, typesOf(builder_.getContext(), inputs));
  mlir::func::FuncOp callee = nested.function;
  llvm::SmallVector<mlir::Value> operands = unwrap(inputs);
  append(operands, unwrap(nested.lifted));
  return wrap(CheckpointOp::create(builder_, locationOf(builder_.getContext(), currentLocation()),
                                   callee.getResultTypes(), callee.getName(), operands)
                  ->getResults());
}

//===-- Loops and branches -------------------------------------------------------------------===//

// Traced like a callee, whose body then becomes the region.
void IrEmitter::fill(mlir::Region& region, const ClosedFunction& function) {
  llvm::SmallVector<mlir::Type> types;
  for (const TensorType& type : function.inputs)
    types.push_back(mlirTypeOf(builder_.getContext(), type));
  const Nested nested = trace("control", function.run, types);
  if (!nested.lifted.empty())
    throw Error(currentLocation(), "internal: the body of a loop or branch captures a value");
  mlir::func::FuncOp callee = nested.function;
  region.takeBody(callee.getBody());
  mlir::Operation* end = region.front().getTerminator();
  mlir::OpBuilder builder(end);
  YieldOp::create(builder, end->getLoc(), end->getOperands());
  end->erase();
  callees_.pop_back();
  callee.erase();
}

Values IrEmitter::control(const std::shared_ptr<const ControlFlow>& flow, ValueSpan operands) {
  const mlir::Location location = locationOf(builder_.getContext(), currentLocation());
  const llvm::SmallVector<mlir::Value> values = unwrap(operands);
  llvm::SmallVector<mlir::Type> results;
  for (const TensorType& type : flow->resultTypes())
    results.push_back(mlirTypeOf(builder_.getContext(), type));
  const mlir::ValueRange all(values);
  const auto consts = all.take_front(flow->consts);
  const auto carry = all.drop_front(flow->consts).take_front(flow->carry);
  mlir::Operation* op = nullptr;
  switch (flow->kind) {
  case ControlFlow::Kind::scan:
    op = ScanOp::create(
        builder_, location, results, consts, carry, all.drop_front(flow->consts + flow->carry),
        static_cast<uint64_t>(flow->length), flow->reverse, static_cast<uint64_t>(flow->kept));
    break;
  case ControlFlow::Kind::whileLoop:
    op = WhileOp::create(builder_, location, results, consts, carry,
                         flow->length < 0 ? mlir::IntegerAttr()
                                          : builder_.getI64IntegerAttr(flow->length));
    break;
  case ControlFlow::Kind::cond:
    op = CondOp::create(builder_, location, results, all.front(), all.drop_front());
    break;
  }
  try {
    fill(*bodyOf(op), flow->body);
    if (mlir::Region* other = otherOf(op))
      fill(*other, flow->other);
  } catch (...) {
    op->erase();
    throw;
  }
  return wrap(op->getResults());
}

} // namespace diptych::ir
