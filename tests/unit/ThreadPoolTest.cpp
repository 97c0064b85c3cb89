// The pool: every index once, exceptions, nesting, concurrent callers, changing the number of
// threads.
#include "runtime/ThreadPool.h"

#include <diptych/Error.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace diptych;
using namespace diptych::runtime;

namespace {

void expectEachOnce(ThreadPool& pool, int64_t n, int64_t grain) {
  std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
  pool.parallelFor(n, grain, [&](int64_t lo, int64_t hi) {
    ASSERT_LT(lo, hi);
    for (int64_t i = lo; i < hi; ++i)
      seen[static_cast<size_t>(i)].fetch_add(1, std::memory_order_relaxed);
  });
  for (const auto& count : seen)
    ASSERT_EQ(count.load(), 1);
}

TEST(ThreadPool, CoversEveryIndexOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int64_t n : {0, 1, 2, 7, 100, 1001})
      for (int64_t grain : {1, 3, 64, 5000})
        expectEachOnce(pool, n, grain);
  }
}

// Threads would wait for each other at the end of equal pieces: these are whole grains, and become
// smaller.
TEST(ThreadPool, PiecesAreWholeGrainsAndEndSmall) {
  constexpr int64_t kThreads = 2, kGrain = 12, kCount = 1003;
  ThreadPool pool(kThreads);
  std::mutex mutex;
  std::vector<std::pair<int64_t, int64_t>> pieces;
  pool.parallelFor(kCount, kGrain, [&](int64_t lo, int64_t hi) {
    std::lock_guard lock(mutex);
    pieces.emplace_back(lo, hi);
  });
  std::sort(pieces.begin(), pieces.end());
  EXPECT_LE(pieces.front().second, kCount / kThreads);
  EXPECT_LE(pieces.size(), 12 * kThreads);
  for (auto [lo, hi] : pieces) {
    EXPECT_EQ(lo % kGrain, 0);
    EXPECT_TRUE(hi == kCount || hi % kGrain == 0);
  }
  const auto last = pieces.rbegin()[1];
  EXPECT_LE(last.second - last.first, kCount / 32);
}

TEST(ThreadPool, RunsManySmallRegions) {
  ThreadPool pool(3);
  std::atomic<int64_t> total{0};
  for (int i = 0; i < 20000; ++i)
    pool.parallelFor(4, 1, [&](int64_t lo, int64_t hi) { total.fetch_add(hi - lo); });
  EXPECT_EQ(total.load(), 80000);
}

TEST(ThreadPool, WakesWorkersThatSleep) {
  ThreadPool pool(4);
  for (int i = 0; i < 20; ++i) {
    expectEachOnce(pool, 100, 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
}

TEST(ThreadPool, ThrowsTheExceptionOfAPieceAndStaysUsable) {
  ThreadPool pool(3);
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(pool.parallelFor(1000, 1,
                                  [](int64_t lo, int64_t hi) {
                                    if (lo <= 500 && 500 < hi)
                                      throw std::runtime_error("piece");
                                  }),
                 std::runtime_error);
    expectEachOnce(pool, 100, 1);
  }
}

TEST(ThreadPool, NestedRegionsRunInline) {
  ThreadPool pool(3);
  std::atomic<int64_t> total{0};
  pool.parallelFor(10, 1, [&](int64_t lo, int64_t hi) {
    EXPECT_TRUE(ThreadPool::inRegion());
    const std::thread::id self = std::this_thread::get_id();
    for (int64_t i = lo; i < hi; ++i)
      pool.parallelFor(100, 1, [&](int64_t innerLo, int64_t innerHi) {
        EXPECT_EQ(std::this_thread::get_id(), self);
        total.fetch_add(innerHi - innerLo);
      });
  });
  EXPECT_FALSE(ThreadPool::inRegion());
  EXPECT_EQ(total.load(), 1000);
}

TEST(ThreadPool, ServesConcurrentCallers) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      for (int i = 0; i < 300; ++i)
        expectEachOnce(pool, 200, 1);
    });
  for (std::thread& caller : callers)
    caller.join();
}

TEST(ThreadPool, ChangesItsNumberOfThreads) {
  ThreadPool pool(2);
  for (int n : {4, 1, 3, 2}) {
    pool.setThreads(n);
    EXPECT_EQ(pool.threads(), n);
    expectEachOnce(pool, 1000, 1);
  }
  EXPECT_THROW(pool.setThreads(0), Error);
}

TEST(ThreadPool, RefusesToChangeInsideARegion) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.parallelFor(100, 1, [&](int64_t, int64_t) { pool.setThreads(3); }), Error);
  EXPECT_EQ(pool.threads(), 2);
}

TEST(ThreadPool, IdlesWithoutUsingTheProcessor) {
  ThreadPool pool(4);
  expectEachOnce(pool, 1000, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 50);
}

} // namespace
