// Matrices that are zero but for a few diagonals, as batched tangents of elementwise work on slices
// of one vector are. Knows the algebra; which operations are worth rewriting is
// CollectDiagonals.cpp's concern.
#pragma once

#include "ir/Dialect.h"

namespace diptych::passes {

/// Column j's number along[j] stands in row step j + offset, if the matrix has that row; step > 0.
struct Diagonal {
  int64_t step = 1, offset = 0;
  mlir::Value along;

  bool isSamePlaceAs(const Diagonal& other) const {
    return step == other.step && offset == other.offset;
  }
};

/// The sum of the diagonals, each in a place of its own.
struct Banded {
  int64_t rows = 0, columns = 0;
  llvm::SmallVector<Diagonal, 4> diagonals;
  int operations = 0; // on whole matrices, that led here
};

class Bands {
public:
  explicit Bands(mlir::OpBuilder& builder) : builder_(builder) {}

  /// None where nothing is known of the value, or its diagonals are many.
  std::optional<Banded> of(mlir::Value value);

  mlir::Value matrix(const Banded& banded);
  /// The sums of the rows, [rows].
  mlir::Value sums(const Banded& banded);
  /// D x and x D for a matrix x.
  mlir::Value product(const Banded& banded, mlir::Value x);
  mlir::Value product(mlir::Value x, const Banded& banded);

private:
  using Result = std::optional<Banded>;
  Result bandedOf(mlir::Operation* op);
  Result identity(mlir::Value value);
  Result mapped(mlir::Operation* op);
  Result added(mlir::Operation* op, OpCode code);
  Result scaled(mlir::Operation* op, int matrix);
  Result chosen(ir::WhereOp op);
  Result sliced(ir::SliceOp op);
  Result padded(ir::PadOp op);
  Result transposed(ir::TransposeOp op);

  /// Columns [first, last) whose numbers of the diagonal stand in some row.
  struct Range {
    int64_t first, last;
  };
  static Range shown(const Diagonal& diagonal, int64_t rows, int64_t columns);
  /// A matrix's factors of the diagonal's numbers, where it repeats a vector or one number.
  mlir::Value alongOf(mlir::Value matrix, const Diagonal& diagonal);
  /// v[step j + offset] for each of `columns`, 0 where there is none; and back.
  mlir::Value taken(mlir::Value v, const Diagonal& diagonal, int64_t columns);
  mlir::Value placed(const Diagonal& diagonal, int64_t rows, int64_t columns);
  mlir::Value mask(const Diagonal& diagonal, int64_t rows, int64_t columns);

  mlir::Value slice(mlir::Value x, int64_t axis, int64_t start, int64_t limit, int64_t stride);
  mlir::Value pad(mlir::Value x, int64_t axis, int64_t low, int64_t interior, int64_t high);
  mlir::Value repeat(mlir::Value x, const Dims& axes, const Shape& shape);
  mlir::Value splat(const TensorType& type, double number);
  mlir::Value zeros(mlir::Value like, const Shape& shape);
  mlir::Value make(OpCode code, mlir::ValueRange operands, const Attrs& attrs = {});

  mlir::OpBuilder& builder_;
  llvm::DenseMap<mlir::Value, Result> known_;
};

} // namespace diptych::passes
