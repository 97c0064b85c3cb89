// Storage and the caching allocator.
#include "runtime/Buffer.h"

#include <diptych/Error.h>

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

using namespace diptych;
using namespace diptych::runtime;

namespace {

TEST(Buffer, IsAlignedAndWritableAtEverySize) {
  for (int64_t bytes : {0, 1, 63, 64, 65, 1000, 1024, 1025, 4095, 65536, 65537, 3000000, 9000001}) {
    const Buffer buffer = Buffer::allocate(bytes);
    ASSERT_TRUE(buffer);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u) << bytes;
    EXPECT_EQ(buffer.bytes(), bytes);
    std::memset(buffer.data(), 0x5a, static_cast<size_t>(bytes));
  }
}

TEST(Buffer, SharesAndCountsHandles) {
  Buffer a = Buffer::allocate(8);
  const Buffer b = a;
  EXPECT_EQ(a.useCount(), 2);
  EXPECT_EQ(a.data(), b.data());
  a = {};
  EXPECT_EQ(b.useCount(), 1);
  EXPECT_EQ(a.data(), nullptr);
}

TEST(Buffer, ExternalMemoryCallsItsDeleterOnce) {
  int calls = 0;
  double memory[4] = {};
  {
    const Buffer a = Buffer::external(memory, sizeof memory, [&](void* data) {
      EXPECT_EQ(data, memory);
      ++calls;
    });
    const Buffer b = a;
    EXPECT_TRUE(b.isExternal());
    EXPECT_EQ(calls, 0);
  }
  EXPECT_EQ(calls, 1);
  const Buffer without = Buffer::external(memory, sizeof memory, nullptr);
}

TEST(Allocator, StatisticsFollowWhatIsInUse) {
  const MemoryStats before = memoryStats();
  resetHighWater();
  {
    const Buffer a = Buffer::allocate(1000), b = Buffer::allocate(500000);
    const MemoryStats during = memoryStats();
    EXPECT_EQ(during.currentBytes - before.currentBytes, 501000);
    EXPECT_EQ(during.allocations - before.allocations, 2);
  }
  const MemoryStats after = memoryStats();
  EXPECT_EQ(after.currentBytes, before.currentBytes);
  EXPECT_EQ(after.highWaterBytes - before.currentBytes, 501000);
  resetHighWater();
  EXPECT_EQ(memoryStats().highWaterBytes, before.currentBytes);
}

TEST(Allocator, ReleaseCachedLeavesNothingOfThisThread) {
  {
    const Buffer a = Buffer::allocate(100), b = Buffer::allocate(1 << 20);
  }
  releaseCached();
  EXPECT_EQ(memoryStats().cachedBytes, 0);
}

TEST(Allocator, CommonCacheKeepsItsBound) {
  releaseCached();
  setCacheLimit(3 << 20);
  {
    std::vector<Buffer> many;
    for (int i = 0; i < 8; ++i)
      many.push_back(Buffer::allocate(1 << 20));
  }
  EXPECT_LE(memoryStats().cachedBytes, 3 << 20);
  setCacheLimit(int64_t{1} << 30);
}

TEST(Allocator, RefusesAbsurdSizesWithAnError) {
  EXPECT_THROW(Buffer::allocate(int64_t{1} << 60), Error);
  EXPECT_THROW(Buffer::allocate(-1), Error);
}

TEST(Allocator, BlocksMayBeFreedOnAnotherThread) {
  const int64_t before = memoryStats().currentBytes;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int round = 0; round < 50; ++round) {
        std::vector<Buffer> buffers;
        for (int i = 0; i < 100; ++i)
          buffers.push_back(Buffer::allocate(64 * (i % 40)));
        std::thread([moved = std::move(buffers)]() mutable { moved.clear(); }).join();
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(memoryStats().currentBytes, before);
}

} // namespace
