// Runs and replays.
#include "runtime/cuda/DeviceProgram.h"

#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

namespace diptych::runtime::cuda {

/// A run on fixed addresses, recorded at the second time they are seen.
struct DeviceGraph {
  std::vector<void*> addresses; // inputs, then outputs
  Buffer arena, scratch;        // of its own: replays use them again
  std::vector<Buffer> kept;
  DriverGraphExec* exec = nullptr;

  ~DeviceGraph() {
    if (exec)
      context().driver.graphExecDestroy(exec);
  }
};

namespace {

constexpr size_t kMostGraphs = 8;
constexpr int64_t kStatusBytes = 16; // as kernels want their pointers
// Of a solver's step that runs often: more would cost more to read than to wait each time.
constexpr int64_t kMostInfoBytes = int64_t{4} << 20;

std::atomic<bool>& graphsAllowed() {
  static std::atomic<bool> allowed = [] {
    const auto is = [](const char* name, const char* value) {
      const char* text = std::getenv(name);
      return text && std::string(text) == value;
    };
    return !is("DIPTYCH_CUDA_GRAPHS", "0") && !is("DIPTYCH_CUDA_SYNC", "1");
  }();
  return allowed;
}

/// Calls visit on every step of the program and of the parts of its loops, and says how often at
/// most a run does it; 0: nobody knows.
template <class Visit> void eachStep(const Program& program, const Visit& visit, int64_t runs = 1) {
  for (const ProgramStep& step : program.steps) {
    visit(step, runs);
    if (!step.control)
      continue;
    using Kind = ControlStep::Kind;
    const int64_t inside = step.control->kind == Kind::scan        ? runs * step.control->length
                           : step.control->kind == Kind::whileLoop ? 0
                                                                   : runs;
    eachStep(*step.control->body, visit, inside);
    if (step.control->other)
      eachStep(*step.control->other, visit, inside);
  }
}

/// What the statuses of a step take, `first` apart.
struct StatusRoom {
  DeviceRunner::StatusPlace place;
  int64_t bytes = kStatusBytes;

  StatusRoom(const ProgramStep& step, int64_t runs) {
    if (!step.device->solver)
      return;
    const int64_t each = step.device->solver->infoBytes();
    place.bytes = each;
    place.waits = runs == 0 || runs > kMostInfoBytes / each;
    bytes = place.waits ? each : each * runs;
    bytes = (bytes + kStatusBytes - 1) / kStatusBytes * kStatusBytes;
  }
};

} // namespace

void setAllowsGraphs(bool on) { graphsAllowed() = on; }

DeviceProgram::DeviceProgram(const std::shared_ptr<Program>& program) : program_(program) {
  place(*program_);
  int64_t statusBytes = 0;
  eachStep(*program_, [&](const ProgramStep& step, int64_t runs) {
    const bool isScan = step.control && step.control->kind == ControlStep::Kind::scan;
    waits_ |= step.control ? !isScan : !step.device;
    launches_ += step.device != nullptr;
    if (!step.device)
      return;
    captures_ &= !step.device->solver;
    scratchBytes_ = std::max(scratchBytes_, step.device->scratchBytes({}));
    if (step.status)
      statusBytes += StatusRoom(step, runs).bytes;
  });
  program->outsideBytes += scratchBytes_ + statusBytes;
  if (statusBytes == 0)
    return;
  statuses_ = allocateOnDevice(statusBytes);
  std::byte* next = statuses_.data();
  eachStep(*program_, [&](const ProgramStep& step, int64_t runs) {
    if (!step.device || !step.status)
      return;
    const StatusRoom room(step, runs);
    places_.statuses[&step] = room.place;
    places_.statuses[&step].first = next;
    next += room.bytes;
  });
}

DeviceProgram::~DeviceProgram() {
  // A replay may be under way.
  if (!graphs_.empty())
    context().driver.streamSynchronize(context().stream);
}

void DeviceProgram::place(const Program& program) {
  for (const std::shared_ptr<const Literal>& literal : program.constants) {
    if (places_.constants.contains(literal.get()))
      continue;
    const auto bytes = static_cast<int64_t>(literal->bytes.size());
    constants_.push_back(allocateOnDevice(bytes));
    copyToDevice(constants_.back().data(), literal->bytes.data(), bytes);
    places_.constants[literal.get()] = constants_.back().data();
  }
  for (const ProgramStep& step : program.steps) {
    if (!step.control)
      continue;
    place(*step.control->body);
    if (step.control->other)
      place(*step.control->other);
  }
}

std::vector<Buffer> DeviceProgram::execute(std::byte* arena, std::byte* scratch,
                                           std::span<void* const> inputs,
                                           std::span<void* const> outputs, bool checked) {
  if (statuses_) {
    const std::byte zero[8] = {};
    fillOnDevice(statuses_.data(), zero, 8, statuses_.bytes() / 8);
  }
  DeviceRunner runner(places_, scratch, checked);
  Execution execution(*program_, arena, /*threads=*/1, &runner);
  std::copy(inputs.begin(), inputs.end(), execution.inputs());
  std::copy(outputs.begin(), outputs.end(), execution.outputs());
  execution.run();
  return runner.takeKept();
}

bool DeviceProgram::someFailed() const {
  if (!statuses_)
    return false;
  std::vector<int64_t> values(static_cast<size_t>(statuses_.bytes() / 8));
  copyToHost(values.data(), statuses_.data(), statuses_.bytes());
  return std::any_of(values.begin(), values.end(), [](int64_t value) { return value != 0; });
}

void DeviceProgram::run(std::span<void* const> inputs, std::span<void* const> outputs) {
  const std::lock_guard lock(mutex_);
  if (waits_ || !captures_ || launches_ < 2 || !graphsAllowed() || !replay(inputs, outputs)) {
    const Buffer arena = allocateOnDevice(program_->fixedBytes);
    const Buffer scratch = allocateOnDevice(scratchBytes_);
    execute(arena.data(), scratch.data(), inputs, outputs, false);
  }
  if (!someFailed())
    return;
  // Inputs are as they were, so the same step fails again, and tells.
  const Buffer arena = allocateOnDevice(program_->fixedBytes);
  const Buffer scratch = allocateOnDevice(scratchBytes_);
  execute(arena.data(), scratch.data(), inputs, outputs, true);
  throw Error("internal: a step of a program on the device failed once but not again");
}

bool DeviceProgram::replay(std::span<void* const> inputs, std::span<void* const> outputs) {
  std::vector<void*> addresses(inputs.begin(), inputs.end());
  addresses.insert(addresses.end(), outputs.begin(), outputs.end());
  const auto found = std::find_if(graphs_.begin(), graphs_.end(),
                                  [&](const auto& graph) { return graph->addresses == addresses; });
  if (found == graphs_.end()) {
    if (graphs_.size() == kMostGraphs) {
      synchronise(); // the oldest may be under way
      graphs_.erase(graphs_.begin());
    }
    graphs_.push_back(std::make_unique<DeviceGraph>());
    graphs_.back()->addresses = std::move(addresses);
    return false;
  }
  std::rotate(found, found + 1, graphs_.end());
  DeviceGraph& graph = *graphs_.back();
  if (!graph.exec)
    capture(graph, inputs, outputs);
  const Context& device = context();
  ++counters().graphLaunches;
  check(device.driver.graphLaunch(graph.exec, device.stream), "cuGraphLaunch");
  return true;
}

// On a stream of its own: what other threads enqueue meanwhile is none of the graph's.
void DeviceProgram::capture(DeviceGraph& graph, std::span<void* const> inputs,
                            std::span<void* const> outputs) {
  const Driver& driver = context().driver;
  graph.arena = allocateOnDevice(program_->fixedBytes);
  graph.scratch = allocateOnDevice(scratchBytes_);
  CaptureScope capturing;
  graph.kept =
      execute(graph.arena.data(), graph.scratch.data(), inputs, outputs, /*checked=*/false);
  DriverGraph* recorded = capturing.finish();
  const Result result = driver.graphInstantiate(&graph.exec, recorded, 0);
  driver.graphDestroy(recorded);
  check(result, "cuGraphInstantiate");
}

} // namespace diptych::runtime::cuda
