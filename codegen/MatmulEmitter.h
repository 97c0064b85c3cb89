// Emits C[s,v] = sum over k of S[s,k] V[k,v] as register tiles: rows of s by vectors along v.
// Every element is accumulated by fma in k order within blocks of 1024, block totals added in
// order, so that all tilings and layouts give the same bits.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

class MatmulEmitter {
public:
  MatmulEmitter(KernelBuilder& kernel, const MatmulSpec& spec, bool contract)
      : k_(kernel), spec_(spec), contract_(contract) {}
  void emit();

private:
  struct Tile {
    mlir::Value s0, v0;
    int rows, vectors;
    mlir::Value mask;     // of the only vector, in the tail of v
    mlir::Value lastLane; // v index no lane may pass, in the tail
  };
  using Vectors = llvm::SmallVector<mlir::Value>;

  void panels(mlir::Value batch, mlir::Value s0, mlir::Value s1, mlir::Value v0, mlir::Value v1);
  void blocks();
  void overDepth(mlir::Value from, mlir::Value to);
  void panel(mlir::Value k0, mlir::Value k1, bool first);
  void overRows(Tile tile);
  void rowTiles(Tile tile, mlir::Value from, mlir::Value to, int rows);
  void tile(const Tile& tile);
  Vectors accumulate(const Tile& tile);
  Vectors step(const Tile& tile, mlir::Value k, mlir::ValueRange sums);
  Vectors transposedStep(const Tile& tile, mlir::Value k, mlir::ValueRange sums, int steps);
  Vectors multiply(const Tile& tile, mlir::Value k, llvm::ArrayRef<mlir::Value> right,
                   mlir::ValueRange sums);
  /// Elements of V from (k, v) on, along v or along k.
  enum Along { alongV = 2, alongK = 3 };
  mlir::Value rightVector(mlir::Value v, mlir::Value k, Along along, mlir::Value mask);
  mlir::Value loadVector(const Access& access, mlir::Value v, mlir::Value k, Along along,
                         mlir::Value mask);
  Vectors transposeRight(const Tile& tile, int vector, mlir::Value k, int steps);
  void finish(const Tile& tile, const Vectors& sums);

  mlir::Value offset(const Access& access, mlir::Value s, mlir::Value v, mlir::Value k);
  mlir::Value vIndex(const Tile& tile, int vector);
  bool transposed() const { return spec_.right.strides[3].is(1) && !spec_.right.strides[2].is(1); }

  KernelBuilder& k_;
  const MatmulSpec& spec_;
  bool contract_;
  mlir::Value batch_, s0_, s1_, v0_, v1_, k0_, k1_;
  bool first_ = true;
};

/// Adds the blocks of a product whose range was over blocks.
void emitBlockSum(KernelBuilder& kernel, const BlockSumSpec& spec);

} // namespace diptych::codegen
