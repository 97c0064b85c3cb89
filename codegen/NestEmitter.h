// Emits a NestSpec: loops, hoisted lines, vector lanes with masked tails, folds in canonical order.
// Knows loops and lanes; what an operator means stands in Lowerings.cpp.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

/// The line that is read by square blocks and turned in registers, -1 if none is: the only load of
/// a short pointwise nest that lies along the loop around the vectors.
int turnedLoad(const NestSpec& spec);

class NestEmitter {
public:
  NestEmitter(KernelBuilder& kernel, const NestSpec& spec, bool contract);
  void emit();

private:
  using FoldValues = llvm::SmallVector<mlir::Value>;

  // Which loops a line depends on decides where it stands and whether it is a vector.
  int depthOf(const Line& line) const;
  bool dependsOn(const Line& line, int loop) const;
  void analyse();

  void level(int depth);
  void body(int depth);
  void forEach(int depth, llvm::function_ref<void()> inner);
  void forEachTurned(int depth);
  void turnedTile(mlir::Value row, mlir::Value column);
  void emitLines(int depth, int except = -1);
  void emitStores();

  mlir::Value evaluate(const Line& line);
  mlir::Value load(const Access& access, bool vector);
  mlir::Value operandOf(int line, bool vector);
  void store(mlir::Value value, const Access& access, bool vector);
  mlir::Value offsetOf(const Access& access);
  mlir::Value apply(OpCode code, DType result, llvm::ArrayRef<mlir::Value> operands);

  // Folds (NestFolds.cpp).
  void foldRows();
  void foldColumns();
  FoldValues emptyPartials();
  FoldValues foldStep(mlir::Value r, mlir::ValueRange carried);
  FoldValues shortRow(mlir::Value extent);
  bool hasFreeOrder() const;
  FoldValues severalChains(mlir::Value begin, mlir::Value end);
  FoldValues rowBlock(mlir::Value begin, mlir::Value end);
  FoldValues columnBlock(mlir::Value begin, mlir::Value end);
  mlir::Value accumulateInRegisters(mlir::Value begin, mlir::Value end, mlir::Value scratch);
  FoldValues unrolledColumns(int64_t extent);
  void accumulateColumn(llvm::ArrayRef<mlir::Value> scratch);
  FoldValues combinePartials(llvm::ArrayRef<mlir::Value> scratch);
  using PieceFn = llvm::function_ref<FoldValues(mlir::Value begin, mlir::Value end)>;
  FoldValues overPieces(mlir::Value from, mlir::Value to, int64_t step,
                        const FoldValues& identities, PieceFn piece);
  FoldValues overBlocks(PieceFn block, const FoldValues& identities);
  mlir::Value identity(const Fold& fold, int lanes);
  mlir::Value combineTree(const Fold& fold, mlir::Value partials);
  mlir::Value combine(const Fold& fold, mlir::Value x, mlir::Value y);
  DType dtypeOf(const Fold& fold) const { return spec_.lines[fold.line].dtype; }

  KernelBuilder& k_;
  const NestSpec& spec_;
  bool contract_;
  int last_;
  std::vector<int> depth_;
  std::vector<bool> isVector_;
  std::vector<mlir::Value> values_, index_;
  mlir::Value mask_;
  int turned_ = -1; // line that is read by square blocks and turned
};

} // namespace diptych::codegen
