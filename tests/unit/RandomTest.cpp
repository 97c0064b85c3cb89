// Random numbers: known answers, the same bits everywhere, distributions, streams, derivatives.
#include "tests/errors/Throws.h"
#include "tests/unit/ReferenceFunctions.h"
#include "tests/unit/SameBits.h"

#include <diptych/diptych.h>

#include "runtime/ThreadPool.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numbers>
#include <set>

namespace dt = diptych;
namespace rnd = diptych::random;
using namespace diptych::test;
using dt::DType;
using dt::Tensor;
using testing::ElementsAre;

namespace {

using Numbers = std::vector<double>;
Numbers numbersOf(const Tensor& x) { return x.to_vector<double>(); }

//===-- Philox -------------------------------------------------------------------------------===//

// philox4x32-10 in kat_vectors of Random123: counter, key, and the first two words of the answer.
TEST(Philox, GivesTheKnownAnswers) {
  const auto words = [](uint64_t low, uint64_t high) {
    return Tensor(dt::tensor(static_cast<int64_t>(low | high << 32)));
  };
  const auto answer = [](const Tensor& key, const Tensor& counter, const Tensor& stream) {
    return static_cast<uint64_t>(dt::philox(key, counter, stream).item<int64_t>());
  };
  const Tensor zeros = words(0, 0), ones = words(0xffffffff, 0xffffffff);
  EXPECT_EQ(answer(zeros, zeros, zeros), 0xe169c58d6627e8d5u);
  EXPECT_EQ(answer(ones, ones, ones), 0x41c83b0e408f276du);
  EXPECT_EQ(answer(words(0xa4093822, 0x299f31d0), words(0x243f6a88, 0x85a308d3),
                   words(0x13198a2e, 0x03707344)),
            0x94fdccebd16cfe09u);
}

TEST(Philox, DrawsCountElementsInRowMajorOrder) {
  const int64_t key = 0x0123456789abcdef;
  std::vector<int64_t> expected;
  for (int64_t i = 0; i < 24; ++i)
    expected.push_back(dt::reference::philox(key, i, 0));
  for (const dt::Shape& shape : {dt::Shape{24}, dt::Shape{4, 6}, dt::Shape{2, 3, 4}})
    EXPECT_EQ(rnd::bits(rnd::key(key), shape).to_vector<int64_t>(), expected) << shape.str();
  EXPECT_EQ(rnd::bits(rnd::key(key), {}).item<int64_t>(), expected[0]);
  EXPECT_EQ(rnd::bits(rnd::key(key), {3, 0}).numel(), 0);
}

// Numbers that a change of the generator would change: they are part of the interface.
TEST(Random, BitsArePinned) {
  const Tensor key = rnd::key(42);
  EXPECT_EQ(
      rnd::split(key, 2).to_vector<int64_t>(),
      (std::vector<int64_t>{dt::reference::philox(42, 0, 2), dt::reference::philox(42, 1, 2)}));
  EXPECT_EQ(rnd::fold_in(key, 7).item<int64_t>(), dt::reference::philox(42, 7, 3));
  EXPECT_EQ(rnd::fold_in(key, dt::tensor({7, 8})).to_vector<int64_t>()[1],
            dt::reference::philox(42, 8, 3));
  dt::manual_seed(42);
  dt::rand({3});
  const Tensor second = dt::rand({3});
  EXPECT_TRUE(sameBits(second, rnd::uniform(rnd::fold_in(key, 1), {3})));
  const auto first = static_cast<uint64_t>(dt::reference::philox(42, 0, 0));
  EXPECT_EQ(rnd::uniform(key, {1}).to_vector<double>()[0],
            static_cast<double>(first >> 11) * 0x1p-53);
  EXPECT_EQ(rnd::uniform(key, {1}, dt::f32).to_vector<float>()[0],
            static_cast<float>(first >> 40) * 0x1p-24f);
}

//===-- The same bits
//--------------------------------------------------------------------------===//

// Everything that draws, as one tree.
std::vector<Tensor> everything(const Tensor& key) {
  const Tensor keys = rnd::split(key, 9);
  const auto at = [&](int64_t i) { return dt::select(keys, 0, i); };
  return {rnd::bits(at(0), {3, 41}),
          rnd::uniform(at(1), {7, 5}, dt::f32, -2, 3),
          rnd::normal(at(2), {200}),
          rnd::normal(at(3), {33}, dt::f32, 1, 2),
          rnd::truncated_normal(at(4), {50}, 1, 30),
          rnd::exponential(at(5), {50}),
          rnd::gumbel(at(6), {50}, dt::f32),
          rnd::bernoulli(at(7), {2, 50}, 0.3),
          rnd::randint(at(8), {60}, -5, int64_t{1} << 40)};
}

TEST(Random, IsTheSameEagerlyAndCompiled) {
  auto compiled = dt::jit(everything, {.numerics = dt::Numerics::strict});
  for (uint64_t seed : {0, 1, 99})
    EXPECT_TRUE(sameBits(compiled(rnd::key(seed)), everything(rnd::key(seed))));
  EXPECT_EQ(compiled.stats().compilations, 1);
}

TEST(Random, IsTheSameOnAnyNumberOfThreads) {
  auto& pool = dt::runtime::ThreadPool::global();
  const int before = pool.threads();
  const auto drawn = [] {
    const Tensor key = rnd::key(5);
    auto compiled = dt::jit([](const Tensor& k) { return rnd::normal(k, {300, 1000}); },
                            {.numerics = dt::Numerics::strict});
    return std::vector<Tensor>{rnd::normal(key, {300, 1000}), compiled(key)};
  };
  pool.setThreads(1);
  const std::vector<Tensor> one = drawn();
  pool.setThreads(3);
  const std::vector<Tensor> three = drawn();
  pool.setThreads(before);
  EXPECT_TRUE(sameBits(one, three));
  EXPECT_TRUE(sameBits(one[0], one[1]));
}

TEST(Random, VmapOverKeysGivesEveryExampleItsOwn) {
  const Tensor keys = rnd::split(rnd::key(3), 4);
  auto mapped = dt::vmap([](const Tensor& key) { return everything(key); });
  const std::vector<Tensor> all = mapped(keys);
  const std::vector<Tensor> compiled = dt::jit(mapped, {.numerics = dt::Numerics::strict})(keys);
  EXPECT_TRUE(sameBits(all, compiled));
  for (int64_t i = 0; i < 4; ++i) {
    const std::vector<Tensor> own = everything(dt::select(keys, 0, i));
    for (size_t k = 0; k < own.size(); ++k)
      EXPECT_TRUE(sameBits(dt::select(all[k], 0, i), own[k])) << i << ' ' << k;
  }
}

//===-- Distributions
//--------------------------------------------------------------------------===//

// sum((observed - expected)^2 / expected); its mean is cells - 1, its deviation sqrt(2 (cells -
// 1)).
double chiSquare(const std::vector<int64_t>& counts, const Numbers& probabilities, double total) {
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = total * probabilities[i];
    sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return sum;
}

// The numbers' values of their distribution function are uniform: 100 cells, six deviations.
void expectUniform(const Numbers& p) {
  std::vector<int64_t> counts(100);
  for (double x : p) {
    ASSERT_TRUE(x >= 0 && x <= 1) << x;
    ++counts[std::min<size_t>(99, static_cast<size_t>(x * 100))];
  }
  const double statistic = chiSquare(counts, Numbers(100, 0.01), static_cast<double>(p.size()));
  EXPECT_NEAR(statistic, 99, 6 * std::sqrt(2 * 99.0));
}

constexpr int64_t kMany = 200000;

TEST(Random, DrawsHaveTheirDistributionFunctions) {
  const Tensor key = rnd::key(11);
  expectUniform(numbersOf(rnd::uniform(key, {kMany})));
  expectUniform(numbersOf(rnd::uniform(key, {kMany}, dt::f32).astype(dt::f64)));
  expectUniform(numbersOf((rnd::uniform(key, {kMany}, dt::f64, -3, 5) + 3) / 8));
  expectUniform(numbersOf(dt::normal_cdf(rnd::normal(key, {kMany}))));
  expectUniform(numbersOf(dt::normal_cdf((rnd::normal(key, {kMany}, dt::f64, 2, 3) - 2) / 3)));
  expectUniform(numbersOf(-dt::expm1(-rnd::exponential(key, {kMany}))));
  expectUniform(numbersOf(dt::exp(-dt::exp(-rnd::gumbel(key, {kMany})))));
  // Every bit of 64 is as often 1 as 0.
  const std::vector<int64_t> bits = rnd::bits(key, {kMany}).to_vector<int64_t>();
  for (int bit = 0; bit < 64; ++bit) {
    const auto set = std::count_if(bits.begin(), bits.end(),
                                   [&](int64_t x) { return static_cast<uint64_t>(x) >> bit & 1; });
    EXPECT_NEAR(static_cast<double>(set), kMany / 2.0, 6 * std::sqrt(kMany / 4.0)) << bit;
  }
}

TEST(Random, TruncatedNormalsKeepTheirTails) {
  const auto tail = [](double x) { return 0.5 * std::erfc(x / std::numbers::sqrt2); };
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{
           {-1, 2}, {-2, -1}, {3, 4}, {8, 20}, {-40, -20}, {-INFINITY, 0.5}, {0, INFINITY}}) {
    const Tensor x = rnd::truncated_normal(rnd::key(12), {kMany}, low, high);
    Numbers p;
    for (double value : numbersOf(x)) {
      ASSERT_TRUE(value >= low && value <= high) << value;
      p.push_back(low >= 0 ? (tail(value) - tail(high)) / (tail(low) - tail(high))
                           : (tail(-value) - tail(-low)) / (tail(-high) - tail(-low)));
    }
    expectUniform(p);
  }
}

TEST(Random, NormalsHaveMomentsAndTails) {
  const Numbers z = numbersOf(rnd::normal(rnd::key(13), {kMany}));
  double moments[5] = {};
  for (double x : z)
    for (int k = 0; k < 5; ++k)
      moments[k] += std::pow(x, k) / kMany;
  EXPECT_NEAR(moments[1], 0, 0.012);
  EXPECT_NEAR(moments[2], 1, 0.02);
  EXPECT_NEAR(moments[3], 0, 0.06);
  EXPECT_NEAR(moments[4], 3, 0.15);
  const auto beyond = [&](double bound) {
    return std::count_if(z.begin(), z.end(), [&](double x) { return std::abs(x) > bound; });
  };
  EXPECT_NEAR(static_cast<double>(beyond(3)), kMany * 0.0026998, 6 * 23.2);
  EXPECT_NEAR(static_cast<double>(beyond(4)), kMany * 6.334e-5, 6 * 3.6);
}

TEST(Random, WholeNumbersAreUniform) {
  const std::vector<int64_t> dice = rnd::randint(rnd::key(14), {kMany}, -2, 5).to_vector<int64_t>();
  std::vector<int64_t> counts(7);
  for (int64_t n : dice) {
    ASSERT_TRUE(n >= -2 && n < 5);
    ++counts[static_cast<size_t>(n + 2)];
  }
  EXPECT_LT(chiSquare(counts, Numbers(7, 1 / 7.0), kMany), 6 + 6 * std::sqrt(12.0));
  // The upper half of a product of 128 bits, for ranges of every size.
  const std::vector<int64_t> raw = rnd::bits(rnd::key(15), {1000}).to_vector<int64_t>();
  for (uint64_t range : {uint64_t{1}, uint64_t{3}, uint64_t{1} << 31, (uint64_t{1} << 32) - 1,
                         (uint64_t{1} << 32) + 5, (uint64_t{1} << 62) + 12345}) {
    const auto drawn =
        rnd::randint(rnd::key(15), {1000}, 0, static_cast<int64_t>(range)).to_vector<int64_t>();
    for (size_t i = 0; i < raw.size(); ++i)
      ASSERT_EQ(drawn[i],
                static_cast<int64_t>(
                    static_cast<unsigned __int128>(static_cast<uint64_t>(raw[i])) * range >> 64));
  }
  const auto whole = rnd::randint(rnd::key(15), {1000}, INT64_MIN, INT64_MAX).to_vector<int64_t>();
  EXPECT_LT(*std::min_element(whole.begin(), whole.end()), INT64_MIN / 2);
  EXPECT_GT(*std::max_element(whole.begin(), whole.end()), INT64_MAX / 2);
  EXPECT_EQ(rnd::randint(rnd::key(15), {2}, 0, 9, dt::i32).dtype(), DType::i32);
}

TEST(Random, EventsHappenWithTheirProbability) {
  for (double p : {0.0, 0.001, 0.3, 1.0}) {
    const double count =
        dt::sum(rnd::bernoulli(rnd::key(16), {kMany}, p).astype(dt::f64)).item<double>();
    EXPECT_NEAR(count, kMany * p, 6 * std::sqrt(kMany * p * (1 - p))) << p;
  }
  const Tensor each = dt::tensor({0.0, 1.0});
  EXPECT_EQ(rnd::bernoulli(rnd::key(17), {2, 2}, each).to_vector<bool>(),
            (std::vector<bool>{false, true, false, true}));
}

// The end of the interval is not drawn, where rounding of low + (high - low) u would give it.
TEST(Random, UniformIntervalsAreHalfOpen) {
  for (double low : {1.0, 1024.0}) {
    const Tensor end = dt::tensor(std::nextafter(static_cast<float>(low), 2000.0f));
    const Tensor x = rnd::uniform(rnd::key(18), {10000}, dt::f32, low, end);
    EXPECT_EQ(dt::min(x).item<float>(), static_cast<float>(low));
    EXPECT_EQ(dt::max(x).item<float>(), static_cast<float>(low));
  }
  EXPECT_LT(dt::max(rnd::uniform(rnd::key(19), {kMany}, dt::f32)).item<float>(), 1.0f);
  EXPECT_TRUE(dt::all(dt::isfinite(rnd::gumbel(rnd::key(19), {kMany}, dt::f32))).item<bool>());
}

//===-- Streams
//--------------------------------------------------------------------------------===//

double correlation(const Numbers& x, const Numbers& y) {
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - 0.5) * (y[i] - 0.5);
    xx += (x[i] - 0.5) * (x[i] - 0.5);
    yy += (y[i] - 0.5) * (y[i] - 0.5);
  }
  return xy / std::sqrt(xx * yy);
}

TEST(Random, StreamsAreUncorrelated) {
  const Tensor key = rnd::key(20);
  std::vector<Tensor> keys{key, rnd::key(21), rnd::fold_in(key, 0), rnd::fold_in(key, 1)};
  for (int64_t i = 0; i < 4; ++i)
    keys.push_back(dt::select(rnd::split(key, 4), 0, i));
  std::set<int64_t> different;
  for (size_t i = 0; i < keys.size(); ++i) {
    different.insert(keys[i].item<int64_t>());
    const Numbers x = numbersOf(rnd::uniform(keys[i], {20000}));
    EXPECT_LT(std::abs(correlation({x.begin() + 1, x.end()}, {x.begin(), x.end() - 1})), 0.04);
    for (size_t j = 0; j < i; ++j)
      EXPECT_LT(std::abs(correlation(x, numbersOf(rnd::uniform(keys[j], {20000})))), 0.04);
  }
  EXPECT_EQ(different.size(), keys.size());
  // The two streams of one draw.
  EXPECT_LT(std::abs(correlation(numbersOf(dt::normal_cdf(rnd::normal(key, {20000}))),
                                 numbersOf(rnd::uniform(key, {20000})))),
            0.04);
}

//===-- Derivatives
//----------------------------------------------------------------------------===//

TEST(Random, DerivativesFlowThroughParameters) {
  const Tensor key = rnd::key(22), mean = dt::tensor({1.0, -1.0}), deviation = dt::tensor(2.0);
  auto f = [](const Tensor& mean, const Tensor& deviation, const Tensor& key) {
    const Tensor x = rnd::normal(key, {3, 2}, dt::f64, mean, deviation);
    return dt::sum(x * x);
  };
  const std::vector<Tensor> gradients = dt::grad(f, {0, 1})(mean, deviation, key);
  const Tensor z = rnd::normal(key, {3, 2}), x = mean + deviation * z;
  EXPECT_TRUE(dt::allclose(gradients[0], dt::sum(2 * x, 0), 1e-12));
  EXPECT_TRUE(dt::allclose(gradients[1], dt::sum(2 * x * z), 1e-12));
  auto compiled = dt::jit(dt::grad(f, {0, 1}), {.numerics = dt::Numerics::strict});
  EXPECT_TRUE(sameBits(compiled(mean, deviation, key), gradients));
  auto width = [&](const Tensor& high) {
    return dt::sum(rnd::uniform(key, {5}, dt::f64, 0.0, high));
  };
  EXPECT_NEAR(dt::grad(width)(dt::tensor(3.0)).item<double>(),
              dt::sum(rnd::uniform(key, {5})).item<double>(), 1e-12);
}

} // namespace
