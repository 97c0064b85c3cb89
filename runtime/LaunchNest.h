// Loops around a kernel: which axes the kernel runs itself, which we run for it, and how the whole
// is cut over the pool. Internal to the launchers; knows no operator.
#pragma once

#include "runtime/KernelAbi.h"
#include "runtime/Launch.h"
#include "runtime/cuda/EagerTable.h"

namespace diptych::runtime {

constexpr int kMaxOperands = 4; // where: three inputs and the output

/// The kernel of one side; on the device there may be none.
struct AnyKernel {
  KernelFn host = nullptr;
  const cuda::DeviceKernel* device = nullptr;

  explicit operator bool() const { return host || device; }
};
AnyKernel kernelOf(bool onDevice, OpCode code, DType in, DType out, uint8_t variant);

/// Axes common to several operands; the last operand is the output.
struct Axes {
  int rank = 0;
  int operands = 0;
  int64_t extent[kMaxRank];
  int64_t stride[kMaxOperands][kMaxRank];

  Axes() = default;
  /// Axes of `shape`; operand i has the strides strides[i].
  Axes(const Shape& shape, std::span<const Dims* const> strides);

  /// Drops axes of extent 1, orders by falling output stride, merges neighbours that are one axis
  /// to every operand.
  void coalesce();
  void push(int64_t extent, std::span<const int64_t> strides);
  void erase(int axis);
  void swap(int a, int b);
  int64_t count() const;
};

/// A kernel, its operands, the axes looped around it, and the one axis it runs inside that can be
/// cut.
struct NestCall {
  AnyKernel kernel;
  std::byte* data[kMaxOperands];
  int64_t itemSize[kMaxOperands];
  Axes rows; // the last is the kernel's range [lo, hi)
  int64_t innerExtent = 1;
  int64_t innerStride[kMaxOperands] = {};
  int64_t params[16];
  int innerParam = 0;         // where params holds the inner extent
  int64_t workPerElement = 1; // elements read for one inner element
  int64_t rowBlock = 1;       // rows are cut at multiples of it
  int64_t innerBlock = 1024;
  bool cutsInner = false; // where there are enough of its blocks, since rows share work

  void setOperand(int i, const Strided& operand) {
    data[i] = operand.data;
    itemSize[i] = sizeOf(operand.type->dtype);
  }
  /// Strides of the range axis for operand i, 0 where there is no such axis.
  int64_t rangeStride(int i) const { return rows.rank ? rows.stride[i][rows.rank - 1] : 0; }
  /// False, and nothing was done, where the device has no kernel or would need too many launches.
  bool run() const;

private:
  bool runOnDevice() const;
  /// Where the operands of row `row` begin, a row being one run of the last axis.
  void place(int64_t row, void** args) const;
  void runRows(int64_t lo, int64_t hi) const;
  void runInner(int64_t lo, int64_t hi) const;
};

/// Elements of work worth a piece of its own.
constexpr int64_t kParallelGrain = 16384;

} // namespace diptych::runtime
