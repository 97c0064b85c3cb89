// Time between two points of the device's work.
#include "tests/cuda/Device.h"

#include <diptych/DeviceTimer.h>

using namespace diptych;

namespace {

class DeviceTimers : public test::OnDevice {};

TEST_F(DeviceTimers, TimesWhatStandsBetweenStartAndStop) {
  const Tensor x = ones({1000}).to("cuda");
  DeviceTimer whole, part;
  whole.start();
  const Tensor y = x + x;
  part.start();
  const Tensor z = y * x;
  part.stop();
  whole.stop();
  EXPECT_GT(whole.seconds(), 0.0);
  EXPECT_LE(part.seconds(), whole.seconds());
  EXPECT_EQ(sum(z).item<double>(), 2000.0);
}

TEST_F(DeviceTimers, MisuseIsAnError) {
  DeviceTimer timer;
  test::expectMessage(test::messageOf([&] { timer.stop(); }), {"expected a start before it"});
  timer.start();
  test::expectMessage(test::messageOf([&] { (void)timer.seconds(); }),
                      {"expected a start and a stop before it"});
}

} // namespace
