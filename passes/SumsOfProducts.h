// A value as a sum of products of smaller arrays, and what sums over its axes are then: products of
// matrices. Knows the algebra; which operations are worth rewriting is FactorProducts.cpp's
// concern.
#pragma once

#include "ir/Dialect.h"

#include <map>

namespace diptych::passes {

using AxisSet = uint32_t;

/// An array of a product; dimension i of `value` runs along axis axes[i] of the form.
struct Factor {
  mlir::Value value;
  llvm::SmallVector<int, 4> axes;

  AxisSet set() const;
};

/// scale times the product of the factors, repeated along axes that none of them has.
struct Term {
  double scale = 1;
  llvm::SmallVector<Factor, 4> factors;
};

/// Puts factors in the order in which they are multiplied: it decides the bits, and whether CSE
/// finds a product a second time.
void sortFactors(Term& term);

/// The sum of the terms. Axes are finer than a value's: a reshape that joins t and n keeps both.
struct Form {
  llvm::SmallVector<int64_t, 6> extents; // in row-major order; none is 1
  llvm::SmallVector<Term, 4> terms;

  int rank() const { return static_cast<int>(extents.size()); }
  AxisSet all() const { return (AxisSet{1} << extents.size()) - 1; }
  int64_t numel() const;
};

/// What an axis of a value is in its form: axes [first, last).
struct AxisRange {
  int first, last;
};

class SumsOfProducts {
public:
  explicit SumsOfProducts(mlir::OpBuilder& builder) : builder_(builder) {}

  /// Never fails: a value that nothing is known of is one factor.
  Form of(mlir::Value value);
  /// Where each axis of the shape lies among the form's, which must have been made for it.
  static llvm::SmallVector<AxisRange> rangesOf(const Form& form, const Shape& shape);
  /// Cuts axes of both so that they are the same from a's axis i and b's axis j on, for as many
  /// elements as `a` has up to axis aEnd; false where their extents do not divide. An identity's
  /// axes are cut together, so that others may have been cut too, and places move.
  bool refine(Form& a, int i, int aEnd, Form& b, int j, int bEnd);
  /// Cuts axes until both have the same; false where their extents do not divide.
  bool refine(Form& a, Form& b);
  /// The product, axis by axis; none where both are sums.
  static std::optional<Form> product(const Form& a, const Form& b);
  /// Sums each term over the axes, which stay as axes that nothing depends on; adds what sums cost
  /// that were not there before to `flops`. None where three factors meet of which none is part of
  /// another.
  std::optional<Form> sum(const Form& form, AxisSet over, double& flops);
  /// The value of the given type; the form does not depend on axes that the type lacks.
  mlir::Value materialise(const Form& form, AxisSet gone, const TensorType& type);
  /// Terms that share a factor with all of `wide` become one, where what else they have is small.
  void collect(Form& form);
  /// Whether the factor is an identity matrix, which sums take as another name of an axis.
  bool isIdentity(const Factor& factor) const { return identities_.contains(factor.value); }
  bool hasIdentity(const Form& form) const;

private:
  Form formOf(mlir::Operation* op, OpCode code);
  Form leaf(mlir::Value value);
  Form added(mlir::Operation* op, bool minus);
  Form multiplied(mlir::Operation* op);
  Form divided(mlir::Operation* op);
  /// Of a movement, by its operand's form; none for any other operation.
  std::optional<Form> moved(mlir::Operation* op, OpCode code,
                            llvm::function_ref<Form(mlir::Value)> formOf);
  Form broadcast(mlir::Operation* op, const Form& form);
  Form transposed(mlir::Operation* op, const Form& form);
  Form reshaped(mlir::Operation* op, Form form);
  /// As if nothing were known of it but where it is repeated and moved.
  Form oneFactor(mlir::Value value);
  AxisSet cutWith(const Form& form, int axis) const;
  void cut(Form& form, AxisSet axes, int64_t outer);
  mlir::Value identity(int64_t extent, DType dtype);
  void follow(Term& term, AxisSet& over) const;
  std::optional<Term> contract(Term term, AxisSet over, llvm::ArrayRef<int64_t> extents,
                               double& flops);

  // Arrays (SumsOfProductsArrays.cpp).
  using Factors = llvm::SmallVector<Factor, 4>;
  Factor multiply(Factors factors, llvm::ArrayRef<int64_t> extents);
  Factor sumOf(const Factor& factor, AxisSet over, double& flops);
  Factor matmul(const Factors& left, const Factors& right, AxisSet over,
                llvm::ArrayRef<int64_t> extents, double& flops);
  using Groups = llvm::ArrayRef<llvm::SmallVector<int, 4>>;
  mlir::Value arranged(const Factors& factors, Groups groups, llvm::ArrayRef<int64_t> extents);
  mlir::Value arrangedOne(const Factor& factor, Groups groups, llvm::ArrayRef<int64_t> extents);
  mlir::Value spread(const Factor& factor, llvm::ArrayRef<int> axes,
                     llvm::ArrayRef<int64_t> extents);
  mlir::Value inverse(mlir::Value value);
  mlir::Value reshape(mlir::Value value, const Shape& shape);
  mlir::Value transpose(mlir::Value value, const Dims& axes);
  mlir::Value scaled(mlir::Value value, double factor);
  mlir::Value constant(const TensorType& type, double value);
  /// Equal operations are one: factors are known by their values, and no sum is counted twice.
  mlir::Value make(OpCode code, mlir::ValueRange operands, const Attrs& attrs = {});

  mlir::OpBuilder& builder_;
  llvm::DenseMap<mlir::Value, Form> forms_;
  llvm::DenseSet<mlir::Value> identities_;
  std::map<std::vector<int64_t>, mlir::Value> made_;
  bool fresh_ = false; // whether `make` made something when it was called last
  int steps_ = 0;
};

} // namespace diptych::passes
