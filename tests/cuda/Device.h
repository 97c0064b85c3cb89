// What tests on the device share.
#pragma once

#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include "runtime/cuda/Context.h"
#include "runtime/cuda/SimulatedDriver.h"
#include "tests/errors/Throws.h"

namespace diptych::test {

inline bool isSimulated() {
  return runtime::cuda::unavailable().empty() && runtime::cuda::context().driver.isSimulated;
}

/// Every test here needs a device, simulated or real.
class OnDevice : public ::testing::Test {
protected:
  void SetUp() override {
    if (!cuda_available())
      GTEST_SKIP() << "no GPU: " << cuda_status();
  }
};

/// Of what only the simulated device can tell.
class OnSimulatedDevice : public OnDevice {
protected:
  void SetUp() override {
    OnDevice::SetUp();
    if (!IsSkipped() && !isSimulated())
      GTEST_SKIP() << "asks the simulated device";
  }
  void TearDown() override {
    if (!IsSkipped())
      runtime::cuda::simulated::forgetFailure();
  }
};

} // namespace diptych::test
