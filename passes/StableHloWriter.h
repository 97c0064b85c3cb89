// The writer of StableHLO text: lines, regions, and the operations that several operators are made
// of. Internal to passes/StableHlo*.cpp.
#pragma once

#include "ir/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <map>

namespace diptych::passes::hlo {

/// A value of the text: its name and type.
struct Term {
  std::string name;
  mlir::RankedTensorType type;

  int64_t rank() const { return type.getRank(); }
  int64_t dim(int64_t axis) const { return type.getDimSize(static_cast<unsigned>(axis)); }
  llvm::SmallVector<int64_t> shape() const { return llvm::to_vector(type.getShape()); }
  mlir::Type element() const { return type.getElementType(); }
  bool isFloat() const { return llvm::isa<mlir::FloatType>(element()); }
};
using Terms = llvm::SmallVector<Term>;
using Shape64 = llvm::ArrayRef<int64_t>;

std::string text(mlir::Type type);
std::string listOf(llvm::ArrayRef<int64_t> list);
/// [from, from + 1, ...]
llvm::SmallVector<int64_t> counted(int64_t from, int64_t count);
llvm::SmallVector<int64_t> allBut(int64_t axis, int64_t rank);

class Writer {
public:
  Writer(mlir::func::FuncOp function, llvm::ArrayRef<mlir::DenseElementsAttr> last)
      : function_(function), last_(last) {}
  std::string write();

private:
  // What a program consists of (StableHlo.cpp).
  [[noreturn]] void refuse(mlir::Operation* op) const;
  /// The block's operations; its terminator's operands.
  Terms block(mlir::Block& block);
  void operation(mlir::Operation* op);
  Term operatorOf(mlir::Operation* op, OpCode code);
  const Term& operand(mlir::Operation* op, unsigned index) const;
  static mlir::RankedTensorType typeOf(mlir::Value value) {
    return llvm::cast<mlir::RankedTensorType>(value.getType());
  }
  mlir::RankedTensorType typeWith(mlir::Type element, Shape64 shape) const {
    return mlir::RankedTensorType::get(shape, element);
  }
  mlir::Type i64() { return mlir::IntegerType::get(function_.getContext(), 64); }
  mlir::Type f64() { return mlir::Float64Type::get(function_.getContext()); }
  mlir::Type i1() { return mlir::IntegerType::get(function_.getContext(), 1); }

  // Text (StableHloLines.cpp).
  std::string fresh() { return "%" + std::to_string(next_++); }
  Term line(const std::string& operation, mlir::RankedTensorType type);
  /// "NAME a, b<options> : (types) -> type"
  Term full(const std::string& name, const Terms& operands, const std::string& options,
            mlir::RankedTensorType type);
  /// An operation with regions, in the generic syntax. Each gets `arguments` of its own (none: it
  /// may name everything around it) and gives what it returns.
  using Region = llvm::function_ref<Terms(const Terms& arguments)>;
  Terms withRegions(const std::string& name, const Terms& operands, const std::string& attributes,
                    llvm::ArrayRef<mlir::RankedTensorType> arguments,
                    llvm::ArrayRef<Region> regions, llvm::ArrayRef<mlir::RankedTensorType> results);

  Term constant(mlir::ElementsAttr value);
  Term splat(mlir::RankedTensorType type, const Scalar& value);
  Term number(mlir::Type element, const Scalar& value) {
    return splat(typeWith(element, {}), value);
  }
  Term iota(Shape64 shape, int64_t axis); // of i64
  Term unary(const char* name, const Term& x);
  Term binary(const char* name, const Term& x, const Term& y);
  Term compare(const char* direction, const Term& x, const Term& y);
  Term select(const Term& condition, const Term& x, const Term& y);
  Term isNan(const Term& x) { return compare("NE", x, x); }
  Term convert(const Term& x, mlir::Type element);
  Term reshape(const Term& x, Shape64 shape);
  Term broadcast(const Term& x, Shape64 dims, Shape64 shape);
  Term transpose(const Term& x, Shape64 axes);
  Term slice(const Term& x, Shape64 starts, Shape64 limits, Shape64 strides = {});
  Term pad(const Term& x, const Scalar& value, Shape64 low, Shape64 high, Shape64 interior);
  Term reduce(const Term& x, OpCode combiner, Shape64 axes);
  /// Moved by `step` along an axis; 0 comes in.
  Term shifted(const Term& x, int64_t axis, int64_t step);
  Term dynamicSlice(const Term& x, const Term& index, int64_t axis); // of extent 1
  Term dynamicUpdate(const Term& x, const Term& part, const Term& index, int64_t axis);
  /// Steps from `first` to `last` - 1; what is handed on.
  Terms repeat(int64_t first, int64_t last, const Terms& state,
               llvm::function_ref<Terms(const Term& step, const Terms& state)> body);

  // Operators that move elements (StableHloMovement.cpp).
  Term slice(mlir::Operation* op, const Attrs& attrs);
  Term matmul(mlir::Operation* op);
  Term convolution(mlir::Operation* op, const Attrs& attrs);
  Term gather(const Term& x, const Term& indices, int64_t axis);
  Term scattered(const Term& x, const Term& indices, const Term& updates, int64_t axis,
                 const char* combiner);
  Term scatter(mlir::Operation* op, const Attrs& attrs);
  Term places(int64_t windows, int64_t size, int64_t stride, int64_t dilation);
  Term windows(mlir::Operation* op, const Attrs& attrs);
  Term overlapAdd(mlir::Operation* op, const Attrs& attrs);

  // In the order of something (StableHloOrder.cpp).
  Term argReduction(const Term& x, int64_t axis, bool largest);
  Term cumulativeSum(const Term& x, int64_t axis);
  Term recurrence(const Term& a, const Term& b, int64_t axis);
  Term argCumulative(const Term& x, int64_t axis, bool largest);
  /// The elements along an axis in order, NaN last, and the positions that go with them.
  Terms sorted(const Term& x, const Term& positions, int64_t axis, bool descending);
  Term searchsorted(mlir::Operation* op, const Attrs& attrs);

  // Rolling windows (StableHloRolling.cpp).
  std::pair<Term, Term> rolling(const Term& x, int64_t axis, int64_t window);
  Term rollingExtreme(const Term& x, const Attrs& attrs, bool largest);
  Term rollingRank(const Term& x, const Attrs& attrs);
  Term rollingSelect(const Term& x, const Term& k, const Attrs& attrs);

  // Numbers and matrices (StableHloNumbers.cpp).
  /// Pointwise operators written with several.
  std::optional<Term> composite(mlir::Operation* op, OpCode code);
  Term softplus(const Term& x);
  Term shiftRight(const Term& x, const Term& places);
  Term philox(const Term& key, const Term& counter, const Term& stream);
  Term cholesky(const Term& x);
  Term triangularSolve(mlir::Operation* op, const Attrs& attrs);

  // Loops and branches (StableHloControl.cpp).
  void control(mlir::Operation* op);
  Terms scan(mlir::Operation* op);
  Terms whileLoop(mlir::Operation* op);
  Terms cond(mlir::Operation* op);
  Terms region(mlir::Region* region, llvm::ArrayRef<Term> arguments);

  mlir::func::FuncOp function_;
  llvm::ArrayRef<mlir::DenseElementsAttr> last_;
  llvm::DenseMap<mlir::Value, Term> names_;
  std::string body_, margin_ = "    ";
  int next_ = 0;
};

/// The name of an operator that has a counterpart which differs in nothing else; or null.
const char* sameName(OpCode code);

} // namespace diptych::passes::hlo
