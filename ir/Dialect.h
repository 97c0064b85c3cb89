// The `diptych` dialect, and the one bridge between its operations and the operator table.
// Knows no operator by name: whatever is said here holds for every row of the table.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "ir/OpTable.h"

#include <optional>

#include "ir/DiptychDialect.h.inc"

#define GET_OP_CLASSES
#include "ir/DiptychOps.h.inc"

namespace diptych::ir {

/// Adds the dialects a program consists of (diptych, func) to a context and loads them.
void loadDialects(mlir::MLIRContext& context);

//===-- Types --------------------------------------------------------------------------------===//

/// Throws Error for what is no ranked static tensor of a known element type.
TensorType tensorTypeOf(mlir::Type type);
std::vector<TensorType> tensorTypesOf(mlir::TypeRange types);
mlir::RankedTensorType mlirTypeOf(mlir::MLIRContext* context, const TensorType& type);
mlir::Type elementTypeOf(mlir::MLIRContext* context, DType dtype);

//===-- Operators ----------------------------------------------------------------------------===//

/// None for an operation that is no operator of the table: vjp, fusion, func.return, ...
std::optional<OpCode> opCodeOf(mlir::Operation* op);
Attrs attrsOf(mlir::Operation* op);
/// Throws Error where the type rule refuses.
mlir::Operation* createOp(mlir::OpBuilder& builder, mlir::Location location, OpCode code,
                          mlir::ValueRange operands, const Attrs& attrs);
/// As above; the caller has inferred the result's type.
mlir::Operation* createOp(mlir::OpBuilder& builder, mlir::Location location, OpCode code,
                          mlir::ValueRange operands, const Attrs& attrs, const TensorType& result);

/// Marks a conversion to bf16 or f16 as the rounding of an operator that was widened to f32.
void markRounding(mlir::Operation* convert);
/// Of a conversion that takes such a rounded result to f32 again: the result before it was
/// rounded. Null for any other operation.
mlir::Value beforeRounding(mlir::Operation* op);

//===-- Constants ----------------------------------------------------------------------------===//

/// An element as an attribute, and back. NaN payloads and the sign of zero survive.
mlir::TypedAttr scalarAttr(mlir::Type elementType, const Scalar& value);
Scalar scalarOf(mlir::Attribute element);
mlir::DenseElementsAttr splatAttr(const TensorType& type, const Scalar& value,
                                  mlir::MLIRContext* context);
/// The value all elements have; none for what is no constant or no splat. Bits are compared.
std::optional<Scalar> splatOf(mlir::Attribute value);
/// Of a constant.
std::optional<Scalar> splatOf(mlir::Value value);
mlir::DenseElementsAttr literalAttr(const Literal& literal, mlir::MLIRContext* context);
std::shared_ptr<const Literal> literalOf(mlir::ElementsAttr value);

//===-- Locations ----------------------------------------------------------------------------===//

mlir::Location locationOf(mlir::MLIRContext* context, const SourceLocation& where);
/// The innermost file position a location contains. The file name outlives the context.
SourceLocation sourceLocationOf(mlir::Location location);

//===-- Loops and branches -------------------------------------------------------------------===//

/// Whether it is a scan, while or cond.
bool isControl(mlir::Operation* op);
/// Its regions that are ControlFlow::body and ControlFlow::other; null where there is none.
mlir::Region* bodyOf(mlir::Operation* op);
mlir::Region* otherOf(mlir::Operation* op);

/// Checks a table operator against its type rule; every generated verify() is this.
mlir::LogicalResult verifyOperator(mlir::Operation* op);

} // namespace diptych::ir
