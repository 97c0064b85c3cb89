// Asking for a GPU where there is none.
#include "tests/errors/Throws.h"

#include <diptych/DeviceTimer.h>
#include <diptych/diptych.h>

namespace dt = diptych;

namespace {

TEST(DeviceErrors, WithoutAGpuTheErrorSaysWhatToDo) {
  if (dt::cuda_available())
    GTEST_SKIP() << "there is a GPU: " << dt::cuda_status();
  EXPECT_FALSE(dt::cuda_status().empty());
  EXPECT_ERROR_HERE(dt::device("cuda"), "expected a GPU for \"cuda\", got none",
                    "or compute on \"cpu\"");
  EXPECT_ERROR_HERE(dt::tensor({1.0}).to("cuda"), "expected a GPU for \"cuda\"");
  dt::synchronize(); // nothing to wait for
  dt::release_device_cache();
}

TEST(DeviceErrors, WithoutAGpuThereIsNoTimer) {
  if (dt::cuda_available())
    GTEST_SKIP() << "there is a GPU: " << dt::cuda_status();
  dt::test::expectMessage(dt::test::messageOf([] { dt::DeviceTimer timer; }),
                          {"expected a GPU for \"cuda\""});
}

TEST(DeviceErrors, NamesAreChecked) {
  EXPECT_ERROR_HERE(dt::device("gpu"), "device: expected the device cpu or cuda, got \"gpu\"");
  EXPECT_EQ(dt::device("cpu").name, "cpu");
  EXPECT_EQ(dt::tensor({1.0}).device(), "cpu");
}

} // namespace
