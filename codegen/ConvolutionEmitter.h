// Emits a convolution as register tiles: rows of s by vectors along v, the sum over c and the
// kernel's places by fma in row-major order within blocks, block totals added in order. Which
// operand is S and which V was decided before; every choice gives the same bits.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

class ConvolutionEmitter {
public:
  ConvolutionEmitter(KernelBuilder& kernel, const ConvolutionSpec& spec, bool contract);
  void emit();

private:
  using Vectors = llvm::SmallVector<mlir::Value>;
  /// Element offsets in S, V and C, and of what `after` loads, in its order.
  struct Place {
    mlir::Value left, right, result;
    Vectors after = {};
  };
  struct Tile {
    Place at;
    int rows, vectors;
    mlir::Value mask; // of the last vector; null for all lanes
  };

  void overBlocks();
  void blocksFrom(size_t depth);
  void overRange(mlir::Value lo, mlir::Value hi);
  void panel(llvm::ArrayRef<mlir::Value> index);
  void rowsOf(Place at, mlir::Value s, mlir::Value v);
  void vectorsOf(Place at, int rows, mlir::Value v);
  void tile(const Tile& tile);
  bool writesOut(const Tile& tile, const ConvolutionSpec::Depth& loop) const;
  Vectors accumulate(const Tile& tile, size_t depth, mlir::Value left, mlir::Value right,
                     mlir::ValueRange sums);
  Vectors multiply(const Tile& tile, mlir::Value left, mlir::Value right, mlir::ValueRange sums);
  Vectors multiplyRows(const Tile& tile, mlir::Value left, mlir::Value right,
                       mlir::ValueRange sums);
  void finish(const Tile& tile, const Vectors& sums);
  void store(const Tile& tile, const Vectors& sums, bool add);
  void storeAcross(const Tile& tile, const Vectors& sums, bool add);

  /// Lanes are elements of v, or of s where it goes `across`.
  void storeSum(const Tile& tile, mlir::Value sum, int row, int64_t lane, bool across, bool add,
                mlir::Value mask);
  /// What is stored instead.
  mlir::Value lastAfter(const Tile& tile, mlir::Value sum, int row, int64_t lane, bool across,
                        mlir::Value mask);

  mlir::Value elementOf(int arg, mlir::Value offset);
  mlir::Value moved(mlir::Value offset, mlir::Value index, const Size& stride);
  mlir::Value divided(mlir::Value x, mlir::Value y, mlir::Value& rest);
  mlir::Value both(mlir::Value x, mlir::Value y);
  mlir::Value isZero(mlir::Value x);
  mlir::Value negated(mlir::Value condition);
  bool hasOneBlock() const;

  KernelBuilder& k_;
  const ConvolutionSpec& spec_;
  bool contract_;
  mlir::Value firstResult_;
  llvm::SmallVector<mlir::Value> begin_, end_; // of the block, for each depth
  Vectors rowOffsets_;                         // in S, of the tile's rows
};

} // namespace diptych::codegen
