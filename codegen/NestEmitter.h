// Emits a NestSpec: loops, hoisted lines, vector lanes with masked tails, folds in canonical order.
// Knows loops and lanes; what an operator means stands in Lowerings.cpp.
#pragma once

#include "codegen/KernelBuilder.h"
#include "runtime/ColumnPlan.h"

namespace diptych::codegen {

/// The line that is read by square blocks and turned in registers, -1 if none is: the only load of
/// a short pointwise nest that lies along the loop around the vectors.
int turnedLoad(const NestSpec& spec);

/// Whether a fold across columns reads more than the caches keep until the next columns' turn.
bool leavesCache(const NestSpec& nest);
/// Of a fold across columns.
runtime::ColumnShape columnShapeOf(const NestSpec& nest);
/// Of the columns of the outermost loop: fewer take as long.
int64_t leastColumns(const NestSpec& nest);

class NestEmitter {
public:
  NestEmitter(KernelBuilder& kernel, const NestSpec& spec, bool contract);
  void emit();

private:
  using Values = llvm::SmallVector<mlir::Value>;

  // Which loops a line depends on decides where it stands and whether it is a vector.
  int depthOf(const Line& line) const;
  bool dependsOn(const Line& line, int loop) const;
  void analyse();

  void level(int depth);
  void body(int depth);
  std::pair<mlir::Value, mlir::Value> boundsOf(int depth);
  void forEach(int depth, llvm::function_ref<void()> inner);
  void forEachTurned(int depth);
  void turnedTile(mlir::Value row, mlir::Value column);
  Values forVectors(mlir::Value from, mlir::Value to, const Values& init,
                    llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
  bool isShortRow(int64_t count) const;
  void inPieces(int64_t count, llvm::function_ref<void(mlir::Value)> run);
  Values masked(llvm::function_ref<Values()> inner, mlir::Value on = {});
  void emitLines(int depth, int except = -1);
  void emitLoads(llvm::ArrayRef<int> lines);
  void emitStores();
  void storeAll(const Values& values, llvm::ArrayRef<const Access*> to, bool vector,
                mlir::Value on = {});
  bool isVectorNest() const { return spec_.vectorLoop >= 0 && spec_.lanes > 1; }

  mlir::Value evaluate(const Line& line);
  mlir::Value load(const Access& access, bool vector);
  void fetch(const Access& access);
  mlir::Value operandOf(int line, bool vector);
  void store(mlir::Value value, const Access& access, bool vector);
  mlir::Value addressOf(const Access& access);
  mlir::Value offsetOf(const Access& access);
  mlir::Value steppedOffset(const Access& access);
  mlir::Value apply(OpCode code, DType result, llvm::ArrayRef<mlir::Value> operands);

  // Scans (NestScans.cpp).
  struct Carried;
  std::vector<Carried> scans();
  DType scannedType(const Line& line) const; // of the operands
  bool scansStrips() const;
  bool scansMany() const;
  bool scansUnknownRows() const;
  mlir::Value staysInRegisters(int depth);
  mlir::Value walkedBytes();
  void scanColumns(int depth);
  int rowDepth() const { return last_ + 1; } // of lines that the vectors of a row share
  void alongAxis();
  void strips(int depth);
  void strip(llvm::ArrayRef<Carried> scans, int depth, mlir::Value first, mlir::Value end);
  mlir::Value isBehindFirst(mlir::Value x);
  mlir::Value scan(const Line& line, llvm::ArrayRef<mlir::Value> operands);

  // Folds (NestFolds.cpp) and those across columns (NestColumns.cpp).
  void foldRows();
  void foldColumns();
  Values emptyPartials();
  Values foldStep(mlir::Value r, mlir::ValueRange carried);
  mlir::Value joined(const Fold& fold, mlir::Value partials);
  mlir::Value lanesOn();
  Values shortRow(mlir::Value extent);
  Values rowBlock(mlir::Value begin, mlir::Value end);
  Values columnBlock(mlir::Value begin, mlir::Value end);
  mlir::Value accumulateInRegisters(mlir::Value begin, mlir::Value end, mlir::Value scratch);
  Values unrolledColumns(int64_t extent);
  Values unrolledTree(int64_t first, int64_t step, int64_t extent);
  Values unrolledElement(int64_t r);
  void accumulateColumn(llvm::ArrayRef<mlir::Value> scratch);
  Values combinePartials(llvm::ArrayRef<mlir::Value> scratch);
  mlir::Value halved(const Fold& fold, Values partials);
  bool fitsRegisters() const;
  struct Tile;
  void foldTiles(int depth);
  void sumTile(const Tile& tile);
  void sumBlock(const Tile& tile, mlir::Value from, mlir::Value end);
  using Ahead = llvm::DenseMap<const Access*, mlir::Value>; // bytes to what is asked for
  Ahead aheadOf(mlir::Value rows);
  void addRows(const Tile& tile, mlir::Value partial, mlir::Value row, int count);
  using Starts = llvm::DenseMap<const Access*, mlir::Value>; // of a row: places of column 0
  Starts startsOf(mlir::Value row);
  Values totalsOf(const Tile& tile, mlir::Value column);
  Values combined(const Values& x, const Values& y);
  void eachColumn(const Tile& tile, llvm::function_ref<void(mlir::Value)> body);
  Values sumsOf(const Tile& tile, mlir::Value sum);
  Values loadSums(const Values& at, mlir::Value column);
  void storeSums(const Values& sums, const Values& at, mlir::Value column);
  using PieceFn = llvm::function_ref<Values(mlir::Value begin, mlir::Value end)>;
  Values overPieces(mlir::Value from, mlir::Value to, int64_t step, const Values& identities,
                    PieceFn piece);
  Values overBlocks(PieceFn block, const Values& identities);
  mlir::Value identity(const Fold& fold, int lanes);
  mlir::Value elementOf(const Fold& fold, bool vector);
  void storeTotals(Values totals, bool vector);
  mlir::Value combineTree(const Fold& fold, mlir::Value partials);
  mlir::Value combine(const Fold& fold, mlir::Value x, mlir::Value y);
  DType dtypeOf(const Fold& fold) const { return spec_.lines[fold.line].dtype; }
  DType partialType(const Fold& fold) const;

  KernelBuilder& k_;
  const NestSpec& spec_;
  bool contract_;
  int last_;
  int lanes_; // of vectors at this place: fewer than the nest's in pieces of one
  std::vector<int> depth_;
  std::vector<bool> isVector_;
  std::vector<mlir::Value> values_, index_;
  llvm::DenseMap<std::pair<mlir::Value, int>, mlir::Value> repeated_; // numbers, in so many lanes
  mlir::Value mask_;         // lanes that are on, where not all are
  mlir::Value rest_, full_;  // in a loop with one body: elements left, and whether all lanes are on
  mlir::Value on_;           // and which, behind loads
  bool fetchesRows_ = false; // loads ask for rows further down
  bool inStrips_ = false;    // the last two loops stand the other way round
  llvm::DenseMap<const Access*, mlir::Value>* steps_ = nullptr; // places of several steps at once
  const Starts* starts_ = nullptr;                              // of the row at hand, in tiles
  const Ahead* ahead_ = nullptr;                                // where rows of tiles are asked for
  llvm::DenseMap<const Line*, std::array<mlir::Value, 2>> carried_; // by lines that scan
  int turned_ = -1; // line that is read by square blocks and turned
};

} // namespace diptych::codegen
