// The caching allocator and the copies.
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"
#include "tests/cuda/Device.h"

#include <algorithm>
#include <numeric>

using namespace diptych;
using namespace diptych::runtime::cuda;
using diptych::runtime::Buffer;

namespace {

class DeviceMemory : public test::OnDevice {};
class DeviceMemorySimulated : public test::OnSimulatedDevice {};

TEST_F(DeviceMemory, ABlockServesTheNextRequestOfItsSize) {
  releaseDeviceCache();
  std::byte* first = nullptr;
  {
    const Buffer block = allocateOnDevice(100000);
    EXPECT_TRUE(block.isOnDevice());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block.data()) % 256, 0u);
    first = block.data();
  }
  const int64_t calls = deviceMemoryStats().driverAllocations;
  const Buffer again = allocateOnDevice(100001);
  EXPECT_EQ(again.data(), first);
  EXPECT_EQ(deviceMemoryStats().driverAllocations, calls);
}

// As in a training loop, whose last results are let go of in any order.
TEST_F(DeviceMemory, ALoopSeesTheSameAddressesEverySecondTime) {
  const auto three = [] {
    std::vector<Buffer> blocks;
    for (int i = 0; i < 3; ++i)
      blocks.push_back(allocateOnDevice(70000));
    return blocks;
  };
  const auto places = [](const std::vector<Buffer>& blocks) {
    std::vector<const std::byte*> all;
    for (const Buffer& block : blocks)
      all.push_back(block.data());
    return all;
  };
  std::vector<Buffer> state = three();
  std::vector<std::vector<const std::byte*>> seen;
  for (int step = 0; step < 6; ++step) {
    std::vector<Buffer> next = three();
    std::rotate(state.begin(), state.begin() + step % 3, state.end());
    state.clear();
    state = std::move(next);
    seen.push_back(places(state));
  }
  EXPECT_EQ(seen[5], seen[3]);
  EXPECT_EQ(seen[4], seen[2]);
}

TEST_F(DeviceMemory, BooksBalance) {
  const int64_t before = deviceMemoryStats().currentBytes;
  {
    const Buffer a = allocateOnDevice(1000), b = allocateOnDevice(2000);
    EXPECT_EQ(deviceMemoryStats().currentBytes, before + 3000);
    EXPECT_GE(deviceMemoryStats().highWaterBytes, before + 3000);
  }
  EXPECT_EQ(deviceMemoryStats().currentBytes, before);
  resetDeviceHighWater();
  EXPECT_EQ(deviceMemoryStats().highWaterBytes, before);
  releaseDeviceCache();
  EXPECT_EQ(deviceMemoryStats().cachedBytes, 0);
}

TEST_F(DeviceMemory, LargeCopiesGoInPieces) {
  std::vector<int64_t> values(3000001), back(values.size());
  std::iota(values.begin(), values.end(), 5);
  const auto bytes = static_cast<int64_t>(8 * values.size());
  const Buffer block = allocateOnDevice(bytes), other = allocateOnDevice(bytes);
  copyToDevice(block.data(), values.data(), bytes);
  values.assign(values.size(), 0); // what was copied may change at once
  copyOnDevice(other.data(), block.data(), bytes);
  copyToHost(back.data(), other.data(), bytes);
  for (size_t i = 0; i < back.size(); ++i)
    ASSERT_EQ(back[i], static_cast<int64_t>(i) + 5);
}

TEST_F(DeviceMemory, AReadWaitsOnce) {
  const Buffer block = allocateOnDevice(64);
  double values[8] = {};
  copyToDevice(block.data(), values, 64);
  const int64_t before = counters().synchronisations;
  copyToHost(values, block.data(), 64);
  EXPECT_EQ(counters().synchronisations, before + 1);
}

TEST_F(DeviceMemorySimulated, OutOfMemoryGivesTheCacheBackFirst) {
  releaseDeviceCache();
  const int64_t room = deviceMemoryStats().reservedBytes + (int64_t{3} << 20);
  simulated::setMemoryLimit(room);
  {
    const Buffer cached = allocateOnDevice(int64_t{2} << 20);
  }
  EXPECT_NO_THROW(allocateOnDevice((int64_t{5} << 20) / 2));
  simulated::setMemoryLimit(int64_t{1} << 35);
}

TEST_F(DeviceMemorySimulated, OutOfMemorySaysWhatIsLive) {
  const Tensor x = ones({1000, 100}).to("cuda");
  const Tensor kept = exp(x);
  const int line = __LINE__ - 1;
  simulated::setMemoryLimit(1);
  releaseDeviceCache();
  const std::string message = test::messageOf([&] { matmul(x, transpose(x)); });
  const std::string exponential = "by exp (MemoryTest.cpp:" + std::to_string(line) + ")";
  test::expectMessage(message, {"matmul: expected room for 8000000 bytes", "out of memory",
                                "800000 bytes by to (MemoryTest.cpp:", exponential.c_str()});
  simulated::setMemoryLimit(int64_t{1} << 35);
  EXPECT_EQ(sum(kept).numel(), 1);
}

} // namespace
