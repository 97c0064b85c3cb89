// The one device of a process: its context, its stream, and what every call of the driver has in
// common: it is checked, and a failure names the operator and the user's line.
#pragma once

#include <diptych/Error.h>

#include "runtime/cuda/Driver.h"

namespace diptych::runtime::cuda {

struct Context {
  explicit Context(const Driver& driver) : driver(driver) {}

  const Driver& driver;
  DriverContext* handle = nullptr;
  DriverStream* stream = nullptr; // of all our work: what is enqueued first is done first
  std::string name;               // of the device
  int capability = 0;             // 90 for sm_90
  int multiprocessors = 0;
  int64_t totalBytes = 0;
};

/// The device, opened at first use and current on the calling thread. Throws Error where there is
/// none, with what was looked for and what to do.
Context& context();
/// Why there is no device; empty where there is one.
std::string unavailable();

/// Where the calling thread enqueues: the device's stream, or the one it captures.
DriverStream* currentStream();

/// While it lives, what the calling thread enqueues is recorded, not done. Nothing may wait.
class CaptureScope {
public:
  CaptureScope();
  ~CaptureScope();
  CaptureScope(const CaptureScope&) = delete;
  CaptureScope& operator=(const CaptureScope&) = delete;
  /// What was recorded; the caller's.
  DriverGraph* finish();

private:
  DriverStream* stream_ = nullptr;
  bool open_ = true;
};

/// Names what the calling thread is doing, in errors and in the allocator's books. The outermost
/// names it. `name` must live as long.
class OperatorScope {
public:
  explicit OperatorScope(const char* name);
  ~OperatorScope();
  OperatorScope(const OperatorScope&) = delete;
  OperatorScope& operator=(const OperatorScope&) = delete;
};
const char* currentOperator();

/// Throws Error unless `result` is success: "matmul: cuLaunchKernel failed: CUDA_ERROR_...".
void check(Result result, const char* call);
/// To be called for each launch: a kernel fails when somebody waits for it, and the message then
/// says what may have failed. DIPTYCH_CUDA_SYNC=1 in the environment waits after each launch.
void noteLaunch(const char* name, const SourceLocation& where);
/// Waits for the stream; counted.
void synchronise();

} // namespace diptych::runtime::cuda
