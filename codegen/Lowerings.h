// Scalar meaning of pointwise operators, as arith and math ops. The same code serves scalars and
// vectors: the operands' type decides.
#pragma once

#include "codegen/Math.h"
#include "ir/OpTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace diptych::codegen {

/// Element type in registers; booleans are i1 there and i8 in memory, bf16 and f16 are f32 and i16.
mlir::Type computeType(mlir::MLIRContext* context, DType dtype);
mlir::Type memoryType(mlir::MLIRContext* context, DType dtype);
/// bf16 or f16 as the type of an MLIR value: between a register and memory.
mlir::Type halfType(mlir::MLIRContext* context, DType dtype);
/// f32 to bf16 or f16, scalar or vector; of what was widened, what it was.
mlir::Value narrowed(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x, DType dtype);

/// What a lowering sees: a builder, the math expansions, and the result's element type.
class ScalarBuilder {
public:
  /// `contract`: products and sums written here may become fmas; never those inside `math`.
  ScalarBuilder(mlir::OpBuilder& builder, mlir::Location loc, DType result, bool contract = false)
      : math(builder, loc), builder_(builder), loc_(loc), result_(result), contract_(contract) {}

  template <class Op, class... Args> mlir::Value create(Args&&... args) {
    return Op::create(builder_, loc_, std::forward<Args>(args)...).getResult();
  }
  /// FloatOp or IntegerOp, by the operand's type.
  template <class FloatOp, class IntegerOp> mlir::Value arith(llvm::ArrayRef<mlir::Value> x) {
    if (!isFloatLike(x[0]))
      return create<IntegerOp>(x[0], x[1]);
    auto flags =
        contract_ ? mlir::arith::FastMathFlags::contract : mlir::arith::FastMathFlags::none;
    return create<FloatOp>(x[0], x[1], flags);
  }
  mlir::Value compare(mlir::arith::CmpFPredicate floats, mlir::arith::CmpIPredicate integers,
                      mlir::Value x, mlir::Value y);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y) {
    return create<mlir::arith::SelectOp>(condition, x, y);
  }
  /// A number in x's type (splat for vectors).
  mlir::Value constant(mlir::Value x, double value);
  mlir::Value integer(mlir::Value x, int64_t value);
  /// A number in the result's type.
  mlir::Value literal(const Scalar& value);
  /// f32 as the result's bf16 or f16.
  mlir::Value narrowed(mlir::Value x) { return codegen::narrowed(builder_, loc_, x, result_); }
  /// The result's element type with x's vector shape.
  mlir::Type resultTypeLike(mlir::Value x);
  DType result() const { return result_; }

  static bool isFloatLike(mlir::Value x) {
    return mlir::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(x.getType()));
  }

  MathBuilder math;

private:
  mlir::OpBuilder& builder_;
  mlir::Location loc_;
  DType result_;
  bool contract_;
};

#include "codegen/Lowerings.h.inc"

/// Lowers one application of a pointwise operator.
mlir::Value lowerPointwise(OpCode code, ScalarBuilder& b, llvm::ArrayRef<mlir::Value> operands);

} // namespace diptych::codegen

#define LOWERING(CODE)                                                                             \
  mlir::Value lower##CODE([[maybe_unused]] ScalarBuilder& b,                                       \
                          [[maybe_unused]] llvm::ArrayRef<mlir::Value> x)
