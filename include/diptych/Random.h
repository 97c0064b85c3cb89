// Random numbers as functions of a key: the same key gives the same numbers, eagerly, traced, on
// any number of threads and under vmap. Keys are given out here; docs/random.md says how they are
// used.
#pragma once

#include <diptych/Ops.h>

#include <diptych/Factories.h>

namespace diptych::random {

//===-- Keys ---------------------------------------------------------------------------------===//
// A key is an i64 tensor of rank 0. Use one for one draw; make others with split or fold_in. A draw
// takes its element i from philox(key, i, 0), i counting in row-major order.

/// The key of a seed. In a trace it is a constant: make it outside, and pass it as an argument.
Tensor key(uint64_t seed, SourceLocation where = std::source_location::current());
/// `count` new keys [count], independent of each other and of every draw from `key`:
/// philox(key, i, 2).
Tensor split(const Arg& key, int64_t count = 2);
/// A new key for a number, of a step or an example say: philox(key, data, 3). A tensor of integers
/// gives a tensor of keys.
Tensor fold_in(const Arg& key, const Arg& data);

//===-- Draws --------------------------------------------------------------------------------===//
// `key` has rank 0: for a batch of keys use vmap, where every example gets its own numbers. All
// throw Error for another key, a negative extent, and a dtype that the numbers cannot have.

/// 64 random bits each, i64.
Tensor bits(const Arg& key, const Shape& shape);
/// low <= x < high, exactly, on a grid of 2^-24 (f32) or 2^-53 (f64) of the width. Bounds broadcast
/// to the shape; derivatives flow through them. Where low >= high it is low.
Tensor uniform(const Arg& key, const Shape& shape, DType dtype = default_dtype(),
               const Arg& low = 0.0, const Arg& high = 1.0);
/// mean + deviation * z, z standard normal by Box and Muller from two streams of 53 bits: up to
/// |z| = 8.57. f32 is f64 rounded. Parameters broadcast to the shape; derivatives flow through
/// them.
Tensor normal(const Arg& key, const Shape& shape, DType dtype = default_dtype(),
              const Arg& mean = 0.0, const Arg& deviation = 1.0);
/// A standard normal variable given that it lies in [low, high]; by inversion, accurate in the
/// tails too. Error unless low < high.
Tensor truncated_normal(const Arg& key, const Shape& shape, double low, double high,
                        DType dtype = default_dtype());
/// Density e^-x on x >= 0, by inversion of 53 bits.
Tensor exponential(const Arg& key, const Shape& shape, DType dtype = default_dtype());
/// Distribution exp(-exp(-x)), by inversion of 52 bits; finite.
Tensor gumbel(const Arg& key, const Shape& shape, DType dtype = default_dtype());
/// True with probability p (to 2^-24 in f32, 2^-53 in f64; 0 and 1 exactly), which broadcasts to
/// the shape.
Tensor bernoulli(const Arg& key, const Shape& shape, const Arg& p = 0.5);
/// Whole numbers low <= n < high, i32 or i64: the upper half of bits * (high - low), so that no
/// number's probability is off by more than 2^-64. Error unless low < high.
Tensor randint(const Arg& key, const Shape& shape, int64_t low, int64_t high,
               DType dtype = DType::i64);
/// x with every element 0 with probability p and divided by 1 - p otherwise. The derivative is that
/// of the mask. Error unless 0 <= p <= 1.
Tensor dropout(const Arg& x, double p, const Tensor& key);

//===-- Choices ------------------------------------------------------------------------------===//

/// 0, ..., n - 1 in a random order, i64[n]: argsort of bits. Error for a negative n.
Tensor permutation(const Arg& key, int64_t n);
/// The slices of x along an axis in a random order.
Tensor shuffle(const Arg& key, const Tensor& x, int64_t axis = 0);
/// Classes drawn with probability softmax(logits) along the last axis, i64: `samples` for each row,
/// [samples..., rows...] for logits [rows..., classes]. The largest of logits + gumbel; a class of
/// -infinity is drawn only if all are.
Tensor categorical(const Arg& key, const Tensor& logits, const Shape& samples = {});
/// `count` classes for each row of weights [rows..., classes], which are not negative and need not
/// add up to 1: i64 [rows..., count]. Without replacement each is drawn once, in the order in which
/// drawing one by one would give them (the largest of log(weights) + gumbel); count is then at most
/// the number of classes (else Error), and classes of weight 0 come last.
Tensor multinomial(const Arg& key, const Tensor& weights, int64_t count, bool replacement = false);
/// `count` slices of x along axis 0, all with the same probability, or with those that `weights`
/// [x.shape[0]] gives.
Tensor choice(const Arg& key, const Tensor& x, int64_t count, bool replacement = true,
              const Tensor& weights = {});

//===-- Keys in order ------------------------------------------------------------------------===//

/// While it lives, what draws without being given a key (nn::Dropout, rand) takes key i of `key`,
/// fold_in(key, i), for the i-th draw of the scope: the same eagerly and traced. In a jitted
/// function the key must be an argument (Error otherwise: the numbers would be the same at every
/// call). The innermost scope of the thread counts.
///   auto step = dt::jit([&](const nn::State& p, const Tensor& x, const Tensor& key) {
///     nn::RandomScope scope(key);
///     return dt::mean(nn::functional_call(model, p, x));
///   });
///   step(p, x, dt::random::fold_in(key, epoch));
class Scope {
public:
  explicit Scope(const Arg& key);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

private:
  friend struct KeySource;
  Scope(Tensor key, uint64_t position);
  Tensor key_;
  uint64_t position_ = 0;
  Scope* outer_;
};

/// The next key of the innermost scope; without one, of the process's generator (manual_seed),
/// which only eager code may use. `what` begins the message of an error.
Tensor next_key(const char* what = "next_key",
                SourceLocation where = std::source_location::current());

} // namespace diptych::random
