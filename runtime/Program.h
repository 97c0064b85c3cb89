// A compiled program at run time: kernels called in order on planned memory. Knows no compiler.
#pragma once

#include "runtime/Buffer.h"
#include "runtime/KernelAbi.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace diptych::runtime {

namespace cuda {
struct DeviceKernel;
}

/// Where a kernel argument lies.
struct ArgPlace {
  enum class Kind : uint8_t { Input, Output, Arena, Lane, Constant };
  Kind kind = Kind::Arena;
  /// Number of the input, output or constant; byte offset in the arena; in a lane so many bytes for
  /// each row of a piece.
  int64_t position = 0;
  int64_t offset = 0;   // in bytes, from there
  int64_t rowBytes = 0; // in a lane: how far rows are apart
};

/// Of a step that can fail: what its error says. The step's last arg is an i64 status, 0 where
/// nothing failed.
using StatusText = std::function<std::string(int64_t status, void* const* args)>;
/// Of a step whose arg number `arg` holds indices, which go from 0 to extent - 1. The first that
/// does not is named, as in eager mode. `axis`: "axis 0 of f64[3,2]".
StatusText indexText(int arg, int64_t extent, std::string axis);

struct Program;

/// A loop or branch: programs that run inside a step, on a part of the caller's arena. The step's
/// args: its operands, its results, a second buffer for each carry, then the arenas of body and
/// other, and one byte for a condition. Operands and results are those of ir/ControlFlow.h.
struct ControlStep {
  enum class Kind : uint8_t { scan, whileLoop, cond };
  Kind kind = Kind::scan;
  std::shared_ptr<const Program> body, other; // of a cond: where the predicate holds, or does not
  size_t consts = 0, carry = 0, xs = 0, results = 0;
  int64_t length = -1; // steps of a scan; the most of a while loop, -1: no limit
  bool reverse = false;
  std::vector<int64_t> carryBytes, xBytes, yBytes; // of one step
};

struct ProgramStep {
  KernelFn kernel = nullptr; // null: a loop or branch
  std::shared_ptr<const ControlStep> control;
  std::vector<ArgPlace> args;
  std::vector<int64_t> argBytes; // of the buffers they lie in
  /// Of a program for the device: what does the step there; null: `kernel` does, on the host.
  std::shared_ptr<const cuda::DeviceKernel> device;
  int64_t range = 1;
  int64_t grain = 1;
  std::vector<int64_t> params; // of a library kernel
  StatusText status;           // empty: it cannot fail
  double flops = 0, bytes = 0;
  std::string name;
  SourceLocation where;
};

/// Steps [first, first + count) whose ranges are multiples of `rows`: they run together, a chunk of
/// rows after the other, so that a chunk is still in cache when the next step wants it.
struct RowGroup {
  size_t first = 0, count = 0;
  int64_t rows = 1, chunk = 1;
  int64_t grain = 1; // least number of rows worth a thread
  /// A lane is the memory that one thread has for what lives in this group alone: for each row of
  /// the piece that it works on so many bytes. 0: there is no such array, and no lane.
  int64_t laneRowBytes = 0;
  int64_t lanesAt = 0; // of the arena: where the first one begins

  int64_t lanesOn(int threads) const;
  /// Rows that one of so many lanes takes at once; lanes take equally many pieces.
  int64_t pieceOf(int64_t lanes) const;
  /// From one lane to the next.
  int64_t laneBytes(int64_t lanes) const;
  /// Of all lanes that so many threads have.
  int64_t lanesBytes(int threads) const;
};

/// Immutable once made; may run on several threads at once.
struct Program {
  std::vector<TensorType> inputs, outputs;
  std::vector<ProgramStep> steps;
  std::vector<RowGroup> rowGroups; // in the order of their steps
  std::vector<std::shared_ptr<const Literal>> constants;
  std::vector<int> donors;    // by output: the input that it may overlap, or -1; empty: none
  int64_t fixedBytes = 0;     // of the arena, without lanes
  int64_t outsideBytes = 0;   // inputs and outputs
  int mostLanes = INT32_MAX;  // see codegen::Schedule
  std::shared_ptr<void> code; // keeps the machine code alive

  /// The arena of a run whose row groups have lanes for so many threads.
  int64_t arenaBytes(int threads) const;
  /// Threads that the calling one would run it with.
  int threadsHere() const;
  /// `inputs` and `outputs` are contiguous, but where inputs were given strides (layouts in
  /// codegen::ScheduleOptions), of the types above; outputs do not overlap inputs, but
  /// for one that is its donor.
  /// Throws Error where a step reports that it failed.
  void run(std::span<void* const> inputs, std::span<void* const> outputs) const;
  /// The same, and how many seconds each step took; steps of a row group share that of the first.
  std::vector<double> profile(std::span<void* const> inputs, std::span<void* const> outputs) const;
  /// Kernels that one run calls, and their operations; loops of unknown length count one step, and
  /// branches the longer way.
  int64_t kernelCalls() const;
  double flops() const;
};

/// Runs a program again and again. What a run of a small program sets up is kept for the next one,
/// which then resolves no address and allocates nothing. Safe to call from several threads.
class ProgramRunner {
public:
  explicit ProgramRunner(std::shared_ptr<const Program> program);
  ~ProgramRunner();
  ProgramRunner(const ProgramRunner&) = delete;
  ProgramRunner& operator=(const ProgramRunner&) = delete;

  const Program& program() const { return *program_; }
  /// As Program::run.
  void run(std::span<void* const> inputs, std::span<void* const> outputs);

private:
  struct Run;
  std::shared_ptr<const Program> program_;
  bool keeps_; // what a run sets up
  std::atomic<Run*> idle_{nullptr};
};

} // namespace diptych::runtime
