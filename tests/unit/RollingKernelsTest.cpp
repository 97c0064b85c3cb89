// The library's rolling kernels against each window on its own: where series lie, how they fill the
// lanes of vectors, and in which ranges they are computed must not matter.
#include "runtime/Library.h"

#include "Threads.h"

#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace diptych::runtime {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Few different numbers, zeros of both signs, infinities, and stretches of NaN.
template <class T> std::vector<T> seriesOf(int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<T> x;
  while (static_cast<int64_t>(x.size()) < count) {
    const double wild[] = {kInfinity, -kInfinity, 0.0, -0.0, kNaN};
    const unsigned draw = generator() % 40;
    const double each = draw < 5 ? wild[draw] : static_cast<double>(generator() % 25) / 4 - 3;
    const size_t times = draw == 4 ? generator() % 9 : 1;
    x.insert(x.end(), times, static_cast<T>(each));
  }
  x.resize(static_cast<size_t>(count));
  return x;
}

struct Problem {
  int64_t outer, n, inner, window;

  int64_t numel() const { return outer * n * inner; }
  LibraryCall call(OpCode code, DType dtype, int64_t m) const {
    const TensorType x{dtype, {outer, n, inner}}, k{DType::i64, {outer, n, inner, m}};
    const bool isSelect = code == OpCode::RollingArgselect;
    const TensorType result =
        isSelect ? k : TensorType{code == OpCode::RollingRank ? dtype : DType::i64, x.shape};
    Attrs attrs;
    attrs.axis = 1;
    attrs.window = {window};
    const TensorType operands[] = {x, k};
    return libraryCall({info(code), {operands, isSelect ? size_t{2} : 1}, result, attrs});
  }
};
void PrintTo(const Problem& p, std::ostream* os) {
  *os << p.outer << "x" << p.n << "x" << p.inner << ", window " << p.window;
}

/// expected(window, t, place) for each element; a window is the positions that are there, in order.
template <class T, class F>
auto each(const Problem& p, const std::vector<T>& x, int64_t m, F expected) {
  std::vector<decltype(expected(std::vector<int64_t>{}, 0, 0))> results;
  for (int64_t place = 0; place < p.numel() * m; ++place) {
    const int64_t element = place / m, t = element / p.inner % p.n;
    const T* series = x.data() + (element - t * p.inner);
    std::vector<int64_t> window;
    for (int64_t i = std::max<int64_t>(0, t - p.window + 1); i <= t; ++i)
      if (!std::isnan(series[i * p.inner]))
        window.push_back(i);
    std::stable_sort(window.begin(), window.end(), [&](int64_t a, int64_t b) {
      return series[a * p.inner] < series[b * p.inner];
    });
    results.push_back(expected(window, t, place));
  }
  return results;
}

/// In ranges of each size, each into an array of its own: every element has one writer.
template <class T, class R>
void expectResults(const Problem& p, OpCode code, const std::vector<T>& x,
                   const std::vector<R>& expected, const std::vector<int64_t>& k = {}) {
  constexpr R kUnwritten = -77;
  const int64_t m =
      k.empty() ? 1 : static_cast<int64_t>(k.size()) / std::max<int64_t>(1, p.numel());
  const LibraryCall call = p.call(code, dtypeOf<T>, m);
  const int64_t steps = call.allSteps();
  ASSERT_EQ(steps, p.numel());
  for (const int64_t size : {steps / 29 + 1, steps / 5 + 1, steps / 2 + 1, steps}) {
    std::vector<bool> isWritten(expected.size());
    for (int64_t lo = 0; lo < steps; lo += size) {
      std::vector<R> results(expected.size(), kUnwritten);
      std::vector<const void*> args{x.data()};
      if (!k.empty())
        args.push_back(k.data());
      args.push_back(results.data());
      call.kernel(const_cast<void* const*>(args.data()), call.params.data(), lo,
                  std::min(steps, lo + size));
      for (size_t i = 0; i < results.size(); ++i) {
        if (results[i] == kUnwritten)
          continue;
        ASSERT_EQ(std::memcmp(&results[i], &expected[i], sizeof(R)), 0)
            << info(code).name << " at " << i << ", ranges of " << size << ": " << results[i]
            << " for " << expected[i];
        ASSERT_FALSE(isWritten[i]) << info(code).name << " at " << i << ", ranges of " << size;
        isWritten[i] = true;
      }
    }
    ASSERT_EQ(std::count(isWritten.begin(), isWritten.end(), false), 0) << info(code).name;
  }
}

template <class T> void check(const Problem& p) {
  const std::vector<T> x = seriesOf<T>(p.numel(), static_cast<unsigned>(p.n + p.window));
  const auto equal = [&](int64_t a, int64_t b, int64_t t, int64_t place) {
    return x[static_cast<size_t>(place + (a - t) * p.inner)] ==
           x[static_cast<size_t>(place + (b - t) * p.inner)];
  };
  using Window = std::vector<int64_t>;
  expectResults(p, OpCode::RollingArgmin, x,
                each(p, x, 1, [&](const Window& window, int64_t t, int64_t) {
                  return window.empty() ? t : window[0];
                }));
  expectResults(p, OpCode::RollingArgmax, x,
                each(p, x, 1, [&](const Window& window, int64_t t, int64_t place) {
                  size_t i = window.size();
                  while (i > 1 && equal(window[i - 2], window.back(), t, place))
                    --i;
                  return i ? window[i - 1] : t;
                }));
  expectResults(p, OpCode::RollingRank, x,
                each(p, x, 1, [&](const Window& window, int64_t t, int64_t place) {
                  double ranks = 0, ties = 0;
                  for (size_t i = 0; i < window.size(); ++i)
                    if (equal(window[i], t, t, place)) {
                      ranks += static_cast<double>(i + 1);
                      ++ties;
                    }
                  const T own = x[static_cast<size_t>(place)];
                  return std::isnan(own) ? own : static_cast<T>(ranks / ties);
                }));
  for (const int64_t m : {1, 3}) {
    std::mt19937_64 generator(9);
    std::vector<int64_t> k;
    for (int64_t i = 0; i < p.numel() * m; ++i) {
      const int64_t wild[] = {-1, p.window, int64_t{1} << 16, (int64_t{1} << 40) + 1};
      const auto draw = static_cast<int64_t>(generator() >> 8);
      k.push_back(i % 17 == 0 ? wild[draw % 4] : draw % (std::min(p.window, p.n) + 1));
    }
    expectResults(p, OpCode::RollingArgselect, x,
                  each(p, x, m,
                       [&](const Window& window, int64_t t, int64_t place) {
                         const int64_t asked = k[static_cast<size_t>(place)];
                         const bool has = asked >= 0 && asked < static_cast<int64_t>(window.size());
                         return has ? window[static_cast<size_t>(asked)] : t;
                       }),
                  k);
  }
}

class RollingKernels : public testing::TestWithParam<Problem> {};
TEST_P(RollingKernels, F64) { check<double>(GetParam()); }
TEST_P(RollingKernels, F32) { check<float>(GetParam()); }

// Lanes are 8 and 16: fewer series and more, beside each other and one behind the other.
std::vector<Problem> layouts() {
  std::vector<Problem> list;
  for (const int64_t window : {1, 2, 5, 20, 60, 100})
    for (const auto& [outer, n, inner] : std::vector<std::array<int64_t, 3>>{{1, 0, 3},
                                                                             {2, 1, 9},
                                                                             {1, 41, 1},
                                                                             {2, 23, 1},
                                                                             {5, 37, 3},
                                                                             {19, 30, 1},
                                                                             {1, 64, 8},
                                                                             {1, 50, 16},
                                                                             {1, 33, 37},
                                                                             {3, 21, 18}})
      list.push_back({outer, n, inner, window});
  return list;
}
INSTANTIATE_TEST_SUITE_P(Layouts, RollingKernels, testing::ValuesIn(layouts()));
// Windows that are large for the lanes in use are computed otherwise.
INSTANTIATE_TEST_SUITE_P(Large, RollingKernels,
                         testing::Values(Problem{2, 400, 1, 64}, Problem{2, 400, 1, 150},
                                         Problem{2, 400, 1, 250}, Problem{2, 600, 1, 590},
                                         Problem{2, 150, 1, 1000}, Problem{1, 300, 5, 150}));

TEST(RollingOnThreads, BitsAreThoseOfOne) {
  const Tensor x = where(randn({150, 43}) > 1.5, full({}, kNaN), randn({150, 43}));
  for (const int64_t axis : {0, 1})
    for (const int64_t window : {5, 40}) {
      const auto all = [&] {
        const RollingOptions options{.min_periods = 1};
        const Tensor results = stack({rolling_max(x, window, axis, options),
                                      rolling_argmin(x, window, axis).astype(f64),
                                      rolling_rank(x, window, axis, options),
                                      rolling_quantile(x, 0.3, window, axis, options)});
        return where(isnan(results), -77.0, results).to_vector<double>();
      };
      const test::Threads one(1);
      const std::vector<double> expected = all();
      const test::Threads three(3);
      EXPECT_EQ(all(), expected) << "axis " << axis << ", window " << window;
    }
}

TEST(RollingInF32, OrdersAsF64) {
  const Tensor x = randn({90, 7}, f32), wide = x.astype(f64);
  const RollingOptions options{.min_periods = 1, .pct = true};
  const auto all = [&](const Tensor& a) {
    return stack({rolling_max(a, 20, 0), rolling_rank(a, 20, 0, options),
                  rolling_median(a, 20, 0, options)})
        .astype(f32);
  };
  const auto bits = [](const Tensor& a) {
    return where(isnan(a), -77.0, a.astype(f64)).to_vector<double>();
  };
  EXPECT_EQ(bits(all(x)), bits(all(wide)));
}

} // namespace
} // namespace diptych::runtime
