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
  static constexpr size_t kNone = SIZE_MAX;
  static constexpr int64_t kMostColumns = 64; // of zeros in memory, beside a tile's
  using Vectors = llvm::SmallVector<mlir::Value>;
  /// Element offsets in S, V and C, and of what `after` loads, in its order; where the image's
  /// element stands on axes with zeros around, and what is known of it.
  struct Place {
    mlir::Value left, right, result;
    Vectors after = {}, edges = {};
    mlir::Value row = nullptr; // of s, where that goes through two axes
    size_t step = 0;           // of the innermost loop, where that is written out
    bool isOutside = false;    // all of the image is zero
    uint32_t asks = 0;         // a bit for each of the edges that some of it may be beyond
  };
  struct Tile {
    Place at;
    int rows, vectors;
    mlir::Value rest = nullptr; // lanes of the last vector; null for all
    mlir::Value mask = nullptr; // that has them
    size_t together = kNone;    // the loop of the sum that is written out with all inside it
  };

  void overBlocks();
  void blocksFrom(size_t depth);
  void overRange(mlir::Value lo, mlir::Value hi);
  /// A panel, and what is left of s and v from there.
  struct Panel {
    Place at;
    mlir::Value s, v;
  };
  Panel firstPanel();
  Panel movedAlong(Panel panel, size_t outer, mlir::Value index);
  void rowsOf(Place at, mlir::Value s, mlir::Value v);
  /// Of tiles for the rows that are left, where their number is not known.
  std::vector<int> lowerHeights() const;
  mlir::Value groupsOf(mlir::Value rows, int height);
  void vectorsOf(Place at, int rows, mlir::Value v);
  void partsOf(const Place& at, int rows, mlir::Value v);
  void tile(Tile tile);
  bool writesOut(const Tile& tile, size_t depth) const;
  Vectors total(const Tile& tile);
  /// From this loop of the sum on, the first step of which stands there.
  Vectors accumulate(const Tile& tile, size_t depth, const Place& at, mlir::ValueRange sums);
  /// One step of this loop, so many from there.
  Vectors advance(const Tile& tile, size_t depth, const Place& at, mlir::Value steps,
                  mlir::ValueRange sums);
  Vectors multiply(const Tile& tile, const Place& at, mlir::ValueRange sums);
  mlir::Value factorOf(const Place& at, int row);
  mlir::Value factorAt(mlir::Value left);
  /// So many steps of the sum's loop further.
  Place stepped(const Place& at, size_t depth, mlir::Value steps);
  void finish(const Tile& tile, const Vectors& sums);
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
  bool mayAsk() const; // for zeros in memory
  mlir::Value isOn(const ConvolutionSpec::Edge& edge, mlir::Value place);
  void keepLaneMasks(const Tile& tile);
  mlir::Value laneMask(size_t edge, mlir::Value first, int64_t lane);
  mlir::Value laneMaskOf(const Tile& tile, const Place& at, int j, size_t piece);
  /// Zeros, where the tile's row is none of the image's there.
  mlir::Value insideOr(mlir::Value address, const Place& at, int row);
  Vectors cut(const Tile& tile, size_t depth, size_t edge, const Place& at, mlir::ValueRange sums);

  // Vectors of V: ConvolutionVectors.cpp.
  void keepRowOffsets(Tile& tile);
  void addJumps(Tile& tile);
  void keepPieceMasks(const Tile& tile);
  mlir::Value vectorOf(const Tile& tile, const Place& at, int row, int j);
  /// The tile's vector number j of those that begin at this column.
  mlir::Value vectorFrom(const Tile& tile, const Place& at, mlir::Value begin, int64_t column,
                         int j);
  /// The same of so many columns as its elements lie apart, which are read together.
  Vectors vectorsTogether(const Tile& tile, mlir::Value begin, int j);
  mlir::Value withPiece(mlir::Value all, mlir::Value piece, size_t number, int64_t begin,
                        int64_t column);
  /// Where the pieces begin that a vector is put together from.
  std::vector<int64_t> piecesOf() const;

  // Rows of a tile that are the image's: ConvolutionRows.cpp.
  struct Step;
  struct Read;
  std::vector<Step> stepsFrom(size_t depth) const;
  std::vector<Read> readsOf(int rows, llvm::ArrayRef<Step> steps) const;
  size_t findTogether(int rows) const;
  bool shares(int rows) const { return spec_.sharesRows && rows > 1; }
  Vectors multiplyShared(const Tile& tile, const Place& at, mlir::ValueRange sums);
  /// Of the rows of a tile those that read one of the image's, and how far into the kernel each.
  struct Sharing {
    int first, last;
    Vectors lefts;
    mlir::Value right;
  };
  Vectors imageRow(const Tile& tile, const Place& at, const Sharing& rows, mlir::ValueRange sums);
  Vectors multiplyColumns(const Tile& tile, const Place& at, const Sharing& rows, mlir::Value step,
                          bool together, mlir::ValueRange sums);
  int vectorsOfRows(int rows) const;
  Vectors multiplyRows(const Tile& tile, const Place& at, mlir::ValueRange sums);
  Vectors multiplyTogether(const Tile& tile, const Place& at, mlir::ValueRange sums);

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
  mlir::Value isFirstBlock_; // null: there is one, or each has a result of its own
  llvm::SmallVector<mlir::Value> begin_, end_; // of the block, for each depth
  Vectors rowOffsets_, rowBytes_;              // in S, and in V, of the tile's rows
  Vectors pieceMasks_;                         // of the tile's last vector's pieces
  mlir::Value zeroSlot_;                       // zeros in memory
  llvm::SmallVector<Vectors> laneMasks_;       // of steps that are written out, for each vector
  llvm::SmallVector<std::pair<int64_t, int64_t>> places_; // in V and C, of the tile's places
};

} // namespace diptych::codegen
