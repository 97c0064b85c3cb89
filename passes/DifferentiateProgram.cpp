// Operations become nodes, the sweep emits behind them. Knows no operator and no calculus.
#include "passes/DifferentiateProgram.h"

#include "autodiff/Batch.h"
#include "ir/IrEmitter.h"

#include <deque>

namespace diptych::passes {

namespace {
using namespace ir;

/// The program's operations as a sweep sees them. Nodes are views of what is kept here.
class Program {
public:
  Program(mlir::func::FuncOp function) : emitter(function) {
    for (mlir::Operation& op : function.getBody().front().without_terminator())
      // What has no operands depends on nothing.
      if (op.getNumOperands() > 0)
        add(op);
    for (Step& step : steps_)
      nodes_.push_back(&step.node);
    outputs = emitter.wrap(terminator()->getOperands());
  }

  autodiff::Nodes nodes() const { return nodes_; }
  Values arguments(llvm::ArrayRef<int64_t> which) {
    Values result;
    for (int64_t index : which)
      result.push_back(emitter.wrap(emitter.function().getArgument(index)));
    return result;
  }
  Values appendSeeds(ValueSpan values, int64_t batch) {
    Values seeds;
    for (const Value& value : values)
      seeds.push_back(emitter.wrap(emitter.appendArgument(batched(value.type(), batch))));
    return seeds;
  }
  /// Ends with the outputs and the derivatives, zeros for those that are null.
  void finish(const Values& derivatives, ValueSpan of, int64_t batch) {
    Values results = outputs;
    for (size_t i = 0; i < derivatives.size(); ++i)
      results.push_back(derivatives[i] ? derivatives[i]
                                       : emitted::constant(batched(of[i].type(), batch), 0));
    terminator()->erase();
    emitter.builder().setInsertionPointToEnd(&emitter.function().getBody().front());
    emitter.finish(results);
  }

  IrEmitter emitter;
  Values outputs;

private:
  struct Step {
    Values operands;
    Value result;
    Attrs attrs;
    autodiff::Node node;
  };

  void add(mlir::Operation& op) {
    const auto code = opCodeOf(&op);
    if (!code)
      throw Error(sourceLocationOf(op.getLoc()), "expected an operator to differentiate, got " +
                                                     op.getName().getStringRef().str() +
                                                     "; differentiate before fusing or lowering");
    Step& step = steps_.emplace_back();
    step.operands = emitter.wrap(op.getOperands());
    step.result = emitter.wrap(op.getResult(0));
    step.attrs = attrsOf(&op);
    step.node = {*code,       step.operands, ValueSpan(&step.result, 1),
                 &step.attrs, nullptr,       sourceLocationOf(op.getLoc())};
  }
  static TensorType batched(TensorType type, int64_t batch) {
    if (batch > 0)
      type.shape.insert(0, batch);
    return type;
  }
  mlir::Operation* terminator() { return emitter.function().getBody().front().getTerminator(); }

  std::deque<Step> steps_;
  std::vector<const autodiff::Node*> nodes_;
};
} // namespace

void appendVjp(mlir::func::FuncOp function, llvm::ArrayRef<int64_t> wrt, int64_t batch) {
  Program program(function);
  const EmitterScope scope(program.emitter);
  const Values inputs = program.arguments(wrt);
  const Values cotangents = program.appendSeeds(program.outputs, batch);
  const Values derivatives =
      batch > 0 ? autodiff::batchedReverseSweep(program.nodes(), program.outputs, cotangents,
                                                inputs, batch)
                : autodiff::reverseSweep(program.nodes(), program.outputs, cotangents, inputs);
  program.finish(derivatives, inputs, batch);
}

void appendJvp(mlir::func::FuncOp function, llvm::ArrayRef<int64_t> wrt, int64_t batch) {
  Program program(function);
  const EmitterScope scope(program.emitter);
  const Values inputs = program.arguments(wrt);
  const Values tangents = program.appendSeeds(inputs, batch);
  const Values derivatives =
      batch > 0
          ? autodiff::batchedTangentSweep(program.nodes(), inputs, tangents, program.outputs, batch)
          : autodiff::tangentSweep(program.nodes(), inputs, tangents, program.outputs);
  program.finish(derivatives, program.outputs, batch);
}

} // namespace diptych::passes
