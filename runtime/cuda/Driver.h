// The driver API of CUDA as far as we use it: its types and a table of its functions, declared here
// so that nothing of ours needs the toolkit. libcuda.so.1 is opened at first use; a simulated table
// can stand in its place (SimulatedDriver.h). Knows no stream of ours and no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace diptych::runtime::cuda {

using Result = int;         // CUresult
using DeviceNumber = int;   // CUdevice
using DevicePtr = uint64_t; // CUdeviceptr
struct DriverContext;       // CUctx_st
struct DriverStream;        // CUstream_st
struct DriverEvent;         // CUevent_st
struct DriverModule;        // CUmod_st
struct DriverFunction;      // CUfunc_st
struct DriverGraph;         // CUgraph_st
struct DriverGraphExec;     // CUgraphExec_st

// Values of the API that we name; tests/cuda compares them with the toolkit's header.
namespace api {
constexpr Result kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3,
                 kNoDevice = 100, kInvalidImage = 200, kInvalidHandle = 400, kNotFound = 500,
                 kNotReady = 600, kIllegalAddress = 700, kLaunchFailed = 719,
                 kCaptureUnsupported = 900;
constexpr int kMultiprocessorCount = 16, kCapabilityMajor = 75, kCapabilityMinor = 76;
constexpr unsigned kStreamNonBlocking = 1, kEventDefault = 0, kEventDisableTiming = 2;
constexpr int kMaxDynamicSharedBytes = 8, kCaptureRelaxed = 2;
constexpr int kJitErrorLogBuffer = 5, kJitErrorLogBufferBytes = 6;
} // namespace api

// name in the table, symbol in libcuda, parameters
#define DIPTYCH_CUDA_DRIVER(X)                                                                     \
  X(init, cuInit, (unsigned flags))                                                                \
  X(driverGetVersion, cuDriverGetVersion, (int* version))                                          \
  X(getErrorName, cuGetErrorName, (Result error, const char** text))                               \
  X(getErrorString, cuGetErrorString, (Result error, const char** text))                           \
  X(deviceGetCount, cuDeviceGetCount, (int* count))                                                \
  X(deviceGet, cuDeviceGet, (DeviceNumber * device, int ordinal))                                  \
  X(deviceGetName, cuDeviceGetName, (char* name, int length, DeviceNumber device))                 \
  X(deviceGetAttribute, cuDeviceGetAttribute, (int* value, int attribute, DeviceNumber device))    \
  X(deviceTotalMem, cuDeviceTotalMem_v2, (size_t* bytes, DeviceNumber device))                     \
  X(primaryContextRetain, cuDevicePrimaryCtxRetain,                                                \
    (DriverContext * *context, DeviceNumber device))                                               \
  X(contextSetCurrent, cuCtxSetCurrent, (DriverContext * context))                                 \
  X(contextSynchronize, cuCtxSynchronize, ())                                                      \
  X(memGetInfo, cuMemGetInfo_v2, (size_t* free, size_t* total))                                    \
  X(memAlloc, cuMemAlloc_v2, (DevicePtr * pointer, size_t bytes))                                  \
  X(memFree, cuMemFree_v2, (DevicePtr pointer))                                                    \
  X(memHostAlloc, cuMemHostAlloc, (void** pointer, size_t bytes, unsigned flags))                  \
  X(memFreeHost, cuMemFreeHost, (void* pointer))                                                   \
  X(copyToDevice, cuMemcpyHtoDAsync_v2,                                                            \
    (DevicePtr to, const void* from, size_t bytes, DriverStream* stream))                          \
  X(copyToHost, cuMemcpyDtoHAsync_v2,                                                              \
    (void* to, DevicePtr from, size_t bytes, DriverStream* stream))                                \
  X(copyOnDevice, cuMemcpyDtoDAsync_v2,                                                            \
    (DevicePtr to, DevicePtr from, size_t bytes, DriverStream* stream))                            \
  X(fill8, cuMemsetD8Async,                                                                        \
    (DevicePtr to, unsigned char value, size_t count, DriverStream* stream))                       \
  X(fill32, cuMemsetD32Async, (DevicePtr to, unsigned value, size_t count, DriverStream* stream))  \
  X(streamCreate, cuStreamCreate, (DriverStream * *stream, unsigned flags))                        \
  X(streamDestroy, cuStreamDestroy_v2, (DriverStream * stream))                                    \
  X(streamSynchronize, cuStreamSynchronize, (DriverStream * stream))                               \
  X(streamWaitEvent, cuStreamWaitEvent,                                                            \
    (DriverStream * stream, DriverEvent * event, unsigned flags))                                  \
  X(eventCreate, cuEventCreate, (DriverEvent * *event, unsigned flags))                            \
  X(eventDestroy, cuEventDestroy_v2, (DriverEvent * event))                                        \
  X(eventRecord, cuEventRecord, (DriverEvent * event, DriverStream * stream))                      \
  X(eventQuery, cuEventQuery, (DriverEvent * event))                                               \
  X(eventSynchronize, cuEventSynchronize, (DriverEvent * event))                                   \
  X(eventElapsedTime, cuEventElapsedTime,                                                          \
    (float* milliseconds, DriverEvent* from, DriverEvent* to))                                     \
  X(moduleLoad, cuModuleLoadDataEx,                                                                \
    (DriverModule * *module, const void* image, unsigned options, int* names, void** values))      \
  X(moduleUnload, cuModuleUnload, (DriverModule * module))                                         \
  X(moduleGetFunction, cuModuleGetFunction,                                                        \
    (DriverFunction * *function, DriverModule * module, const char* name))                         \
  X(functionSetAttribute, cuFuncSetAttribute,                                                      \
    (DriverFunction * function, int attribute, int value))                                         \
  X(launchKernel, cuLaunchKernel,                                                                  \
    (DriverFunction * function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,   \
     unsigned blockY, unsigned blockZ, unsigned sharedBytes, DriverStream* stream,                 \
     void** parameters, void** extra))                                                             \
  X(captureBegin, cuStreamBeginCapture_v2, (DriverStream * stream, int mode))                      \
  X(captureEnd, cuStreamEndCapture, (DriverStream * stream, DriverGraph * *graph))                 \
  X(graphInstantiate, cuGraphInstantiateWithFlags,                                                 \
    (DriverGraphExec * *exec, DriverGraph * graph, unsigned long long flags))                      \
  X(graphLaunch, cuGraphLaunch, (DriverGraphExec * exec, DriverStream * stream))                   \
  X(graphExecDestroy, cuGraphExecDestroy, (DriverGraphExec * exec))                                \
  X(graphDestroy, cuGraphDestroy, (DriverGraph * graph))

struct Driver {
#define DIPTYCH_CUDA_MEMBER(NAME, SYMBOL, PARAMETERS) Result(*NAME) PARAMETERS = nullptr;
  DIPTYCH_CUDA_DRIVER(DIPTYCH_CUDA_MEMBER)
#undef DIPTYCH_CUDA_MEMBER
  bool isSimulated = false;
};

/// Opens libcuda.so.1, or gives the simulated table where the environment has
/// DIPTYCH_CUDA=simulate; DIPTYCH_CUDA=off: as if there were none; device: as unset. Null, and why,
/// where there is none. Tried once a process.
const Driver* findDriver(std::string& why);

/// "CUDA_ERROR_OUT_OF_MEMORY (out of memory)".
std::string resultText(const Driver& driver, Result result);

} // namespace diptych::runtime::cuda
