// One verifier for all operators: the type rule that the eager side uses, asked again.
#include "ir/Dialect.h"

namespace diptych::ir {

// The rules begin with "<op>: ", which emitOpError says already.
static llvm::StringRef withoutName(llvm::StringRef message, const OpInfo& row) {
  const std::string prefix = std::string(row.name) + ": ";
  message.consume_front(prefix);
  return message;
}

// c0: a value is made of the result's elements.
static mlir::LogicalResult verifyValue(mlir::Operation* op, const OpInfo& row) {
  if (!row.has(AttrField::value))
    return mlir::success();
  const mlir::Attribute value = op->getAttr(name(AttrField::value));
  if (row.family == Family::Creation)
    return llvm::isa<mlir::DenseElementsAttr>(value)
               ? mlir::success()
               : op->emitOpError("expected a dense value, got ") << value;
  const auto typed = llvm::dyn_cast<mlir::TypedAttr>(value);
  const mlir::Type element = mlir::getElementTypeOrSelf(op->getResult(0).getType());
  if (!typed || typed.getType() != element || !llvm::isa<mlir::FloatAttr, mlir::IntegerAttr>(typed))
    return op->emitOpError("expected a value of type ") << element << ", got " << value;
  return mlir::success();
}

mlir::LogicalResult verifyOperator(mlir::Operation* op) {
  const OpInfo& row = info(*opCodeOf(op));
  if (mlir::failed(verifyValue(op, row)))
    return mlir::failure();
  try {
    const std::vector<TensorType> operands = tensorTypesOf(op->getOperandTypes());
    const TensorType expected = inferType(row.code, operands, attrsOf(op));
    const TensorType result = tensorTypeOf(op->getResult(0).getType());
    if (!(result == expected))
      return op->emitOpError("expected a result of type ")
             << mlirTypeOf(op->getContext(), expected) << ", got " << op->getResult(0).getType();
    return mlir::success();
  } catch (const Error& error) {
    return op->emitOpError(withoutName(error.what(), row));
  }
}

#define DIPTYCH_OPCODE(CODE)                                                                       \
  mlir::LogicalResult CODE##Op::verify() { return verifyOperator(getOperation()); }
#include "ir/OpCodes.h.inc"

} // namespace diptych::ir
