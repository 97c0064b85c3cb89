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
  enum class Kind : uint8_t { Input, Output, Arena, Constant };
  Kind kind = Kind::Arena;
  int64_t position = 0; // number of the input, output or constant; byte offset in the arena
  int64_t offset = 0;   // in bytes, from there
  /// Of an array that lives in one row group alone: in each lane, laneBytes apart, lies a piece of
  /// its rows, so large each. 0: all of it lies there.
  int64_t rowBytes = 0, laneBytes = 0;
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
  int lanes = 0;     // at most so many pieces are under way at once; 0: any number
  /// Rows that one of so many lanes takes at once.
  int64_t pieceOf(int64_t lanes) const {
    return std::min(chunk, std::max(grain, (rows + 4 * lanes - 1) / (4 * lanes)));
  }
};

/// Immutable once made; may run on several threads at once.
struct Program {
  std::vector<TensorType> inputs, outputs;
  std::vector<ProgramStep> steps;
  std::vector<RowGroup> rowGroups; // in the order of their steps
  std::vector<std::shared_ptr<const Literal>> constants;
  std::vector<int> donors; // by output: the input that it may overlap, or -1; empty: none
  int64_t arenaBytes = 0;
  int64_t peakBytes = 0;      // with inputs and outputs, as planned
  std::shared_ptr<void> code; // keeps the machine code alive

  /// `inputs` and `outputs` are contiguous, of the types above; outputs do not overlap inputs, but
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
  std::atomic<Run*> idle_{nullptr};
};

} // namespace diptych::runtime
