// Orders, classes and samples: distributions, the same bits everywhere.
#include "tests/unit/SameBits.h"

#include <diptych/diptych.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace dt = diptych;
namespace rnd = diptych::random;
using namespace diptych::test;
using dt::Tensor;

namespace {

// Counts within six deviations of their expectations.
void expectFrequencies(const std::vector<int64_t>& drawn,
                       const std::vector<double>& probabilities) {
  std::vector<double> counts(probabilities.size());
  for (int64_t n : drawn) {
    ASSERT_TRUE(n >= 0 && n < static_cast<int64_t>(counts.size()));
    counts[static_cast<size_t>(n)] += 1;
  }
  const auto total = static_cast<double>(drawn.size());
  for (size_t i = 0; i < counts.size(); ++i)
    EXPECT_NEAR(counts[i], total * probabilities[i],
                6 * std::sqrt(total * probabilities[i] * (1 - probabilities[i])))
        << i;
}

TEST(RandomChoices, PermutationsAreUniform) {
  const std::vector<int64_t> order = rnd::permutation(rnd::key(1), 1000).to_vector<int64_t>();
  std::vector<int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 1000; ++i)
    ASSERT_EQ(sorted[static_cast<size_t>(i)], i);
  EXPECT_NE(order, sorted);
  // All 24 orders of four, by the rank of the first, of the next among the rest, ...
  const Tensor keys = rnd::split(rnd::key(2), 24000);
  const std::vector<int64_t> orders =
      dt::vmap([](const Tensor& key) { return rnd::permutation(key, 4); })(keys)
          .to_vector<int64_t>();
  std::vector<int64_t> ranks;
  std::map<std::vector<int64_t>, int64_t> known;
  for (size_t i = 0; i < orders.size(); i += 4)
    ranks.push_back(known.try_emplace({orders.begin() + i, orders.begin() + i + 4}, known.size())
                        .first->second);
  EXPECT_EQ(known.size(), 24u);
  expectFrequencies(ranks, std::vector<double>(24, 1 / 24.0));
}

TEST(RandomChoices, ShufflesMoveWholeSlices) {
  const Tensor x = dt::reshape(dt::arange(12.0), {4, 3}), key = rnd::key(3);
  const Tensor order = rnd::permutation(key, 4);
  EXPECT_TRUE(sameBits(rnd::shuffle(key, x), dt::take(x, order)));
  EXPECT_TRUE(sameBits(rnd::shuffle(key, dt::transpose(x), 1), dt::transpose(dt::take(x, order))));
}

TEST(RandomChoices, ClassesHaveTheirProbabilities) {
  const std::vector<double> p{0.1, 0.0, 0.6, 0.3};
  const Tensor logits = dt::log(dt::tensor(p)) + 5;
  const Tensor drawn = rnd::categorical(rnd::key(4), logits, {200, 200});
  EXPECT_EQ(drawn.shape(), (dt::Shape{200, 200}));
  expectFrequencies(drawn.to_vector<int64_t>(), p);
  const Tensor rows = dt::stack({logits, dt::flip(logits)});
  EXPECT_EQ(rnd::categorical(rnd::key(5), rows).shape(), (dt::Shape{2}));
  const Tensor counts = rnd::multinomial(rnd::key(6), dt::exp(rows), 40000, true);
  EXPECT_EQ(counts.shape(), (dt::Shape{2, 40000}));
  expectFrequencies(dt::select(counts, 0, 0).to_vector<int64_t>(), p);
  expectFrequencies(dt::select(counts, 0, 1).to_vector<int64_t>(), {p.rbegin(), p.rend()});
}

TEST(RandomChoices, DrawingWithoutReplacementFollowsTheOrder) {
  const std::vector<double> p{0.5, 0.3, 0.2};
  const Tensor keys = rnd::split(rnd::key(7), 20000);
  const Tensor drawn =
      dt::vmap([&](const Tensor& key) { return rnd::multinomial(key, dt::tensor(p), 2); })(keys);
  const std::vector<int64_t> flat = drawn.to_vector<int64_t>();
  std::vector<int64_t> pairs;
  for (size_t i = 0; i < flat.size(); i += 2)
    pairs.push_back(flat[i] * 3 + flat[i + 1]);
  std::vector<double> expected(9);
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j)
      expected[i * 3 + j] = i == j ? 0 : p[i] * p[j] / (1 - p[i]);
  expectFrequencies(pairs, expected);
  EXPECT_EQ(rnd::multinomial(rnd::key(8), dt::tensor({0.0, 1.0, 2.0}), 3).to_vector<int64_t>()[2],
            0);
}

TEST(RandomChoices, ChoosesSlices) {
  const Tensor x = dt::arange(10.0), key = rnd::key(9);
  std::vector<double> all = rnd::choice(key, x, 10, false).to_vector<double>();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, x.to_vector<double>());
  expectFrequencies(rnd::choice(key, dt::arange(10), 20000).to_vector<int64_t>(),
                    std::vector<double>(10, 0.1));
  const Tensor weights = dt::tensor({1.0, 3.0});
  expectFrequencies(rnd::choice(key, dt::arange(2), 20000, true, weights).to_vector<int64_t>(),
                    {0.25, 0.75});
}

TEST(RandomChoices, AreTheSameEverywhere) {
  const auto f = [](const Tensor& key, const Tensor& weights) {
    return std::vector<Tensor>{rnd::permutation(key, 50), rnd::shuffle(key, weights),
                               rnd::categorical(key, dt::log(weights), {30}),
                               rnd::multinomial(key, weights, 3),
                               rnd::choice(key, weights, 5, false)};
  };
  const Tensor weights = dt::tensor({1.0, 2.0, 3.0, 4.0, 5.0}), keys = rnd::split(rnd::key(10), 3);
  const auto mapped = dt::vmap(f, {0, dt::unbatched});
  const std::vector<Tensor> batch = mapped(keys, weights);
  EXPECT_TRUE(sameBits(dt::jit(mapped, {.numerics = dt::Numerics::strict})(keys, weights), batch));
  for (int64_t i = 0; i < 3; ++i) {
    const std::vector<Tensor> own = f(dt::select(keys, 0, i), weights);
    for (size_t k = 0; k < own.size(); ++k)
      EXPECT_TRUE(sameBits(dt::select(batch[k], 0, i), own[k])) << k;
  }
}

} // namespace
