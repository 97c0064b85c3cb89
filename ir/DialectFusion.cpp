// Text of diptych.fusion: captures stand beside the arguments they become.
#include "ir/Dialect.h"

namespace diptych::ir {

// diptych.fusion "kind" (%a = %x : type, ...) -> (types) attributes { body }
mlir::ParseResult FusionOp::parse(mlir::OpAsmParser& parser, mlir::OperationState& result) {
  mlir::StringAttr kind;
  if (parser.parseAttribute(kind))
    return mlir::failure();
  result.getOrAddProperties<FusionOp::Properties>().kind = kind;

  llvm::SmallVector<mlir::OpAsmParser::Argument> arguments;
  llvm::SmallVector<mlir::OpAsmParser::UnresolvedOperand> captures;
  llvm::SmallVector<mlir::Type> types;
  const auto parseCapture = [&]() -> mlir::ParseResult {
    if (parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
        parser.parseOperand(captures.emplace_back()) ||
        parser.parseColonType(arguments.back().type))
      return mlir::failure();
    types.push_back(arguments.back().type);
    return mlir::success();
  };
  const llvm::SMLoc where = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(mlir::OpAsmParser::Delimiter::Paren, parseCapture) ||
      parser.parseArrowTypeList(result.types) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.resolveOperands(captures, types, where, result.operands))
    return mlir::failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

void FusionOp::print(mlir::OpAsmPrinter& printer) {
  printer << ' ' << getKindAttr() << " (";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getCaptures()), printer,
                        [&](const auto& pair) {
                          const auto& [argument, capture] = pair;
                          printer.printRegionArgument(argument, {}, /*omitType=*/true);
                          printer << " = " << capture << " : " << capture.getType();
                        });
  printer << ')';
  printer.printArrowTypeList(getResultTypes());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getKindAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

} // namespace diptych::ir
