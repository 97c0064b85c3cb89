// Two events of the driver's.
#include <diptych/DeviceTimer.h>

#include "frontend/EagerEmitter.h"
#include "frontend/Ops.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"

namespace diptych {

using detail::located;
namespace cuda = runtime::cuda;

namespace detail {

struct DeviceTimerState {
  cuda::DriverEvent *from = nullptr, *to = nullptr;
  bool started = false, stopped = false;

  DeviceTimerState() {
    const cuda::Driver& driver = cuda::context().driver;
    cuda::check(driver.eventCreate(&from, cuda::api::kEventDefault), "cuEventCreate");
    cuda::check(driver.eventCreate(&to, cuda::api::kEventDefault), "cuEventCreate");
  }
  ~DeviceTimerState() {
    const cuda::Driver& driver = cuda::context().driver;
    for (cuda::DriverEvent* event : {from, to})
      if (event)
        driver.eventDestroy(event);
  }
  DeviceTimerState(const DeviceTimerState&) = delete;
  DeviceTimerState& operator=(const DeviceTimerState&) = delete;
};

} // namespace detail

DeviceTimer::DeviceTimer(SourceLocation where) {
  located(where, [&] { state_ = std::make_shared<detail::DeviceTimerState>(); });
}

void DeviceTimer::start(SourceLocation where) {
  located(where, [&] {
    const cuda::Context& device = cuda::context();
    cuda::check(device.driver.eventRecord(state_->from, device.stream), "cuEventRecord");
    state_->started = true;
    state_->stopped = false;
  });
}

void DeviceTimer::stop(SourceLocation where) {
  located(where, [&] {
    if (!state_->started)
      detail::misuse("DeviceTimer::stop", "a start before it", "none", "call start()");
    const cuda::Context& device = cuda::context();
    cuda::check(device.driver.eventRecord(state_->to, device.stream), "cuEventRecord");
    state_->stopped = true;
  });
}

double DeviceTimer::seconds(SourceLocation where) const {
  return located(where, [&] {
    if (!state_->stopped)
      detail::misuse("DeviceTimer::seconds", "a start and a stop before it", "none of the two last",
                     "call start(), and stop() behind what is to be timed");
    const cuda::Driver& driver = cuda::context().driver;
    ++cuda::counters().synchronisations;
    cuda::check(driver.eventSynchronize(state_->to), "cuEventSynchronize");
    float milliseconds = 0;
    cuda::check(driver.eventElapsedTime(&milliseconds, state_->from, state_->to),
                "cuEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds);
  });
}

} // namespace diptych
