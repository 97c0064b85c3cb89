// Loops and branches of the dialect: what they are made of, and their verifiers.
#include "ir/DialectControl.h"

namespace diptych::ir {

bool isControl(mlir::Operation* op) { return llvm::isa<ScanOp, WhileOp, CondOp>(op); }

mlir::Region* bodyOf(mlir::Operation* op) { return &op->getRegion(llvm::isa<WhileOp>(op) ? 1 : 0); }

mlir::Region* otherOf(mlir::Operation* op) {
  if (llvm::isa<ScanOp>(op))
    return nullptr;
  return &op->getRegion(llvm::isa<WhileOp>(op) ? 0 : 1);
}

static ClosedFunction typesOf(mlir::Region* region) {
  if (!region)
    return {};
  return {tensorTypesOf(region->getArgumentTypes()),
          tensorTypesOf(region->front().getTerminator()->getOperandTypes()),
          {}};
}

ControlFlow controlOf(mlir::Operation* op) {
  ControlFlow flow{ControlFlow::Kind::cond};
  flow.body = typesOf(bodyOf(op));
  flow.other = typesOf(otherOf(op));
  if (auto scan = llvm::dyn_cast<ScanOp>(op)) {
    flow.kind = ControlFlow::Kind::scan;
    flow.consts = scan.getConsts().size();
    flow.carry = scan.getCarry().size();
    flow.length = static_cast<int64_t>(scan.getLength());
    flow.reverse = scan.getReverse();
    flow.kept = static_cast<size_t>(scan.getKept());
  } else if (auto loop = llvm::dyn_cast<WhileOp>(op)) {
    flow.kind = ControlFlow::Kind::whileLoop;
    flow.consts = loop.getConsts().size();
    flow.carry = loop.getCarry().size();
    flow.length = loop.getMaxSteps() ? static_cast<int64_t>(*loop.getMaxSteps()) : -1;
  }
  return flow;
}

namespace {

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

mlir::LogicalResult verifyYields(mlir::Operation* op, mlir::Region& region, llvm::StringRef what,
                                 mlir::TypeRange expected) {
  auto yield = region.front().empty() ? YieldOp() : llvm::dyn_cast<YieldOp>(region.front().back());
  if (!yield)
    return op->emitOpError("expected a region that ends in diptych.yield");
  return verifyTypes(op, what, expected, yield.getOperandTypes());
}

bool isBoolean(mlir::Type type) {
  const auto tensor = llvm::cast<mlir::RankedTensorType>(type);
  return tensor.getRank() == 0 && tensor.getElementType().isInteger(1);
}

// Of one step: without axis 0.
mlir::Type rowOf(mlir::Type type) {
  const auto tensor = llvm::cast<mlir::RankedTensorType>(type);
  return mlir::RankedTensorType::get(tensor.getShape().drop_front(), tensor.getElementType());
}

mlir::LogicalResult rowsOf(mlir::Operation* op, llvm::StringRef what, mlir::TypeRange types,
                           int64_t length, llvm::SmallVectorImpl<mlir::Type>& rows) {
  for (mlir::Type type : types) {
    const auto tensor = llvm::cast<mlir::RankedTensorType>(type);
    if (tensor.getRank() == 0 || tensor.getDimSize(0) != length)
      return op->emitOpError("expected ")
             << what << " with an axis 0 of size " << length << ", got " << type;
    rows.push_back(rowOf(type));
  }
  return mlir::success();
}

} // namespace

// c1: length and kept; c2: the results' number and carry; c3: xs and ys have `length` rows.
mlir::LogicalResult ScanOp::verify() {
  const auto length = static_cast<int64_t>(getLength());
  if (length < 0)
    return emitOpError("expected a length that is not negative, got ") << length;
  const size_t carry = getCarry().size();
  if (getNumResults() < carry)
    return emitOpError("expected a result for each of ")
           << carry << " carries, got " << getNumResults();
  const auto kept = static_cast<int64_t>(getKept());
  if (kept != 0 && (kept != static_cast<int64_t>(carry) || getNumResults() < 2 * carry))
    return emitOpError("expected kept to be the number of carries, ") << carry << ", got " << kept;
  llvm::SmallVector<mlir::Type> rows;
  if (mlir::failed(verifyTypes(*this, "carried results", getCarry().getTypes(),
                               getResults().take_front(carry).getTypes())) ||
      mlir::failed(rowsOf(*this, "xs", getXs().getTypes(), length, rows)))
    return mlir::failure();
  return rowsOf(*this, "ys", getResults().drop_front(carry).getTypes(), length, rows);
}

// c4: the body's arguments; c5: what it yields; c6: what it keeps.
mlir::LogicalResult ScanOp::verifyRegions() {
  const size_t carry = getCarry().size();
  llvm::SmallVector<mlir::Type> inputs(getConsts().getTypes());
  llvm::append_range(inputs, getCarry().getTypes());
  for (mlir::Type type : getXs().getTypes())
    inputs.push_back(rowOf(type));
  llvm::SmallVector<mlir::Type> yields(getCarry().getTypes());
  for (mlir::Type type : getResults().drop_front(carry).getTypes())
    yields.push_back(rowOf(type));
  if (mlir::failed(verifyTypes(*this, "arguments", inputs, getBody().getArgumentTypes())) ||
      mlir::failed(verifyYields(*this, getBody(), "yielded values", yields)))
    return mlir::failure();
  const auto kept =
      getBody().front().getTerminator()->getOperands().take_back(static_cast<size_t>(getKept()));
  for (const auto& [index, value] : llvm::enumerate(kept))
    if (value != getBody().getArgument(static_cast<unsigned>(getConsts().size() + index)))
      return emitOpError("expected the last values yielded to be the carry that is kept");
  return mlir::success();
}

// c1: the results are the carry; c2: the bound.
mlir::LogicalResult WhileOp::verify() {
  if (getMaxSteps() && static_cast<int64_t>(*getMaxSteps()) < 0)
    return emitOpError("expected max_steps that is not negative, got ")
           << static_cast<int64_t>(*getMaxSteps());
  return verifyTypes(*this, "results", getCarry().getTypes(), getResultTypes());
}

// c3: arguments; c4: one boolean; c5: the next carry.
mlir::LogicalResult WhileOp::verifyRegions() {
  for (mlir::Region* region : {&getCondition(), &getBody()})
    if (mlir::failed(
            verifyTypes(*this, "arguments", getOperandTypes(), region->getArgumentTypes())))
      return mlir::failure();
  auto condition = llvm::dyn_cast<YieldOp>(getCondition().front().back());
  if (!condition || condition.getNumOperands() != 1 ||
      !isBoolean(condition.getOperand(0).getType()))
    return emitOpError("expected a condition that yields one tensor<i1>");
  return verifyYields(*this, getBody(), "yielded values", getCarry().getTypes());
}

// c1: the predicate.
mlir::LogicalResult CondOp::verify() {
  if (!isBoolean(getPredicate().getType()))
    return emitOpError("expected a predicate of type tensor<i1>, got ") << getPredicate().getType();
  return mlir::success();
}

// c2: arguments; c3: results of both regions.
mlir::LogicalResult CondOp::verifyRegions() {
  for (mlir::Region* region : {&getBody(), &getOtherwise()})
    if (mlir::failed(
            verifyTypes(*this, "arguments", getInputs().getTypes(), region->getArgumentTypes())) ||
        mlir::failed(verifyYields(*this, *region, "yielded values", getResultTypes())))
      return mlir::failure();
  return mlir::success();
}

} // namespace diptych::ir
