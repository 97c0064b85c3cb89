// One run of a program: addresses of all arguments, found once, however often its steps repeat.
// Allocates when it is made and never while it runs. Internal to runtime.
#pragma once

#include "runtime/Program.h"

#include <atomic>

namespace diptych::runtime {

/// Who does the work of steps on memory that is not the host's.
class StepRunner {
public:
  virtual ~StepRunner() = default;
  virtual void kernel(const ProgramStep& step, void* const* args) = 0;
  virtual void copy(void* to, const void* from, int64_t bytes) = 0;
  virtual bool holds(const void* predicate) = 0;
  virtual std::byte* constant(const Literal& literal) = 0;
};

class Execution {
public:
  /// Works on `arena`, of at least program.arenaBytes(threads). `runner`: null for the host.
  Execution(const Program& program, std::byte* arena, int threads, StepRunner* runner = nullptr);

  /// Where they lie; to be set before a run, and again where they change before the next.
  void** inputs() { return slots_.data(); }
  void** outputs() { return slots_.data() + program_.inputs.size(); }
  void run();
  /// Runs and tells how many seconds each step took; those of a row group share the time of the
  /// first.
  std::vector<double> profile();

private:
  template <class After> void walk(const After& after);
  struct Patch {
    size_t arg, slot;
    int64_t offset;
  };
  /// Of a loop or branch: executions of its parts.
  struct Parts {
    std::unique_ptr<Execution> body, other;
    std::vector<void*> carry; // of the step before
  };

  /// An arg that lies in a lane.
  struct Local {
    size_t arg;
    int64_t position, rowBytes; // see ArgPlace
  };

  void add(const ArgPlace& place);
  void runRows(const RowGroup& group);
  void runLanes(const RowGroup& group);
  void runLane(const RowGroup& group, int64_t lane, int64_t lanes);
  void runChunk(const RowGroup& group, void* const* args, int64_t begin, int64_t end);
  void runControl(const ControlStep& control, void* const* args, Parts& parts);
  void runScan(const ControlStep& scan, void* const* args, Parts& parts);
  void runWhile(const ControlStep& loop, void* const* args, Parts& parts);
  void runCond(const ControlStep& cond, void* const* args, Parts& parts);
  void copy(void* to, const void* from, int64_t bytes);
  bool holds(const void* predicate);

  const Program& program_;
  std::byte* arena_;
  const int threads_; // that lanes have memory for
  StepRunner* runner_;
  std::vector<void*> slots_;  // inputs, then outputs
  std::vector<void*> args_;   // of all steps
  std::vector<size_t> first_; // by step: where its args begin
  std::vector<Patch> patches_;
  std::vector<Local> locals_;   // in the order of args
  std::vector<void*> laneArgs_; // by lane: the args of a group
  size_t laneArgCount_ = 0;
  std::vector<std::atomic<int64_t>> begun_; // pieces of each lane's share
  std::vector<Parts> parts_;                // by step
};

/// Calls the kernel of a step, on the pool where that is worth it. Throws Error for a bad index.
void runKernel(const ProgramStep& step, void* const* args);

} // namespace diptych::runtime
