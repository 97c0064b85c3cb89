// A number of the plan as a function of the sizes that a caller chooses: evaluated here, and
// written as instructions at the head of the C function.
#pragma once

#include <diptych/Aot.h>

#include "llvm/IR/IRBuilder.h"

namespace diptych::aot {

/// A constant of the scalar program that follows from sizes, in the order of the operations by
/// which it was computed: ((factor op size) op size) ..., each rounded to the dtype.
struct SizedNumber {
  enum class Op : uint8_t { times, over, timesInverse };
  struct Step {
    Op op;
    Extent size;
    bool root = false; // of its square root
  };
  DType dtype = DType::f64;
  double factor = 1;
  std::vector<Step> steps;

  double at(std::span<const int64_t> sizes) const;
};

class Formula {
public:
  Formula(int64_t number = 0) : Formula(Extent(number)) {}
  Formula(Extent extent);
  /// Bits of a number, in the low ones of an i64. Of an integer dtype: the extent itself.
  explicit Formula(SizedNumber number);
  friend Formula operator+(const Formula& a, const Formula& b);
  friend Formula operator*(const Formula& a, const Formula& b);
  /// Rounded down; neither is negative and b not 0.
  friend Formula operator/(const Formula& a, const Formula& b);
  static Formula largest(std::vector<Formula> of);
  static Formula roundedUp(const Formula& x, int64_t multiple);

  bool isFixed() const;
  int64_t at(std::span<const int64_t> sizes) const;
  /// Equal formulas have equal keys.
  const std::string& key() const { return node_->key; }
  /// Where it is a polynomial.
  const Extent* extent() const;
  void forEachExtent(llvm::function_ref<void(const Extent&)> visit) const;

private:
  friend class FormulaWriter;
  enum class Kind : uint8_t { extent, number, sum, product, quotient, largest };
  struct Node {
    Kind kind = Kind::extent;
    Extent extent;
    SizedNumber number;
    std::vector<Formula> parts;
    std::string key;
  };
  Formula(Kind kind, std::vector<Formula> parts);
  std::shared_ptr<const Node> node_;
};

/// Writes formulas at the place where a builder stands, each once.
class FormulaWriter {
public:
  /// `dims`: i64 values.
  FormulaWriter(llvm::IRBuilder<>& builder, std::vector<llvm::Value*> dims)
      : b_(builder), dims_(std::move(dims)) {}
  llvm::Value* value(const Formula& formula);
  llvm::Value* value(const Extent& extent);

private:
  llvm::Value* make(const Formula& formula);
  llvm::Value* bitsOf(const SizedNumber& number);

  llvm::IRBuilder<>& b_;
  std::vector<llvm::Value*> dims_;
  std::map<std::string, llvm::Value*> known_;
};

} // namespace diptych::aot
