// Registration, types and locations of the dialect.
#include "ir/Dialect.h"

#include <mutex>
#include <unordered_set>

#include "ir/DiptychDialect.cpp.inc"

#define GET_OP_CLASSES
#include "ir/DiptychOps.cpp.inc"

namespace diptych::ir {

void DiptychDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "ir/DiptychOps.cpp.inc"
      >();
  for (const OpInfo& row : allOperators()) {
    names_.emplace_back(std::string("diptych.") + row.name, getContext());
    codes_.try_emplace(names_.back(), row.code);
  }
}

std::optional<OpCode> DiptychDialect::codeOf(mlir::OperationName name) const {
  const auto found = codes_.find(name);
  return found == codes_.end() ? std::nullopt : std::optional(found->second);
}

mlir::Operation* DiptychDialect::materializeConstant(mlir::OpBuilder& builder,
                                                     mlir::Attribute value, mlir::Type type,
                                                     mlir::Location location) {
  return ConstantOp::isBuildableWith(value, type)
             ? ConstantOp::create(builder, location, type, llvm::cast<mlir::ElementsAttr>(value))
             : nullptr;
}

bool ConstantOp::isBuildableWith(mlir::Attribute value, mlir::Type type) {
  const auto elements = llvm::dyn_cast<mlir::ElementsAttr>(value);
  return elements && elements.getType() == type;
}

void loadDialects(mlir::MLIRContext& context) {
  mlir::DialectRegistry registry;
  registry.insert<DiptychDialect, mlir::func::FuncDialect>();
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
}

//===-- Types --------------------------------------------------------------------------------===//

static std::optional<DType> dtypeOfElement(mlir::Type element) {
  if (element.isF32())
    return DType::f32;
  if (element.isF64())
    return DType::f64;
  if (element.isSignlessInteger(32))
    return DType::i32;
  if (element.isSignlessInteger(64))
    return DType::i64;
  if (element.isSignlessInteger(1))
    return DType::boolean;
  if (element.isBF16())
    return DType::bf16;
  if (element.isF16())
    return DType::f16;
  return std::nullopt;
}

// Element counts are products of extents: below this they can't overflow.
static bool hasCountableElements(mlir::RankedTensorType tensor) {
  int64_t count = 1;
  for (int64_t extent : tensor.getShape())
    if (__builtin_mul_overflow(count, extent ? extent : 1, &count) || count > int64_t{1} << 48)
      return false;
  return true;
}

static std::string text(mlir::Type type) {
  std::string result;
  llvm::raw_string_ostream(result) << type;
  return result;
}

TensorType tensorTypeOf(mlir::Type type) {
  const auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  const auto dtype = tensor ? dtypeOfElement(tensor.getElementType()) : std::nullopt;
  if (!dtype || !tensor.hasStaticShape())
    throw Error(
        "expected a tensor of known sizes and of f32, f64, bf16, f16, i32, i64 or i1, got " +
        text(type) + "; give every dimension a number");
  if (!hasCountableElements(tensor))
    throw Error("expected a tensor below 2^48 elements, got " + text(type) + "; check the sizes");
  return {*dtype, Dims(std::span(tensor.getShape().data(), tensor.getShape().size()))};
}

std::vector<TensorType> tensorTypesOf(mlir::TypeRange types) {
  std::vector<TensorType> result;
  for (mlir::Type type : types)
    result.push_back(tensorTypeOf(type));
  return result;
}

mlir::Type elementTypeOf(mlir::MLIRContext* context, DType dtype) {
  mlir::Builder builder(context);
  switch (dtype) {
  case DType::f32: return builder.getF32Type();
  case DType::f64: return builder.getF64Type();
  case DType::i32: return builder.getI32Type();
  case DType::i64: return builder.getI64Type();
  case DType::boolean: return builder.getI1Type();
  case DType::bf16: return builder.getBF16Type();
  case DType::f16: return builder.getF16Type();
  }
  throw Error("internal: unknown element type");
}

mlir::RankedTensorType mlirTypeOf(mlir::MLIRContext* context, const TensorType& type) {
  return mlir::RankedTensorType::get(llvm::ArrayRef(type.shape.begin(), type.shape.end()),
                                     elementTypeOf(context, type.dtype));
}

//===-- Locations ----------------------------------------------------------------------------===//

mlir::Location locationOf(mlir::MLIRContext* context, const SourceLocation& where) {
  if (!where.known())
    return mlir::UnknownLoc::get(context);
  return mlir::FileLineColLoc::get(context, where.file, where.line, where.column);
}

// An Error may outlive the context that owns the name.
static const char* kept(llvm::StringRef file) {
  static auto& mutex = *new std::mutex; // never destroyed: static destructors may trace
  static auto& names = *new std::unordered_set<std::string>;
  std::lock_guard guard(mutex);
  return names.insert(file.str()).first->c_str();
}

SourceLocation sourceLocationOf(mlir::Location location) {
  SourceLocation result;
  location->walk([&](mlir::Location inner) {
    const auto position = llvm::dyn_cast<mlir::FileLineColLoc>(inner);
    if (!position)
      return mlir::WalkResult::advance();
    result = {kept(position.getFilename().getValue()), static_cast<int>(position.getLine()),
              static_cast<int>(position.getColumn())};
    return mlir::WalkResult::interrupt();
  });
  return result;
}

} // namespace diptych::ir
