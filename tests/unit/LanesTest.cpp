// Memory of threads in row groups: one region each, for as many as the pool has when a program
// runs, whatever it had when it was compiled.
#include "tests/unit/SameBits.h"
#include "tests/unit/Threads.h"

#include "runtime/Allocator.h"
#include "runtime/Program.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

using namespace diptych;
using namespace diptych::test;

namespace {

constexpr int64_t kRows = 96, kColumns = 40;

/// Where the pieces of an array began, of which a row is kColumns numbers.
struct Pieces {
  std::mutex mutex;
  std::set<const double*> begins;
  size_t expected = 1;

  void add(const double* begin) {
    const std::lock_guard lock(mutex);
    begins.insert(begin);
  }
  size_t count() {
    const std::lock_guard lock(mutex);
    return begins.size();
  }
} pieces;

// The first thread to come waits for the others, else it might do all of the work.
void twice(void* const* args, const int64_t*, int64_t lo, int64_t hi) {
  const auto* x = static_cast<const double*>(args[0]);
  auto* y = static_cast<double*>(args[1]);
  pieces.add(y + lo * kColumns);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (pieces.count() < pieces.expected && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  for (int64_t i = lo * kColumns; i < hi * kColumns; ++i)
    y[i] = 2 * x[i];
}

void addOne(void* const* args, const int64_t*, int64_t lo, int64_t hi) {
  const auto* x = static_cast<const double*>(args[0]);
  auto* y = static_cast<double*>(args[1]);
  for (int64_t i = lo * kColumns; i < hi * kColumns; ++i)
    y[i] = x[i] + 1;
}

// 2 x + 1 by two steps; what the first makes lies in lanes.
std::shared_ptr<runtime::Program> twiceAndOne() {
  using Kind = runtime::ArgPlace::Kind;
  auto program = std::make_shared<runtime::Program>();
  program->inputs = program->outputs = {{f64, {kRows, kColumns}}};
  const runtime::ArgPlace inLane{Kind::Lane, 0, 0, kColumns * 8};
  program->steps.resize(2);
  program->steps[0].kernel = twice;
  program->steps[0].args = {{Kind::Input, 0}, inLane};
  program->steps[1].kernel = addOne;
  program->steps[1].args = {inLane, {Kind::Output, 0}};
  for (runtime::ProgramStep& step : program->steps)
    step.range = kRows;
  runtime::RowGroup group;
  group.count = 2;
  group.rows = kRows;
  group.chunk = 16;
  group.laneRowBytes = kColumns * 8;
  program->rowGroups = {group};
  return program;
}

TEST(Lanes, EveryThreadOfTheRunHasOne) {
  const auto program = twiceAndOne();
  runtime::ProgramRunner runner(program); // keeps what one run needs for the next
  std::vector<double> x(kRows * kColumns), y(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<double>(i);
  void *in = x.data(), *out = y.data();
  for (const int threads : {1, 3, 2, 2, 1}) {
    const Threads set(threads);
    pieces.begins.clear();
    pieces.expected = static_cast<size_t>(threads);
    std::fill(y.begin(), y.end(), 0.0);
    runner.run({&in, 1}, {&out, 1});
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_EQ(y[i], 2 * x[i] + 1);
    EXPECT_EQ(pieces.begins.size(), threads);
    const int64_t piece = program->rowGroups[0].pieceOf(threads) * kColumns * 8;
    for (auto it = pieces.begins.begin(); std::next(it) != pieces.begins.end(); ++it)
      EXPECT_GE((*std::next(it) - *it) * 8, piece + 8 * 1024) << threads;
  }
}

TEST(Lanes, TakeEquallyManyRows) {
  runtime::RowGroup group;
  group.chunk = 90;
  group.laneRowBytes = 8;
  for (const int64_t rows : {1, 7, 96, 1000, 1001, 12345}) {
    group.rows = rows;
    for (const int threads : {1, 2, 3, 64}) {
      const int64_t lanes = group.lanesOn(threads), piece = group.pieceOf(lanes);
      EXPECT_LE(piece, group.chunk);
      EXPECT_LE(lanes, rows);
      const int64_t turns = ((rows + piece - 1) / piece + lanes - 1) / lanes;
      EXPECT_LT(turns * piece * lanes, rows + turns * lanes) << rows << " on " << threads;
    }
  }
}

// What it makes of x, but the sums, lies in lanes.
Tensor inside(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < 3; ++i) {
    y = exp(y - max(y, 1, true));
    y = sin(y / sum(y, 1, true));
  }
  return sum(y, 1, true);
}

Tensor insideOfLoops(const Tensor& x) {
  const auto step = [&](const Tensor&, const Tensor& s) { return s + inside(x + s); };
  return cond(
      sum(x) > 0.0, [&](const Tensor& s) { return inside(2.0 * x + s); },
      [&](const Tensor& s) { return inside(cos(x)) * s; }, fori_loop(0, 3, step, zeros({512, 1})));
}

template <class F> int64_t peakOf(const F& run) {
  runtime::resetHighWater();
  const int64_t before = runtime::memoryStats().currentBytes;
  run();
  return runtime::memoryStats().highWaterBytes - before;
}

template <class F> void expectLanesOfTheRun(const F& f) {
  manual_seed(4);
  const Tensor x = randn({512, 512}), expected = f(x);
  for (const int compiledOn : {1, 3}) {
    const auto compiled = strictJit(f);
    {
      const Threads set(compiledOn);
      EXPECT_TRUE(sameBits(compiled(x), expected));
    }
    int64_t last = 0;
    for (const int threads : {1, 2, 3}) {
      const Threads set(threads);
      EXPECT_TRUE(sameBits(compiled(x), expected)) << threads << ", compiled on " << compiledOn;
      const int64_t peak = peakOf([&] { compiled(x); });
      EXPECT_GT(peak, last) << threads << ", compiled on " << compiledOn;
      last = peak;
    }
  }
}

TEST(Lanes, MemoryIsForTheThreadsOfTheRun) { expectLanesOfTheRun(inside); }
TEST(Lanes, LoopsAndBranchesHaveThemToo) { expectLanesOfTheRun(insideOfLoops); }

// Compiled on one thread, it has no room for the lanes of others.
TEST(Lanes, AMemoryLimitHoldsForMoreThreads) {
  const Tensor x = randn({512, 512}), expected = inside(x);
  const Threads one(1);
  const auto free = strictJit(inside);
  free(x);
  const int64_t limit = free.stats().peakBytes;
  const auto tight = jit(inside, {.numerics = Numerics::strict, .memoryLimit = limit});
  tight(x);
  const Threads more(3);
  EXPECT_TRUE(sameBits(tight(x), expected));
  EXPECT_LE(peakOf([&] { tight(x); }), limit - x.type().bytes());
  EXPECT_GT(peakOf([&] { free(x); }), limit - x.type().bytes());
}

} // namespace
