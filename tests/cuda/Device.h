// What tests on the device share.
#pragma once

#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include "frontend/TensorImpl.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/SimulatedDriver.h"
#include "tests/cuda/SimulatedKernels.h"
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

/// A fixture whose tests need the device's eager kernels too: on the simulated one they are
/// compiled as they are asked for.
template <class Base> class WithDeviceKernels : public Base {
protected:
  void SetUp() override {
    Base::SetUp();
    if (Base::IsSkipped())
      return;
    if (!cuda_available())
      GTEST_SKIP() << "no GPU: " << cuda_status();
    simulated = isSimulated();
    if (simulated)
      provideSimulatedKernels();
  }
  void TearDown() override {
    if (simulated)
      runtime::cuda::provideKernels(nullptr);
    Base::TearDown();
  }

  bool simulated = false;
};

inline Values moved(ValueSpan values, bool onDevice) {
  Values result;
  for (const Value& value : values)
    result.push_back(movedTo(value, onDevice));
  return result;
}

} // namespace diptych::test
