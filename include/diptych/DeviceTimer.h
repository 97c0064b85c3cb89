// How long the device takes, by its own clock: two points in the order of its work.
// Not part of diptych.h.
#pragma once

#include <memory>

#include <diptych/Error.h>

namespace diptych {

namespace detail {
struct DeviceTimerState;
}

/// ```
/// DeviceTimer timer;
/// timer.start();
/// y = step(x);          // enqueued; C++ does not wait
/// timer.stop();
/// timer.seconds();      // waits for the second point, not for what comes after it
/// ```
/// Copies share. Error for the constructor where there is no GPU.
class DeviceTimer {
public:
  explicit DeviceTimer(SourceLocation where = std::source_location::current());

  /// The first point: behind all that was asked of the device so far.
  void start(SourceLocation where = std::source_location::current());
  /// The second.
  void stop(SourceLocation where = std::source_location::current());
  /// From the last start to the last stop. Error unless there was one after the other.
  double seconds(SourceLocation where = std::source_location::current()) const;

private:
  std::shared_ptr<detail::DeviceTimerState> state_;
};

} // namespace diptych
