// The walk over a function that makes its schedule. Internal to Schedule*.cpp.
#pragma once

#include "codegen/FusionLowering.h"

namespace diptych::runtime {
struct ConvolutionProblem;
}

namespace diptych::codegen {

/// Work (operations, weighed) below which a piece is not worth another thread.
constexpr double kPieceWork = 32768;

class Scheduler {
public:
  /// Of a function, or of a part of a loop or branch.
  Scheduler(mlir::Block& block, const ScheduleOptions& options)
      : block_(block), options_(options) {}
  Schedule run();

private:
  void visit(mlir::Operation* op);
  void fusion(ir::FusionOp op);
  void movement(mlir::Operation* op, OpCode code);
  void pad(mlir::Operation* op);
  std::vector<Storage> aroundPadded(const Attrs& attrs, const Storage& to) const;
  void fillAround(mlir::Operation* pad, const Storage& to);
  /// The operands of a concatenation or pad, each in its place.
  void join(mlir::Operation* op);
  /// The part of the joined array that is this operand.
  Storage placeOf(const Storage& joined, mlir::OpOperand& operand);
  /// Memory of what they are joined into, from the first time that anything asks for it.
  Storage joined(mlir::Operation* op);
  /// Where in such an array a result belongs that nothing else reads; none where it had better be
  /// copied there.
  std::optional<Storage> placeWithin(mlir::Value result);
  void creation(mlir::Operation* op);
  void matmul(mlir::Operation* op);
  /// The product once operands are settled: how long sums are cut, what threads share. `to`: where
  /// all of the result lies.
  void product(MatmulSpec spec, ScheduledCall call, const Storage& to);
  /// Whether a product computes the result of this fusion, as it stands or turned, where it reads
  /// its right operand.
  bool isPrologue(mlir::Operation* op) const;
  /// Makes `call` compute its right operand; the spec's accesses are numbered anew.
  void prologue(mlir::Operation* op, MatmulSpec& spec, ScheduledCall& call);
  void splitOverBlocks(ScheduledCall product, MatmulSpec spec);
  /// Lets products and convolutions store what is done to their results.
  void joinStores();
  void cutByTiles();
  /// The lower half of a square from the upper one.
  void mirror(const Storage& upper, const Storage& whole);
  void convolution(mlir::Operation* op);
  void convolution(ConvolutionSpec spec, const Storage& left, const Storage& right,
                   const Storage& to);
  struct LongAxis;
  std::optional<LongAxis> longAxisOf(const runtime::ConvolutionProblem& problem) const;
  void products(mlir::Operation* op, const runtime::ConvolutionProblem& problem,
                const LongAxis& axis, const Storage& x, const Storage& w);
  /// Sums along both operands, where that is less work than packing one of them.
  std::optional<ConvolutionSpec> partialSumsOf(const runtime::ConvolutionProblem& problem,
                                               DType dtype) const;
  /// A gradient in the kernel that is no convolution of packed panels.
  /// Whether it was one of these.
  bool kernelGradient(mlir::Operation* op, runtime::ConvolutionProblem problem, const Storage& x,
                      const Storage& w);
  /// Whether only convolutions read the padded array, which know zeros around an image.
  bool isPaddedImage(mlir::Operation* pad) const;
  /// What the problem's image, this value, has of zeros that are not in memory.
  void findZeros(mlir::Value image, runtime::ConvolutionProblem& problem) const;
  /// The same image, in memory with its zeros.
  Storage padded(mlir::Value image);
  Storage packedKernel(const Storage& w, const runtime::ConvolutionProblem& problem, int64_t width);
  void splitOverBlocks(ScheduledCall product, ConvolutionSpec spec, int64_t blocks, int64_t n);
  /// Into elements `place` and on of the result.
  void addBlocks(const Storage& parts, int result, int lanes, int64_t place = 0);
  bool isLongRow(const LoweredNest& lowered) const;
  void sumLongRow(const LoweredNest& whole);
  void overlapAdd(mlir::Operation* op);
  /// Whether a sum of windows computes the result of this fusion, its operand.
  bool isAddedUp(ir::FusionOp fusion) const;
  /// How its operand had best lie: axes, outermost first.
  llvm::SmallVector<int64_t> windowsLayout(mlir::Operation* overlapAdd) const;
  /// Whether its loops over places are around those over windows, which many threads can share.
  bool addsPlacesFirst() const;
  void argReduction(mlir::Operation* op, OpCode code);
  void cumulative(mlir::Operation* op, OpCode code);
  void gather(mlir::Operation* op);
  void library(mlir::Operation* op, OpCode code);
  void rolling(ScheduledCall call, const RollingSpec& spec);
  void solver(ir::SolverOp op);
  void scatter(mlir::Operation* op, OpCode code);
  /// A splat as one element in memory that every stride repeats.
  Storage addressable(const Storage& storage);
  void control(mlir::Operation* op);
  void layOutResults();
  void finish(mlir::Operation* returnOp);

  Storage& at(mlir::Value value);
  int newBuffer(PlannedBuffer::Kind kind, int64_t bytes);
  Storage newStorage(const TensorType& type,
                     PlannedBuffer::Kind kind = PlannedBuffer::Kind::Temporary);
  /// Axes from the outermost on lie in this order.
  Storage laidOut(const TensorType& type, llvm::ArrayRef<int64_t> axes);
  /// Memory for a kernel's result. What is returned by way of transposes lies as it is returned,
  /// windows as they are added up, and convolutions as they are read.
  Storage resultStorage(mlir::Value result);
  /// The result's own contiguous memory.
  const Storage& allocateResult(mlir::Operation* op);
  /// The same with these strides, without gaps.
  const Storage& allocateResult(mlir::Operation* op, const Dims& strides);
  /// The value, row-major without gaps; copied where it is not.
  Storage contiguous(const Storage& storage);
  /// The same at the start of its buffer, for kernels that take no offset.
  Storage wholeBuffer(const Storage& storage);
  Storage converted(const Storage& storage, DType dtype);
  void copy(const Storage& from, const Storage& to);
  void call(LoweredNest nest);
  void call(ScheduledCall call);
  ScheduledCall indexCall(mlir::Operation* op, const IndexSpec& spec);

  mlir::Block& block_;
  ScheduleOptions options_;
  Schedule schedule_;
  llvm::DenseMap<mlir::Value, Storage> storages_;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<int64_t>> layouts_;     // axes, outermost first
  llvm::DenseMap<mlir::Operation*, llvm::SmallVector<int64_t>> begins_; // of what is concatenated
  llvm::DenseMap<mlir::Value, Storage>
      padded_;                                 // images that only convolutions read: what is inside
  llvm::DenseMap<mlir::Value, Storage> whole_; // those of them that had to be padded in memory
  mlir::Operation* current_ = nullptr;
};

} // namespace diptych::codegen
