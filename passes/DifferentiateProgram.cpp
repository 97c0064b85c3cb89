// Operations become nodes, the sweep emits behind them. Knows no operator and no calculus.
#include "passes/DifferentiateProgram.h"

#include "autodiff/Activity.h"
#include "autodiff/Batch.h"
#include "autodiff/ControlRules.h"
#include "ir/IrEmitter.h"
#include "passes/ArgumentParts.h"
#include "passes/Interpreter.h"

#include "mlir/IR/IRMapping.h"

#include <deque>

namespace diptych::passes {

namespace {
using namespace ir;

/// Operations as a sweep sees them. Nodes are views of what is kept here.
class Steps {
public:
  explicit Steps(IrEmitter& emitter) : emitter_(emitter) {}
  // What has no operands depends on nothing.
  void add(mlir::Operation& op) {
    if (op.getNumOperands() > 0)
      nodes_.push_back(&make(op).node);
  }
  autodiff::Nodes nodes() const { return nodes_; }

private:
  struct Step {
    Values operands, results;
    Attrs attrs;
    autodiff::Node node;
  };

  Step& make(mlir::Operation& op);
  void describe(Step& step, CustomOp op);
  Values wrapped(mlir::ValueRange values) { return emitter_.wrap(values); }

  IrEmitter& emitter_;
  std::deque<Step> steps_;
  std::vector<const autodiff::Node*> nodes_;
};

/// A function's body once more, where the emitter stands.
class IrReplay final : public autodiff::Replay {
public:
  IrReplay(IrEmitter& emitter, mlir::func::FuncOp function, ValueSpan given, bool again)
      : steps_(emitter) {
    mlir::OpBuilder& builder = emitter.builder();
    mlir::IRMapping mapping;
    llvm::DenseMap<mlir::Value, mlir::Value> standIns;
    for (const auto& [argument, value] : llvm::zip_equal(function.getArguments(), given)) {
      const mlir::Value own = emitter.unwrap(value);
      mlir::Value& standIn = standIns[own];
      if (!standIn)
        standIn =
            again ? BarrierOp::create(builder, own.getLoc(), own.getType(), own).getResult() : own;
      mapping.map(argument, standIn);
      operands.push_back(emitter.wrap(standIn));
    }
    mlir::Block& body = function.getBody().front();
    for (mlir::Operation& op : body.without_terminator())
      steps_.add(*builder.clone(op, mapping));
    for (mlir::Value result : body.getTerminator()->getOperands())
      outputs.push_back(emitter.wrap(mapping.lookup(result)));
  }
  autodiff::Nodes nodes() const override { return steps_.nodes(); }

private:
  Steps steps_;
};

class CheckpointBody final : public autodiff::Replayable {
public:
  CheckpointBody(IrEmitter& emitter, mlir::func::FuncOp function)
      : emitter_(emitter), function_(function) {}
  std::unique_ptr<autodiff::Replay> replay(ValueSpan operands, bool again) const override {
    return std::make_unique<IrReplay>(emitter_, function_, operands, again);
  }

private:
  IrEmitter& emitter_;
  mlir::func::FuncOp function_;
};

mlir::func::FuncOp functionOf(mlir::Operation* op, mlir::FlatSymbolRefAttr name) {
  return mlir::SymbolTable::lookupNearestSymbolFrom<mlir::func::FuncOp>(op, name);
}

// Operands that a sweep asks about: the inputs and what the function captured, not what its rules
// did.
void Steps::describe(Step& step, CustomOp op) {
  step.operands = wrapped(op.getInputs());
  step.node.inputCount = step.operands.size();
  const Values captured = wrapped(op.getCaptured());
  step.operands.insert(step.operands.end(), captured.begin(), captured.end());
  step.node.custom =
      customFunctionOf(op, captured, wrapped(op.getVjpCaptured()), wrapped(op.getJvpCaptured()));
}

Steps::Step& Steps::make(mlir::Operation& op) {
  Step& step = steps_.emplace_back();
  step.operands = wrapped(op.getOperands());
  step.results = wrapped(op.getResults());
  if (const auto code = opCodeOf(&op)) {
    step.node.code = *code;
    step.attrs = attrsOf(&op);
  } else if (auto custom = llvm::dyn_cast<CustomOp>(op)) {
    describe(step, custom);
  } else if (auto checkpoint = llvm::dyn_cast<CheckpointOp>(op)) {
    step.node.replayable =
        std::make_shared<CheckpointBody>(emitter_, functionOf(&op, checkpoint.getCalleeAttr()));
  } else if (isControl(&op)) {
    step.node.control = controlFlowOf(&op);
  } else if (llvm::isa<BarrierOp>(op)) {
    step.node.code = OpCode::Reshape; // to its own shape: the identity
    step.attrs.shape = step.results[0].shape();
  } else {
    throw Error(sourceLocationOf(op.getLoc()), "expected an operator to differentiate, got " +
                                                   op.getName().getStringRef().str() +
                                                   "; differentiate before fusing or lowering");
  }
  step.node.operands = step.operands;
  step.node.results = step.results;
  step.node.attributes = &step.attrs;
  step.node.where = sourceLocationOf(op.getLoc());
  return step;
}

/// A function's program, and what is appended to it.
class Program {
public:
  Program(mlir::func::FuncOp function, bool reverse) : emitter(function), steps_(emitter) {
    if (reverse)
      keepCarries();
    for (mlir::Operation& op : function.getBody().front().without_terminator())
      steps_.add(op);
    outputs = emitter.wrap(terminator()->getOperands());
  }

  autodiff::Nodes nodes() const { return steps_.nodes(); }
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
  /// Ends with the outputs and the derivatives, zeros for those that are null; which are not.
  std::vector<bool> finish(const Values& derivatives, ValueSpan of, int64_t batch) {
    Values results = outputs;
    std::vector<bool> present;
    for (const Value& derivative : derivatives)
      present.push_back(static_cast<bool>(derivative));
    for (size_t i = 0; i < derivatives.size(); ++i)
      results.push_back(derivatives[i] ? derivatives[i]
                                       : emitted::constant(batched(of[i].type(), batch), 0));
    terminator()->erase();
    emitter.builder().setInsertionPointToEnd(&emitter.function().getBody().front());
    emitter.finish(results);
    return present;
  }

  IrEmitter emitter;
  Values outputs;

private:
  static TensorType batched(TensorType type, int64_t batch) {
    if (batch > 0)
      type.shape.insert(0, batch);
    return type;
  }
  // Each loop that a reverse sweep may meet in place of the one that keeps nothing.
  void keepCarries() {
    const EmitterScope scope(emitter);
    mlir::Block& block = emitter.function().getBody().front();
    const mlir::OpBuilder::InsertionGuard guard(emitter.builder());
    for (mlir::Operation& op : llvm::make_early_inc_range(block)) {
      if (!isControl(&op))
        continue;
      const auto flow = controlFlowOf(&op), ready = autodiff::forReverse(flow);
      if (ready == flow)
        continue;
      const LocationOverride location(sourceLocationOf(op.getLoc()));
      emitter.builder().setInsertionPoint(&op);
      const auto results = emitter.unwrap(emitter.control(ready, emitter.wrap(op.getOperands())));
      op.replaceAllUsesWith(mlir::ValueRange(results).take_front(op.getNumResults()));
      op.erase();
    }
  }
  mlir::Operation* terminator() { return emitter.function().getBody().front().getTerminator(); }

  Steps steps_;
};

/// The tangents of all unit vectors of one argument, part by part.
class UnitSweeps {
public:
  UnitSweeps(Program& program, int64_t argument, Jacobian kind)
      : program_(program), kind_(kind), argument_(program.arguments(argument)[0]),
        rest_(argument_.type().numel() / argument_.shape()[0]),
        parts_(partsOf(program.emitter.unwrap(argument_))) {
    if (parts_.size() < 2) // one sweep through the slices
      parts_.assign(1, {0, argument_.shape()[0], {}});
    for (const autodiff::Node* node : program.nodes())
      if (!isCut(*node))
        nodes_.push_back(node);
  }

  /// For each output: [elements of the argument, output...]; null where it depends on none.
  Values run() {
    llvm::SmallVector<Values> rows;
    for (const ArgumentPart& part : parts_)
      rows.push_back(sweep(part));
    if (isSymmetric())
      return {completed(rows)};
    Values joined;
    for (size_t i = 0; i < program_.outputs.size(); ++i)
      joined.push_back(join(rows, i));
    return joined;
  }

private:
  bool isCut(const autodiff::Node& node) const {
    return parts_.size() > 1 && node.code == OpCode::Slice && node.operands[0] == argument_;
  }
  int64_t sizeOf(const ArgumentPart& part) const { return (part.end - part.begin) * rest_; }

  Values sweep(const ArgumentPart& part) {
    const int64_t batch = sizeOf(part);
    const Value unit = emitted::eye(batch, argument_.dtype());
    Values wrt, tangents;
    // Of what the part's own slices show, and of the argument where it is read as a whole.
    for (SliceOp slice : part.slices) {
      const Attrs attrs = attrsOf(slice);
      const Value value = program_.emitter.wrap(slice.getResult());
      const int64_t begin = (attrs.starts[0] - part.begin) * rest_;
      wrt.push_back(value);
      tangents.push_back(seeds(
          value, emitted::slice(unit, {0, begin}, {batch, begin + value.type().numel()}, {1, 1})));
    }
    wrt.push_back(argument_);
    tangents.push_back(
        seeds(argument_, emitted::pad(unit, {0, part.begin * rest_},
                                      {0, (argument_.shape()[0] - part.end) * rest_}, {0, 0}, 0)));
    return autodiff::batchedTangentSweep(nodes_, wrt, tangents, program_.outputs, batch);
  }

  static Value seeds(const Value& value, const Value& rows) {
    Shape shape = value.shape();
    shape.insert(0, rows.shape()[0]);
    return emitted::reshape(rows, shape);
  }

  Value rowsOf(size_t part, const Value& rows, size_t output) const {
    TensorType type = program_.outputs[output].type();
    type.shape.insert(0, sizeOf(parts_[part]));
    return rows ? rows : emitted::constant(type, 0);
  }

  Value join(llvm::ArrayRef<Values> rows, size_t output) const {
    if (llvm::none_of(rows, [&](const Values& part) { return bool(part[output]); }))
      return {};
    Values parts;
    for (size_t i = 0; i < rows.size(); ++i)
      parts.push_back(rowsOf(i, rows[i][output], output));
    return parts.size() == 1 ? parts[0] : emitted::concatenate(parts, 0);
  }

  bool isSymmetric() const {
    return kind_ == Jacobian::symmetric && parts_.size() > 1 && program_.outputs.size() == 1 &&
           program_.outputs[0].type() == argument_.type();
  }

  // Of each part's rows the columns from its own on; nobody asks for what is before, which is what
  // is behind of the parts before, turned.
  Value completed(llvm::ArrayRef<Values> rows) const {
    Values right, joined;
    for (const auto& [i, part] : llvm::enumerate(parts_)) {
      const Value all = rowsOf(i, rows[i][0], 0);
      Dims starts(all.rank(), 0);
      starts[1] = part.begin;
      const Value own = emitted::slice(all, starts, all.shape(), Dims(all.rank(), 1));
      right.push_back(emitted::reshape(own, {sizeOf(part), own.type().numel() / sizeOf(part)}));
      Values blocks;
      for (size_t before = 0; before < i; ++before) {
        const int64_t at = (part.begin - parts_[before].begin) * rest_;
        const Value block = emitted::slice(right[before], {0, at},
                                           {sizeOf(parts_[before]), at + sizeOf(part)}, {1, 1});
        blocks.push_back(emitted::transpose(block, {1, 0}));
      }
      blocks.push_back(right.back());
      joined.push_back(emitted::concatenate(blocks, 1));
    }
    Shape shape = argument_.shape();
    shape.insert(0, argument_.type().numel());
    return emitted::reshape(emitted::concatenate(joined, 0), shape);
  }

  Program& program_;
  const Jacobian kind_;
  const Value argument_;
  const int64_t rest_; // elements of a row
  llvm::SmallVector<ArgumentPart> parts_;
  std::vector<const autodiff::Node*> nodes_;
};
} // namespace

std::vector<bool> resultsReached(mlir::func::FuncOp function, const std::vector<bool>& active) {
  Program program(function, false);
  llvm::SmallVector<int64_t> wrt;
  for (size_t i = 0; i < active.size(); ++i)
    if (active[i])
      wrt.push_back(static_cast<int64_t>(i));
  const autodiff::Activity activity(program.nodes(), program.arguments(wrt));
  std::vector<bool> reached;
  for (const Value& output : program.outputs)
    reached.push_back(activity.slot(output) >= 0);
  return reached;
}

std::vector<bool> appendVjp(mlir::func::FuncOp function, llvm::ArrayRef<int64_t> wrt,
                            int64_t batch) {
  Program program(function, true);
  const EmitterScope scope(program.emitter);
  const Values inputs = program.arguments(wrt);
  const Values cotangents = program.appendSeeds(program.outputs, batch);
  const Values derivatives =
      batch > 0 ? autodiff::batchedReverseSweep(program.nodes(), program.outputs, cotangents,
                                                inputs, batch)
                : autodiff::reverseSweep(program.nodes(), program.outputs, cotangents, inputs);
  return program.finish(derivatives, inputs, batch);
}

std::vector<bool> appendJvp(mlir::func::FuncOp function, llvm::ArrayRef<int64_t> wrt,
                            int64_t batch) {
  Program program(function, false);
  const EmitterScope scope(program.emitter);
  const Values inputs = program.arguments(wrt);
  const Values tangents = program.appendSeeds(inputs, batch);
  const Values derivatives =
      batch > 0
          ? autodiff::batchedTangentSweep(program.nodes(), inputs, tangents, program.outputs, batch)
          : autodiff::tangentSweep(program.nodes(), inputs, tangents, program.outputs);
  return program.finish(derivatives, program.outputs, batch);
}

void appendUnitJvp(mlir::func::FuncOp function, int64_t argument, Jacobian kind) {
  Program program(function, false);
  const EmitterScope scope(program.emitter);
  const Values inputs = program.arguments(argument);
  const int64_t batch = inputs[0].type().numel();
  program.appendSeeds(inputs, batch);
  program.finish(UnitSweeps(program, argument, kind).run(), program.outputs, batch);
}

} // namespace diptych::passes
