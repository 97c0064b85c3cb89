// Calls that run together row by row: which do, which must not, and that no bit depends on it.
// Late numbers taken out of sums over rows: the same derivatives to rounding.
#include "tests/unit/SameBits.h"
#include "tests/unit/Threads.h"

#include "frontend/JitPipeline.h"
#include "frontend/Trace.h"

#include <gmock/gmock.h>

namespace dt = diptych;
using namespace diptych::test;
using dt::codegen::Schedule;

namespace {

using Model = std::function<dt::Tensor(const dt::Tensor&)>;

Schedule scheduleOf(const Model& f, const dt::Shape& shape, dt::Numerics numerics) {
  const std::lock_guard lock(dt::traceMutex());
  const dt::TensorType input{dt::f64, shape};
  auto traced = dt::traceFunction(
      [&](dt::ValueSpan inputs) { return dt::Values{f(dt::Tensor(inputs[0])).value()}; },
      std::span(&input, 1));
  dt::JitStats stats;
  return dt::runPipeline(*traced.module, numerics, stats);
}

int callsOutsideGroups(const Schedule& schedule) {
  auto calls = static_cast<int>(schedule.calls.size());
  for (const auto& group : schedule.rowGroups)
    calls -= static_cast<int>(group.count);
  return calls;
}

void expectEagerBits(const Model& f, const dt::Tensor& x) {
  const dt::Tensor eager = f(x);
  const auto jitted = dt::jit(f, {.numerics = dt::Numerics::strict});
  EXPECT_TRUE(sameBits(jitted(x), eager));
}

constexpr int64_t T = 400, N = 301;

TEST(RowGroups, SoftmaxOfRowsIsOneGroup) {
  const Model f = [](const dt::Tensor& x) { return dt::softmax(x * x, -1); };
  const Schedule schedule = scheduleOf(f, {T, N}, dt::Numerics::strict);
  ASSERT_EQ(schedule.rowGroups.size(), 1u);
  EXPECT_EQ(callsOutsideGroups(schedule), 0);
  EXPECT_EQ(schedule.rowGroups[0].rows, T);
  expectEagerBits(f, dt::randn({T, N}));
}

TEST(RowGroups, SmallArraysStayInCacheAnyway) {
  const Model f = [](const dt::Tensor& x) { return dt::softmax(x * x, -1); };
  EXPECT_TRUE(scheduleOf(f, {20, 30}, dt::Numerics::strict).rowGroups.empty());
}

// What no cache holds is asked for while the chunk before it is worked on.
TEST(RowGroups, LargeArraysAreReadAhead) {
  const auto readers = [](const Schedule& schedule) {
    int count = 0;
    for (const auto& call : schedule.calls)
      count += call.kernel.text().find("ahead") != std::string::npos;
    return count;
  };
  const Model softmax = [](const dt::Tensor& x) { return dt::softmax(x, -1); };
  EXPECT_EQ(readers(scheduleOf(softmax, {4000, N}, dt::Numerics::strict)), 1);
  EXPECT_EQ(readers(scheduleOf(softmax, {T, N}, dt::Numerics::strict)), 0);
  expectEagerBits(softmax, dt::randn({4000, N}));
  // What computes little leaves memory no time.
  const Model scaled = [](const dt::Tensor& x) {
    const dt::Tensor centred = x - dt::mean(x, -1, true);
    return centred / dt::sqrt(dt::mean(centred * centred, -1, true) + 1e-5);
  };
  EXPECT_EQ(readers(scheduleOf(scaled, {4000, N}, dt::Numerics::strict)), 0);
}

// A product of matrices computes twelve rows in the time of one.
TEST(RowGroups, ChunksHoldWholeTilesOfAProduct) {
  const Model f = [](const dt::Tensor& x) {
    const auto e = dt::exp(x);
    return dt::matmul(e, dt::transpose(x)) + dt::sum(e, -1);
  };
  const Schedule schedule = scheduleOf(f, {300, 8000}, dt::Numerics::strict);
  for (const auto& group : schedule.rowGroups)
    for (size_t i = group.first; i < group.first + group.count; ++i)
      if (auto* product = std::get_if<dt::codegen::MatmulSpec>(&schedule.calls[i].kernel.what)) {
        EXPECT_GE(group.chunk * schedule.calls[i].range / group.rows, product->rows);
      }
}

// Columns as rows of a group: one at a time, a long matrix would be read an element a row.
TEST(RowGroups, ChunksHoldVectorsOfColumns) {
  const Model f = [](const dt::Tensor& x) { return dt::var(x, 0); };
  for (const dt::Shape& shape : {dt::Shape{20000, 60}, dt::Shape{900, 300}}) {
    const Schedule schedule = scheduleOf(f, shape, dt::Numerics::strict);
    for (const auto& group : schedule.rowGroups)
      for (size_t i = group.first; i < group.first + group.count; ++i)
        if (auto* nest = std::get_if<dt::codegen::NestSpec>(&schedule.calls[i].kernel.what);
            nest && !nest->folds.empty() && nest->vectorLoop == 0) {
          EXPECT_GE(group.chunk, nest->lanes);
        }
    expectEagerBits(f, dt::randn(shape));
  }
}

// The zeros around what all rows give could be written with the first rows, or much later.
TEST(RowGroups, WhatSharesNoRowsBeginsLate) {
  const Model f = [](const dt::Tensor& x) {
    const dt::Tensor all = dt::sum(dt::softmax(x, -1), 0, true);
    const dt::Tensor wide = dt::pad(all, {{0, T - 1}, {0, 0}}); // [T,N], zero but for a row
    return dt::matmul(dt::cumsum(wide, 0), dt::transpose(x));
  };
  const Schedule schedule = scheduleOf(f, {T, N}, dt::Numerics::strict);
  ASSERT_FALSE(schedule.rowGroups.empty());
  const auto fill = std::find_if(schedule.calls.begin(), schedule.calls.end(),
                                 [](const auto& call) { return call.name == "fill"; });
  ASSERT_NE(fill, schedule.calls.end());
  const auto& group = schedule.rowGroups[0];
  EXPECT_GE(fill - schedule.calls.begin(), static_cast<ptrdiff_t>(group.first + group.count));
  expectEagerBits(f, dt::randn({T, N}));
}

//===-- Columns ------------------------------------------------------------------------------===//

// Sum of the correlations of x and of what was a day before, where there are any.
dt::Tensor correlations(const dt::Tensor& x, int64_t window, int64_t axis) {
  const auto each = dt::rolling_corr(x, dt::shift(x, 1, axis), window, axis, {.min_periods = 5});
  return dt::sum(dt::where(dt::isnan(each), 0.0, each));
}

// Pieces of columns of groups whose rows are cut, as groups have rows.
std::vector<int64_t> piecesOf(const Schedule& schedule) {
  std::vector<int64_t> pieces;
  for (const auto& group : schedule.rowGroups)
    if (auto* nest = std::get_if<dt::codegen::NestSpec>(&schedule.calls[group.first].kernel.what);
        nest && nest->columns > 0) {
      EXPECT_EQ(group.rows % nest->extents[1].value, 0);
      EXPECT_EQ((nest->columns - 1) / nest->extents[nest->vectorLoop].value + 1,
                nest->extents[1].value);
      pieces.push_back(nest->extents[1].value);
    }
  return pieces;
}

// Whole blocks and a last one that is shorter, a last piece of a few columns, batches and axes.
TEST(RowGroups, LargeRowsAreCutIntoColumns) {
  struct Case {
    dt::Shape shape;
    int64_t window, axis;
  };
  for (const Case& each : {Case{{200, 700}, 20, 0}, Case{{190, 613}, 30, 0},
                           Case{{360, 330}, 120, 0}, Case{{3, 80, 401}, 40, 1}}) {
    const Model value = [&](const dt::Tensor& x) {
      return correlations(x, each.window, each.axis);
    };
    EXPECT_THAT(piecesOf(scheduleOf(dt::grad(value), each.shape, dt::Numerics::strict)),
                testing::Contains(testing::Gt(1)));
    const auto x = dt::randn(each.shape);
    const auto holes = dt::where(x > 2, std::numeric_limits<double>::quiet_NaN(), x);
    for (const int threads : {1, 2}) {
      const Threads pool(threads);
      expectEagerBits(value, holes);
      expectEagerBits(dt::grad(value), holes);
    }
  }
}

// What one column gives another reads in the same row.
TEST(RowGroups, ColumnsThatMeetAreNotCut) {
  const Model f = [](const dt::Tensor& x) {
    dt::Tensor y = x;
    for (int i = 0; i < 6; ++i)
      y = dt::cumsum(dt::flip(y, 2) * x, 1) * dt::flip(dt::cumsum(y, 1), 1);
    return y;
  };
  EXPECT_THAT(piecesOf(scheduleOf(f, {20, 30, 900}, dt::Numerics::strict)), testing::IsEmpty());
  expectEagerBits(f, dt::randn({20, 30, 900}));
}

// What mixes rows splits groups: every row must be there before the next step reads it.
TEST(RowGroups, WhatMixesRowsWaits) {
  const std::vector<Model> models = {
      [](const dt::Tensor& x) { return dt::softmax(x, -1) - dt::softmax(x, 0); },
      [](const dt::Tensor& x) { return dt::matmul(dt::softmax(x, -1), dt::transpose(x)); },
      [](const dt::Tensor& x) {
        const dt::Tensor p = dt::softmax(x, -1);
        return dt::slice(p, 0, 1, T) - dt::slice(p, 0, 0, T - 1);
      },
      [](const dt::Tensor& x) { return dt::softmax(dt::flip(dt::softmax(x, -1), {0}), -1); },
      [](const dt::Tensor& x) { return dt::softmax(x - dt::mean(dt::exp(x), 0), -1); },
      [](const dt::Tensor& x) {
        return dt::grad([](const dt::Tensor& y) {
          const dt::Tensor r = dt::sum(dt::softmax(y, -1) * y, -1);
          return dt::mean(r) / dt::sqrt(dt::var(r));
        })(x);
      },
  };
  for (size_t i = 0; i < models.size(); ++i) {
    SCOPED_TRACE(i);
    expectEagerBits(models[i], dt::randn({T, N}));
  }
}

// Per-row numbers that are known only after all rows: Sharpe ratios and relatives.
dt::Tensor sharpe(const dt::Tensor& r) { return dt::mean(r) / dt::sqrt(dt::var(r)); }

struct Portfolio {
  dt::Tensor X = dt::randn({T, N, 7}), Y = 0.02 * dt::randn({T, N}) + 0.001;
  dt::Tensor scores(const dt::Tensor& w) const { return dt::matmul(X, w); }
};

TEST(FactorRows, GradientsReadTheArrayOnce) {
  const Portfolio p;
  const Model f = dt::grad(
      [&](const dt::Tensor& w) { return sharpe(dt::sum(dt::softmax(p.scores(w), -1) * p.Y, -1)); });
  const auto jitted = dt::jit(f);
  const dt::Tensor w = dt::tensor({0.1, -0.2, 0.3, 0.05, 0.0, -0.4, 0.2});
  EXPECT_LT(dt::max(dt::abs(jitted(w) - f(w))).item<double>(),
            1e-12 * dt::max(dt::abs(f(w))).item<double>());
  // Both products with X stand in the only group of rows.
  const std::string plan = jitted.ir("plan");
  EXPECT_THAT(plan, ::testing::HasSubstr("rows 400 by"));
  EXPECT_THAT(plan, ::testing::Not(::testing::ContainsRegex("\nmatmul\\([^)]*input1")));
}

TEST(FactorRows, KeepsDerivativesToRounding) {
  const Portfolio p;
  using Loss = std::function<dt::Tensor(const dt::Tensor&)>;
  const std::vector<Loss> losses = {
      [&](const dt::Tensor& w) { return sharpe(dt::sum(dt::tanh(p.scores(w)) * p.Y, -1)); },
      [&](const dt::Tensor& w) { return sharpe(dt::mean(dt::relu(p.scores(w)) - p.Y, -1)); },
      [&](const dt::Tensor& w) { return sharpe(dt::max(p.scores(w), -1)); },
      [&](const dt::Tensor& w) {
        const dt::Tensor s = p.scores(w);
        return sharpe(dt::sum(dt::where(s > 0.0, s, 0.5 * s) / (1.0 + p.Y * p.Y), -1));
      },
      [&](const dt::Tensor& w) { // two numbers a row
        const dt::Tensor s = p.scores(w);
        return sharpe(dt::sum(s * p.Y, -1)) * sharpe(dt::logsumexp(s, -1));
      },
      [&](const dt::Tensor& w) { // costs couple each row to the next: nothing to take out
        const dt::Tensor q = dt::softmax(p.scores(w), -1);
        const dt::Tensor moves = dt::slice(q, 0, 1, T) - dt::slice(q, 0, 0, T - 1);
        return sharpe(dt::sum(q * p.Y, -1)) - dt::mean(moves * moves);
      },
      [&](const dt::Tensor& w) { return dt::logsumexp(dt::sum(p.scores(w) * p.Y, -1)); },
  };
  const dt::Tensor w = dt::tensor({0.1, -0.2, 0.3, 0.05, 0.02, -0.4, 0.2});
  const dt::Tensor v = dt::tensor({1.0, 0.3, -0.2, 0.5, -1.0, 0.1, 0.7});
  auto close = [](const dt::Tensor& a, const dt::Tensor& b) {
    return dt::max(dt::abs(a - b)).item<double>() <=
           1e-11 * dt::max(dt::abs(b)).item<double>() + 1e-300;
  };
  for (size_t i = 0; i < losses.size(); ++i) {
    SCOPED_TRACE(i);
    const auto gradient = dt::grad(losses[i]);
    const auto product = dt::hvp(losses[i]);
    EXPECT_TRUE(close(dt::jit(gradient)(w), gradient(w)));
    EXPECT_TRUE(close(dt::jit(product)(w, v), product(w, v)));
  }
}

} // namespace
