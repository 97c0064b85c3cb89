// Random models: a number of one vector of parameters, slices of which are matrices and vectors
// that meet in products, sums and movements. Operators that are drawn one by one seldom multiply
// what depends on the same parameters; here most do, and Hessians are compared. A failure prints
// its seed.
#include "Seeds.h"
#include "tests/unit/SameBits.h"

#include <random>

namespace diptych::test {
namespace {

class Draw {
public:
  explicit Draw(uint64_t seed) : engine_(seed) {}
  int64_t below(int64_t n) {
    return static_cast<int64_t>(engine_() % static_cast<uint64_t>(std::max<int64_t>(1, n)));
  }
  bool oneOf(int64_t n) { return below(n) == 0; }
  /// In [-1, 1].
  double number() { return static_cast<double>(below(2001)) / 1000 - 1; }
  Tensor array(const Shape& shape) {
    std::vector<double> numbers(static_cast<size_t>(shape.product()));
    for (double& x : numbers)
      x = number();
    return tensor(numbers, shape);
  }
  /// A divisor of n.
  int64_t divisor(int64_t n) {
    int64_t result = 1;
    for (int64_t d = 2; d <= n; ++d)
      if (n % d == 0 && oneOf(2))
        result = d;
    return result;
  }

private:
  std::mt19937_64 engine_;
};

/// Values of a model so far.
class Pool {
public:
  explicit Pool(Draw& draw) : draw_(draw) {}
  void add(const Tensor& value) {
    if (value.numel() > 0)
      values_.push_back(value.numel() <= 2000 ? value : tanh(mean(value)));
  }
  /// One of them, of the last three half of the time.
  const Tensor& any() {
    const auto count = static_cast<int64_t>(values_.size());
    const int64_t from = draw_.oneOf(2) ? std::max<int64_t>(0, count - 3) : 0;
    return values_[static_cast<size_t>(from + draw_.below(count - from))];
  }
  /// Elements of one of them in another shape.
  Tensor as(const Shape& shape) {
    Tensor all = flatten(any());
    while (all.numel() < shape.product())
      all = concatenate({all, all}, 0);
    const int64_t at = draw_.below(all.numel() - shape.product() + 1);
    return reshape(slice(all, 0, at, at + shape.product()), shape);
  }

private:
  Draw& draw_;
  std::vector<Tensor> values_;
};

Tensor squashed(Draw& draw, const Tensor& x) {
  switch (draw.below(6)) {
  case 0: return tanh(x);
  case 1: return sin(x);
  case 2: return sigmoid(x);
  case 3: return exp(-1.0 * square(x));
  case 4: return x / (1.0 + square(x));
  default: return 0.5 * x;
  }
}

// The vector in slices side by side, some of them matrices; or overlapping; or by an index.
void addParts(Draw& draw, Pool& pool, const Tensor& p) {
  const int64_t n = p.numel();
  if (draw.oneOf(6)) {
    std::vector<int64_t> places(7);
    for (int64_t& place : places)
      place = draw.below(n);
    pool.add(take(p, tensor(places), 0));
    pool.add(slice(p, 0, draw.below(n), n));
    return;
  }
  for (int64_t at = 0, count = 1 + draw.below(6); at < n && count > 0; --count) {
    const int64_t size = count == 1 ? n - at : 1 + draw.below((n - at) * 2 / 3 + 1);
    const Tensor part = slice(p, 0, at, std::min(n, at + size));
    const int64_t rows = draw.divisor(part.numel());
    pool.add(draw.oneOf(2) ? reshape(part, {rows, part.numel() / rows}) : part);
    at += size;
  }
  if (draw.oneOf(4))
    pool.add(p);
}

// A batch of examples meets x as a layer's matrix.
Tensor layer(Draw& draw, const Tensor& x) {
  const int64_t in = draw.divisor(x.numel());
  const Shape examples = draw.oneOf(3) ? Shape{1 + draw.below(4), 1 + draw.below(5), in}
                                       : Shape{1 + draw.below(9), in};
  const Tensor y = matmul(draw.array(examples), reshape(x, {in, x.numel() / in}));
  return draw.oneOf(3) ? y * softmax(y, -1) : y;
}

// Of a matrix.
Tensor weighted(Draw& draw, Pool& pool, const Tensor& x) {
  const Tensor rows = unsqueeze(pool.as({x.shape(0)}), 1), columns = pool.as({x.shape(1)});
  switch (draw.below(3)) {
  case 0: return sum(rows * x * columns, {draw.below(2)});
  case 1: return 0.1 * matmul(transpose(x), rows * x);
  default: return matmul(x, transpose(x)) / static_cast<double>(x.shape(1));
  }
}

Tensor moved(Draw& draw, Pool& pool, const Tensor& x) {
  const int64_t axis = draw.below(x.rank()), n = x.shape(axis);
  switch (draw.below(4)) {
  case 0: return transpose(x, 0, x.rank() - 1);
  case 1: return concatenate({x, pool.as(x.shape())}, axis);
  case 2: return slice(x, axis, 1, n) - slice(x, axis, 0, n - 1);
  default: {
    const Tensor places = tensor(std::vector<int64_t>{draw.below(n), draw.below(n), draw.below(n)});
    return scatter_add(x, places, take(x, places, axis), axis);
  }
  }
}

Tensor step(Draw& draw, Pool& pool) {
  const Tensor x = pool.any();
  switch (draw.below(9)) {
  case 0: return squashed(draw, x);
  case 1: return layer(draw, x);
  case 2:
  case 3: return x * pool.as(x.shape());
  case 4: return x + pool.as(x.shape());
  case 5: return mean(x) * x;
  case 6: return outer(pool.as({3}), pool.as({2}));
  case 7:
    if (x.rank() == 1 && x.numel() < 40)
      return square(unsqueeze(x, 1) - unsqueeze(x, 0));
    return x.rank() == 2 ? weighted(draw, pool, x) : softmax(flatten(x), 0);
  default: return x.rank() == 0 ? squashed(draw, x) : moved(draw, pool, x);
  }
}

struct Model {
  uint64_t seed;
  Tensor operator()(const Tensor& p) const {
    Draw draw(seed);
    Pool pool(draw);
    addParts(draw, pool, p);
    for (int64_t steps = 3 + draw.below(12); steps > 0; --steps)
      pool.add(step(draw, pool));
    Tensor total = zeros({});
    for (int64_t terms = 1 + draw.below(4); terms > 0; --terms) {
      const Tensor x = pool.any();
      const Tensor q =
          draw.oneOf(2) ? sum(square(squashed(draw, x))) : sum(x) * sum(squashed(draw, x));
      total = total + (draw.oneOf(3) ? squashed(draw, q) * q : q);
    }
    return total;
  }
};

double largest(const Tensor& x) { return max(abs(x)).item<double>(); }

struct Models : testing::TestWithParam<int64_t> {};

// What rounding of the parameters does to a Hessian, standard numerics may do to it too.
TEST_P(Models, HaveTheHessiansOfEagerMode) {
  const auto seed = static_cast<uint64_t>(GetParam());
  const Model model{seed};
  Draw draw(seed + 1);
  const Tensor p = 1.5 * draw.array({10 + draw.below(draw.oneOf(5) ? 150 : 50)});
  const auto H = hessian(model);
  const Tensor expected = H(p);
  double tolerance = 1e-9 * largest(expected);
  for (const double rounding : {1e-15, -1e-15, 3e-15})
    tolerance = std::max(tolerance, 100 * largest(H(p * (1.0 + rounding)) - expected));
  EXPECT_LE(largest(jit(H)(p) - expected), tolerance) << "seed " << seed;
  EXPECT_TRUE(sameBits(jit(H, {.numerics = Numerics::strict})(p), expected)) << "seed " << seed;
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Models, fuzz::seeds(), testing::PrintToStringParamName());

} // namespace
} // namespace diptych::test
