// What emitters of GPU kernels need beside memory and integers: who a thread is, how threads of a
// block and lanes of a warp meet. One function `void name(ptr..., i64...)` of one-dimensional
// blocks. Knows no operator.
#pragma once

#include "codegen/KernelBuilder.h"
#include "runtime/cuda/LaunchSpec.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace diptych::codegen::cuda {

constexpr int kWarp = 32;
/// Static shared memory that every device gives a block.
constexpr int64_t kSharedLimit = 48 << 10;

/// The arguments that all launches of one kernel share.
struct GpuFrame {
  int pointers = 0, params = 0;
  bool scratch = false;           // one more pointer, after the others
  std::vector<bool> written = {}; // pointers through which the kernel stores
};

class GpuKernel : public KernelBuilder {
public:
  GpuKernel(mlir::ModuleOp module, llvm::StringRef name, const GpuFrame& frame, int threads);
  /// Closes the function; whether its threads meet.
  bool finish();

  int threads() const { return threads_; }
  /// Of the block, and the block's number; i64.
  mlir::Value thread();
  mlir::Value block();
  /// block * threads + thread
  mlir::Value globalThread() { return add(mul(block(), i64(threads_)), thread()); }
  mlir::Value scratch() { return pointer(frame_.pointers); }

  /// for (i = from; i < to; i += step) carried = body(i, carried), `times` steps at a time while
  /// there are so many: loads of one step then overlap with those of the next.
  llvm::SmallVector<mlir::Value>
  unrolled(mlir::Value from, mlir::Value to, int64_t step, int64_t times, mlir::ValueRange init,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);

  /// while (condition(carried)) carried = body(carried)
  llvm::SmallVector<mlir::Value>
  repeat(mlir::ValueRange init, llvm::function_ref<mlir::Value(mlir::ValueRange)> condition,
         llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange)> body);

  void barrier();
  /// The value of the lane `offset` above; of scalars up to 64 bits. All lanes of the warp take
  /// part.
  mlir::Value shuffleDown(mlir::Value value, int offset);
  /// i32: bit i says what lane i holds.
  mlir::Value ballot(mlir::Value predicate);
  /// The block's shared memory; to be asked for once.
  mlir::Value shared(int64_t bytes);
  /// The same where the launch gives it (Launch::sharedBytes).
  mlir::Value sharedAtLaunch();
  /// So many neighbouring blocks run together; to be said before anything else of clusters.
  void setCluster(int64_t blocks);
  /// All threads of the cluster; what they have written anywhere is seen behind it.
  void clusterBarrier();
  /// What an address of the block's shared memory is in block `rank` of the cluster.
  mlir::Value peer(mlir::Value address, mlir::Value rank);
  /// Element `index` of shared memory that holds values in registers' form.
  mlir::Value loadShared(mlir::Value base, mlir::Value index, DType dtype);
  void storeShared(mlir::Value value, mlir::Value base, mlir::Value index);

  /// Unsigned; known numbers and ones are folded.
  mlir::Value divide(mlir::Value x, mlir::Value y);
  mlir::Value remainder(mlir::Value x, mlir::Value y);
  mlir::Value ceilDivide(mlir::Value x, int64_t y);
  /// The product of extents.
  mlir::Value product(llvm::ArrayRef<Size> extents);
  /// A flat number as indices of loops, the last running fastest. In 32 bits where they suffice.
  llvm::SmallVector<mlir::Value> indicesOf(mlir::Value flat, llvm::ArrayRef<Size> extents);
  mlir::Value both(mlir::Value x, mlir::Value y);
  mlir::Value equal(mlir::Value x, mlir::Value y);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  mlir::Value constant(mlir::Type type, double value);

private:
  mlir::Value special(mlir::Value& slot, bool thread);
  mlir::Value sharedGlobal(int64_t bytes, mlir::LLVM::Linkage linkage);
  mlir::Value shuffleWord(mlir::Value word, int offset);

  GpuFrame frame_;
  int threads_;
  bool meets_ = false;
  mlir::ModuleOp module_;
  std::string name_;
  mlir::Value thread_, block_;
};

/// The product, where all are numbers.
std::optional<int64_t> knownProduct(llvm::ArrayRef<Size> extents);
/// Of a host value that is a constant.
std::optional<int64_t> knownInteger(mlir::Value value);

inline runtime::cuda::Extent extentOf(const Size& size) {
  return size.isDynamic() ? runtime::cuda::Extent{0, size.slot}
                          : runtime::cuda::Extent{size.value, -1};
}
/// ceil(product of extents / pieces)
runtime::cuda::Count::Factor factorOf(llvm::ArrayRef<Size> extents, int64_t pieces = 1,
                                      int64_t least = 0);
runtime::cuda::Count countOf(llvm::ArrayRef<Size> extents, int64_t pieces);

} // namespace diptych::codegen::cuda
