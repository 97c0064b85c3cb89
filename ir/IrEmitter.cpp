// Values and operators of a trace. Derivatives are in IrEmitterDerivatives.cpp.
#include "ir/IrEmitter.h"

#include "ir/IrEmitterTrace.h"

namespace diptych::ir {

//===-- Values -------------------------------------------------------------------------------===//

IrValue::IrValue(mlir::Value value, const TensorType& type, std::shared_ptr<detail::Trace> trace)
    : ValueImpl(type), value_(value), trace_(std::move(trace)) {}

IrValue::~IrValue() { trace_->handles.erase(value_); }

IrEmitter* IrValue::owner() const { return trace_->emitter; }

Value IrEmitter::wrap(mlir::Value value) {
  IrValue*& handle = trace_->handles[value];
  if (!handle) {
    try {
      handle = new IrValue(value, tensorTypeOf(value.getType()), trace_);
    } catch (...) {
      trace_->handles.erase(value);
      throw;
    }
  }
  return Value(handle);
}

Values IrEmitter::wrap(mlir::ValueRange values) {
  Values result;
  for (mlir::Value value : values)
    result.push_back(wrap(value));
  return result;
}

mlir::Value IrEmitter::unwrap(const Value& value) {
  if (!value)
    throw Error(currentLocation(), "internal: an operator got an empty value");
  const auto* own = dynamic_cast<IrValue*>(value.impl());
  if (own && own->owner() == this)
    return own->value();
  if (const auto found = foreign_.find(value.impl()); found != foreign_.end())
    return found->second;
  // The parent reaches it first, so that it is at hand where the derivative stands.
  mlir::Value local;
  if (parent_) {
    parent_->unwrap(value);
    local = appendArgument(value.type());
  } else {
    local = capture(value);
  }
  foreign_.try_emplace(value.impl(), local);
  lifted_.push_back(value);
  return local;
}

llvm::SmallVector<mlir::Value> IrEmitter::unwrap(ValueSpan values) {
  llvm::SmallVector<mlir::Value> result;
  for (const Value& value : values)
    result.push_back(unwrap(value));
  return result;
}

mlir::Value IrEmitter::capture(const Value& value) {
  const auto* traced = dynamic_cast<const IrValue*>(value.impl());
  if (!traced)
    throw Error(currentLocation(),
                "a tensor of numbers, " + value.type().str() +
                    ", was used in a trace that takes none; pass it as an argument");
  throw Error(currentLocation(),
              traced->owner()
                  ? "the tensor " + value.type().str() +
                        " belongs to another trace; pass it as an argument of the function"
                  : "the tensor " + value.type().str() +
                        " belongs to a trace that is over; return it from the traced function");
}

//===-- Operators ----------------------------------------------------------------------------===//

IrEmitter::IrEmitter(mlir::func::FuncOp function)
    : function_(function), builder_(function.getContext()),
      trace_(std::make_shared<detail::Trace>(this)) {
  mlir::Block& body =
      function.getBody().empty() ? *function.addEntryBlock() : function.getBody().front();
  if (body.mightHaveTerminator())
    builder_.setInsertionPoint(body.getTerminator());
  else
    builder_.setInsertionPointToEnd(&body);
}

IrEmitter::IrEmitter(mlir::func::FuncOp function, IrEmitter& parent) : IrEmitter(function) {
  parent_ = &parent;
}

IrEmitter::~IrEmitter() { trace_->emitter = nullptr; }

Value IrEmitter::emit(OpCode code, ValueSpan operands, const Attrs& attrs) {
  const llvm::SmallVector<mlir::Value> values = unwrap(operands);
  llvm::SmallVector<TensorType, 4> types;
  for (const Value& operand : operands)
    types.push_back(operand.type());
  try {
    const TensorType result = inferType(code, {types.data(), types.size()}, attrs);
    return wrap(createOp(builder_, locationOf(builder_.getContext(), currentLocation()), code,
                         values, attrs, result)
                    ->getResult(0));
  } catch (const Error& error) {
    if (error.where().known())
      throw;
    throw Error(currentLocation(), error.what());
  }
}

Values IrEmitter::call(const std::shared_ptr<Callee>&, ValueSpan) {
  throw Error(currentLocation(),
              "internal: a call reached a trace; jitted functions are traced in line");
}

//===-- Functions ----------------------------------------------------------------------------===//

mlir::Value IrEmitter::appendArgument(const TensorType& type) {
  const mlir::Type mlirType = mlirTypeOf(builder_.getContext(), type);
  llvm::SmallVector<mlir::Type> inputs(function_.getFunctionType().getInputs());
  inputs.push_back(mlirType);
  function_.setFunctionType(
      builder_.getFunctionType(inputs, function_.getFunctionType().getResults()));
  return function_.getBody().front().addArgument(mlirType, function_.getLoc());
}

void IrEmitter::finish(ValueSpan results) {
  const llvm::SmallVector<mlir::Value> values = unwrap(results);
  mlir::func::ReturnOp::create(builder_, function_.getLoc(), values);
  function_.setFunctionType(builder_.getFunctionType(function_.getFunctionType().getInputs(),
                                                     mlir::ValueRange(values).getTypes()));
}

} // namespace diptych::ir
