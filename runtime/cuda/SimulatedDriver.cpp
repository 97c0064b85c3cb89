// The device, its memory, copies and launches. One lock for all: operations run one after the
// other, on the thread that synchronises.
#include "runtime/cuda/SimulatedMachine.h"

#include <diptych/Error.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

namespace diptych::runtime::cuda {

namespace {

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
    DIPTYCH_SIMULATED_ENTER("moduleLoad");
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
    DIPTYCH_SIMULATED_ENTER("moduleUnload");
    delete module;
    return api::kSuccess;
  };
  table.moduleGetFunction = [](DriverFunction** function, DriverModule* module, const char* name) {
    DIPTYCH_SIMULATED_ENTER("moduleGetFunction");
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
    DIPTYCH_SIMULATED_ENTER("launchKernel");
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
    DIPTYCH_SIMULATED_ENTER("memGetInfo");
    *total = size_t{1} << 35;
    *free = *total - static_cast<size_t>(machine().heap.liveBytes());
    return api::kSuccess;
  };
  table.memAlloc = [](DevicePtr* pointer, size_t bytes) {
    DIPTYCH_SIMULATED_ENTER("memAlloc");
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
    DIPTYCH_SIMULATED_ENTER("memFree");
    for (DriverStream* stream : machine().streams)
      if (const Result result = drain(*stream); result != api::kSuccess)
        return result;
    std::string why;
    ++machine().counts.frees;
    return machine().heap.free(at(pointer), why) ? api::kSuccess : fail(api::kInvalidValue, why);
  };
  table.memHostAlloc = [](void** pointer, size_t bytes, unsigned) {
    DIPTYCH_SIMULATED_ENTER("memHostAlloc");
    *pointer = std::malloc(bytes);
    return *pointer ? api::kSuccess : api::kOutOfMemory;
  };
  table.memFreeHost = [](void* pointer) {
    DIPTYCH_SIMULATED_ENTER("memFreeHost");
    std::free(pointer);
    return api::kSuccess;
  };
}

void copies(Driver& table) {
  // Host memory is read and written when the operation runs: who reuses it earlier is found out.
  table.copyToDevice = [](DevicePtr to, const void* from, size_t bytes, DriverStream* stream) {
    DIPTYCH_SIMULATED_ENTER("copyToDevice");
    ++machine().counts.copiesToDevice;
    return enqueue(stream, checked(to, bytes, [=] { std::memcpy(at(to), from, bytes); }));
  };
  table.copyToHost = [](void* to, DevicePtr from, size_t bytes, DriverStream* stream) {
    DIPTYCH_SIMULATED_ENTER("copyToHost");
    ++machine().counts.copiesToHost;
    std::memset(to, 0xFF, bytes);
    return enqueue(stream, checked(from, bytes, [=] { std::memcpy(to, at(from), bytes); }));
  };
  table.copyOnDevice = [](DevicePtr to, DevicePtr from, size_t bytes, DriverStream* stream) {
    DIPTYCH_SIMULATED_ENTER("copyOnDevice");
    ++machine().counts.copiesOnDevice;
    Operation write = checked(to, bytes, [=] { std::memmove(at(to), at(from), bytes); });
    return enqueue(stream, [=](std::string& why) {
      const Result readable = checked(from, bytes, [] {})(why);
      return readable == api::kSuccess ? write(why) : readable;
    });
  };
  table.fill8 = [](DevicePtr to, unsigned char value, size_t count, DriverStream* stream) {
    DIPTYCH_SIMULATED_ENTER("fill8");
    ++machine().counts.fills;
    return enqueue(stream, checked(to, count, [=] { std::memset(at(to), value, count); }));
  };
  table.fill32 = [](DevicePtr to, unsigned value, size_t count, DriverStream* stream) {
    DIPTYCH_SIMULATED_ENTER("fill32");
    ++machine().counts.fills;
    return enqueue(stream, checked(to, 4 * count, [=] {
                     for (size_t i = 0; i < count; ++i)
                       std::memcpy(at(to) + 4 * i, &value, sizeof value);
                   }));
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
    *value = attribute == api::kCapabilityMajor ? 9 : attribute == api::kCapabilityMinor ? 0 : 4;
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

} // namespace

const Driver& simulatedDriver() {
  static const Driver* table = [] {
    auto* made = new Driver;
    made->isSimulated = true;
    device(*made);
    memory(*made);
    copies(*made);
    launch(*made);
    fillStreams(*made);
    return made;
  }();
  return *table;
}

SimulatedKernel simulatedKernel(const Launch& launch, size_t parameters, SimulatedFn function) {
  const auto run = [=](const SimulatedKernel::Call& call, std::string& why) {
    std::vector<uint64_t> values(call.parameters, call.parameters + parameters);
    std::vector<void*> places;
    for (uint64_t& value : values)
      places.push_back(&value);
    try {
      if (call.sharedBytes != launch.sharedBytes)
        throw Error("internal: a launch lacks shared memory");
      simulateLaunch(function, launch, call.grid[0], places.data());
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
