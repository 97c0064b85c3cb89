// Misuse of keys and draws.
#include "Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;
namespace rnd = diptych::random;

namespace {

const dt::Tensor key = rnd::key(1);

TEST(RandomErrors, KeysAreKeys) {
  EXPECT_ERROR_HERE(rnd::uniform(dt::tensor(1.0), {3}), "uniform: expected a key, i64[]", "f64[]",
                    "random::key");
  EXPECT_ERROR_HERE(rnd::normal(7, {3}), "normal:", "got a number");
  EXPECT_ERROR_HERE(rnd::bits(rnd::split(key, 2), {3}), "bits:", "i64[2]", "vmap");
  EXPECT_ERROR_HERE(rnd::split(dt::tensor(1.0)), "split:", "random::key");
  EXPECT_ERROR_HERE(rnd::split(key, -1), "split:", "-1");
  EXPECT_ERROR_HERE(rnd::fold_in(key, 0.5), "fold_in: expected an integer", "f64[]");
  EXPECT_ERROR_HERE(rnd::Scope(dt::tensor(1)), "RandomScope:", "i32[]");
}

TEST(RandomErrors, ShapesAndTypesFit) {
  EXPECT_ERROR_HERE(rnd::uniform(key, {3, -1}), "uniform: expected extents", "[3,-1]");
  EXPECT_ERROR_HERE(rnd::normal(key, {3}, dt::i64),
                    "normal: expected f32, f64, bf16 or f16, got i64");
  EXPECT_ERROR_HERE(rnd::normal(key, {3}, dt::f64, dt::zeros({2, 3})),
                    "normal:", "broadcast to [3]", "[2,3]");
  EXPECT_ERROR_HERE(rnd::bernoulli(key, {2}, dt::zeros({2, 2})), "bernoulli:", "[2,2]");
  EXPECT_ERROR_HERE(rnd::randint(key, {3}, 0, 5, dt::f64), "randint: expected i32 or i64");
}

TEST(RandomErrors, IntervalsAreNotEmpty) {
  EXPECT_ERROR_HERE(rnd::randint(key, {3}, 5, 5), "randint: expected low below high", "5 and 5");
  EXPECT_ERROR_HERE(rnd::randint(key, {3}, 0, int64_t{1} << 40, dt::i32), "within i32");
  EXPECT_ERROR_HERE(rnd::truncated_normal(key, {3}, 1, 1), "truncated_normal:", "low below high");
  EXPECT_ERROR_HERE(rnd::truncated_normal(key, {3}, 50, 60), "within 37 deviations");
  EXPECT_ERROR_HERE(rnd::dropout(dt::ones({2}), 1.5, key), "dropout: expected a probability");
  EXPECT_ERROR_HERE(rnd::dropout(dt::ones({2}, dt::i64), 0.5, key),
                    "dropout: expected f32, f64, bf16 or f16");
}

TEST(RandomErrors, ChoicesAreFromSomething) {
  EXPECT_ERROR_HERE(rnd::permutation(key, -1), "permutation: expected a count");
  EXPECT_ERROR_HERE(rnd::shuffle(dt::tensor(1), dt::ones({2})), "shuffle: expected a key", "i32[]");
  EXPECT_ERROR_HERE(rnd::categorical(key, dt::tensor(1.0)), "categorical:", "class");
  EXPECT_ERROR_HERE(rnd::multinomial(key, dt::ones({2}), 3), "multinomial: expected no more draws");
  EXPECT_ERROR_HERE(rnd::choice(key, dt::ones({2}), 3, false), "choice: expected no more draws");
  EXPECT_ERROR_HERE(rnd::choice(key, dt::ones({2}), 3, true, dt::ones({3})), "weights [2]",
                    "f64[3]");
}

TEST(RandomErrors, TracesNeedKeys) {
  auto f = [](const dt::Tensor& x) { return x + rnd::uniform(rnd::next_key(), {2}); };
  dt::test::expectErrorAt([&] { dt::jit(f)(dt::ones({2})); }, __FILE__, __LINE__ - 1,
                          {"next_key: expected a key", "nn::RandomScope"});
}

} // namespace
