// The simulated driver keeps its promises: order, deferral, and what it finds.
#include "runtime/cuda/DeviceMemory.h"
#include "tests/cuda/Device.h"

#include <cstring>

using namespace diptych;
using namespace diptych::runtime::cuda;
using diptych::runtime::Buffer;

namespace {

class SimulatedDriver : public test::OnSimulatedDevice {
protected:
  const Context& device() { return context(); }
  DevicePtr allocate(size_t bytes) {
    DevicePtr block = 0;
    check(device().driver.memAlloc(&block, bytes), "cuMemAlloc");
    return block;
  }
  static std::byte* at(DevicePtr pointer) { return reinterpret_cast<std::byte*>(pointer); }
};

TEST_F(SimulatedDriver, NothingHappensBeforeSomebodyWaits) {
  const DevicePtr block = allocate(8);
  double value = 3, back = 0;
  const auto& driver = device().driver;
  check(driver.copyToDevice(block, &value, 8, device().stream), "copy");
  check(driver.copyToHost(&back, block, 8, device().stream), "copy");
  value = 4; // too early: the copy reads it later
  EXPECT_TRUE(std::isnan(back));
  synchronise();
  EXPECT_EQ(back, 4);
  check(driver.memFree(block), "free");
}

TEST_F(SimulatedDriver, FreshMemoryHoldsNaNs) {
  const DevicePtr block = allocate(16);
  double back = 0;
  copyToHost(&back, at(block), 8);
  EXPECT_TRUE(std::isnan(back));
  check(device().driver.memFree(block), "free");
}

TEST_F(SimulatedDriver, TheHostCannotTouchDeviceMemory) {
  const Buffer block = allocateOnDevice(64);
  ASSERT_TRUE(simulated::isDeviceAddress(block.data()));
  EXPECT_DEATH(std::memset(block.data(), 0, 8), "");
}

TEST_F(SimulatedDriver, ACopyThatLeavesItsBlockFails) {
  const DevicePtr block = allocate(16);
  double values[4] = {};
  check(device().driver.copyToDevice(block, values, 32, device().stream), "copy");
  const std::string message = test::messageOf([] { synchronise(); });
  test::expectMessage(message, {"cuStreamSynchronize", "CUDA_ERROR_ILLEGAL_ADDRESS", "leaves"});
  // As on a device, the error stays.
  EXPECT_NE(device().driver.memFree(block), api::kSuccess);
  simulated::forgetFailure();
  check(device().driver.memFree(block), "free");
}

TEST_F(SimulatedDriver, AKernelThatWritesBesideABlockIsFound) {
  SimulatedImage image;
  image.kernels.push_back({"stray", 1, [](const SimulatedKernel::Call& call, std::string&) {
                             auto* to = reinterpret_cast<double*>(call.parameters[0]);
                             to[2] = 1;
                             return true;
                           }});
  const auto& driver = device().driver;
  DriverModule* module = nullptr;
  DriverFunction* function = nullptr;
  check(driver.moduleLoad(&module, &image, 0, nullptr, nullptr), "load");
  check(driver.moduleGetFunction(&function, module, "stray"), "get");
  EXPECT_EQ(driver.moduleGetFunction(&function, module, "other"), api::kNotFound);
  DevicePtr block = allocate(16);
  void* parameters[] = {&block};
  check(driver.launchKernel(function, 1, 1, 1, 1, 1, 1, 0, device().stream, parameters, nullptr),
        "launch");
  noteLaunch("stray", {"model.cpp", 12, 1});
  test::expectMessage(test::messageOf([] { synchronise(); }),
                      {"behind a block of 16 bytes", "stray (model.cpp:12)", "DIPTYCH_CUDA_SYNC"});
  simulated::forgetFailure();
  EXPECT_EQ(driver.memFree(block), api::kInvalidValue);
  check(driver.moduleUnload(module), "unload");
}

TEST_F(SimulatedDriver, AStreamWaitsForAnotherByEvents) {
  const auto& driver = device().driver;
  DriverStream* other = nullptr;
  DriverEvent* written = nullptr;
  check(driver.streamCreate(&other, 0), "create");
  check(driver.eventCreate(&written, 0), "create");
  const DevicePtr block = allocate(4);
  int32_t back = 0;
  check(driver.fill32(block, 7, 1, other), "fill");
  check(driver.eventRecord(written, other), "record");
  EXPECT_EQ(driver.eventQuery(written), api::kNotReady);
  check(driver.streamWaitEvent(device().stream, written, 0), "wait");
  copyToHost(&back, at(block), 4);
  EXPECT_EQ(back, 7);
  EXPECT_EQ(driver.eventQuery(written), api::kSuccess);
  check(driver.eventDestroy(written), "destroy");
  check(driver.streamDestroy(other), "destroy");
  check(driver.memFree(block), "free");
}

TEST_F(SimulatedDriver, AGraphIsRecordedAndReplayed) {
  const auto& driver = device().driver;
  const DevicePtr from = allocate(4), to = allocate(4);
  DriverGraph* graph = nullptr;
  DriverGraphExec* exec = nullptr;
  check(driver.captureBegin(device().stream, api::kCaptureRelaxed), "begin");
  check(driver.copyOnDevice(to, from, 4, device().stream), "copy");
  EXPECT_EQ(driver.streamSynchronize(device().stream), api::kCaptureUnsupported);
  check(driver.captureEnd(device().stream, &graph), "end");
  check(driver.graphInstantiate(&exec, graph, 0), "instantiate");
  check(driver.graphDestroy(graph), "destroy");
  for (unsigned value : {3U, 5U}) {
    check(driver.fill32(from, value, 1, device().stream), "fill");
    check(driver.graphLaunch(exec, device().stream), "launch");
    uint32_t back = 0;
    copyToHost(&back, at(to), 4);
    EXPECT_EQ(back, value);
  }
  check(driver.graphExecDestroy(exec), "destroy");
  check(driver.memFree(from), "free");
  check(driver.memFree(to), "free");
}

TEST_F(SimulatedDriver, FailuresNameTheOperatorAndTheCall) {
  const Tensor x = tensor({1.0, 2.0});
  simulated::failNext("copyToDevice", api::kInvalidHandle);
  EXPECT_ERROR_HERE(x.to("cuda"), "to: cuMemcpyHtoDAsync failed: CUDA_ERROR_INVALID_HANDLE");
  EXPECT_EQ(x.to("cuda").to_vector<double>(), (std::vector<double>{1, 2}));
}

} // namespace
