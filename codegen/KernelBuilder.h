// What every kernel emitter needs: the function, its arguments, integer arithmetic, strided memory.
// Knows the kernel signature; knows no operator.
#pragma once

#include "codegen/KernelSpec.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace diptych::codegen {

class KernelBuilder {
public:
  /// Starts `void name(ptr args, ptr params, i64 lo, i64 hi)` at the end of the module.
  KernelBuilder(mlir::ModuleOp module, llvm::StringRef name);
  /// Closes the function.
  void finish();

  mlir::OpBuilder& builder() { return builder_; }
  mlir::Location loc() const { return loc_; }
  mlir::Value lo() const { return lo_; }
  mlir::Value hi() const { return hi_; }
  /// Pointer number `arg`, loaded once at the top.
  mlir::Value pointer(int arg);

  mlir::Value i64(int64_t value);
  mlir::Value size(const Size& size);
  /// The number, if the value is a constant.
  static std::optional<int64_t> known(mlir::Value value);
  /// Its bits are the low ones of the slot.
  mlir::Value number(const Line::Parameter& parameter, DType dtype);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value min(mlir::Value x, mlir::Value y);
  mlir::Value max(mlir::Value x, mlir::Value y);
  /// Of a number that is not negative.
  mlir::Value quotient(mlir::Value x, int64_t divisor);
  mlir::Value less(mlir::Value x, mlir::Value y);
  mlir::Value notLess(mlir::Value x, mlir::Value y);
  /// x rounded down to a multiple of a power of two.
  mlir::Value roundDown(mlir::Value x, int64_t multiple);

  /// for (i = from; i < to; i += step) body(i)
  void loop(mlir::Value from, mlir::Value to, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  void loop(mlir::Value from, mlir::Value to, mlir::Value step,
            llvm::function_ref<void(mlir::Value)> body);
  /// The same with values carried from one iteration to the next.
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value from, mlir::Value to, mlir::Value step, mlir::ValueRange init,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value from, mlir::Value to, int64_t step, mlir::ValueRange init,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body) {
    return loop(from, to, i64(step), init, body);
  }
  void when(mlir::Value condition, llvm::function_ref<void()> body);
  /// One of two lists of values, each made where it is wanted only.
  using MakeFn = llvm::function_ref<llvm::SmallVector<mlir::Value>()>;
  llvm::SmallVector<mlir::Value> choose(mlir::Value condition, MakeFn then, MakeFn otherwise);

  mlir::Value address(mlir::Value base, DType dtype, mlir::Value offset);
  mlir::Value byteAddress(mlir::Value first, mlir::Value bytes);
  /// `rows`: how many bytes rows 0, 1, 2, ... lie behind the first. Row i = odd * 2^n is 2^n times
  /// as far as row `odd`, which an address computes by itself: so few registers hold the distances
  /// of all rows, where these are not constants.
  mlir::Value rowAddress(mlir::Value first, llvm::ArrayRef<mlir::Value> rows, int i);
  mlir::Value loadScalar(mlir::Value address, DType dtype);
  void storeScalar(mlir::Value value, mlir::Value address, DType dtype);
  /// Consecutive elements; a null mask means all lanes. Lanes off the mask read as zero.
  /// `alignment`: in bytes, where more is known than the element's own.
  mlir::Value loadVector(mlir::Value address, DType dtype, int lanes, mlir::Value mask,
                         int64_t alignment = 0);
  void storeVector(mlir::Value value, mlir::Value address, DType dtype, mlir::Value mask,
                   int64_t alignment = 0);
  /// Asks for the cache line; the address may lie behind the array.
  enum class Near : uint8_t { second = 2, first = 3 }; // cache, as LLVM counts
  void prefetch(mlir::Value address, Near cache = Near::first);
  /// The lines of a vector at base[offset].
  void prefetchVector(mlir::Value base, DType dtype, mlir::Value offset, int lanes, Near cache);
  /// Where the access is read ahead: asks for what a call that continues this one would read there.
  /// `stride`: of the loop that the range cuts.
  void prefetchNext(const Access& access, const Size& stride, mlir::Value offset, int lanes);
  /// Elements `stride` apart.
  mlir::Value gatherVector(mlir::Value address, DType dtype, int lanes, mlir::Value stride,
                           mlir::Value mask);
  /// Consecutive elements, of which the address is the last one's, from there on.
  mlir::Value loadBackwards(mlir::Value address, DType dtype, int lanes);
  /// One of the above, by the stride; one element for all lanes where it is 0.
  mlir::Value loadLanes(mlir::Value address, DType dtype, int lanes, const Size& stride,
                        mlir::Value mask);
  void scatterVector(mlir::Value value, mlir::Value address, DType dtype, mlir::Value stride,
                     mlir::Value mask);

  /// Stack memory for `count` values of `lanes` lanes each; the value's type is the register type.
  mlir::Value stackSlots(DType dtype, int lanes, int count);
  mlir::Value loadSlot(mlir::Value slots, mlir::Value index, mlir::Type type);
  void storeSlot(mlir::Value value, mlir::Value slots, mlir::Value index);

  mlir::Value broadcast(mlir::Value scalar, int lanes);
  /// 0, 1, 2, ... as i64 lanes.
  mlir::Value laneIndex(int lanes);
  /// Lane i is on where i < count.
  mlir::Value maskBelow(mlir::Value count, int lanes);
  /// The same for a count below `lanes`, as a number's bits: what a mask register is loaded from.
  mlir::Value bitsBelow(mlir::Value count, int lanes);
  /// The mask, or where there is none one with all lanes on.
  mlir::Value fullMask(mlir::Value mask, int lanes);
  mlir::VectorType vectorOf(mlir::Type element, int lanes) {
    return mlir::VectorType::get({lanes}, element);
  }

protected:
  /// Starts `void name(ptr..., i64...)` instead: args and params one by one, and no range.
  KernelBuilder(mlir::ModuleOp module, llvm::StringRef name, int pointers, int params);
  mlir::func::FuncOp function();

private:
  void start(mlir::ModuleOp module, llvm::StringRef name, llvm::ArrayRef<mlir::Type> arguments);
  mlir::Value once(mlir::Value& slot, llvm::function_ref<mlir::Value()> make);
  mlir::Value laneAddresses(mlir::Value address, DType dtype, int lanes, mlir::Value stride);
  mlir::Value fromMemory(mlir::Value value, DType dtype);
  mlir::Value toMemory(mlir::Value value, DType dtype);

  mlir::OpBuilder builder_;
  mlir::Location loc_;
  mlir::Value args_, params_, lo_, hi_;
  int pointerCount_ = -1; // where args are arguments of the function
  mlir::Block* entry_;
  mlir::Operation* prologueEnd_; // loads of args and params stand before it
  llvm::DenseMap<int, mlir::Value> pointers_, slots_, nextPointers_;
  llvm::DenseMap<int64_t, mlir::Value> constants_;
};

} // namespace diptych::codegen
