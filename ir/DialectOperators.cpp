// Operations to rows of the table and back: one loop over OpInfo::attributes serves all operators.
#include "ir/Dialect.h"

namespace diptych::ir {

static DiptychDialect& dialectOf(mlir::MLIRContext* context) {
  auto* dialect = context->getLoadedDialect<DiptychDialect>();
  if (!dialect)
    throw Error("internal: the diptych dialect is not loaded");
  return *dialect;
}

std::optional<OpCode> opCodeOf(mlir::Operation* op) {
  const auto* dialect = llvm::dyn_cast_or_null<DiptychDialect>(op->getDialect());
  return dialect ? dialect->codeOf(op->getName()) : std::nullopt;
}

static bool isList(AttrField field) {
  return field != AttrField::axis && field != AttrField::value && !isFlag(field);
}

static void readValue(Attrs& attrs, mlir::Attribute value) {
  const auto elements = llvm::dyn_cast<mlir::ElementsAttr>(value);
  if (!elements)
    attrs.value = scalarOf(value);
  else if (const auto splat = splatOf(elements))
    attrs.value = *splat;
  else
    attrs.literal = literalOf(elements);
}

Attrs attrsOf(mlir::Operation* op) {
  Attrs attrs;
  const TensorType result = tensorTypeOf(op->getResult(0).getType());
  attrs.shape = result.shape;
  attrs.dtype = result.dtype;
  for (AttrField field : info(*opCodeOf(op)).attributes) {
    const mlir::Attribute attribute = op->getAttr(name(field));
    if (field == AttrField::axis)
      attrs.axis = llvm::cast<mlir::IntegerAttr>(attribute).getInt();
    else if (field == AttrField::value)
      readValue(attrs, attribute);
    else if (isFlag(field))
      attrs.set(field, llvm::cast<mlir::BoolAttr>(attribute).getValue());
    else
      listOf(attrs, field) = Dims(
          std::span<const int64_t>(llvm::cast<mlir::DenseI64ArrayAttr>(attribute).asArrayRef()));
  }
  return attrs;
}

// A creation's value fills the result; any other's is one element of it.
static mlir::Attribute valueAttr(const OpInfo& row, const Attrs& attrs, const TensorType& result,
                                 mlir::MLIRContext* context) {
  if (row.family != Family::Creation)
    return scalarAttr(elementTypeOf(context, result.dtype), attrs.value);
  return attrs.literal ? literalAttr(*attrs.literal, context)
                       : splatAttr(result, attrs.value, context);
}

mlir::Operation* createOp(mlir::OpBuilder& builder, mlir::Location location, OpCode code,
                          mlir::ValueRange operands, const Attrs& attrs, const TensorType& result) {
  mlir::MLIRContext* context = builder.getContext();
  const OpInfo& row = info(code);
  mlir::OperationState state(location, dialectOf(context).nameOf(code));
  state.addOperands(operands);
  state.addTypes(mlirTypeOf(context, result));
  for (AttrField field : row.attributes) {
    mlir::Attribute attribute;
    if (isList(field))
      attribute = builder.getDenseI64ArrayAttr(
          llvm::ArrayRef(listOf(attrs, field).begin(), listOf(attrs, field).end()));
    else if (field == AttrField::axis)
      attribute = builder.getI64IntegerAttr(attrs.axis);
    else if (isFlag(field))
      attribute = builder.getBoolAttr(attrs.flag(field));
    else
      attribute = valueAttr(row, attrs, result, context);
    state.addAttribute(name(field), attribute);
  }
  return builder.create(state);
}

mlir::Operation* createOp(mlir::OpBuilder& builder, mlir::Location location, OpCode code,
                          mlir::ValueRange operands, const Attrs& attrs) {
  const std::vector<TensorType> types = tensorTypesOf(operands.getTypes());
  return createOp(builder, location, code, operands, attrs, inferType(code, types, attrs));
}

static const char* const kRounds = "diptych.rounds";

void markRounding(mlir::Operation* convert) {
  convert->setDiscardableAttr(kRounds, mlir::UnitAttr::get(convert->getContext()));
}

mlir::Value beforeRounding(mlir::Operation* op) {
  auto widening = llvm::dyn_cast<ConvertOp>(op);
  if (!widening)
    return {};
  auto rounding = widening.getX().getDefiningOp<ConvertOp>();
  if (!rounding || !rounding->hasAttr(kRounds) || rounding.getX().getType() != widening.getType())
    return {};
  return rounding.getX();
}

} // namespace diptych::ir
