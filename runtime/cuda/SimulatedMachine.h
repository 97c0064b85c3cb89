// The machine behind the simulated driver: streams, events, memory, what tests inject. Internal to
// the files of the simulated driver.
#pragma once

#include "runtime/cuda/SimulatedDriver.h"
#include "runtime/cuda/SimulatedHeap.h"

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

namespace diptych::runtime::cuda {

/// Returns a result, and a text where it failed.
using Operation = std::function<Result(std::string& why)>;

struct DriverContext {};
struct DriverEvent {
  DriverStream* stream = nullptr; // of the last record
  int64_t recorded = 0, done = 0; // how often
  std::chrono::steady_clock::time_point time;
};
struct DriverGraph {
  std::vector<Operation> operations;
};
struct DriverGraphExec {
  std::vector<Operation> operations;
};
struct DriverStream {
  std::deque<Operation> operations;
  std::unique_ptr<DriverGraph> capture; // not null while capturing
};
struct DriverFunction {
  const SimulatedKernel* kernel;
};
struct DriverModule {
  std::map<std::string, DriverFunction> functions;
};

struct Machine {
  std::recursive_mutex mutex;
  SimulatedHeap heap;
  simulated::Counts counts;
  std::vector<DriverStream*> streams;
  std::map<std::string, Result> failures;
  Result sticky = api::kSuccess; // as on a device: an error stays
  std::string problem;           // of the last failure
  DriverContext context;
};

Machine& machine();

using Lock = std::lock_guard<std::recursive_mutex>;

Result fail(Result result, std::string why);
/// What failNext asked for, once.
Result injected(const char* name);
/// Everything in the stream, or until `enough` holds.
Result drain(DriverStream& stream, const std::function<bool()>& enough = nullptr);
Result enqueue(DriverStream* stream, Operation operation);

/// Streams, events and graphs of the table.
void fillStreams(Driver& table);

// A name for each entry point, so that tests can make it fail.
#define DIPTYCH_SIMULATED_ENTER(NAME)                                                              \
  const Lock lock(machine().mutex);                                                                \
  if (const Result early = injected(NAME); early != api::kSuccess)                                 \
  return early

} // namespace diptych::runtime::cuda
