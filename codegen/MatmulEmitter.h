// Emits C[s,v] = sum over k of S[s,k] V[k,v] as register tiles: rows of s by vectors along v.
// Every element is accumulated by fma in k order within blocks of 1024, block totals added in
// order, so that all tilings and layouts give the same bits. Where the spec asks for it, a panel of
// V is first copied side by side, or one row is summed in partial sums (MatmulSpec).
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
    mlir::Value mask;                             // of the last vector, in the tail of v
    mlir::Value lastLane;                         // v index no lane may pass, in the tail
    mlir::Value left = {};                        // where the first row begins in S
    llvm::SmallVector<mlir::Value> leftRows = {}; // how many bytes behind it the others do
    bool isTail = false;                          // of the last columns
  };
  using Vectors = llvm::SmallVector<mlir::Value>;

  void panels(mlir::Value batch, mlir::Value s0, mlir::Value s1, mlir::Value v0, mlir::Value v1);
  void overBatches();
  void blocks();
  /// Where the range begins or ends.
  mlir::Value place(mlir::Value index, mlir::Value extent);
  void overDepth(mlir::Value from, mlir::Value to);
  /// How many rows tiles have, for the range of s that is to come.
  void chooseRows(mlir::Value from, mlir::Value to);
  int vectorsOfPanel() const;
  void panel(mlir::Value k0, mlir::Value k1, bool first);
  bool joinsLast(int64_t columns) const;
  void allColumns();
  /// Columns from v0_ on.
  void wholeColumns(mlir::Value end);
  void overRows(Tile tile);
  void overTiles(Tile tile);
  void tile(Tile tile);
  Vectors accumulate(const Tile& tile);
  Vectors step(const Tile& tile, mlir::Value k, mlir::ValueRange sums);
  /// How many bytes behind the first the rows lie.
  Vectors rowsApart(const Size& stride, int rows);
  Vectors multiply(const Tile& tile, mlir::Value k, int from, llvm::ArrayRef<mlir::Value> right,
                   mlir::ValueRange sums);
  void finish(const Tile& tile, const Vectors& sums);
  bool storesAcross(const Tile& tile) const;
  void finishAcross(const Tile& tile, const Vectors& sums);
  /// Lanes are elements of s (loop 1) or v (loop 2).
  void storeAlong(mlir::Value sum, mlir::Value s, mlir::Value v, int loop, mlir::Value mask);

  // MatmulRight.cpp: V where it lies, turned, or copied.
  /// Elements of V from (k, v) on, along v or along k.
  enum Along { alongV = 2, alongK = 3 };
  mlir::Value rightVector(mlir::Value v, mlir::Value k, Along along, int lanes, mlir::Value mask);
  mlir::Value loadVector(const Access& access, mlir::Value v, mlir::Value k, Along along, int lanes,
                         mlir::Value mask);
  /// The rows of V that a vector's lanes are, found in front of the loops over k.
  struct Lanes {
    mlir::Value v0, base; // the first, and where it begins
    Vectors lanes, apart; // the others' numbers and distances from it, in bytes
    bool even = true;     // these are multiples of one
    mlir::Value ahead;    // how many bytes in front of what is read are fetched, if any
  };
  Lanes lanesOf(const Tile& tile, mlir::Value vector);
  Vectors accumulateTurned(const Tile& tile);
  Vectors transposedStep(const Tile& tile, llvm::ArrayRef<Lanes> lanes, mlir::Value k,
                         mlir::ValueRange sums, int steps);
  int stepsAtOnce(const Tile& tile) const;
  int quarter() const; // elements in 16 bytes
  /// The last steps of the block, fewer than a quarter, where it is not known how many they are:
  /// first turned into memory.
  void turnRest(const Tile& tile, llvm::ArrayRef<Lanes> lanes, mlir::Value k);
  Vectors restStep(const Tile& tile, mlir::Value k, mlir::Value step, mlir::ValueRange sums);
  mlir::Value turnedAddress(const Tile& tile, mlir::Value step, int vector);
  /// Which steps of k are turned together, from the first on: they lie along k.
  struct Steps {
    mlir::Value k;
    int all, wanted;             // 16 bytes of a row, 32 or a whole vector, and what is there of it
    mlir::Value count = nullptr; // of what is there, where that is not known
    bool fetches = false;        // rows some way ahead
  };
  bool isNear() const;
  mlir::Value tilesAhead(int rows);
  Vectors transposeRight(const Lanes& lanes, const Steps& steps);
  Vectors rightRows(const Lanes& lanes, const Steps& steps);
  Vectors rightRow(const Lanes& lanes, int lane, const Steps& steps, int width);
  void pack(const Tile& tile);
  void fetchNextPanel(const Tile& tile);
  void packTurned(const Tile& tile);
  mlir::Value packedAddress(const Tile& tile, mlir::Value k, mlir::Value vector);

  // MatmulPartials.cpp: one row of S, 16 partial sums to an element.
  void partialSums();
  void holdLeft();
  int rowsOfPartials() const;
  void partialRows(mlir::Value v0, int rows);
  Vectors heldRows(mlir::Value v0, int rows);
  Vectors longRows(mlir::Value v0, int rows);
  Vectors partialStep(mlir::Value right, llvm::ArrayRef<mlir::Value> apart, mlir::Value ahead,
                      mlir::Value k, mlir::Value count, mlir::ValueRange sums);

  // MatmulOneRow.cpp: one row of S, all columns of V at once, perhaps of several batches.
  bool isOneRow() const;
  int batchesAtOnce() const;
  void rowPanels();
  void anyRowPanels();
  void rowPanel(mlir::Value v, int vectors, mlir::Value mask);
  mlir::Value startOfRow(const Access& access, mlir::Value batch, mlir::Value v);

  // MatmulTail.cpp: the last columns, several partial sums to an element.
  static constexpr int64_t kTailBytes = 64;
  int tailLanes() const;
  int tailWidth() const;    // lanes for the columns of one step
  int tailPartials() const; // sums to an element
  int tailVectors() const;  // of 64 bytes, for the sums of a row
  void tail();
  mlir::Value tailAddress(mlir::Value k, int vector);
  void packTail(mlir::Value k, mlir::Value count, int partials);
  void packNarrowTail(int partials);
  void tailTile(const Tile& tile);
  void finishTail(const Tile& tile, const Vectors& sums);

  // MatmulSweep.cpp: one row of S, rows of V from end to end.
  void sweep();
  void sweepRow(mlir::Value s);
  mlir::Value groupedRows();
  void sweepRows(mlir::Value s, mlir::Value v, mlir::Value end, mlir::Value k, int rows);
  void overVectors(mlir::Value v, mlir::Value end,
                   llvm::function_ref<void(mlir::Value at, mlir::Value mask)> body);
  mlir::Value sumAddress(mlir::Value v, mlir::Value at);
  int64_t alignment() const { return int64_t{spec_.lanes} * sizeOf(spec_.dtype); }
  int registers() const { return vectorRegisters(alignment()); }
  int mostSums() const { return registers() * 13 / 16; } // beside what they are made of

  mlir::Value offset(const Access& access, mlir::Value s, mlir::Value v, mlir::Value k);
  mlir::Value vIndex(const Tile& tile, int vector);
  mlir::Value maskOf(const Tile& tile, int vector) const {
    return vector + 1 == tile.vectors ? tile.mask : nullptr;
  }
  mlir::Value zeros(int lanes);
  bool transposed() const { return spec_.right.strides[3].is(1) && !spec_.right.strides[2].is(1); }

  KernelBuilder& k_;
  const MatmulSpec& spec_;
  bool contract_;
  mlir::Value batch_, s0_, s1_, v0_, v1_, k0_, k1_;
  mlir::Value packed_;    // a block's panel of V: lanes of its vectors for each k
  mlir::Value turned_;    // the last steps of a block, turned
  mlir::Value tailPanel_; // the last columns of V in the block
  mlir::Value sums_;      // of a sweep
  Vectors held_;          // S, where registers hold it
  mlir::Value heldMask_;  // of the last of these
  mlir::Value repeated_;  // S for each of the rows that a vector of V has
  int rowsOfVector_ = 1;
  std::optional<int64_t> allRows_; // of S, where they are known
  std::optional<int64_t> rest_;    // of them, behind whole tiles
  int rows_ = 0;                   // of a tile
  int batches_ = 1;                // whose rows go together
  bool first_ = true;
};

/// Rows that a tile may have where their number is known: what is computed takes a register.
inline int mostRows(const MatmulSpec& spec) { return spec.rows + (spec.lines.empty() ? 1 : 0); }

/// Adds the blocks of a product whose range was over blocks.
void emitBlockSum(KernelBuilder& kernel, const BlockSumSpec& spec);

} // namespace diptych::codegen
