// A function as a list of kernel calls over planned buffers: what runs, in which order, on what.
#pragma once

#include "codegen/KernelSpec.h"
#include "codegen/Storage.h"
#include "ir/Choices.h"
#include "runtime/Program.h"
#include "runtime/cuda/Gemm.h"
#include "runtime/cuda/SolverCall.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <diptych/Numerics.h>

namespace diptych::codegen {

struct PlannedBuffer {
  enum class Kind { Input, Output, Temporary, Constant };
  Kind kind = Kind::Temporary;
  int index = 0; // which input or output
  int64_t bytes = 0;
  int64_t arenaOffset = 0; // of a temporary; in lanes so many bytes for each row
  int home = -1;        // the output it lies in, at that offset, before that is written; -1: none
  int place = -1;       // number of the place it shares with what lives before and after it
  bool inArena = false; // and nowhere else
  bool grows = false;   // with threads: it is the arena of a loop or branch that has lanes
  int64_t rowBytes = 0; // in lanes: how far rows are apart; set where memory is planned
  int firstStep = -1, lastStep = -1;
  std::shared_ptr<const Literal> literal; // of a constant
};

struct ScheduledControl;

/// A product that a library does together with the call that was behind it, or in front of that.
struct JoinedProduct {
  runtime::cuda::Gemm gemm;
  KernelSpec next;
  size_t first = 0; // of next's buffers among the call's
};

struct ScheduledCall {
  KernelSpec kernel;
  runtime::KernelFn library = nullptr; // instead of `kernel`: a function of runtime/library
  std::string libraryName;             // its name: "argsort_f64"
  std::vector<int64_t> params;         // its own
  int64_t scratchBytes = 0; // of memory for each piece of it, in the last buffer; 0: from the heap
  std::shared_ptr<const ScheduledControl> control; // instead of a kernel: a loop or branch
  std::optional<runtime::cuda::SolverCall> solver; // instead of a kernel, on a GPU
  std::optional<JoinedProduct> product;            // the same (codegen/cuda/GpuEpilogues)
  std::vector<int> buffers;                        // args, in order
  std::vector<int64_t> offsets;                    // of them, in bytes; empty: none
  int64_t range = 1;                               // the outermost loop
  int64_t grain = 1;                               // least piece of it worth a thread
  double work = 0;    // of the whole range, as `grain` weighs it; 0: not known, or never cut
  int64_t unit = 1;   // pieces are multiples of it
  bool apart = false; // it has no rows of its own: one piece, or whatever reads it reads all
  runtime::StatusText status;
  std::string failure; // where there is a status: what it means, without what only a run knows
  double flops = 0, bytes = 0;
  std::string name; // for reports: "sum+exp+sub"
  SourceLocation where;

  bool isKernel() const { return !library && !control && !solver && !product; }
};

struct Schedule {
  std::vector<PlannedBuffer> buffers;
  std::vector<ScheduledCall> calls;
  std::vector<runtime::RowGroup> rowGroups;
  std::vector<TensorType> inputs, outputs;
  std::vector<int> donors; // by output: the input whose memory it may take, or -1; empty: none
  int64_t arenaBytes = 0;  // with lanes for `lanes` threads
  int64_t fixedBytes = 0;  // what of it is there for any number of threads
  /// Threads that are expected; 0: what lives in one row group alone has memory for all its rows.
  int lanes = 0;
  int mostLanes = INT32_MAX; // with more it would need more memory than it may

  /// Whether it has lanes, or a part of it.
  bool grows() const;
};

/// A loop or branch, whose parts have plans of their own. `step` lacks their programs.
struct ScheduledControl {
  runtime::ControlStep step;
  Schedule body, other;
};

/// The kernels of a schedule and of the parts of its loops, in order.
std::vector<const KernelSpec*> kernelsOf(const Schedule& schedule);

/// What a block of threads has on a GPU, in bytes of shared memory, without asking at the launch
/// where nothing is known.
struct GpuLimits {
  int64_t block = 48 << 10, multiprocessor = 96 << 10;
  int cluster = 1; // blocks that may share a row
};

/// What shapes the code of kernels.
struct ScheduleOptions {
  int vectorBytes = 64;
  bool splitsVectors = false; // see Target
  bool contract = false;
  std::optional<GpuLimits> gpu; // for codegen/cuda: no panels, rows as kernels instead of groups
  /// What a library may do with large products there as it stores them.
  enum class Epilogues : uint8_t { none, exact, approximate };
  Epilogues epilogues = Epilogues::none;
  /// Above 0: library kernels get their memory from the arena, for so many pieces at once, and a
  /// status, to say that it did not suffice.
  int scratchPieces = 0;
  int lanes = 0; // see Schedule
  /// Strides of the function's arguments in memory; empty: they are contiguous.
  std::vector<Dims> layouts;
  /// Of a function for any size: memory is not planned and rows are not grouped, which is left to
  /// who knows all sizes.
  Choices* choices = nullptr;
};

/// The function must be expanded and fused: table operators and diptych.fusion only.
Schedule schedule(mlir::func::FuncOp function, const ScheduleOptions& options);

/// Sets the first and last step of every buffer; those of a row group count as one.
void findLiveRanges(Schedule& schedule);
/// Gives every temporary a place: that of an operand which dies where it is made, if elements allow
/// (InPlace.h); in an output that is written later; or in one arena. First fit over live ranges.
/// An output lies in the memory of a donated input, if that is its type and read no more.
void planMemory(Schedule& schedule, bool gpu = false, const std::vector<bool>& donated = {});
/// Inputs, outputs and arena; what an output shares with an input counts once.
int64_t peakBytes(const Schedule& schedule);

} // namespace diptych::codegen
