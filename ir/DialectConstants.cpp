// Elements of constants as attributes and as plain numbers. The only place that knows how MLIR
// packs booleans; nothing here rounds.
#include "ir/Dialect.h"

#include <bit>
#include <cstring>

namespace diptych::ir {

mlir::TypedAttr scalarAttr(mlir::Type elementType, const Scalar& value) {
  if (elementType.isF32())
    return mlir::FloatAttr::get(elementType, llvm::APFloat(static_cast<float>(value.asDouble())));
  if (elementType.isF64())
    return mlir::FloatAttr::get(elementType, llvm::APFloat(value.asDouble()));
  if (llvm::isa<mlir::FloatType>(elementType))
    return mlir::FloatAttr::get(elementType, value.asDouble());
  return mlir::IntegerAttr::get(elementType,
                                llvm::APInt(elementType.getIntOrFloatBitWidth(),
                                            static_cast<uint64_t>(value.asInteger()),
                                            /*isSigned=*/false, /*implicitTrunc=*/true));
}

static Scalar scalarOf(const llvm::APInt& bits) {
  // A true boolean is 1, not the -1 that sign extension makes of it.
  return Scalar(bits.getBitWidth() == 1 ? static_cast<int64_t>(bits.getZExtValue())
                                        : bits.getSExtValue());
}

static Scalar scalarOf(const llvm::APFloat& number) {
  if (&number.getSemantics() == &llvm::APFloat::IEEEdouble())
    return Scalar(number.convertToDouble());
  return Scalar(number.convertToFloat());
}

Scalar scalarOf(mlir::Attribute element) {
  if (const auto number = llvm::dyn_cast<mlir::FloatAttr>(element))
    return scalarOf(number.getValue());
  if (const auto integer = llvm::dyn_cast<mlir::IntegerAttr>(element))
    return scalarOf(integer.getValue());
  throw Error("internal: a constant's element is neither a number nor a boolean");
}

mlir::DenseElementsAttr splatAttr(const TensorType& type, const Scalar& value,
                                  mlir::MLIRContext* context) {
  const mlir::RankedTensorType mlirType = mlirTypeOf(context, type);
  const mlir::Attribute element = scalarAttr(mlirType.getElementType(), value);
  return mlir::DenseElementsAttr::get(mlirType,
                                      llvm::ArrayRef(element).take_front(type.numel() ? 1 : 0));
}

std::optional<Scalar> splatOf(mlir::Attribute value) {
  const auto dense = llvm::dyn_cast_or_null<mlir::DenseElementsAttr>(value);
  if (!dense)
    return std::nullopt;
  if (dense.empty())
    return llvm::isa<mlir::FloatType>(dense.getElementType()) ? Scalar(0.0) : Scalar(0);
  if (!dense.isSplat())
    return std::nullopt;
  return scalarOf(dense.getSplatValue<mlir::Attribute>());
}

std::optional<Scalar> splatOf(mlir::Value value) {
  mlir::Attribute constant;
  return mlir::matchPattern(value, mlir::m_Constant(&constant)) ? splatOf(constant) : std::nullopt;
}

mlir::DenseElementsAttr literalAttr(const Literal& literal, mlir::MLIRContext* context) {
  const mlir::RankedTensorType type = mlirTypeOf(context, literal.type);
  const char* bytes = reinterpret_cast<const char*>(literal.bytes.data());
  if (literal.type.dtype != DType::boolean)
    return mlir::DenseElementsAttr::getFromRawBuffer(type, {bytes, literal.bytes.size()});
  llvm::SmallVector<bool> bits;
  for (std::byte byte : literal.bytes)
    bits.push_back(byte != std::byte{0});
  return mlir::DenseElementsAttr::get(type, bits);
}

static void append(std::vector<std::byte>& bytes, DType dtype, const llvm::APInt& element) {
  const uint64_t bits = element.getZExtValue();
  const size_t begin = bytes.size(), count = static_cast<size_t>(sizeOf(dtype));
  bytes.resize(begin + count);
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(bytes.data() + begin, &bits, count);
}

std::shared_ptr<const Literal> literalOf(mlir::ElementsAttr value) {
  auto literal = std::make_shared<Literal>();
  literal->type = tensorTypeOf(value.getType());
  const DType dtype = literal->type.dtype;
  if (const auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(value);
      dense && !dense.isSplat() && dtype != DType::boolean) {
    const auto raw = std::as_bytes(std::span(dense.getRawData().data(), dense.getRawData().size()));
    literal->bytes.assign(raw.begin(), raw.end());
  } else if (isFloat(dtype)) {
    for (const llvm::APFloat& element : value.getValues<llvm::APFloat>())
      append(literal->bytes, dtype, element.bitcastToAPInt());
  } else {
    for (const llvm::APInt& element : value.getValues<llvm::APInt>())
      append(literal->bytes, dtype, element);
  }
  return literal;
}

} // namespace diptych::ir
