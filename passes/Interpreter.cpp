// One pass over a block, with an environment that drops each value after its last use.
#include "passes/Interpreter.h"

#include "autodiff/Recorder.h"
#include "ir/DialectControl.h"
#include "ir/Emitter.h"

#include "llvm/ADT/ScopeExit.h"

namespace diptych::passes {

namespace {
using namespace ir;

std::string typesText(std::span<const TensorType> types) {
  std::string text;
  for (const TensorType& type : types)
    text += (text.empty() ? "" : ", ") + type.str();
  return "(" + text + ")";
}

class Frame {
public:
  void bind(mlir::Value name, const Value& value) {
    if (const auto uses = std::distance(name.use_begin(), name.use_end()); uses > 0)
      bindings_[name] = {value, uses};
  }
  void bind(mlir::ValueRange names, ValueSpan values) {
    for (size_t i = 0; i < values.size(); ++i)
      bind(names[i], values[i]);
  }
  Value take(mlir::Value name) {
    const auto found = bindings_.find(name);
    if (found == bindings_.end())
      throw Error("internal: a value was read before it was computed");
    Value value = found->second.value;
    if (--found->second.uses == 0)
      bindings_.erase(found);
    return value;
  }
  Values take(mlir::ValueRange names) {
    Values values;
    for (mlir::Value name : names)
      values.push_back(take(name));
    return values;
  }

private:
  struct Binding {
    Value value;
    std::ptrdiff_t uses;
  };
  llvm::DenseMap<mlir::Value, Binding> bindings_;
};

mlir::func::FuncOp calleeOf(mlir::Operation* op, llvm::StringRef name) {
  const auto function = mlir::SymbolTable::lookupNearestSymbolFrom<mlir::func::FuncOp>(
      op, mlir::StringAttr::get(op->getContext(), name));
  if (!function)
    throw Error("expected a function @" + name.str() + "; the module has none");
  return function;
}

Values results(Derivatives derivatives) {
  Values values = std::move(derivatives.outputs);
  values.insert(values.end(), derivatives.derivatives.begin(), derivatives.derivatives.end());
  return values;
}

template <class DerivativeOp> Function functionOf(DerivativeOp op) {
  return [callee = calleeOf(op, op.getCallee())](ValueSpan inputs) {
    return interpret(callee, inputs);
  };
}

Values runVjp(VjpOp op, Frame& frame) {
  const Values inputs = frame.take(op.getInputs());
  const Seeds seeds{frame.take(op.getCotangents()), static_cast<int64_t>(op.getBatch())};
  const std::vector<int> wrt(op.getWrt().begin(), op.getWrt().end());
  return results(currentEmitter().vjp(functionOf(op), inputs, wrt,
                                      [&](std::span<const TensorType>) { return seeds; }));
}

Values runJvp(JvpOp op, Frame& frame) {
  const Values inputs = frame.take(op.getInputs());
  const Seeds tangents{frame.take(op.getTangents()), static_cast<int64_t>(op.getBatch())};
  const std::vector<int> wrt(op.getWrt().begin(), op.getWrt().end());
  return results(currentEmitter().jvp(functionOf(op), inputs, wrt, tangents));
}

// A function of the module; what it captured follows the inputs.
Function bound(mlir::func::FuncOp function, Values captured) {
  return [function, captured = std::move(captured)](ValueSpan inputs) {
    Values all(inputs.begin(), inputs.end());
    all.insert(all.end(), captured.begin(), captured.end());
    return interpret(function, all);
  };
}

Values runCustom(CustomOp op, Frame& frame) {
  const Values inputs = frame.take(op.getInputs()), captured = frame.take(op.getCaptured());
  const Values vjpCaptured = frame.take(op.getVjpCaptured());
  const Values jvpCaptured = frame.take(op.getJvpCaptured());
  return currentEmitter().custom(customFunctionOf(op, captured, vjpCaptured, jvpCaptured), inputs);
}

Values runBlock(mlir::Block& block, ValueSpan inputs);

Values run(mlir::Operation* op, Frame& frame) {
  if (const auto code = opCodeOf(op))
    return {currentEmitter().emit(*code, frame.take(op->getOperands()), attrsOf(op))};
  if (auto vjp = llvm::dyn_cast<VjpOp>(op))
    return runVjp(vjp, frame);
  if (auto jvp = llvm::dyn_cast<JvpOp>(op))
    return runJvp(jvp, frame);
  if (auto custom = llvm::dyn_cast<CustomOp>(op))
    return runCustom(custom, frame);
  if (auto checkpoint = llvm::dyn_cast<CheckpointOp>(op))
    return currentEmitter().checkpoint(bound(calleeOf(op, checkpoint.getCallee()), {}),
                                       frame.take(checkpoint.getInputs()));
  if (isControl(op))
    return currentEmitter().control(controlFlowOf(op), frame.take(op->getOperands()));
  if (auto barrier = llvm::dyn_cast<BarrierOp>(op))
    return {frame.take(barrier.getX())};
  if (auto fusion = llvm::dyn_cast<FusionOp>(op))
    return runBlock(fusion.getBody().front(), frame.take(fusion.getCaptures()));
  if (auto call = llvm::dyn_cast<mlir::func::CallOp>(op))
    return interpret(calleeOf(op, call.getCallee()), frame.take(call.getOperands()));
  throw Error("expected an operation of the diptych dialect, got " +
              op->getName().getStringRef().str() + "; lower or remove it first");
}

Values runBlock(mlir::Block& block, ValueSpan inputs) {
  Frame frame;
  frame.bind(block.getArguments(), inputs);
  for (mlir::Operation& op : block.without_terminator()) {
    const SourceLocation where = sourceLocationOf(op.getLoc());
    const LocationOverride location(where.known() ? where : currentLocation());
    try {
      frame.bind(op.getResults(), run(&op, frame));
    } catch (const Error& error) {
      if (error.where().known())
        throw;
      throw Error(currentLocation(), error.what());
    }
  }
  return frame.take(block.getTerminator()->getOperands());
}
} // namespace

std::shared_ptr<const CustomFunction> customFunctionOf(ir::CustomOp op, const Values& captured,
                                                       const Values& vjpCaptured,
                                                       const Values& jvpCaptured) {
  return std::make_shared<CustomFunction>(
      CustomFunction{op.getLabel().str(), bound(calleeOf(op, op.getCallee()), captured),
                     bound(calleeOf(op, op.getVjp()), vjpCaptured),
                     bound(calleeOf(op, op.getJvp()), jvpCaptured)});
}

// Recorded, so that it outlives the operation.
static void record(ClosedFunction& function, mlir::Region* region) {
  if (region)
    function = autodiff::closed(function.inputs, [&](autodiff::Recorder&, ValueSpan inputs) {
      return runBlock(region->front(), inputs);
    });
}

std::shared_ptr<const ControlFlow> controlFlowOf(mlir::Operation* op) {
  auto flow = std::make_shared<ControlFlow>(controlOf(op));
  record(flow->body, bodyOf(op));
  record(flow->other, otherOf(op));
  return flow;
}

// Calls inside calls, on this thread: a recursive program ends before the stack does.
static thread_local int callDepth = 0;
static constexpr int kMostCalls = 256;

Values interpret(mlir::func::FuncOp function, ValueSpan inputs) {
  if (callDepth >= kMostCalls)
    throw Error("@" + function.getName().str() + ": expected at most " +
                std::to_string(kMostCalls) +
                " calls inside one another, got one more; a recursive function cannot be run");
  ++callDepth;
  const llvm::scope_exit leave([] { --callDepth; });
  if (function.isDeclaration())
    throw Error("@" + function.getName().str() + " has no body to interpret");
  const std::vector<TensorType> expected = tensorTypesOf(function.getArgumentTypes());
  std::vector<TensorType> got;
  for (const Value& input : inputs)
    got.push_back(input.type());
  if (got != expected)
    throw Error("@" + function.getName().str() + ": expected inputs of types " +
                typesText(expected) + ", got " + typesText(got));
  return runBlock(function.getBody().front(), inputs);
}

} // namespace diptych::passes
