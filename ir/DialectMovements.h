// What transposes, and reshapes by axes of one element, do to the axes of a value.
#pragma once

#include "ir/Dialect.h"

namespace diptych::ir {

/// The axes that have more than one element, or none.
llvm::SmallVector<int64_t> properAxes(const Shape& shape);

/// Whether a reshape from one to the other only adds or drops axes of one element.
bool addsOnlyUnits(const Shape& from, const Shape& to);

/// An array that is made of pieces along one axis: where each but the first begins.
struct Pieces {
  int64_t axis;
  llvm::SmallVector<int64_t> cuts;
};
/// Of a concatenation, and of a pad along one axis that leaves no element out and nothing between.
std::optional<Pieces> piecesOf(mlir::Operation* op);

/// The axes of the value that have more than one element, in the order in which all that reads it
/// sees them, outside kernels and in them; none where some see another.
llvm::SmallVector<int64_t> orderOfReaders(mlir::Value value);

/// Where the axes of a value come from: the value that a chain of transposes and of reshapes by
/// axes of one element begins with.
class Origin {
public:
  explicit Origin(mlir::Value value);

  mlir::Value value() const { return value_; }
  int steps() const { return steps_; }
  /// Of value(), for each proper axis of the chain's result.
  llvm::ArrayRef<int64_t> axes() const { return axes_; }
  /// Whether nobody but this chain uses what it is made of.
  bool isOwn() const { return own_; }

private:
  bool step();
  mlir::Value value_;
  llvm::SmallVector<int64_t> axes_;
  int steps_ = 0;
  bool own_;
};

} // namespace diptych::ir
