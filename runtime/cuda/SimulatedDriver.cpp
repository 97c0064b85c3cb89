// Streams as lists of what is to be done, events as places in them, graphs as recorded lists.
// One lock for all: operations run one after the other, on the thread that synchronises.
#include "runtime/cuda/SimulatedDriver.h"

#include "runtime/cuda/SimulatedHeap.h"

#include <diptych/Error.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
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

namespace {

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

Machine& machine() {
  static auto* made = new Machine;
  return *made;
}

using Lock = std::lock_guard<std::recursive_mutex>;

Result fail(Result result, std::string why) {
  machine().problem = std::move(why);
  return result;
}

/// What failNext asked for, once.
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

// A name for each entry point, so that tests can make it fail.
#define ENTER(NAME)                                                                                \
  const Lock lock(machine().mutex);                                                                \
  if (const Result early = injected(NAME); early != api::kSuccess)                                 \
  return early

Result perform(const Operation& operation) {
  std::string why;
  const Result result = operation(why);
  if (result != api::kSuccess)
    machine().sticky = fail(result, why);
  return result;
}

/// Everything in the stream, or until `enough` holds.
Result drain(DriverStream& stream, const std::function<bool()>& enough = nullptr) {
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

std::byte* at(DevicePtr pointer) {
  return reinterpret_cast<std::byte*>(static_cast<uintptr_t>(pointer)); // NOLINT
}

Operation checked(DevicePtr pointer, size_t bytes, std::function<void()> work) {
  return [pointer, bytes, work = std::move(work)](std::string& why) {
    if (bytes > 0 && !machine().heap.holds(at(pointer), bytes)) {
      why = "a copy or fill of " + std::to_string(bytes) + " bytes leaves its block";
      return api::kIllegalAddress;
    }
    work();
    return api::kSuccess;
  };
}

void launch(Driver& table) {
  table.moduleLoad = [](DriverModule** module, const void* image, unsigned, int*, void**) {
    ENTER("moduleLoad");
    const auto* given = static_cast<const SimulatedImage*>(image);
    if (given->magic != SimulatedImage::kMagic)
      return fail(api::kInvalidImage, "the simulated driver takes a SimulatedImage, not PTX");
    auto loaded = std::make_unique<DriverModule>();
    for (const SimulatedKernel& kernel : given->kernels)
      loaded->functions[kernel.name] = {&kernel};
    *module = loaded.release();
    return api::kSuccess;
  };
  table.moduleUnload = [](DriverModule* module) {
    ENTER("moduleUnload");
    delete module;
    return api::kSuccess;
  };
  table.moduleGetFunction = [](DriverFunction** function, DriverModule* module, const char* name) {
    ENTER("moduleGetFunction");
    const auto found = module->functions.find(name);
    if (found == module->functions.end())
      return fail(api::kNotFound, std::string("the module has no function ") + name);
    *function = &found->second;
    return api::kSuccess;
  };
  table.functionSetAttribute = [](DriverFunction*, int, int) { return api::kSuccess; };
  table.launchKernel = [](DriverFunction* function, unsigned gridX, unsigned gridY, unsigned gridZ,
                          unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
                          DriverStream* stream, void** parameters, void**) {
    ENTER("launchKernel");
    const SimulatedKernel& kernel = *function->kernel;
    const uint64_t threads = uint64_t{blockX} * blockY * blockZ;
    if (uint64_t{gridX} * gridY * gridZ == 0 || threads == 0 || threads > 1024 || gridX >> 31)
      return fail(api::kInvalidValue, "a grid or block that no device takes");
    ++machine().counts.launches;
    std::vector<uint64_t> values(kernel.parameters);
    for (size_t i = 0; i < values.size(); ++i)
      std::memcpy(&values[i], parameters[i], sizeof values[i]);
    return enqueue(stream, [=, &kernel](std::string& why) {
      const SimulatedKernel::Call call{
          {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, values.data()};
      return kernel.run(call, why) ? api::kSuccess : api::kLaunchFailed;
    });
  };
}

void memory(Driver& table) {
  table.memGetInfo = [](size_t* free, size_t* total) {
    ENTER("memGetInfo");
    *total = size_t{1} << 35;
    *free = *total - static_cast<size_t>(machine().heap.liveBytes());
    return api::kSuccess;
  };
  table.memAlloc = [](DevicePtr* pointer, size_t bytes) {
    ENTER("memAlloc");
    if (bytes == 0)
      return fail(api::kInvalidValue, "memAlloc takes at least one byte");
    std::byte* block = machine().heap.allocate(bytes);
    if (!block)
      return fail(api::kOutOfMemory, "the simulated device's memory is full");
    ++machine().counts.allocations;
    *pointer = reinterpret_cast<uintptr_t>(block);
    return api::kSuccess;
  };
  // As on a device: waits for everything first.
  table.memFree = [](DevicePtr pointer) {
    ENTER("memFree");
    for (DriverStream* stream : machine().streams)
      if (const Result result = drain(*stream); result != api::kSuccess)
        return result;
    std::string why;
    ++machine().counts.frees;
    return machine().heap.free(at(pointer), why) ? api::kSuccess : fail(api::kInvalidValue, why);
  };
  table.memHostAlloc = [](void** pointer, size_t bytes, unsigned) {
    ENTER("memHostAlloc");
    *pointer = std::malloc(bytes);
    return *pointer ? api::kSuccess : api::kOutOfMemory;
  };
  table.memFreeHost = [](void* pointer) {
    ENTER("memFreeHost");
    std::free(pointer);
    return api::kSuccess;
  };
}

void copies(Driver& table) {
  // Host memory is read and written when the operation runs: who reuses it earlier is found out.
  table.copyToDevice = [](DevicePtr to, const void* from, size_t bytes, DriverStream* stream) {
    ENTER("copyToDevice");
    ++machine().counts.copiesToDevice;
    return enqueue(stream, checked(to, bytes, [=] { std::memcpy(at(to), from, bytes); }));
  };
  table.copyToHost = [](void* to, DevicePtr from, size_t bytes, DriverStream* stream) {
    ENTER("copyToHost");
    ++machine().counts.copiesToHost;
    std::memset(to, 0xFF, bytes);
    return enqueue(stream, checked(from, bytes, [=] { std::memcpy(to, at(from), bytes); }));
  };
  table.copyOnDevice = [](DevicePtr to, DevicePtr from, size_t bytes, DriverStream* stream) {
    ENTER("copyOnDevice");
    ++machine().counts.copiesOnDevice;
    Operation write = checked(to, bytes, [=] { std::memmove(at(to), at(from), bytes); });
    return enqueue(stream, [=](std::string& why) {
      const Result readable = checked(from, bytes, [] {})(why);
      return readable == api::kSuccess ? write(why) : readable;
    });
  };
  table.fill8 = [](DevicePtr to, unsigned char value, size_t count, DriverStream* stream) {
    ENTER("fill8");
    ++machine().counts.fills;
    return enqueue(stream, checked(to, count, [=] { std::memset(at(to), value, count); }));
  };
  table.fill32 = [](DevicePtr to, unsigned value, size_t count, DriverStream* stream) {
    ENTER("fill32");
    ++machine().counts.fills;
    return enqueue(stream, checked(to, 4 * count, [=] {
                     for (size_t i = 0; i < count; ++i)
                       std::memcpy(at(to) + 4 * i, &value, sizeof value);
                   }));
  };
}

/// Until the event's last record is done.
Result reach(DriverEvent& event) {
  if (event.done >= event.recorded || !event.stream)
    return api::kSuccess;
  return drain(*event.stream, [&event, wanted = event.recorded] { return event.done >= wanted; });
}

void streams(Driver& table) {
  table.streamCreate = [](DriverStream** stream, unsigned) {
    ENTER("streamCreate");
    *stream = new DriverStream;
    machine().streams.push_back(*stream);
    return api::kSuccess;
  };
  table.streamDestroy = [](DriverStream* stream) {
    ENTER("streamDestroy");
    const Result result = drain(*stream);
    std::erase(machine().streams, stream);
    delete stream;
    return result;
  };
  table.streamSynchronize = [](DriverStream* stream) {
    ENTER("streamSynchronize");
    ++machine().counts.synchronisations;
    return stream->capture ? fail(api::kCaptureUnsupported, "a synchronisation while capturing")
                           : drain(*stream);
  };
  table.contextSynchronize = [] {
    ENTER("contextSynchronize");
    ++machine().counts.synchronisations;
    for (DriverStream* stream : machine().streams)
      if (const Result result = drain(*stream); result != api::kSuccess)
        return result;
    return api::kSuccess;
  };
  table.streamWaitEvent = [](DriverStream* stream, DriverEvent* event, unsigned) {
    ENTER("streamWaitEvent");
    const int64_t wanted = event->recorded;
    return enqueue(stream, [=](std::string&) {
      return event->stream ? drain(*event->stream, [=] { return event->done >= wanted; })
                           : api::kSuccess;
    });
  };
}

void events(Driver& table) {
  table.eventCreate = [](DriverEvent** event, unsigned) {
    ENTER("eventCreate");
    *event = new DriverEvent;
    return api::kSuccess;
  };
  table.eventDestroy = [](DriverEvent* event) {
    ENTER("eventDestroy");
    const Result result = reach(*event);
    delete event;
    return result;
  };
  table.eventRecord = [](DriverEvent* event, DriverStream* stream) {
    ENTER("eventRecord");
    event->stream = stream;
    const int64_t number = ++event->recorded;
    return enqueue(stream, [=](std::string&) {
      event->done = number;
      event->time = std::chrono::steady_clock::now();
      return api::kSuccess;
    });
  };
  table.eventQuery = [](DriverEvent* event) {
    ENTER("eventQuery");
    return event->done >= event->recorded ? api::kSuccess : api::kNotReady;
  };
  table.eventSynchronize = [](DriverEvent* event) {
    ENTER("eventSynchronize");
    ++machine().counts.synchronisations;
    return reach(*event);
  };
  table.eventElapsedTime = [](float* milliseconds, DriverEvent* from, DriverEvent* to) {
    ENTER("eventElapsedTime");
    if (from->done < from->recorded || to->done < to->recorded)
      return api::kNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
    return api::kSuccess;
  };
}

void graphs(Driver& table) {
  table.captureBegin = [](DriverStream* stream, int) {
    ENTER("captureBegin");
    stream->capture = std::make_unique<DriverGraph>();
    return api::kSuccess;
  };
  table.captureEnd = [](DriverStream* stream, DriverGraph** graph) {
    ENTER("captureEnd");
    if (!stream->capture)
      return fail(api::kInvalidValue, "no capture was begun");
    *graph = stream->capture.release();
    return api::kSuccess;
  };
  table.graphInstantiate = [](DriverGraphExec** exec, DriverGraph* graph, unsigned long long) {
    ENTER("graphInstantiate");
    *exec = new DriverGraphExec{graph->operations};
    return api::kSuccess;
  };
  table.graphLaunch = [](DriverGraphExec* exec, DriverStream* stream) {
    ENTER("graphLaunch");
    ++machine().counts.graphLaunches;
    for (const Operation& operation : exec->operations)
      enqueue(stream, operation);
    return api::kSuccess;
  };
  table.graphExecDestroy = [](DriverGraphExec* exec) {
    ENTER("graphExecDestroy");
    delete exec;
    return api::kSuccess;
  };
  table.graphDestroy = [](DriverGraph* graph) {
    ENTER("graphDestroy");
    delete graph;
    return api::kSuccess;
  };
}

void device(Driver& table) {
  table.init = [](unsigned) { return api::kSuccess; };
  table.driverGetVersion = [](int* version) { return *version = 12000, api::kSuccess; };
  table.getErrorName = [](Result result, const char** text) {
    static const std::map<Result, const char*> names{
        {api::kInvalidValue, "CUDA_ERROR_INVALID_VALUE"},
        {api::kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
        {api::kInvalidImage, "CUDA_ERROR_INVALID_IMAGE"},
        {api::kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE"},
        {api::kNotFound, "CUDA_ERROR_NOT_FOUND"},
        {api::kNotReady, "CUDA_ERROR_NOT_READY"},
        {api::kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS"},
        {api::kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED"},
        {api::kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"}};
    const auto found = names.find(result);
    *text = found == names.end() ? "CUDA_ERROR_UNKNOWN" : found->second;
    return api::kSuccess;
  };
  table.getErrorString = [](Result, const char** text) {
    static thread_local std::string kept;
    const Lock lock(machine().mutex);
    kept = machine().problem;
    *text = kept.c_str();
    return api::kSuccess;
  };
  table.deviceGetCount = [](int* count) { return *count = 1, api::kSuccess; };
  table.deviceGet = [](DeviceNumber* device, int) { return *device = 0, api::kSuccess; };
  table.deviceGetName = [](char* name, int length, DeviceNumber) {
    std::strncpy(name, "simulated", static_cast<size_t>(length));
    return api::kSuccess;
  };
  table.deviceGetAttribute = [](int* value, int attribute, DeviceNumber) {
    *value = attribute == api::kCapabilityMajor ? 8 : attribute == api::kCapabilityMinor ? 0 : 4;
    return api::kSuccess;
  };
  table.deviceTotalMem = [](size_t* bytes, DeviceNumber) {
    return *bytes = size_t{1} << 35, api::kSuccess;
  };
  table.primaryContextRetain = [](DriverContext** context, DeviceNumber) {
    return *context = &machine().context, api::kSuccess;
  };
  table.contextSetCurrent = [](DriverContext*) { return api::kSuccess; };
}

#undef ENTER

} // namespace

const Driver& simulatedDriver() {
  static const Driver* table = [] {
    auto* made = new Driver;
    made->isSimulated = true;
    device(*made);
    memory(*made);
    copies(*made);
    streams(*made);
    events(*made);
    launch(*made);
    graphs(*made);
    return made;
  }();
  return *table;
}

SimulatedKernel simulatedKernel(const Launch& launch, size_t parameters, SimulatedFn function) {
  const bool cooperative = launch.cooperative;
  const auto run = [=](const SimulatedKernel::Call& call, std::string& why) {
    std::vector<uint64_t> values(call.parameters, call.parameters + parameters);
    std::vector<void*> places;
    for (uint64_t& value : values)
      places.push_back(&value);
    try {
      simulateLaunch(function, call.grid[0], static_cast<int>(call.block[0]), cooperative,
                     places.data());
    } catch (const Error& error) {
      why = error.what();
      return false;
    }
    return true;
  };
  return {launch.name, parameters, run};
}

namespace simulated {

Counts counts() {
  const Lock lock(machine().mutex);
  Counts result = machine().counts;
  for (const DriverStream* stream : machine().streams)
    result.pending += static_cast<int64_t>(stream->operations.size());
  return result;
}

void setMemoryLimit(int64_t bytes) {
  const Lock lock(machine().mutex);
  machine().heap.setLimit(bytes);
}

int64_t liveBlocks() {
  const Lock lock(machine().mutex);
  return machine().heap.liveBlocks();
}

void failNext(const std::string& name, Result result) {
  const Lock lock(machine().mutex);
  machine().failures[name] = result;
}

void enqueue(DriverStream* stream, std::function<void()> work) {
  const Lock lock(machine().mutex);
  cuda::enqueue(stream, [work = std::move(work)](std::string&) {
    work();
    return api::kSuccess;
  });
}

void forgetFailure() {
  const Lock lock(machine().mutex);
  machine().sticky = api::kSuccess;
}

bool isDeviceAddress(const void* address) { return machine().heap.reserves(address); }

} // namespace simulated
} // namespace diptych::runtime::cuda
