// The walk over the call plan. Small kernels run on the calling thread, big ones on the pool.
#include "runtime/Program.h"

#include <algorithm>

#include "runtime/Execution.h"
#include "runtime/ThreadPool.h"

namespace diptych::runtime {

StatusText indexText(int arg, int64_t extent, std::string axis) {
  return [arg, extent, axis = std::move(axis)](int64_t, void* const* args) {
    const auto* values = static_cast<const int64_t*>(args[arg]);
    int64_t position = 0;
    while (static_cast<uint64_t>(values[position]) < static_cast<uint64_t>(extent))
      ++position;
    return "index " + std::to_string(values[position]) + " at position " +
           std::to_string(position) + " is out of range for " + axis + "; indices go from 0 to " +
           std::to_string(extent - 1);
  };
}

void runKernel(const ProgramStep& step, void* const* args) {
  auto* status = step.status ? static_cast<int64_t*>(args[step.args.size() - 1]) : nullptr;
  if (status)
    *status = 0;
  if (step.range < 2 * step.grain)
    step.kernel(args, step.params.data(), 0, step.range);
  else
    ThreadPool::global().parallelFor(step.range, step.grain, [&](int64_t lo, int64_t hi) {
      step.kernel(args, step.params.data(), lo, hi);
    });
  if (status && *status)
    throw Error(step.where, step.name + ": " + step.status(*status, args));
}

// Prefetchers run so far beyond what a thread walks through; lines that another one writes there
// would go to and fro between them.
constexpr int64_t kLanesApart = 12 * 1024;
constexpr int64_t kLine = 64;

int64_t RowGroup::lanesOn(int threads) const {
  return laneRowBytes == 0 ? 0 : std::clamp<int64_t>(rows / grain, 1, threads);
}

static int64_t parts(int64_t whole, int64_t part) { return (whole + part - 1) / part; }

int64_t RowGroup::pieceOf(int64_t lanes) const {
  const int64_t most = std::min(chunk, std::max(grain, parts(rows, 4 * lanes)));
  return parts(rows, parts(rows, most * lanes) * lanes);
}

int64_t RowGroup::laneBytes(int64_t lanes) const {
  const int64_t bytes = parts(laneRowBytes * pieceOf(lanes), kLine) * kLine;
  return bytes + (lanes > 1 ? kLanesApart : 0);
}

int64_t RowGroup::lanesBytes(int threads) const {
  const int64_t lanes = lanesOn(threads);
  return lanes == 0 ? 0 : lanes * laneBytes(lanes);
}

int64_t Program::arenaBytes(int threads) const {
  int64_t bytes = fixedBytes;
  for (const RowGroup& group : rowGroups)
    bytes = std::max(bytes, group.lanesAt + group.lanesBytes(threads));
  for (const ProgramStep& step : steps) {
    if (!step.control)
      continue;
    const ArgPlace* arenas = step.args.data() + step.args.size() - 3;
    bytes = std::max(bytes, arenas[0].position + step.control->body->arenaBytes(threads));
    if (step.control->other)
      bytes = std::max(bytes, arenas[1].position + step.control->other->arenaBytes(threads));
  }
  return bytes;
}

int Program::threadsHere() const {
  return ThreadPool::inRegion() ? 1 : std::min(mostLanes, ThreadPool::global().threads());
}

static void execute(Execution& execution, std::span<void* const> inputs,
                    std::span<void* const> outputs) {
  std::copy(inputs.begin(), inputs.end(), execution.inputs());
  std::copy(outputs.begin(), outputs.end(), execution.outputs());
  execution.run();
}

void Program::run(std::span<void* const> inputs, std::span<void* const> outputs) const {
  const int threads = threadsHere();
  const Buffer arena = Buffer::allocate(arenaBytes(threads));
  Execution execution(*this, arena.data(), threads);
  execute(execution, inputs, outputs);
}

std::vector<double> Program::profile(std::span<void* const> inputs,
                                     std::span<void* const> outputs) const {
  const int threads = threadsHere();
  const Buffer arena = Buffer::allocate(arenaBytes(threads));
  Execution execution(*this, arena.data(), threads);
  std::copy(inputs.begin(), inputs.end(), execution.inputs());
  std::copy(outputs.begin(), outputs.end(), execution.outputs());
  return execution.profile();
}

struct ProgramRunner::Run {
  Run(const Program& program, int threads)
      : threads(threads), arena(Buffer::allocate(program.arenaBytes(threads))),
        execution(program, arena.data(), threads) {}
  int threads;
  Buffer arena;
  Execution execution;
};

// Memory that lies idle between calls, for one thread; a larger arena goes back to the allocator,
// whose cache serves all programs, and makes the set-up a small part of the call.
constexpr int64_t kIdleArena = 16 << 10;

ProgramRunner::ProgramRunner(std::shared_ptr<const Program> program)
    : program_(std::move(program)), keeps_(program_->arenaBytes(1) <= kIdleArena) {}

ProgramRunner::~ProgramRunner() { delete idle_.load(); }

void ProgramRunner::run(std::span<void* const> inputs, std::span<void* const> outputs) {
  if (!keeps_)
    return program_->run(inputs, outputs);
  std::unique_ptr<Run> run(idle_.exchange(nullptr, std::memory_order_acquire));
  if (const int threads = program_->threadsHere(); !run || run->threads != threads)
    run = std::make_unique<Run>(*program_, threads);
  execute(run->execution, inputs, outputs);
  run.reset(idle_.exchange(run.release(), std::memory_order_acq_rel));
}

template <class Count> static double total(const Program& program, const Count& count) {
  double sum = 0;
  for (const ProgramStep& step : program.steps) {
    if (!step.control) {
      sum += count(step);
      continue;
    }
    const ControlStep& control = *step.control;
    const double body = total(*control.body, count);
    const double other = control.other ? total(*control.other, count) : 0;
    switch (control.kind) {
    case ControlStep::Kind::scan: sum += static_cast<double>(control.length) * body; break;
    case ControlStep::Kind::whileLoop: sum += body + other; break;
    case ControlStep::Kind::cond: sum += std::max(body, other); break;
    }
  }
  return sum;
}

int64_t Program::kernelCalls() const {
  return static_cast<int64_t>(total(*this, [](const ProgramStep&) { return 1.0; }));
}
double Program::flops() const {
  return total(*this, [](const ProgramStep& step) { return step.flops; });
}

} // namespace diptych::runtime
