// Streams, events and graphs of the simulated driver, and what is done when somebody waits.
#include "runtime/cuda/SimulatedMachine.h"

namespace diptych::runtime::cuda {

Machine& machine() {
  static auto* made = new Machine;
  return *made;
}

Result fail(Result result, std::string why) {
  machine().problem = std::move(why);
  return result;
}

Result injected(const char* name) {
  auto& failures = machine().failures;
  const auto found = failures.find(name);
  if (found == failures.end())
    return machine().sticky;
  const Result result = found->second;
  failures.erase(found);
  machine().problem = std::string("a test let ") + name + " fail";
  return result;
}

static Result perform(const Operation& operation) {
  std::string why;
  const Result result = operation(why);
  if (result != api::kSuccess)
    machine().sticky = fail(result, why);
  return result;
}

Result drain(DriverStream& stream, const std::function<bool()>& enough) {
  if (stream.operations.empty())
    return api::kSuccess;
  const SimulatedHeap::Access access(machine().heap);
  while (!stream.operations.empty() && !(enough && enough())) {
    const Operation operation = std::move(stream.operations.front());
    stream.operations.pop_front();
    if (const Result result = perform(operation); result != api::kSuccess)
      return result;
  }
  std::string why;
  return machine().heap.intact(why) ? api::kSuccess
                                    : machine().sticky = fail(api::kIllegalAddress, why);
}

Result enqueue(DriverStream* stream, Operation operation) {
  if (stream->capture)
    stream->capture->operations.push_back(std::move(operation));
  else
    stream->operations.push_back(std::move(operation));
  return api::kSuccess;
}

namespace {

/// Until the event's last record is done.
Result reach(DriverEvent& event) {
  if (event.done >= event.recorded || !event.stream)
    return api::kSuccess;
  return drain(*event.stream, [&event, wanted = event.recorded] { return event.done >= wanted; });
}

void streams(Driver& table) {
  table.streamCreate = [](DriverStream** stream, unsigned) {
    DIPTYCH_SIMULATED_ENTER("streamCreate");
    *stream = new DriverStream;
    machine().streams.push_back(*stream);
    return api::kSuccess;
  };
  table.streamDestroy = [](DriverStream* stream) {
    DIPTYCH_SIMULATED_ENTER("streamDestroy");
    const Result result = drain(*stream);
    std::erase(machine().streams, stream);
    delete stream;
    return result;
  };
  table.streamSynchronize = [](DriverStream* stream) {
    DIPTYCH_SIMULATED_ENTER("streamSynchronize");
    ++machine().counts.synchronisations;
    return stream->capture ? fail(api::kCaptureUnsupported, "a synchronisation while capturing")
                           : drain(*stream);
  };
  table.contextSynchronize = [] {
    DIPTYCH_SIMULATED_ENTER("contextSynchronize");
    ++machine().counts.synchronisations;
    for (DriverStream* stream : machine().streams)
      if (const Result result = drain(*stream); result != api::kSuccess)
        return result;
    return api::kSuccess;
  };
  table.streamWaitEvent = [](DriverStream* stream, DriverEvent* event, unsigned) {
    DIPTYCH_SIMULATED_ENTER("streamWaitEvent");
    const int64_t wanted = event->recorded;
    return enqueue(stream, [=](std::string&) {
      return event->stream ? drain(*event->stream, [=] { return event->done >= wanted; })
                           : api::kSuccess;
    });
  };
}

void events(Driver& table) {
  table.eventCreate = [](DriverEvent** event, unsigned) {
    DIPTYCH_SIMULATED_ENTER("eventCreate");
    *event = new DriverEvent;
    return api::kSuccess;
  };
  table.eventDestroy = [](DriverEvent* event) {
    DIPTYCH_SIMULATED_ENTER("eventDestroy");
    const Result result = reach(*event);
    delete event;
    return result;
  };
  table.eventRecord = [](DriverEvent* event, DriverStream* stream) {
    DIPTYCH_SIMULATED_ENTER("eventRecord");
    event->stream = stream;
    const int64_t number = ++event->recorded;
    return enqueue(stream, [=](std::string&) {
      event->done = number;
      event->time = std::chrono::steady_clock::now();
      return api::kSuccess;
    });
  };
  table.eventQuery = [](DriverEvent* event) {
    DIPTYCH_SIMULATED_ENTER("eventQuery");
    return event->done >= event->recorded ? api::kSuccess : api::kNotReady;
  };
  table.eventSynchronize = [](DriverEvent* event) {
    DIPTYCH_SIMULATED_ENTER("eventSynchronize");
    ++machine().counts.synchronisations;
    return reach(*event);
  };
  table.eventElapsedTime = [](float* milliseconds, DriverEvent* from, DriverEvent* to) {
    DIPTYCH_SIMULATED_ENTER("eventElapsedTime");
    if (from->done < from->recorded || to->done < to->recorded)
      return api::kNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
    return api::kSuccess;
  };
}

void graphs(Driver& table) {
  table.captureBegin = [](DriverStream* stream, int) {
    DIPTYCH_SIMULATED_ENTER("captureBegin");
    stream->capture = std::make_unique<DriverGraph>();
    return api::kSuccess;
  };
  table.captureEnd = [](DriverStream* stream, DriverGraph** graph) {
    DIPTYCH_SIMULATED_ENTER("captureEnd");
    if (!stream->capture)
      return fail(api::kInvalidValue, "no capture was begun");
    *graph = stream->capture.release();
    return api::kSuccess;
  };
  table.graphInstantiate = [](DriverGraphExec** exec, DriverGraph* graph, unsigned long long) {
    DIPTYCH_SIMULATED_ENTER("graphInstantiate");
    *exec = new DriverGraphExec{graph->operations};
    return api::kSuccess;
  };
  table.graphLaunch = [](DriverGraphExec* exec, DriverStream* stream) {
    DIPTYCH_SIMULATED_ENTER("graphLaunch");
    ++machine().counts.graphLaunches;
    for (const Operation& operation : exec->operations)
      enqueue(stream, operation);
    return api::kSuccess;
  };
  table.graphExecDestroy = [](DriverGraphExec* exec) {
    DIPTYCH_SIMULATED_ENTER("graphExecDestroy");
    delete exec;
    return api::kSuccess;
  };
  table.graphDestroy = [](DriverGraph* graph) {
    DIPTYCH_SIMULATED_ENTER("graphDestroy");
    delete graph;
    return api::kSuccess;
  };
}

} // namespace

void fillStreams(Driver& table) {
  streams(table);
  events(table);
  graphs(table);
}

} // namespace diptych::runtime::cuda
