// Schedules: whose memory overlaps whose, how much of it there is, how many kernels; and random
// programs through the whole pipeline.
#include "tests/unit/RandomProgram.h"
#include "tests/unit/SameBits.h"

#include "frontend/JitPipeline.h"
#include "frontend/Trace.h"
#include "runtime/ThreadPool.h"

#include <gmock/gmock.h>

#include <map>
#include <numeric>
#include <set>

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

/// Calls that use what lies in a place: one buffer after the other.
struct LiveRange {
  int first = -1, last = -1;
};

// The calls of a row group take turns.
LiveRange widened(LiveRange range, const Schedule& schedule) {
  for (const auto& group : schedule.rowGroups) {
    const auto begin = static_cast<int>(group.first);
    const int end = begin + static_cast<int>(group.count) - 1;
    if (range.first > begin && range.first <= end)
      range.first = begin;
    if (range.last >= begin && range.last < end)
      range.last = end;
  }
  return range;
}

// A nest that walks through what a call stores, and what it loads beside that; null where it has
// another use for `from`.
std::optional<dt::codegen::NestSpec> storesOf(const dt::codegen::ScheduledCall& call, int from) {
  using namespace dt::codegen;
  if (auto* nest = std::get_if<NestSpec>(&call.kernel.what))
    return *nest;
  NestSpec made;
  if (auto* product = std::get_if<MatmulSpec>(&call.kernel.what)) {
    made.extents = {product->batch, product->s, product->v, 1};
    made.lines = product->after;
    made.stores = {{0, product->result}};
  } else if (auto* convolution = std::get_if<ConvolutionSpec>(&call.kernel.what)) {
    Access result{2, convolution->dtype, {}, convolution->resultOffset};
    for (const auto& loop : convolution->outer) { // panels are parts of s and v
      made.extents.push_back(loop.isPanels() ? Size(1) : loop.extent);
      result.strides.push_back(loop.result);
    }
    made.extents.insert(made.extents.end(), {convolution->s, convolution->v});
    result.strides.insert(result.strides.end(), {convolution->sResult, convolution->vResult});
    made.lines = convolution->after;
    made.stores = {{0, result}};
  }
  std::set<int> loaded;
  for (const Line& line : made.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      loaded.insert(load->from.arg);
  for (int arg = 0; arg < static_cast<int>(call.buffers.size()); ++arg)
    if (made.lines.empty() || (call.buffers[arg] == from && !loaded.contains(arg)))
      return std::nullopt;
  return made;
}

// Walks through every iteration: what is stored to `to` lies where that iteration has loaded, no
// element is stored twice, and none is loaded by another iteration than the one that stores it.
bool storesWhereItLoads(const dt::codegen::ScheduledCall& call, int from, int to) {
  const auto nest = storesOf(call, from);
  if (!nest)
    return false;
  const auto place = [](const dt::codegen::Access& access, const std::vector<int64_t>& at) {
    int64_t element = access.offset.value;
    for (size_t i = 0; i < at.size(); ++i)
      element += at[i] * access.strides[i].value;
    return element * sizeOf(access.dtype);
  };
  std::vector<int64_t> at(nest->extents.size());
  std::map<int64_t, int64_t> storedBy, loadedBy; // place: iteration
  for (int64_t iteration = 0;; ++iteration) {
    for (const auto& line : nest->lines)
      if (auto* load = std::get_if<dt::codegen::Line::Load>(&line.what))
        if (call.buffers[load->from.arg] == from &&
            loadedBy.emplace(place(load->from, at), iteration).first->second != iteration)
          return false;
    for (const auto& store : nest->stores)
      if (call.buffers[store.to.arg] == to &&
          !storedBy.emplace(place(store.to, at), iteration).second)
        return false;
    size_t loop = at.size();
    while (loop > 0 && ++at[loop - 1] == nest->extents[loop - 1].value)
      at[--loop] = 0;
    if (loop == 0)
      break;
  }
  return std::all_of(loadedBy.begin(), loadedBy.end(), [&](const auto& load) {
    const auto stored = storedBy.find(load.first);
    return stored == storedBy.end() || stored->second == load.second;
  });
}

// What threads may take of a call, pieces of its outermost loop: none stores an element that
// another one stores or loads, told by every iteration.
void expectPiecesApart(const Schedule& schedule, const std::string& what) {
  for (const auto& call : schedule.calls) {
    const auto* nest = std::get_if<dt::codegen::NestSpec>(&call.kernel.what);
    if (!nest || call.apart || call.range == 1)
      continue;
    std::map<std::pair<int, int64_t>, int64_t> storedBy; // buffer and element: piece
    std::vector<int64_t> at(nest->extents.size());
    const auto each = [&](auto visit) {
      for (size_t loop = 1; loop > 0;) {
        visit();
        for (loop = at.size(); loop > 0 && ++at[loop - 1] == nest->extents[loop - 1].value;)
          at[--loop] = 0;
      }
    };
    const auto place = [&](const dt::codegen::Access& access) {
      int64_t element = access.offset.value;
      for (size_t i = 0; i < at.size(); ++i)
        element += at[i] * access.strides[i].value;
      return std::pair(call.buffers[static_cast<size_t>(access.arg)], element);
    };
    const auto store = [&](const dt::codegen::Access& access) {
      const auto [stored, isNew] = storedBy.try_emplace(place(access), at[0]);
      ASSERT_EQ(stored->second, at[0]) << what << ": stores of " << call.name;
    };
    each([&] {
      for (const auto& to : nest->stores)
        store(to.to);
      for (const auto& fold : nest->folds)
        store(fold.to);
    });
    each([&] {
      for (const auto& line : nest->lines)
        if (auto* load = std::get_if<dt::codegen::Line::Load>(&line.what))
          if (const auto stored = storedBy.find(place(load->from)); stored != storedBy.end())
            ASSERT_EQ(stored->second, at[0]) << what << ": loads of " << call.name;
    });
  }
}

// Buffers of one place follow each other: a later one is made by the call that uses the former
// last, element by element, or by a later call.
void expectSoundPlaces(const Schedule& schedule, const std::vector<LiveRange>& live,
                       const std::string& what) {
  for (size_t i = 0; i < live.size(); ++i)
    for (size_t j = 0; j < live.size(); ++j) {
      const PlannedBuffer &a = schedule.buffers[i], &b = schedule.buffers[j];
      if (i == j || a.place < 0 || a.place != b.place || live[i].first > live[j].first)
        continue;
      EXPECT_EQ(a.bytes, b.bytes) << what;
      EXPECT_EQ(a.kind, PlannedBuffer::Kind::Temporary) << what;
      ASSERT_LE(live[i].last, live[j].first) << what << ": buffers " << i << " and " << j;
      if (live[i].last < live[j].first)
        continue;
      EXPECT_TRUE(storesWhereItLoads(schedule.calls[static_cast<size_t>(live[i].last)],
                                     static_cast<int>(i), static_cast<int>(j)))
          << what << ": buffers " << i << " and " << j;
    }
}

// Of what has memory for chunks alone: one row group uses it, and piece r of each call's range
// touches nothing but row r, told by every iteration.
void expectOwnRows(const Schedule& schedule, int id, LiveRange live, const std::string& what) {
  const PlannedBuffer& buffer = schedule.buffers[static_cast<size_t>(id)];
  const auto group =
      std::find_if(schedule.rowGroups.begin(), schedule.rowGroups.end(),
                   [&](const auto& each) { return live.first == static_cast<int>(each.first); });
  ASSERT_NE(group, schedule.rowGroups.end()) << what;
  EXPECT_EQ(live.last, live.first + static_cast<int>(group->count) - 1) << what;
  EXPECT_LE(buffer.arenaOffset + buffer.rowBytes, group->laneRowBytes) << what;
  for (const int threads : {1, 2, 64}) {
    const int64_t lanes = group->lanesOn(threads), piece = group->pieceOf(lanes);
    EXPECT_TRUE(lanes >= 1 && lanes <= threads && piece <= group->chunk) << what;
    EXPECT_GE(group->laneBytes(lanes), piece * group->laneRowBytes) << what;
  }
  for (size_t step = group->first; step < group->first + group->count; ++step) {
    const auto& call = schedule.calls[step];
    const auto* nest = std::get_if<dt::codegen::NestSpec>(&call.kernel.what);
    if (!nest)
      continue;
    std::vector<int64_t> at(nest->extents.size());
    const auto check = [&](const dt::codegen::Access& access) {
      int64_t element = access.offset.value;
      for (size_t i = 0; i < at.size(); ++i)
        element += at[i] * access.strides[i].value;
      if (call.buffers[static_cast<size_t>(access.arg)] == id)
        ASSERT_EQ(element * sizeOf(access.dtype) / buffer.rowBytes,
                  at[0] / (call.range / group->rows))
            << what << ": buffer " << id << " of " << call.name;
    };
    for (size_t loop = 1; loop > 0;) {
      for (const auto& line : nest->lines)
        if (auto* load = std::get_if<dt::codegen::Line::Load>(&line.what))
          check(load->from);
      for (const auto& store : nest->stores)
        check(store.to);
      for (const auto& fold : nest->folds)
        check(fold.to);
      for (loop = at.size(); loop > 0 && ++at[loop - 1] == nest->extents[loop - 1].value;)
        at[--loop] = 0;
    }
  }
}

// Of two temporaries that live at one time, the calls of a row group taking turns. In a lane they
// do not: there a piece goes from call to call. What lies in the arena ends before lanes begin.
bool lieApart(const Schedule& schedule, std::pair<int, int> ids,
              std::pair<LiveRange, LiveRange> live) {
  const PlannedBuffer &a = schedule.buffers[static_cast<size_t>(ids.first)],
                      &b = schedule.buffers[static_cast<size_t>(ids.second)];
  if (a.rowBytes > 0 && b.rowBytes > 0)
    return live.first.last < live.second.first || live.second.last < live.first.first ||
           a.arenaOffset + a.rowBytes <= b.arenaOffset ||
           b.arenaOffset + b.rowBytes <= a.arenaOffset;
  if (b.rowBytes > 0)
    return lieApart(schedule, {ids.second, ids.first}, {live.second, live.first});
  if (a.rowBytes == 0)
    return a.home != b.home || a.arenaOffset + a.bytes <= b.arenaOffset ||
           b.arenaOffset + b.bytes <= a.arenaOffset;
  const int first = widened(live.first, schedule).first;
  return b.home >= 0 ||
         std::any_of(schedule.rowGroups.begin(), schedule.rowGroups.end(), [&](const auto& group) {
           return static_cast<int>(group.first) == first &&
                  b.arenaOffset + b.bytes <= group.lanesAt;
         });
}

// Brute force: any two temporaries that live at one time lie apart, inside the arena or an output
// that is not yet written, or follow each other in one place.
void expectSoundPlan(const Schedule& schedule, const std::string& what) {
  std::vector<LiveRange> live(schedule.buffers.size());
  for (size_t step = 0; step < schedule.calls.size(); ++step)
    for (int id : schedule.calls[step].buffers) {
      if (live[id].first < 0)
        live[id].first = static_cast<int>(step);
      live[id].last = static_cast<int>(step);
    }
  expectSoundPlaces(schedule, live, what);
  for (const auto& group : schedule.rowGroups)
    EXPECT_LE(group.lanesAt + group.lanesBytes(schedule.lanes), schedule.arenaBytes) << what;
  std::map<int, int> outputs; // by number: buffer
  for (size_t i = 0; i < live.size(); ++i)
    if (schedule.buffers[i].kind == PlannedBuffer::Kind::Output)
      outputs[schedule.buffers[i].index] = static_cast<int>(i);
  for (size_t i = 0; i < live.size(); ++i) {
    const PlannedBuffer& a = schedule.buffers[i];
    if (a.kind != PlannedBuffer::Kind::Temporary || live[i].first < 0)
      continue;
    EXPECT_EQ(a.arenaOffset % std::gcd(64, a.rowBytes), 0) << what;
    const LiveRange own = widened(live[i], schedule);
    if (a.rowBytes > 0) {
      expectOwnRows(schedule, static_cast<int>(i), own, what);
    } else if (a.home < 0) {
      EXPECT_LE(a.arenaOffset + a.bytes, schedule.arenaBytes) << what;
    } else {
      const int output = outputs.at(a.home);
      EXPECT_LE(a.arenaOffset + a.bytes, schedule.buffers[output].bytes) << what;
      EXPECT_TRUE(a.place == schedule.buffers[output].place ||
                  own.last < widened(live[output], schedule).first)
          << what;
    }
    for (size_t j = 0; j < i; ++j) {
      const PlannedBuffer& b = schedule.buffers[j];
      if (b.kind != PlannedBuffer::Kind::Temporary || live[j].first < 0 || a.place == b.place)
        continue;
      const LiveRange other = widened(live[j], schedule);
      const bool together = own.first <= other.last && other.first <= own.last;
      const std::pair<int, int> ids(i, j);
      EXPECT_TRUE(!together || lieApart(schedule, ids, {live[i], live[j]}))
          << what << ": buffers " << i << " and " << j << " overlap";
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

TEST(Schedule, PiecesOfCallsAreApart) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    const RandomProgram f{seed, 60};
    expectPiecesApart(scheduleOf(f, {4, 6}), "program " + std::to_string(seed));
    expectPiecesApart(scheduleOf([&](const dt::Tensor& x) { return dt::grad(f)(x); }, {4, 6}),
                      "gradient " + std::to_string(seed));
  }
  using Windows = std::pair<dt::Axes, int64_t>;
  for (const auto& [axes, size] : {Windows{0, 3}, {0, 20}, {1, 3}, {1, 20}, {2, 17}})
    for (const int64_t stride : {1, 2, 20}) {
      const auto f = [axes = axes, size = size, stride](const dt::Tensor& x) {
        return dt::sum(dt::sin(dt::windows(x, axes, size, stride)));
      };
      expectPiecesApart(
          scheduleOf([&](const dt::Tensor& x) { return dt::grad(f)(x); }, {23, 21, 31}),
          "windows of " + std::to_string(size) + " by " + std::to_string(stride));
    }
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

// Each step of the chain would read and write a different array; a fold in the loop keeps them from
// being one kernel.
dt::Tensor dyingOperands(const dt::Tensor& x) {
  dt::Tensor y = dt::matmul(x, x);
  for (int i = 0; i < 4; ++i)
    y = dt::exp(y - dt::max(y, 1, true)) * 0.5;
  return dt::matmul(y, x);
}

TEST(PlanMemory, ResultsTakeThePlaceOfOperandsThatDie) {
  const Schedule schedule = scheduleOf(dyingOperands, {64, 64});
  expectSoundPlan(schedule, "dying operands");
  EXPECT_LT(schedule.arenaBytes, 64 * 64 * 8 + 2048);
  const auto x = dt::randn({64, 64});
  EXPECT_TRUE(sameBits(strictJit(dyingOperands)(x), dyingOperands(x)));
}

TEST(PlanMemory, RowsOfAGroupReuseWhatIsDoneWith) {
  const Schedule schedule = scheduleOf(dyingOperands, {512, 512});
  ASSERT_FALSE(schedule.rowGroups.empty());
  expectSoundPlan(schedule, "rows");
  EXPECT_LT(schedule.arenaBytes, 512 * 512 * 8 + 4 * 512 * 8 + 2048);
  const auto x = dt::randn({512, 512});
  EXPECT_TRUE(sameBits(strictJit(dyingOperands)(x), dyingOperands(x)));
}

// Arrays of 2 MiB that only a group of rows knows, and no thread needs more than a chunk of them.
TEST(PlanMemory, WhatOneGroupKnowsHasMemoryForChunks) {
  auto inside = [](const dt::Tensor& x) { // array after array
    dt::Tensor y = x;
    for (int i = 0; i < 3; ++i) {
      y = dt::exp(y - dt::max(y, 1, true));
      y = dt::sin(y / dt::sum(y, 1, true));
    }
    return dt::sum(y, 1);
  };
  const Schedule schedule = scheduleOf(inside, {512, 512});
  expectSoundPlan(schedule, "inside");
  EXPECT_TRUE(std::any_of(schedule.buffers.begin(), schedule.buffers.end(), [](const auto& buffer) {
    return buffer.rowBytes > 0 && buffer.bytes >= 512 * 512 * 8;
  }));
  EXPECT_LE(schedule.arenaBytes, schedule.lanes * (256 << 10) + 8 * 512 * 8);
  const auto x = dt::randn({512, 512});
  const dt::Tensor eager = inside(x);
  const auto jitted = strictJit(inside);
  EXPECT_TRUE(sameBits(jitted(x), eager));
  auto& pool = dt::runtime::ThreadPool::global();
  const int before = pool.threads();
  for (const int threads : {1, 2, 3, 5}) { // also more than it was planned for
    pool.setThreads(threads);
    EXPECT_TRUE(sameBits(jitted(x), eager)) << threads;
  }
  pool.setThreads(before);
}

// What is needed last and made of little stands before its first user, a gradient's update behind
// the gradient: the arena holds one of the large arrays, not all.
TEST(PlanMemory, CallsStandWhereTheyNeedLeastMemory) {
  auto early = [](const dt::Tensor& x) {
    std::vector<dt::Tensor> wide;
    for (int i = 0; i < 6; ++i)
      wide.push_back(dt::matmul(dt::slice(x, 0, i, i + 8), dt::transpose(x)));
    dt::Tensor y = dt::zeros({8});
    for (const dt::Tensor& each : wide)
      y = y + dt::sum(dt::cumsum(each, 1), 1);
    return y;
  };
  const Schedule schedule = scheduleOf(early, {1500, 2});
  expectSoundPlan(schedule, "early");
  EXPECT_LE(schedule.arenaBytes, 3 * 8 * 1500 * 8);
  const auto x = dt::randn({1500, 2});
  EXPECT_TRUE(sameBits(strictJit(early)(x), early(x)));
}

// y[i,j] = x[j,i] ...: another iteration wants the element that this one would overwrite.
TEST(PlanMemory, AnElementThatAnotherIterationReadsIsNotOverwritten) {
  auto turned = [](const dt::Tensor& x) {
    const dt::Tensor y = dt::matmul(x, x);
    return dt::matmul(dt::exp(y + dt::transpose(y)), x);
  };
  const Schedule schedule = scheduleOf(turned, {32, 32});
  expectSoundPlan(schedule, "turned");
  EXPECT_EQ(schedule.arenaBytes, 2 * 32 * 32 * 8);
  auto shifted = [](const dt::Tensor& x) {
    const dt::Tensor y = dt::reshape(dt::matmul(x, x), {4096});
    const dt::Tensor z = dt::slice(y, 0, 0, 4095) * dt::slice(y, 0, 1, 4096);
    return dt::matmul(dt::reshape(dt::concatenate({z, z * z + 1.0}, 0), {-1, 90}),
                      dt::ones({90, 3}));
  };
  expectSoundPlan(scheduleOf(shifted, {64, 64}), "shifted");
  const auto x = dt::randn({64, 64});
  EXPECT_TRUE(sameBits(strictJit(turned)(x), turned(x)));
  EXPECT_TRUE(sameBits(strictJit(shifted)(x), shifted(x)));
}

TEST(PlanMemory, ResultsHoldTemporariesUntilTheyAreWritten) {
  auto f = [](const dt::Tensor& x) {
    return dt::matmul(dt::sin(dt::matmul(dt::exp(dt::matmul(x, x)), x)), x);
  };
  const Schedule schedule = scheduleOf(f, {64, 64});
  expectSoundPlan(schedule, "result as memory");
  EXPECT_EQ(schedule.arenaBytes, 64 * 64 * 8);
  const auto x = dt::randn({64, 64});
  EXPECT_TRUE(sameBits(strictJit(f)(x), f(x)));
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
