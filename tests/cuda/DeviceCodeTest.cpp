// PTX and machine code of the device's kernels on disk: found again, and never trusted.
#include "codegen/cuda/DeviceCode.h"
#include "Simulated.h"
#include "runtime/cuda/JitLink.h"
#include "tests/Folder.h"

#include <diptych/diptych.h>
#include <gtest/gtest.h>

namespace diptych::suite {
namespace {

using namespace codegen::cuda;

class DeviceCodes : public testing::Test {
protected:
  DeviceCodes() {
    const Function program = [](ValueSpan x) {
      const Tensor y = exp(Tensor(x[0]));
      return Values{sum(y, 0).value(), (y * 2).value(), sum(y * y).value()};
    };
    const Values inputs{ones({5000, 3}).contiguous().value()};
    schedule_ = gpuSchedule(program, inputs, Numerics::strict);
    for (const auto& call : schedule_.calls)
      requests_.push_back(requestOf(call));
  }

  DeviceCode make(codegen::KernelTimes& times, const std::string& architecture = "sm_90") {
    codegen::ObjectCache cache(folder_.path());
    return deviceCode(requests_, architecture, &cache, times);
  }
  /// Launches, in a form that says when two differ.
  static std::string launchesOf(const DeviceCode& code) {
    std::string text;
    for (const auto& kernel : code.kernels) {
      text += std::to_string(kernel.pointers) + " " + std::to_string(kernel.scratchBytes({}));
      for (const auto& launch : kernel.launches)
        text += " " + launch.name + " " + std::to_string(launch.blocks({})) + " " +
                std::to_string(launch.block);
    }
    return text;
  }

  test::Folder folder_;
  codegen::Schedule schedule_;
  std::vector<GpuRequest> requests_;
};

TEST_F(DeviceCodes, AreFoundAgain) {
  ASSERT_GT(requests_.size(), 1u);
  codegen::KernelTimes first, second;
  const DeviceCode made = make(first), found = make(second);
  EXPECT_EQ(first.compiled, static_cast<int64_t>(requests_.size()));
  EXPECT_EQ(second.compiled, 0);
  EXPECT_EQ(second.loaded, static_cast<int64_t>(requests_.size()));
  EXPECT_EQ(found.ptx, made.ptx);
  EXPECT_EQ(found.cubin, made.cubin);
  EXPECT_EQ(launchesOf(found), launchesOf(made));
  for (const auto& kernel : found.kernels)
    for (const auto& launch : kernel.launches)
      EXPECT_NE(found.ptx.find(".entry " + launch.name + "("), std::string::npos);
}

TEST_F(DeviceCodes, OfAnotherArchitectureAreOthers) {
  codegen::KernelTimes first, second;
  make(first);
  EXPECT_NE(make(second, "sm_80").ptx.find(".target sm_80"), std::string::npos);
  EXPECT_EQ(second.loaded, 0);
}

TEST_F(DeviceCodes, DamagedOnesAreMadeAgain) {
  codegen::KernelTimes first, second;
  const DeviceCode made = make(first);
  for (const std::string& file : folder_.files()) {
    std::string bytes = test::bytesOfFile(folder_.path(file));
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] + 1);
    test::writeBytes(folder_.path(file), bytes);
  }
  EXPECT_EQ(make(second).ptx, made.ptx);
  EXPECT_EQ(second.loaded, 0);
}

TEST_F(DeviceCodes, NvJitLinkMakesMachineCode) {
  if (runtime::cuda::jitLinkVersion().empty())
    GTEST_SKIP() << "nvJitLink is not here";
  codegen::KernelTimes times;
  const DeviceCode code = make(times);
  ASSERT_GT(code.cubin.size(), 4u);
  EXPECT_EQ(code.cubin.substr(1, 3), "ELF");
  for (const auto& kernel : code.kernels)
    EXPECT_NE(code.cubin.find(kernel.launches[0].name), std::string::npos);
  std::string why;
  EXPECT_EQ(runtime::cuda::cubinOf("no PTX at all", "sm_90", why), "");
  EXPECT_NE(why.find("nvJitLink"), std::string::npos);
  EXPECT_EQ(runtime::cuda::cubinOf(code.ptx, "sm_1", why), "");
  EXPECT_NE(why.find("may not know sm_1"), std::string::npos);
}

} // namespace
} // namespace diptych::suite
