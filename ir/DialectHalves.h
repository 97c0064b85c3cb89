// Squares of which one half is enough: matrices that equal their transposes, and products of which
// nobody reads the rest.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace diptych::ir {

inline constexpr llvm::StringLiteral kSymmetric = "diptych.symmetric", kUpper = "diptych.upper";

/// A result of a function, a square, that equals its transpose but for rounding.
inline void markSymmetric(mlir::func::FuncOp function, unsigned result) {
  function.setResultAttr(result, kSymmetric, mlir::UnitAttr::get(function.getContext()));
}
inline bool isSymmetric(mlir::func::FuncOp function, unsigned result) {
  return function.getResultAttr(result, kSymmetric) != nullptr;
}

/// A product whose elements with row > column may hold anything from now on.
inline void markUpper(mlir::Operation* product) {
  product->setDiscardableAttr(kUpper, mlir::UnitAttr::get(product->getContext()));
}
inline bool isUpper(mlir::Operation* product) { return product->hasAttr(kUpper); }

} // namespace diptych::ir
