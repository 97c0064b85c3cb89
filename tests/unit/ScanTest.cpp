// scan and fori_loop: values against C++ loops, derivatives against closed forms and against the
// same loop unrolled, eager and compiled.
#include "SameBits.h"

namespace diptych::test {
namespace {

using Nothing = std::tuple<>;

// x_{t+1} = r x (1 - x)
Tensor logistic(const Tensor& r, const Tensor& x) { return r * x * (1 - x); }

auto logisticLoop(int64_t steps) {
  return [steps](const Tensor& r, const Tensor& x) {
    return fori_loop(0, steps, [&](const Tensor&, const Tensor& x) { return logistic(r, x); }, x);
  };
}
auto logisticUnrolled(int64_t steps) {
  return [steps](const Tensor& r, Tensor x) {
    for (int64_t i = 0; i < steps; ++i)
      x = logistic(r, x);
    return x;
  };
}

// s' = tanh(W s + x), y = s' s
auto recurrence(bool reverse = false) {
  return [reverse](const Tensor& W, const Tensor& s, const Tensor& xs) {
    auto [last, ys] = scan(
        [&](const Tensor& s, const Tensor& x) {
          const Tensor next = tanh(matmul(W, s) + x);
          return std::pair(next, next * s);
        },
        s, xs, {.reverse = reverse});
    return std::pair(last, ys);
  };
}
auto recurrenceUnrolled(bool reverse = false) {
  return [reverse](const Tensor& W, Tensor s, const Tensor& xs) {
    std::vector<Tensor> ys(static_cast<size_t>(xs.shape()[0]));
    for (size_t i = 0; i < ys.size(); ++i) {
      const size_t t = reverse ? ys.size() - 1 - i : i;
      const Tensor next = tanh(matmul(W, s) + select(xs, 0, static_cast<int64_t>(t)));
      ys[t] = next * s;
      s = next;
    }
    return std::pair(s, stack(ys));
  };
}
template <class F> auto lossOf(F f) {
  return [f](const Tensor& W, const Tensor& s, const Tensor& xs) {
    auto [last, ys] = f(W, s, xs);
    return sum(last * last) + sum(sin(ys));
  };
}

struct Sequence {
  Sequence() {
    manual_seed(11);
    W = 0.5 * randn({3, 3});
    s = randn({3});
    xs = randn({7, 3});
    v = randn({3, 3});
  }
  Tensor W, s, xs, v;
};

//===-- Scan ---------------------------------------------------------------------------------===//

TEST(Scan, GivesWhatTheLoopGives) {
  const Sequence q;
  for (bool reverse : {false, true}) {
    EXPECT_TRUE(
        sameBits(recurrence(reverse)(q.W, q.s, q.xs), recurrenceUnrolled(reverse)(q.W, q.s, q.xs)));
    expectEagerBits(recurrence(reverse), q.W, q.s, q.xs);
  }
}

TEST(Scan, HasTheDerivativesOfTheLoop) {
  const Sequence q;
  for (bool reverse : {false, true}) {
    auto f = lossOf(recurrence(reverse));
    auto plain = lossOf(recurrenceUnrolled(reverse));
    const auto got = grad(f, {0, 1, 2})(q.W, q.s, q.xs);
    const auto expected = grad(plain, {0, 1, 2})(q.W, q.s, q.xs);
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(allclose(got[i], expected[i], 1e-12, 1e-12)) << i;
    expectEagerBits(grad(f, {0, 1, 2}), q.W, q.s, q.xs);
    EXPECT_TRUE(allclose(jvp(f)(q.W, q.v, q.s, q.xs).second, jvp(plain)(q.W, q.v, q.s, q.xs).second,
                         1e-12, 1e-12));
    auto tangent = [&](const Tensor& W, const Tensor& v) { return jvp(f)(W, v, q.s, q.xs).second; };
    expectEagerBits(tangent, q.W, q.v);
    EXPECT_TRUE(allclose(jit(grad(f))(q.W, q.s, q.xs), expected[0], 1e-11, 1e-12));
  }
}

TEST(Scan, HasHessians) {
  const Sequence q;
  auto f = lossOf(recurrence());
  auto plain = lossOf(recurrenceUnrolled());
  const Tensor expected = hessian(plain)(q.W, q.s, q.xs);
  EXPECT_TRUE(allclose(hessian(f)(q.W, q.s, q.xs), expected, 1e-11, 1e-12));
  EXPECT_TRUE(allclose(jacrev(grad(f))(q.W, q.s, q.xs), expected, 1e-11, 1e-12));
  EXPECT_TRUE(allclose(jacrev(jacfwd(f))(q.W, q.s, q.xs), expected, 1e-11, 1e-12));
  EXPECT_TRUE(allclose(hvp(f)(q.W, q.v, q.s, q.xs), hvp(plain)(q.W, q.v, q.s, q.xs), 1e-11, 1e-12));
  expectEagerBits(hessian(f), q.W, q.s, q.xs);
  expectEagerBits(jacrev(grad(f)), q.W, q.s, q.xs);
  EXPECT_TRUE(allclose(jit(hessian(f))(q.W, q.s, q.xs), expected, 1e-10, 1e-12));
}

TEST(Scan, ThirdDerivativesAreThoseOfTheLoop) {
  const Tensor r = tensor(3.1), x = tensor(0.3);
  auto f = logisticLoop(4);
  auto plain = logisticUnrolled(4);
  auto third = [](auto f) { return grad(grad(grad(f))); };
  auto mixed = [](auto f) { return jacfwd(grad(jacfwd(f)), 1); };
  EXPECT_TRUE(allclose(third(f)(r, x), third(plain)(r, x), 1e-11));
  EXPECT_TRUE(allclose(mixed(f)(r, x), mixed(plain)(r, x), 1e-11));
  expectEagerBits(third(f), r, x);
  expectEagerBits(mixed(f), r, x);
  EXPECT_TRUE(allclose(jit(third(f))(r, x), third(plain)(r, x), 1e-10));
}

TEST(Scan, PowersHaveTheirClosedForms) {
  // x^5 as a product: 5 x^4, 20 x^3, 60 x^2.
  auto power = [](const Tensor& x) {
    return fori_loop(0, 5, [&](const Tensor&, const Tensor& p) { return p * x; }, ones({}));
  };
  const Tensor x = tensor(1.7);
  EXPECT_TRUE(allclose(grad(power)(x), 5 * pow(x, 4), 1e-13));
  EXPECT_TRUE(allclose(grad(grad(power))(x), 20 * pow(x, 3), 1e-13));
  EXPECT_TRUE(allclose(grad(grad(grad(power)))(x), 60 * pow(x, 2), 1e-13));
  EXPECT_TRUE(allclose(jit(grad(grad(grad(power))))(x), 60 * pow(x, 2), 1e-13));
}

TEST(Scan, TakesTreesIntegersAndNoYs) {
  const Tensor xs = tensor({1.0, 2.0, 4.0});
  using State = std::pair<Tensor, std::vector<Tensor>>;
  auto f = [](const Tensor& xs) {
    const State start{zeros({}), {tensor<int64_t>(0), ones({2})}};
    auto [last, none] = scan(
        [](const State& s, const std::tuple<Tensor, Tensor>& x) {
          const auto& [value, weight] = x;
          State next = s;
          next.first = s.first + value * weight * select(s.second[1], 0, 0);
          next.second[0] = s.second[0] + 1;
          next.second[1] = s.second[1] * 2;
          return std::pair(next, Nothing());
        },
        start, std::tuple(xs, xs + 1));
    return last;
  };
  const State last = f(xs);
  EXPECT_EQ(last.second[0].item<int64_t>(), 3);
  EXPECT_DOUBLE_EQ(last.first.item<double>(), 1 * 2 + 2 * 2 * 3 + 4 * 4 * 5);
  expectEagerBits(f, xs);
  auto loss = [f](const Tensor& xs) { return f(xs).first; };
  EXPECT_TRUE(allclose(grad(loss)(xs), tensor({3.0, 10.0, 36.0}), 1e-13));
  expectEagerBits(grad(loss), xs);
}

TEST(Scan, OfNoStepsGivesTheCarryAndEmptyYs) {
  const Sequence q;
  const Tensor none = zeros({0, 3});
  auto f = recurrence();
  const auto [last, ys] = f(q.W, q.s, none);
  EXPECT_TRUE(sameBits(last, q.s));
  EXPECT_EQ(ys.shape(), Shape({0, 3}));
  expectEagerBits(f, q.W, q.s, none);
  auto loss = lossOf(f);
  EXPECT_TRUE(allclose(grad(loss, 1)(q.W, q.s, none), 2 * q.s, 1e-15));
  EXPECT_TRUE(sameBits(grad(loss)(q.W, q.s, none), zeros({3, 3})));
  expectEagerBits(grad(loss, {0, 1, 2}), q.W, q.s, none);
}

TEST(Scan, CanBeOneOfTheSeveralUsesOfWhatItCaptures) {
  const Sequence q;
  auto f = [](const Tensor& W) {
    const Tensor start = sum(W, 1);
    const Tensor last = fori_loop(
        0, 3, [&](const Tensor&, const Tensor& s) { return sin(matmul(W, s) + start); }, start);
    return sum(last * start) + sum(W);
  };
  auto plain = [](const Tensor& W) {
    const Tensor start = sum(W, 1);
    Tensor s = start;
    for (int i = 0; i < 3; ++i)
      s = sin(matmul(W, s) + start);
    return sum(s * start) + sum(W);
  };
  EXPECT_TRUE(allclose(grad(f)(q.W), grad(plain)(q.W), 1e-12));
  EXPECT_TRUE(allclose(hessian(f)(q.W), hessian(plain)(q.W), 1e-11, 1e-12));
  expectEagerBits(hessian(f), q.W);
}

TEST(Scan, WorksOnTheTape) {
  const Sequence q;
  const Tensor W = q.W.detach().requires_grad_(), s = q.s.detach().requires_grad_();
  lossOf(recurrence())(W, s, q.xs).backward();
  EXPECT_TRUE(sameBits(W.grad(), grad(lossOf(recurrence()))(q.W, q.s, q.xs)));
  EXPECT_TRUE(sameBits(s.grad(), grad(lossOf(recurrence()), 1)(q.W, q.s, q.xs)));
}

TEST(Scan, NestsInItself) {
  const Sequence q;
  // s += sum over j of sin(s W[i,j]) for each row of W.
  auto f = [](const Tensor& W) {
    return scan(
               [](const Tensor& s, const Tensor& row) {
                 const Tensor inner =
                     scan([&](const Tensor& t,
                              const Tensor& w) { return std::pair(t + sin(s * w + t), t); },
                          s, row)
                         .first;
                 return std::pair(inner, inner);
               },
               tensor(0.2), W)
        .first;
  };
  auto plain = [](const Tensor& W) {
    Tensor s = tensor(0.2);
    for (int64_t i = 0; i < 3; ++i) {
      Tensor t = s;
      for (int64_t j = 0; j < 3; ++j)
        t = t + sin(s * select(select(W, 0, i), 0, j) + t);
      s = t;
    }
    return s;
  };
  EXPECT_TRUE(sameBits(f(q.W), plain(q.W)));
  EXPECT_TRUE(allclose(grad(f)(q.W), grad(plain)(q.W), 1e-12));
  EXPECT_TRUE(allclose(hessian(f)(q.W), hessian(plain)(q.W), 1e-11, 1e-12));
  expectEagerBits(f, q.W);
  expectEagerBits(grad(f), q.W);
  expectEagerBits(hessian(f), q.W);
}

TEST(Scan, GoesInAndOutOfVmap) {
  const Sequence q;
  manual_seed(5);
  const Tensor many = randn({4, 7, 3}), starts = randn({4, 3});
  auto f = lossOf(recurrence());
  auto plain = lossOf(recurrenceUnrolled());
  const auto compare = [&](BatchAxes axes, const Tensor& s, const Tensor& xs) {
    EXPECT_TRUE(allclose(vmap(f, axes)(q.W, s, xs), vmap(plain, axes)(q.W, s, xs), 1e-12));
    EXPECT_TRUE(allclose(vmap(grad(f), axes)(q.W, s, xs), vmap(grad(plain), axes)(q.W, s, xs),
                         1e-11, 1e-12));
    auto total = [axes](auto f) {
      return [=](const Tensor& W, const Tensor& s, const Tensor& xs) {
        return sum(vmap(f, axes)(W, s, xs));
      };
    };
    EXPECT_TRUE(allclose(grad(total(f))(q.W, s, xs), grad(total(plain))(q.W, s, xs), 1e-11, 1e-12));
    expectEagerBits(vmap(f, axes), q.W, s, xs);
    expectEagerBits(vmap(grad(f), axes), q.W, s, xs);
    expectEagerBits(grad(total(f)), q.W, s, xs);
  };
  compare({unbatched, 0, 0}, starts, many);
  compare({unbatched, unbatched, 0}, q.s, many);
  compare({unbatched, 0, unbatched}, starts, q.xs);
  // vmap inside of the body
  auto inside = [](const Tensor& W) {
    return sum(fori_loop(
        0, 3,
        [&](const Tensor&, const Tensor& M) {
          return vmap([](const Tensor& row, const Tensor& w) { return sin(row) * sum(w); })(M, W);
        },
        W));
  };
  auto insidePlain = [](const Tensor& W) {
    Tensor M = W;
    for (int i = 0; i < 3; ++i)
      M = sin(M) * sum(W, 1, true);
    return sum(M);
  };
  EXPECT_TRUE(allclose(grad(inside)(q.W), grad(insidePlain)(q.W), 1e-12));
  expectEagerBits(grad(inside), q.W);
}

TEST(Scan, BodiesMayHoldTransformsRulesCheckpointsAndJit) {
  const Tensor x = tensor({0.3, -0.4, 0.5});
  auto ruled =
      custom_vjp([](const Tensor& x) { return sin(x); },
                 [](const Tensor& x, const Tensor&, const Tensor& c) { return c * cos(x); });
  auto again = checkpoint([](const Tensor& x) { return exp(-x * x); });
  auto compiled = strictJit([](const Tensor& x) { return x * x * x; });
  auto step = [=](const Tensor& s) {
    const Tensor slope = grad([&](const Tensor& y) { return sum(sin(y) * s); })(s);
    return ruled(s) + again(s) * slope + 0.1 * compiled(s) + stop_gradient(s);
  };
  auto f = [=](const Tensor& x) {
    return sum(fori_loop(0, 3, [&](const Tensor&, const Tensor& s) { return step(s); }, x));
  };
  auto plain = [=](Tensor x) {
    for (int i = 0; i < 3; ++i)
      x = step(x);
    return sum(x);
  };
  EXPECT_TRUE(sameBits(f(x), plain(x)));
  EXPECT_TRUE(allclose(grad(f)(x), grad(plain)(x), 1e-12));
  EXPECT_TRUE(allclose(hessian(f)(x), hessian(plain)(x), 1e-11, 1e-12));
  expectEagerBits(f, x);
  expectEagerBits(grad(f), x);
  expectEagerBits(hessian(f), x);
  expectEagerBits(vmap(grad(f)), stack({x, 2 * x}));
}

TEST(Scan, IsDifferentiableAsAJittedFunction) {
  const Sequence q;
  auto f = lossOf(recurrence());
  auto compiled = strictJit(f);
  EXPECT_TRUE(sameBits(grad(compiled)(q.W, q.s, q.xs), grad(f)(q.W, q.s, q.xs)));
  EXPECT_TRUE(
      sameBits(jvp(compiled)(q.W, q.v, q.s, q.xs).second, jvp(f)(q.W, q.v, q.s, q.xs).second));
  EXPECT_TRUE(
      allclose(hessian(compiled)(q.W, q.s, q.xs), hessian(f)(q.W, q.s, q.xs), 1e-11, 1e-12));
  EXPECT_TRUE(allclose(vmap(compiled, {unbatched, unbatched, 0})(q.W, q.s, stack({q.xs, q.xs})),
                       stack({f(q.W, q.s, q.xs), f(q.W, q.s, q.xs)}), 1e-12));
}

TEST(Scan, StaysALoopWhenCompiled) {
  const Tensor r = tensor(3.1), x = tensor(0.3);
  auto f = jit(grad(logisticLoop(1000)));
  f(r, x);
  const std::string text = f.ir("fused");
  EXPECT_NE(text.find("diptych.scan"), std::string::npos);
  EXPECT_LT(text.size(), 8000u);
  EXPECT_LT(f.stats().kernelsCompiled, 12);
}

} // namespace
} // namespace diptych::test
