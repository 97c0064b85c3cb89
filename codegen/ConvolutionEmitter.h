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
  /// Element offsets in S, V and C, and of what `after` loads, in its order; where the image's
  /// element stands on axes with zeros around.
  struct Place {
    mlir::Value left, right, result;
    Vectors after = {}, edges = {};
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
  Vectors total(const Tile& tile);
  /// From this loop of the sum on, the first step of which stands there.
  Vectors accumulate(const Tile& tile, size_t depth, const Place& at, mlir::ValueRange sums);
  Vectors multiply(const Tile& tile, const Place& at, mlir::ValueRange sums);
  Vectors multiplyRows(const Tile& tile, const Place& at, mlir::ValueRange sums);
  mlir::Value factorOf(const Place& at, int row);
  mlir::Value vectorOf(const Tile& tile, const Place& at, int row, int j);
  /// So many steps of the sum's loop further.
  Place stepped(const Place& at, size_t depth, mlir::Value steps);
  void finish(const Tile& tile, const Vectors& sums);
  mlir::Value isFirstBlock();
  void store(const Tile& tile, const Vectors& sums, bool add);
  void storeAcross(const Tile& tile, const Vectors& sums, bool add);

  /// Lanes are elements of v, or of s where it goes `across`.
  void storeSum(const Tile& tile, mlir::Value sum, int row, int64_t lane, bool across, bool add,
                mlir::Value mask);
  /// What is stored instead.
  mlir::Value lastAfter(const Tile& tile, mlir::Value sum, int row, int64_t lane, bool across,
                        mlir::Value mask);

  // Zeros around the image: ConvolutionEdges.cpp.
  enum class Across : uint8_t { outer, rows, lanes }; // of a tile
  Across acrossOf(const ConvolutionSpec::Edge& edge) const;
  /// The loop of the sum that moves along the axis, or their number.
  size_t depthOf(const ConvolutionSpec::Edge& edge) const;
  int64_t stepOf(const ConvolutionSpec::Edge& edge, size_t depth) const;
  std::optional<size_t> findEdge(Across across) const;
  std::optional<size_t> edgeToCut(size_t depth) const;
  void placeEdges(Place& at, llvm::ArrayRef<mlir::Value> index);
  mlir::Value isOn(const ConvolutionSpec::Edge& edge, mlir::Value place);
  void keepLaneMasks(const Tile& tile);
  mlir::Value laneMask(size_t edge, mlir::Value first, int64_t lane);
  mlir::Value laneMaskOf(const Tile& tile, const Place& at, int j);
  /// Zeros, where the row's element is none of the image's.
  mlir::Value insideOr(mlir::Value address, const Place& at, int row);
  using Steps = llvm::function_ref<Vectors(mlir::Value, mlir::ValueRange)>;
  Vectors cut(const Tile& tile, size_t depth, size_t edge, const Place& at, mlir::ValueRange sums,
              Steps step);

  // Sums along both operands: ConvolutionPartials.cpp.
  void findPlaces();
  int partialVectors() const; // that have the partial sums of an element
  void partialTile(const Place& at, int rows);
  Vectors partialLoops(int rows, size_t depth, mlir::Value left, mlir::Value right,
                       mlir::ValueRange sums);
  Vectors partialStep(int rows, mlir::Value left, mlir::Value right, mlir::Value count,
                      mlir::ValueRange sums);
  void storePartials(const Place& at, int rows, const Vectors& sums, bool add);

  mlir::Value zeros();
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
  mlir::Value zeroSlot_;                       // a vector of zeros in memory
  llvm::SmallVector<Vectors> laneMasks_;       // of steps that are written out, for each vector
  size_t step_ = 0;                            // of these
  bool isOutside_ = false;                     // all of the image is zero
  bool checksRows_ = false;                    // some rows may be
  llvm::SmallVector<std::pair<int64_t, int64_t>> places_; // in V and C, of the tile's places
};

} // namespace diptych::codegen
