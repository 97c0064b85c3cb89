// Verifiers of what stands around operators: vjp, jvp, custom, checkpoint, fusion.
#include "ir/Dialect.h"

namespace diptych::ir {

namespace {
mlir::RankedTensorType batched(mlir::Type type, int64_t batch) {
  const auto tensor = llvm::cast<mlir::RankedTensorType>(type);
  if (batch == 0)
    return tensor;
  llvm::SmallVector<int64_t> shape{batch};
  llvm::append_range(shape, tensor.getShape());
  return mlir::RankedTensorType::get(shape, tensor.getElementType());
}

llvm::SmallVector<mlir::Type> batched(mlir::TypeRange types, int64_t batch) {
  llvm::SmallVector<mlir::Type> result;
  for (mlir::Type type : types)
    result.push_back(batched(type, batch));
  return result;
}

mlir::LogicalResult verifyTypes(mlir::Operation* op, llvm::StringRef what, mlir::TypeRange expected,
                                mlir::TypeRange got) {
  if (expected.size() != got.size())
    return op->emitOpError("expected ") << expected.size() << " " << what << ", got " << got.size();
  for (const auto& [index, pair] : llvm::enumerate(llvm::zip_equal(expected, got)))
    if (std::get<0>(pair) != std::get<1>(pair))
      return op->emitOpError("expected ") << what << " #" << index << " of type "
                                          << std::get<0>(pair) << ", got " << std::get<1>(pair);
  return mlir::success();
}

llvm::SmallVector<mlir::Type> selected(mlir::TypeRange types, llvm::ArrayRef<int64_t> wrt) {
  llvm::SmallVector<mlir::Type> result;
  for (int64_t index : wrt)
    result.push_back(types[index]);
  return result;
}

bool allTensors(mlir::TypeRange types) {
  return llvm::all_of(types, [](mlir::Type type) {
    const auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  });
}

// c1: the callee is a function of tensors; c2: its inputs' types; c3: wrt; c4: batch; c5: float
// inputs.
template <class DerivativeOp>
mlir::FailureOr<mlir::FunctionType> verifyCallee(DerivativeOp op,
                                                 mlir::SymbolTableCollection& table) {
  auto callee = table.lookupNearestSymbolFrom<mlir::func::FuncOp>(op, op.getCalleeAttr());
  if (!callee)
    return op.emitOpError("expected a function, got '") << op.getCallee() << "'";
  const mlir::FunctionType type = callee.getFunctionType();
  if (!allTensors(type.getInputs()) || !allTensors(type.getResults()))
    return op.emitOpError("expected a function of tensors of known sizes, got ") << type;
  if (mlir::failed(verifyTypes(op, "inputs", type.getInputs(), op.getInputs().getTypes())))
    return mlir::failure();
  llvm::SmallDenseSet<int64_t> seen;
  for (int64_t index : op.getWrt()) {
    if (index < 0 || index >= type.getNumInputs())
      return op.emitOpError("expected wrt below ") << type.getNumInputs() << ", got " << index;
    if (!seen.insert(index).second)
      return op.emitOpError("expected wrt without repetition, got ") << index << " twice";
    if (!llvm::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(type.getInput(index))))
      return op.emitOpError("expected an input of f32, f64, bf16 or f16 to differentiate by, got ")
             << type.getInput(index);
  }
  const auto batch = static_cast<int64_t>(op.getBatch());
  if (batch < 0)
    return op.emitOpError("expected a batch that is not negative, got ") << batch;
  return type;
}
} // namespace

mlir::LogicalResult VjpOp::verifySymbolUses(mlir::SymbolTableCollection& table) {
  const auto type = verifyCallee(*this, table);
  if (mlir::failed(type))
    return mlir::failure();
  const auto batch = static_cast<int64_t>(getBatch());
  if (mlir::failed(verifyTypes(*this, "cotangents", batched(type->getResults(), batch),
                               getCotangents().getTypes())))
    return mlir::failure();
  llvm::SmallVector<mlir::Type> results(type->getResults());
  llvm::append_range(results, batched(selected(type->getInputs(), getWrt()), batch));
  return verifyTypes(*this, "results", results, getResultTypes());
}

mlir::LogicalResult JvpOp::verifySymbolUses(mlir::SymbolTableCollection& table) {
  const auto type = verifyCallee(*this, table);
  if (mlir::failed(type))
    return mlir::failure();
  const auto batch = static_cast<int64_t>(getBatch());
  if (mlir::failed(verifyTypes(*this, "tangents",
                               batched(selected(type->getInputs(), getWrt()), batch),
                               getTangents().getTypes())))
    return mlir::failure();
  llvm::SmallVector<mlir::Type> results(type->getResults());
  llvm::append_range(results, batched(type->getResults(), batch));
  return verifyTypes(*this, "results", results, getResultTypes());
}

namespace {
llvm::SmallVector<mlir::Type> floats(mlir::TypeRange types) {
  llvm::SmallVector<mlir::Type> result;
  for (mlir::Type type : types)
    if (llvm::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(type)))
      result.push_back(type);
  return result;
}

// The function exists, takes `inputs` one list after the other, and gives `results`.
mlir::LogicalResult verifyCall(mlir::Operation* op, mlir::SymbolTableCollection& table,
                               mlir::FlatSymbolRefAttr name,
                               llvm::ArrayRef<llvm::SmallVector<mlir::Type>> inputs,
                               mlir::TypeRange results) {
  auto callee = table.lookupNearestSymbolFrom<mlir::func::FuncOp>(op, name);
  if (!callee)
    return op->emitOpError("expected a function, got '") << name.getValue() << "'";
  llvm::SmallVector<mlir::Type> all;
  for (const auto& list : inputs)
    llvm::append_range(all, list);
  const std::string of = " of @" + name.getValue().str();
  if (mlir::failed(verifyTypes(op, "inputs" + of, callee.getArgumentTypes(), all)))
    return mlir::failure();
  return verifyTypes(op, "results" + of, callee.getResultTypes(), results);
}

llvm::SmallVector<mlir::Type> list(mlir::TypeRange types) { return llvm::to_vector(types); }
} // namespace

mlir::LogicalResult CheckpointOp::verifySymbolUses(mlir::SymbolTableCollection& table) {
  return verifyCall(*this, table, getCalleeAttr(), {list(getInputs().getTypes())},
                    getResultTypes());
}

// c1: the callee; c2: the vjp rule; c3: the jvp rule.
mlir::LogicalResult CustomOp::verifySymbolUses(mlir::SymbolTableCollection& table) {
  const auto inputs = list(getInputs().getTypes()), results = list(getResultTypes());
  if (mlir::failed(verifyCall(*this, table, getCalleeAttr(),
                              {inputs, list(getCaptured().getTypes())}, results)) ||
      mlir::failed(verifyCall(*this, table, getVjpAttr(),
                              {inputs, results, floats(results), list(getVjpCaptured().getTypes())},
                              floats(inputs))))
    return mlir::failure();
  return verifyCall(*this, table, getJvpAttr(),
                    {inputs, results, floats(inputs), list(getJvpCaptured().getTypes())},
                    floats(results));
}

// c1: the kind is known; c2: arguments are the captures; c3: ends in yield.
mlir::LogicalResult FusionOp::verify() {
  if (getKind() != "pointwise" && getKind() != "reduction" && getKind() != "scan" &&
      getKind() != "pieces")
    return emitOpError("expected kind \"pointwise\", \"reduction\", \"scan\" or \"pieces\", got \"")
           << getKind() << "\"";
  return verifyTypes(*this, "arguments", getCaptures().getTypes(), getBody().getArgumentTypes());
}

static bool fuses(llvm::StringRef kind, Family family) {
  switch (family) {
  case Family::Pointwise:
  case Family::Creation:
  case Family::Movement: return true;
  case Family::Reduction:
  case Family::ArgReduction: return kind == "reduction";
  case Family::Cumulative: return kind == "scan";
  default: return false;
  }
}

// c4: yields the results; c5: only operators that fuse.
mlir::LogicalResult FusionOp::verifyRegions() {
  mlir::Block& block = getBody().front();
  auto yield = block.empty() ? YieldOp() : llvm::dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError("expected a body that ends in diptych.yield");
  if (mlir::failed(verifyTypes(*this, "yielded values", getResultTypes(), yield.getOperandTypes())))
    return mlir::failure();
  for (mlir::Operation& op : block.without_terminator()) {
    const auto code = opCodeOf(&op);
    if (!code || !fuses(getKind(), info(*code).family))
      return op.emitOpError("is no operator that a fusion of kind \"")
             << getKind() << "\" may hold";
  }
  return mlir::success();
}

} // namespace diptych::ir
