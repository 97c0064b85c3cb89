// jit against eager, value by value: results, trees, captured tensors, odd outputs and shapes,
// indices. Derivatives are in JitDerivativesTest.cpp, the cache in JitCacheTest.cpp.
#include "tests/unit/SameBits.h"

#include <gmock/gmock.h>

namespace dt = diptych;
using namespace diptych::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
struct Split {
  dt::Tensor low, high;
  std::vector<dt::Tensor> rest;
  int parts = 0;
};
} // namespace

template <> struct diptych::Tree<Split> {
  template <class S, class Visit> static void walk(S& split, Visit&& visit) {
    visit(split.low);
    visit(split.high);
    visit(split.rest);
  }
};

namespace {

//===-- Values -------------------------------------------------------------------------------===//

TEST(Jit, ValueIsEagersBitForBit) {
  for (dt::DType dtype : {dt::f64, dt::f32}) {
    SmallMarket m(dtype);
    expectEagerBits(sharpeLoss, m.w, m.X, m.r);
  }
}

TEST(Jit, DerivativesAreEagersBitForBit) {
  for (dt::DType dtype : {dt::f64, dt::f32}) {
    SmallMarket m(dtype);
    expectEagerBits(dt::value_and_grad(sharpeLoss, {0, 1, 2}), m.w, m.X, m.r);
    expectEagerBits(dt::hvp(sharpeLoss), m.w, m.v, m.X, m.r);
    expectEagerBits(dt::hessian(sharpeLoss), m.w, m.X, m.r);
  }
}

TEST(Jit, StandardNumericsStayClose) {
  SmallMarket m;
  EXPECT_TRUE(dt::allclose(dt::jit(sharpeLoss)(m.w, m.X, m.r), sharpeLoss(m.w, m.X, m.r), 1e-13));
  auto H = dt::hessian(sharpeLoss);
  EXPECT_TRUE(dt::allclose(dt::jit(H)(m.w, m.X, m.r), H(m.w, m.X, m.r), 1e-11, 1e-14));
}

TEST(Jit, GivesTheSameBitsAtEveryCall) {
  SmallMarket m;
  auto f = dt::jit(dt::value_and_grad(sharpeLoss));
  const auto first = f(m.w, m.X, m.r);
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(sameBits(f(m.w, m.X, m.r), first));
}

TEST(Jit, EveryExtentHasItsTail) {
  auto f = [](const dt::Tensor& x) {
    return std::tuple(dt::exp(x) + 1.0, dt::sum(x, -1), dt::sum(x, 0), dt::max(x),
                      dt::matmul(x, dt::transpose(x)));
  };
  for (int64_t rows : {1, 3, 17})
    for (int64_t columns : {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 65})
      expectEagerBits(f, dt::randn({rows, columns}));
}

TEST(Jit, LongReductionsKeepTheirBlocks) {
  auto f = [](const dt::Tensor& x) { return std::pair(dt::sum(x), dt::prod(1.0 + 1e-4 * x)); };
  for (int64_t n : {4095, 4096, 4097, 8200, 20000, 262145, 600000})
    expectEagerBits(f, dt::randn({n}));
  auto columns = [](const dt::Tensor& x) { return dt::sum(x * x, 0); };
  for (int64_t n : {4097, 9000})
    expectEagerBits(columns, dt::randn({n, 11}));
}

TEST(Jit, LongProductsKeepTheirBlocks) {
  auto f = [](const dt::Tensor& a, const dt::Tensor& b) { return dt::matmul(a, b); };
  for (int64_t k : {1023, 1024, 1025, 2500})
    expectEagerBits(f, dt::randn({5, k}), dt::randn({k, 19}));
}

// Few sums of many products run block by block on all threads, and are added in order.
TEST(Jit, LongProductsOfFewElementsAreSplitOverBlocks) {
  const auto products = [](const dt::Tensor& x, const dt::Tensor& y) {
    return std::vector{dt::matmul(dt::transpose(x), y), dt::matmul(dt::transpose(y), x)};
  };
  for (dt::DType dtype : {dt::f64, dt::f32})
    for (int64_t k : {8192, 8200, 20001}) {
      const dt::Tensor x = dt::randn({k, 5}, dtype), y = dt::randn({k, 19}, dtype);
      expectEagerBits(products, x, y);
    }
  const auto jitted = dt::jit(products);
  jitted(dt::ones({8192, 5}), dt::ones({8192, 19}));
  EXPECT_THAT(jitted.ir("plan"), HasSubstr("block_sum"));
}

// Each kernel beside what the machine could do; loops, and kernels that run row by row, are one
// line.
TEST(Jit, ProfileSetsTimesBesideCosts) {
  const auto jitted =
      dt::jit([](const dt::Tensor& x) { return dt::matmul(dt::softmax(x, -1), dt::transpose(x)); });
  jitted(dt::randn({300, 400}));
  EXPECT_THAT(jitted.ir("plan"), HasSubstr("7.2e+07 flops"));
  const std::string profile = jitted.ir("profile");
  EXPECT_THAT(profile, HasSubstr("arena "));
  EXPECT_THAT(profile, HasSubstr("flop/byte"));
  EXPECT_THAT(profile, HasSubstr("matmul"));
  EXPECT_THAT(profile, HasSubstr("JitTest.cpp:"));
  EXPECT_THAT(profile, testing::Not(HasSubstr("inf")));
  const dt::JitProfile costs = jitted.profile();
  ASSERT_FALSE(costs.kernels.empty());
  EXPECT_GT(costs.flopRate, 0.0);
  for (const dt::KernelProfile& kernel : costs.kernels) {
    EXPECT_GT(kernel.bytes, 0.0) << kernel.name;
    EXPECT_GE(kernel.least, kernel.bytes / costs.byteRate) << kernel.name;
  }
}

//===-- Results ------------------------------------------------------------------------------===//

TEST(JitResult, MayBeAnyTree) {
  auto x = dt::tensor({1.0, 2.0, 3.0});
  expectEagerBits([](const dt::Tensor& x) { return std::tuple(x + 1.0, dt::sum(x), x < 2.0); }, x);
  expectEagerBits([](const dt::Tensor& x) { return std::vector{x * 2.0, x * 3.0}; }, x);
  expectEagerBits([](const dt::Tensor& x) { return std::array{x * 2.0, dt::prod(x)}; }, x);
  auto named = dt::jit([](const dt::Tensor& x) {
    return std::map<std::string, std::pair<dt::Tensor, dt::Tensor>>{{"a", {x, -x}},
                                                                    {"b", {x * x, dt::exp(x)}}};
  });
  EXPECT_EQ(named(x).at("b").first.to_vector<double>()[2], 9.0);
}

TEST(JitResult, StructsKeepWhatIsNoTensor) {
  auto split = dt::jit([](const dt::Tensor& x, int64_t at) {
    return Split{dt::slice(x, 0, 0, at), dt::slice(x, 0, at), {x, dt::sum(x)}, 2};
  });
  auto x = dt::tensor({1.0, 2.0, 3.0});
  for (int call = 0; call < 2; ++call) {
    Split result = split(x, int64_t{1});
    EXPECT_THAT(result.high.to_vector<double>(), ElementsAre(2, 3));
    EXPECT_EQ(result.rest[1].item<double>(), 6.0);
    EXPECT_EQ(result.parts, 2);
  }
  EXPECT_THAT(split(x, int64_t{2}).high.to_vector<double>(), ElementsAre(3));
}

TEST(JitResult, InputsConstantsViewsAndRepeats) {
  auto x = dt::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  expectEagerBits(
      [](const dt::Tensor& x) {
        auto y = dt::exp(x);
        return std::vector{x,
                           dt::transpose(x),
                           dt::slice(x, 0, 1),
                           dt::flip(x),
                           y,
                           y,
                           dt::transpose(y),
                           dt::reshape(y, {6}),
                           dt::full({2, 2}, 7.0),
                           dt::tensor({1.0, -0.0}),
                           dt::broadcast_to(x, {2, 2, 3})};
      },
      x);
}

TEST(JitResult, DoesNotShareMemoryWithInputs) {
  auto x = dt::tensor({1.0, 2.0});
  auto f = dt::jit([](const dt::Tensor& x) { return std::pair(x, x); });
  auto [a, b] = f(x);
  EXPECT_NE(a.data<double>(), x.data<double>());
  EXPECT_NE(a.data<double>(), b.data<double>());
}

TEST(JitResult, MayBeIntegerOrBoolean) {
  auto x = dt::tensor({{3.0, -1.0, 2.0}, {0.5, 7.0, double(NAN)}});
  auto n = dt::tensor({{5, -7, 2}, {1, 0, -3}});
  expectEagerBits(
      [](const dt::Tensor& x, const dt::Tensor& n) {
        return std::vector{x > 1.0,
                           dt::logical_or(dt::isnan(x), n == 0),
                           dt::argmax(x),
                           dt::argmin(x, 0),
                           dt::argmax(n, 1),
                           dt::sum(n, 0),
                           n * n - 2,
                           dt::max(n),
                           n.astype(dt::i64),
                           (x > 1.0).astype(dt::f32),
                           dt::where(n > 0, n, -n),
                           dt::arange(4),
                           dt::any(x > 5.0)};
      },
      x, n);
}

//===-- Shapes -------------------------------------------------------------------------------===//

TEST(JitShapes, NothingAtAll) {
  auto f = [](const dt::Tensor& x) {
    return std::vector{dt::exp(x),
                       dt::sum(x),
                       dt::sum(x, 0),
                       dt::sum(x, 1),
                       dt::prod(x, 1),
                       dt::transpose(x),
                       dt::concatenate({x, x}, 0),
                       dt::matmul(x, dt::transpose(x))};
  };
  for (const dt::Shape& shape : {dt::Shape{0, 3}, dt::Shape{3, 0}, dt::Shape{0, 0}})
    expectEagerBits(f, dt::zeros(shape));
}

TEST(JitShapes, RankZero) {
  auto f = [](const dt::Tensor& x) {
    return std::vector{x,          dt::exp(x),          dt::sum(x), dt::reshape(x, {1, 1}),
                       x > 0.0,    dt::reshape(x, {1}), dt::max(x), dt::broadcast_to(x, {3}),
                       x * 2.0 + x};
  };
  expectEagerBits(f, dt::tensor(1.5));
  expectEagerBits(f, dt::tensor(-1.5f));
}

TEST(JitShapes, RankEight) {
  auto x = dt::randn({2, 1, 2, 3, 1, 2, 2, 3});
  auto f = [](const dt::Tensor& x) {
    auto turned = dt::transpose(x, {7, 0, 6, 1, 5, 2, 4, 3});
    return std::vector{dt::tanh(x),
                       turned,
                       dt::exp(turned) + 1.0,
                       dt::sum(x, {0, 3, 7}),
                       dt::sum(turned * turned, -1),
                       dt::flip(x, {2, 7}),
                       dt::softmax(x, 3),
                       dt::argmax(x, 5),
                       x + dt::reshape(dt::arange(3).astype(dt::f64), {3})};
  };
  expectEagerBits(f, x);
  expectEagerBits([](const dt::Tensor& x) { return dt::matmul(x, dt::transpose(x, -1, -2)); }, x);
}

TEST(JitShapes, StridedArguments) {
  auto x = dt::randn({5, 6});
  auto f = [](const dt::Tensor& a, const dt::Tensor& b) { return dt::matmul(a, b) + dt::sum(a); };
  expectEagerBits(f, dt::transpose(x), dt::slice(dt::flip(x, 0), 1, 1, 5, 2));
}

//===-- Products of views --------------------------------------------------------------------===//

TEST(JitMatmul, BatchAxesOfSizeOne) {
  auto x = dt::randn({1, 5, 3, 4}), y = dt::randn({5, 1, 4, 2}), z = dt::randn({5, 4, 2});
  auto turned = [](const dt::Tensor& x, const dt::Tensor& y) {
    return dt::matmul(dt::transpose(x, {1, 0, 2, 3}), y); // [5,1,3,4] x [5,1,4,2]
  };
  expectEagerBits(turned, x, y);
  auto broadcast = [](const dt::Tensor& y, const dt::Tensor& z) {
    return dt::matmul(dt::transpose(y, -1, -2), dt::unsqueeze(z, 1)); // [5,1,2,4] x [5,1,4,2]
  };
  expectEagerBits(broadcast, y, z);
  auto all = [](const dt::Tensor& x, const dt::Tensor& y) { return dt::matmul(x, y); };
  expectEagerBits(all, x, y); // [1,5,3,4] x [5,1,4,2]
}

TEST(JitMatmul, TransposedAndSlicedOperands) {
  auto a = dt::randn({7, 40}), b = dt::randn({40, 21}), v = dt::randn({40});
  auto f = [](const dt::Tensor& a, const dt::Tensor& b, const dt::Tensor& v) {
    return std::vector{dt::matmul(dt::transpose(b), dt::transpose(a)),
                       dt::matmul(dt::slice(a, 0, 2, 5), dt::slice(b, 1, 3, 20, 2)),
                       dt::matmul(dt::flip(a, 0), b),
                       dt::matmul(a, dt::flip(b, 0)),
                       dt::matmul(a, v),
                       dt::matmul(v, b),
                       dt::matmul(dt::broadcast_to(v, {3, 40}), b),
                       dt::matmul(a, dt::ones({40, 5})),
                       dt::dot(v, v)};
  };
  expectEagerBits(f, a, b, v);
}

//===-- Indices ------------------------------------------------------------------------------===//

TEST(JitIndices, GatherAndScatter) {
  auto x = dt::randn({6, 5});
  auto i = dt::tensor({4, 0, 4, 2});
  auto f = [](const dt::Tensor& x, const dt::Tensor& i) {
    return std::vector{dt::take(x, i), dt::take(x, i, 1), dt::take(dt::exp(x), i.astype(dt::i64)),
                       dt::scatter_add(x, i, dt::slice(x, 0, 0, 4)),
                       dt::take_along_axis(x, dt::unsqueeze(dt::argmax(x, 1), 1), 1)};
  };
  expectEagerBits(f, x, i);
}

TEST(JitIndices, OfSlices) {
  auto x = dt::randn({8, 3});
  auto i = dt::tensor({7, 1, 0, 2});
  auto f = [](const dt::Tensor& x, const dt::Tensor& i) {
    return std::vector{dt::take(dt::slice(x, 0, 3, 8), dt::slice(i, 0, 1)),
                       dt::take(x, dt::slice(i, 0, 1, 3)),
                       dt::take(x, dt::slice(i.astype(dt::i64), 0, 2)),
                       dt::scatter_add(x, dt::slice(i, 0, 1), dt::slice(x, 0, 5)),
                       dt::scatter_add(dt::slice(x, 0, 4), dt::slice(i, 0, 2), dt::slice(x, 0, 6))};
  };
  expectEagerBits(f, x, i);
}

TEST(JitIndices, ArgReductionsOfSlicesAndViews) {
  auto x = dt::randn({6, 5});
  auto f = [](const dt::Tensor& x) {
    return std::vector{dt::argmax(dt::slice(x, 0, 2), 0), dt::argmin(dt::transpose(x), 1),
                       dt::argmax(dt::flip(x), 1), dt::argmax(dt::ones({3, 2}), 0),
                       dt::argmax(dt::slice(x, 1, 4))};
  };
  expectEagerBits(f, x);
}

//===-- Captured tensors ---------------------------------------------------------------------===//

TEST(JitCaptures, AreInputsOfTheProgram) {
  auto c = dt::tensor({2.0, 3.0});
  auto f = dt::jit([c](const dt::Tensor& x) { return dt::sum(x * c * c); });
  EXPECT_EQ(f(dt::tensor({1.0, 1.0})).item<double>(), 13.0);
  EXPECT_THAT(f.ir("traced"), HasSubstr("%arg1: tensor<2xf64>"));
  EXPECT_THAT(f.ir("traced"), testing::Not(HasSubstr("dense<[2.0")));
}

TEST(JitCaptures, GetTheirGradient) {
  auto c = dt::tensor({2.0, 3.0}).requires_grad_();
  auto f = strictJit([c](const dt::Tensor& x) { return dt::sum(x * c * c); });
  f(dt::tensor({1.0, 10.0})).backward();
  EXPECT_THAT(c.grad().to_vector<double>(), ElementsAre(4, 60));
}

TEST(JitCaptures, OfViewsAndSharedTensors) {
  auto c = dt::randn({4, 3});
  auto t = dt::transpose(c);
  expectEagerBits([=](const dt::Tensor& x) { return dt::matmul(c, x) + dt::sum(t * t, 0); },
                  dt::randn({3}));
}

TEST(JitCaptures, ReachThroughNestedTransformsAndJits) {
  auto c = dt::tensor(3.0).requires_grad_();
  auto f = strictJit([c](const dt::Tensor& x) {
    auto inner = dt::jit([&](const dt::Tensor& y) { return c * x * y * y; });
    return dt::grad(inner)(x); // 2 c x^2
  });
  auto x = dt::tensor(2.0).requires_grad_();
  auto y = f(x);
  EXPECT_EQ(y.item<double>(), 24.0);
  y.backward();
  EXPECT_EQ(c.grad().item<double>(), 8.0);
  EXPECT_EQ(x.grad().item<double>(), 24.0);
}

TEST(JitCaptures, GuardAroundTheFirstCallIsNotRemembered) {
  auto f = dt::jit([](const dt::Tensor& x) { return dt::sum(x * x); });
  auto x = dt::tensor({1.0, 2.0}).requires_grad_();
  {
    const dt::NoGradGuard guard;
    EXPECT_FALSE(f(x).requires_grad());
  }
  f(x).backward();
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(2, 4));
}

TEST(JitCaptures, GuardInsideIsPartOfTheFunction) {
  auto f = dt::jit([](const dt::Tensor& x) {
    dt::Tensor scale;
    {
      const dt::NoGradGuard guard;
      scale = dt::sum(x);
    }
    return scale * dt::sum(x * x);
  });
  auto x = dt::tensor({1.0, 2.0}).requires_grad_();
  f(x).backward();
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(6, 12));
}

// Chains of products in the order of least cost; in strict as they are written.
TEST(JitProducts, AreMultipliedInTheCheapestOrder) {
  auto f = [](const dt::Tensor& A, const dt::Tensor& B, const dt::Tensor& x) {
    return dt::matmul(dt::transpose(dt::matmul(A, B)), dt::matmul(dt::matmul(A, B), x));
  };
  auto A = dt::randn({60, 50}), B = dt::randn({50, 40}), x = dt::randn({40});
  auto standard = dt::jit(f), strict = dt::jit(f, {.numerics = dt::Numerics::strict});
  EXPECT_TRUE(dt::allclose(standard(A, B, x), f(A, B, x), 1e-12, 1e-12));
  EXPECT_EQ(strict(A, B, x).to_vector<double>(), f(A, B, x).to_vector<double>());
  EXPECT_GT(strict.stats().flops, 2.0 * 60 * 50 * 40);
  auto twoHessians = dt::jit(dt::hessian([](const dt::Tensor& x, const dt::Tensor& A) {
    auto y = dt::matmul(dt::matmul(A, A), x);
    return dt::sum(y * y * y);
  }));
  auto C = 0.2 * dt::randn({12, 12}), z = dt::randn({12});
  EXPECT_TRUE(dt::allclose(twoHessians(z, C),
                           dt::hessian([](const dt::Tensor& x, const dt::Tensor& A) {
                             auto y = dt::matmul(dt::matmul(A, A), x);
                             return dt::sum(y * y * y);
                           })(z, C),
                           1e-11, 1e-11));
}

//===-- Large graphs -------------------------------------------------------------------------===//

TEST(JitLarge, ThousandPointwiseOperators) {
  auto f = [](const dt::Tensor& x) {
    dt::Tensor y = x;
    for (int i = 0; i < 500; ++i)
      y = dt::sin(y) * 1.01;
    return y;
  };
  expectEagerBits(f, dt::randn({33}));
  expectEagerBits(dt::grad([=](const dt::Tensor& x) { return dt::sum(f(x)); }), dt::randn({33}));
}

TEST(JitLarge, ThousandMixedOperators) {
  auto f = [](const dt::Tensor& w, const dt::Tensor& x) {
    dt::Tensor h = x;
    for (int i = 0; i < 125; ++i)
      h = dt::tanh(dt::matmul(h, w)) + 0.5 * dt::softmax(h, -1) - dt::mean(h, 0);
    return dt::sum(h * h);
  };
  auto w = 0.3 * dt::randn({6, 6}), x = dt::randn({9, 6});
  expectEagerBits(f, w, x);
  expectEagerBits(dt::value_and_grad(f), w, x);
}

} // namespace
