// Schedules: whose memory overlaps whose, how much of it there is, how many kernels; and random
// programs through the whole pipeline.
#include "tests/unit/RandomProgram.h"
#include "tests/unit/SameBits.h"

#include "frontend/JitPipeline.h"
#include "frontend/Trace.h"

#include <gmock/gmock.h>

namespace dt = diptych;
using namespace diptych::test;
using dt::codegen::PlannedBuffer;
using dt::codegen::Schedule;

namespace {

Schedule scheduleOf(const std::function<dt::Tensor(const dt::Tensor&)>& f, const dt::Shape& shape,
                    dt::Numerics numerics = dt::Numerics::strict) {
  const std::lock_guard lock(dt::traceMutex());
  const dt::TensorType input{dt::f64, shape};
  auto traced = dt::traceFunction(
      [&](dt::ValueSpan inputs) { return dt::Values{f(dt::Tensor(inputs[0])).value()}; },
      std::span(&input, 1));
  dt::JitStats stats;
  return dt::runPipeline(*traced.module, numerics, stats);
}

struct LiveRange {
  int first = -1, last = -1;
};

std::vector<LiveRange> liveRanges(const Schedule& schedule) {
  std::vector<LiveRange> live(schedule.buffers.size());
  for (size_t step = 0; step < schedule.calls.size(); ++step)
    for (int id : schedule.calls[step].buffers) {
      if (live[id].first < 0)
        live[id].first = static_cast<int>(step);
      live[id].last = static_cast<int>(step);
    }
  // The calls of a row group take turns.
  for (const auto& group : schedule.rowGroups)
    for (LiveRange& range : live) {
      const auto begin = static_cast<int>(group.first);
      const int end = begin + static_cast<int>(group.count) - 1;
      if (range.first > begin && range.first <= end)
        range.first = begin;
      if (range.last >= begin && range.last < end)
        range.last = end;
    }
  return live;
}

// Brute force: any two temporaries that live at one time lie apart, inside the arena.
void expectSoundPlan(const Schedule& schedule, const std::string& what) {
  const auto live = liveRanges(schedule);
  for (size_t i = 0; i < live.size(); ++i) {
    const PlannedBuffer& a = schedule.buffers[i];
    if (a.kind != PlannedBuffer::Kind::Temporary || live[i].first < 0)
      continue;
    EXPECT_EQ(a.arenaOffset % 64, 0) << what;
    EXPECT_LE(a.arenaOffset + a.bytes, schedule.arenaBytes) << what;
    for (size_t j = 0; j < i; ++j) {
      const PlannedBuffer& b = schedule.buffers[j];
      if (b.kind != PlannedBuffer::Kind::Temporary || live[j].first < 0)
        continue;
      const bool together = live[i].first <= live[j].last && live[j].first <= live[i].last;
      const bool apart =
          a.arenaOffset + a.bytes <= b.arenaOffset || b.arenaOffset + b.bytes <= a.arenaOffset;
      EXPECT_TRUE(!together || apart) << what << ": buffers " << i << " and " << j << " overlap";
    }
  }
}

int64_t temporaryBytes(const Schedule& schedule) {
  int64_t bytes = 0;
  for (const PlannedBuffer& buffer : schedule.buffers)
    if (buffer.kind == PlannedBuffer::Kind::Temporary)
      bytes += buffer.bytes;
  return bytes;
}

TEST(PlanMemory, LiveBuffersLieApart) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    const RandomProgram f{seed, 60};
    expectSoundPlan(scheduleOf(f, {4, 6}), "program " + std::to_string(seed));
    expectSoundPlan(scheduleOf([&](const dt::Tensor& x) { return dt::grad(f)(x); }, {4, 6}),
                    "gradient " + std::to_string(seed));
  }
}

TEST(PlanMemory, EveryTemporaryIsWrittenBeforeItIsRead) {
  // What is live from step s is an argument of step s: the arena is never read before.
  for (unsigned seed = 0; seed < 20; ++seed)
    for (const auto& call : scheduleOf(RandomProgram{seed}, {4, 6}).calls)
      EXPECT_FALSE(call.buffers.empty());
}

TEST(PlanMemory, ArenaIsReused) {
  // A chain of products needs two buffers, however long it is.
  auto chain = [](const dt::Tensor& x) {
    dt::Tensor y = x;
    for (int i = 0; i < 200; ++i)
      y = dt::matmul(y, x);
    return y;
  };
  const Schedule schedule = scheduleOf(chain, {32, 32});
  EXPECT_EQ(schedule.arenaBytes, 2 * 32 * 32 * 8);
  EXPECT_GT(temporaryBytes(schedule), 190 * 32 * 32 * 8);
}

TEST(PlanMemory, FusedValuesNeedNoMemory) {
  auto chain = [](const dt::Tensor& x) { return dt::sum(dt::exp(dt::sin(x) * 2.0) + x); };
  EXPECT_EQ(scheduleOf(chain, {1000}).arenaBytes, 0);
}

TEST(PlanMemory, NoBuffersNoArena) {
  EXPECT_EQ(scheduleOf([](const dt::Tensor& x) { return x; }, {8}).arenaBytes, 0);
  EXPECT_EQ(
      scheduleOf([](const dt::Tensor& x) { return dt::exp(dt::matmul(x, x)); }, {0, 0}).arenaBytes,
      0);
}

TEST(Schedule, OutputsAreWrittenInPlace) {
  const Schedule schedule = scheduleOf([](const dt::Tensor& x) { return dt::exp(x); }, {8});
  ASSERT_EQ(schedule.calls.size(), 1u);
  EXPECT_EQ(schedule.buffers[schedule.calls[0].buffers.back()].kind, PlannedBuffer::Kind::Output);
}

TEST(Schedule, CallsNameTheirUsersLine) {
  const Schedule schedule = scheduleOf([](const dt::Tensor& x) { return dt::exp(x); }, {8});
  EXPECT_STREQ(schedule.calls.at(0).where.file, __FILE__);
  EXPECT_EQ(schedule.calls.at(0).where.line, __LINE__ - 2);
}

TEST(Schedule, RepeatedLayersRepeatTheirKernels) {
  auto layers = [](const dt::Tensor& x) {
    dt::Tensor h = x;
    for (int layer = 0; layer < 64; ++layer)
      h = dt::tanh(dt::matmul(h, x) + 1.0);
    return h;
  };
  const Schedule schedule = scheduleOf(layers, {8, 8});
  std::set<std::string> kernels;
  for (const auto& call : schedule.calls)
    kernels.insert(call.kernel.text());
  EXPECT_EQ(schedule.calls.size(), 128u);
  EXPECT_LE(kernels.size(), 4u);
}

// Each layer of a long program, and of its gradient, is fused as in a short one.
TEST(Schedule, LongProgramsAreFusedLikeShortOnes) {
  auto calls = [](int layers, bool gradient) {
    auto f = [=](const dt::Tensor& x) {
      dt::Tensor h = x;
      for (int i = 0; i < layers; ++i)
        h = dt::tanh(dt::matmul(h, x)) + dt::softmax(h, -1) * 0.5;
      return dt::sum(h * h);
    };
    auto g = [=](const dt::Tensor& x) { return gradient ? dt::grad(f)(x) : f(x); };
    return static_cast<int>(scheduleOf(g, {8, 8}).calls.size());
  };
  for (bool gradient : {false, true}) {
    const int perLayer = calls(12, gradient) - calls(11, gradient);
    // A few values live too long to be looked after.
    EXPECT_LE(calls(150, gradient), calls(12, gradient) + 138 * perLayer + 8);
  }
}

TEST(RandomPrograms, CompiledAsEager) {
  auto x = dt::randn({4, 6});
  for (unsigned seed = 0; seed < 60; ++seed) {
    const RandomProgram f{seed, 40};
    EXPECT_TRUE(sameBits(strictJit(f)(x), f(x))) << "seed " << seed;
  }
}

TEST(RandomPrograms, GradientsCompiledAsEager) {
  auto x = dt::randn({4, 6});
  for (unsigned seed = 0; seed < 30; ++seed) {
    const auto f = dt::grad(RandomProgram{seed});
    EXPECT_TRUE(sameBits(strictJit(f)(x), f(x))) << "seed " << seed;
    EXPECT_TRUE(sameBits(dt::grad(strictJit(RandomProgram{seed}))(x), f(x))) << "seed " << seed;
  }
}

TEST(RandomPrograms, StandardNumericsStayClose) {
  auto x = dt::randn({4, 6});
  for (unsigned seed = 0; seed < 20; ++seed) {
    const auto f = dt::grad(RandomProgram{seed});
    EXPECT_TRUE(dt::allclose(dt::jit(f)(x), f(x), 1e-9, 1e-11)) << "seed " << seed;
  }
}

} // namespace
