// Opening the device, and telling what failed on it.
#include "runtime/cuda/Context.h"

#include "ir/Emitter.h"
#include "runtime/cuda/Counters.h"

#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>

namespace diptych::runtime::cuda {

namespace {

struct Opened {
  std::unique_ptr<Context> context;
  std::string why;
};

std::string attempt(const Driver& driver, Opened& opened) {
  const auto failed = [&](Result result, const char* call) {
    return result == api::kSuccess
               ? std::string()
               : std::string(call) + " failed: " + resultText(driver, result) +
                     "; is the driver of the kernel the one of the library (see nvidia-smi)?";
  };
  if (const Result result = driver.init(0); result != api::kSuccess)
    return failed(result, "cuInit");
  int count = 0;
  if (const Result result = driver.deviceGetCount(&count); result != api::kSuccess)
    return failed(result, "cuDeviceGetCount");
  if (count == 0)
    return "the driver is there but shows no GPU; check CUDA_VISIBLE_DEVICES and nvidia-smi";
  auto made = std::make_unique<Context>(driver);
  DeviceNumber device = 0;
  char name[256] = {};
  int major = 0, minor = 0;
  size_t bytes = 0;
  driver.deviceGet(&device, 0);
  driver.deviceGetName(name, sizeof name - 1, device);
  driver.deviceGetAttribute(&major, api::kCapabilityMajor, device);
  driver.deviceGetAttribute(&minor, api::kCapabilityMinor, device);
  driver.deviceGetAttribute(&made->multiprocessors, api::kMultiprocessorCount, device);
  driver.deviceTotalMem(&bytes, device);
  made->name = name;
  made->capability = 10 * major + minor;
  made->totalBytes = static_cast<int64_t>(bytes);
  if (made->capability < 80)
    return "the GPU " + made->name + " has compute capability " + std::to_string(major) + "." +
           std::to_string(minor) + "; ours need 8.0 or later";
  if (const Result result = driver.primaryContextRetain(&made->handle, device);
      result != api::kSuccess)
    return failed(result, "cuDevicePrimaryCtxRetain");
  driver.contextSetCurrent(made->handle);
  if (const Result result = driver.streamCreate(&made->stream, api::kStreamNonBlocking);
      result != api::kSuccess)
    return failed(result, "cuStreamCreate");
  opened.context = std::move(made);
  return "";
}

// Never destroyed: tensors of static storage are freed later.
const Opened& opened() {
  static const Opened* result = [] {
    auto* made = new Opened;
    if (const Driver* driver = findDriver(made->why))
      made->why = attempt(*driver, *made);
    return made;
  }();
  return *result;
}

thread_local const char* operatorName = nullptr;
thread_local int operatorDepth = 0;

struct Launched {
  std::string name;
  SourceLocation where;
};
/// The last launches that nobody has waited for.
struct Pending {
  std::mutex mutex;
  std::deque<Launched> launches;
};
Pending& pending() {
  static auto* made = new Pending;
  return *made;
}

std::string lineOf(const SourceLocation& where) {
  if (!where.known())
    return "";
  const std::string file = where.file;
  return " (" + file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line) + ")";
}

std::string pendingText() {
  const std::lock_guard lock(pending().mutex);
  std::string text;
  for (const Launched& launch : pending().launches)
    text += (text.empty() ? "" : ", ") + launch.name + lineOf(launch.where);
  return text.empty() ? ""
                      : "; not yet waited for were: " + text +
                            ", and one of them may have failed: run again with "
                            "DIPTYCH_CUDA_SYNC=1 in the environment to know which";
}

bool waitsAlways() {
  static const bool always = [] {
    const char* text = std::getenv("DIPTYCH_CUDA_SYNC");
    return text && std::string(text) == "1";
  }();
  return always;
}

} // namespace

Context& context() {
  const Opened& result = opened();
  if (!result.context)
    throw Error("device: expected a GPU for \"cuda\", got none: " + result.why +
                ", or compute on \"cpu\"");
  static thread_local bool current = false;
  if (!current) {
    current = true;
    check(result.context->driver.contextSetCurrent(result.context->handle), "cuCtxSetCurrent");
  }
  return *result.context;
}

std::string unavailable() { return opened().why; }

static thread_local DriverStream* captured = nullptr;

DriverStream* currentStream() { return captured ? captured : context().stream; }

CaptureScope::CaptureScope() {
  const Driver& driver = context().driver;
  check(driver.streamCreate(&stream_, api::kStreamNonBlocking), "cuStreamCreate");
  check(driver.captureBegin(stream_, api::kCaptureRelaxed), "cuStreamBeginCapture");
  captured = stream_;
}

CaptureScope::~CaptureScope() {
  captured = nullptr;
  const Driver& driver = context().driver;
  DriverGraph* graph = nullptr;
  if (open_ && driver.captureEnd(stream_, &graph) == api::kSuccess && graph)
    driver.graphDestroy(graph);
  driver.streamDestroy(stream_);
}

DriverGraph* CaptureScope::finish() {
  DriverGraph* graph = nullptr;
  open_ = false;
  captured = nullptr;
  check(context().driver.captureEnd(stream_, &graph), "cuStreamEndCapture");
  return graph;
}

OperatorScope::OperatorScope(const char* name) {
  if (operatorDepth++ == 0)
    operatorName = name;
}
OperatorScope::~OperatorScope() {
  if (--operatorDepth == 0)
    operatorName = nullptr;
}
const char* currentOperator() { return operatorName ? operatorName : "cuda"; }

void check(Result result, const char* call) {
  if (result == api::kSuccess)
    return;
  const Driver& driver = opened().context->driver;
  throw Error(std::string(currentOperator()) + ": " + call + " failed: " +
              resultText(driver, result) + (result >= api::kIllegalAddress ? pendingText() : ""));
}

void noteLaunch(const char* name, const SourceLocation& where) {
  if (captured)
    return;
  {
    const std::lock_guard lock(pending().mutex);
    pending().launches.push_back({name, where});
    if (pending().launches.size() > 8)
      pending().launches.pop_front();
  }
  if (waitsAlways())
    synchronise();
}

void synchronise() {
  const Context& device = context();
  ++counters().synchronisations;
  check(device.driver.streamSynchronize(device.stream), "cuStreamSynchronize");
  const std::lock_guard lock(pending().mutex);
  pending().launches.clear();
}

} // namespace diptych::runtime::cuda
