// The cache behind a jitted function: kinds of arguments, counters, reasons, failed traces,
// threads.
#include "tests/unit/SameBits.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

namespace dt = diptych;
using namespace diptych::test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {
struct Repeated {
  dt::Tensor weight;
  int times = 1;
};
} // namespace

template <> struct diptych::Tree<Repeated> {
  template <class R, class Visit> static void walk(R& repeated, Visit&& visit) {
    visit(repeated.weight);
    visit(repeated.times);
  }
};

namespace {

dt::Tensor cubes(const dt::Tensor& x) { return dt::sum(x * x * x); }

TEST(JitCache, OneProgramForOneKindOfArguments) {
  auto f = dt::jit(cubes);
  EXPECT_EQ(f.stats().calls, 0);
  for (double x : {1.0, 2.0, 3.0})
    EXPECT_EQ(f(dt::tensor({x, x})).item<double>(), 2 * x * x * x);
  const dt::JitStats stats = f.stats();
  EXPECT_EQ(stats.calls, 3);
  EXPECT_EQ(stats.cacheHits, 2);
  EXPECT_EQ(stats.compilations, 1);
  EXPECT_THAT(stats.recompilations, IsEmpty());
}

TEST(JitCache, AnotherTypeIsAnotherProgramAndSaysWhy) {
  auto f = dt::jit(cubes);
  f(dt::tensor({1.0, 2.0}));
  f(dt::tensor({1.0, 2.0, 3.0}));
  f(dt::tensor({1.0f, 2.0f}));
  f(dt::tensor({3.0, 4.0}));
  EXPECT_EQ(f.stats().compilations, 3);
  EXPECT_EQ(f.stats().cacheHits, 1);
  EXPECT_THAT(f.stats().recompilations,
              ElementsAre(testing::AllOf(HasSubstr("f64[3]"), HasSubstr("f64[2]")),
                          testing::AllOf(HasSubstr("f32[2]"), HasSubstr("f64[3]"))));
}

TEST(JitCache, NumbersArePartOfTheKind) {
  auto f = dt::jit([](const dt::Tensor& x, double scale, int power) {
    dt::Tensor y = x;
    for (int i = 1; i < power; ++i)
      y = y * x;
    return scale * y;
  });
  auto x = dt::tensor(2.0);
  EXPECT_EQ(f(x, 3.0, 2).item<double>(), 12.0);
  EXPECT_EQ(f(x, 3.0, 3).item<double>(), 24.0);
  EXPECT_EQ(f(x, 3.0, 2).item<double>(), 12.0);
  EXPECT_EQ(f.stats().compilations, 2);
  EXPECT_THAT(f.stats().recompilations, ElementsAre(HasSubstr("numbers")));
}

TEST(JitCache, TheDefaultDTypeIsPartOfTheKind) {
  auto g = dt::jit([](const dt::Tensor&) { return dt::ones({2}); });
  const dt::Tensor x = dt::tensor({1.0});
  EXPECT_EQ(g(x).dtype(), dt::f64);
  dt::set_default_dtype(dt::f32);
  const dt::DType got = g(x).dtype();
  dt::set_default_dtype(dt::f64);
  EXPECT_EQ(got, dt::f32);
  EXPECT_EQ(g(x).dtype(), dt::f64);
  EXPECT_EQ(g.stats().compilations, 2);
  EXPECT_THAT(g.stats().recompilations, ElementsAre("the default dtype f32 after f64"));
}

TEST(JitCache, NumbersThatATreeVisitsArePartOfTheKind) {
  auto f = dt::jit([](const Repeated& r) { return r.weight * double(r.times); });
  const dt::Tensor one = dt::tensor({1.0});
  EXPECT_EQ(f(Repeated{one, 7}).item<double>(), 7);
  EXPECT_EQ(f(Repeated{one, 9}).item<double>(), 9);
  EXPECT_EQ(f(Repeated{one, 7}).item<double>(), 7);
  EXPECT_EQ(f.stats().compilations, 2);
  EXPECT_EQ(dt::grad([](const Repeated& r) { return r.weight * double(r.times); })(Repeated{one, 3})
                .weight.item<double>(),
            3);
}

TEST(JitCache, NumbersOfAnotherTypeAreAnotherKind) {
  auto f = dt::jit([](const dt::Tensor& x, auto number) {
    return std::is_integral_v<decltype(number)> ? x + 1.0 : x - 1.0;
  });
  EXPECT_EQ(f(dt::tensor(5.0), 0.0).item<double>(), 4.0);
  EXPECT_EQ(f(dt::tensor(5.0), int64_t{0}).item<double>(), 6.0);
}

TEST(JitCache, TreesOfAnotherShapeAreAnotherKind) {
  using Tensors = std::vector<dt::Tensor>;
  auto f = dt::jit([](const Tensors& a, const Tensors& b) { return a.back() - b.front(); });
  auto x = dt::tensor(1.0), y = dt::tensor(10.0), z = dt::tensor(100.0);
  EXPECT_EQ(f(Tensors{x, y}, Tensors{z}).item<double>(), -90.0);
  EXPECT_EQ(f(Tensors{x}, Tensors{y, z}).item<double>(), -9.0);
  EXPECT_EQ(f(Tensors{x, y}, Tensors{z}).item<double>(), -90.0);
}

TEST(JitCache, MapsWithOtherKeysAreAnotherKind) {
  using Named = std::map<std::string, dt::Tensor>;
  auto f = dt::jit([](const Named& named) {
    return named.count("a") ? named.at("a") * 2.0 : named.at("b") * 3.0;
  });
  EXPECT_EQ(f(Named{{"a", dt::tensor(1.0)}}).item<double>(), 2.0);
  EXPECT_EQ(f(Named{{"b", dt::tensor(1.0)}}).item<double>(), 3.0);
}

TEST(JitCache, ResultsOfAnotherTypeAreAnotherKind) {
  struct Twice {
    dt::Tensor operator()(const dt::Tensor& x) const { return x * 2.0; }
    std::pair<dt::Tensor, dt::Tensor> operator()(const std::vector<dt::Tensor>& x) const {
      return {x[0] * 2.0, x[0]};
    }
  };
  auto f = dt::jit(Twice());
  auto x = dt::tensor(1.0);
  EXPECT_EQ(f(x).item<double>(), 2.0);
  EXPECT_EQ(f(std::vector{x}).second.item<double>(), 1.0);
}

TEST(JitCache, CopiesShareTheirPrograms) {
  auto f = dt::jit(cubes);
  auto g = f;
  f(dt::tensor(1.0));
  g(dt::tensor(2.0));
  EXPECT_EQ(f.stats().compilations, 1);
  EXPECT_EQ(g.stats().cacheHits, 1);
}

TEST(JitCache, ThrowingTraceLeavesCacheEmpty) {
  bool reads = true;
  auto f = dt::jit([&](const dt::Tensor& x) {
    auto y = dt::exp(x);
    if (reads)
      throw dt::Error("not today");
    return dt::sum(y);
  });
  auto x = dt::tensor({0.0, 0.0});
  EXPECT_THROW(f(x), dt::Error);
  EXPECT_THROW(f(x), dt::Error);
  EXPECT_EQ(f.stats().compilations, 0);
  EXPECT_THROW(f.ir(), dt::Error);
  reads = false;
  EXPECT_EQ(f(x).item<double>(), 2.0);
  EXPECT_EQ(f(x).item<double>(), 2.0);
  EXPECT_EQ(f.stats().compilations, 1);
  EXPECT_EQ(f.stats().cacheHits, 1);
  EXPECT_THAT(f.stats().recompilations, IsEmpty());
}

TEST(JitCache, ExceptionsOfTheUserPassThrough) {
  auto f = dt::jit([](const dt::Tensor& x) -> dt::Tensor { throw std::out_of_range("mine"); });
  EXPECT_THROW(f(dt::tensor(1.0)), std::out_of_range);
  EXPECT_EQ(dt::exp(dt::tensor(0.0)).item<double>(), 1.0) << "the trace must be over";
}

TEST(JitCache, ThrowingInsideANestedDerivativeLeavesNothing) {
  bool fails = true;
  auto f = dt::jit([&](const dt::Tensor& x) {
    return dt::grad([&](const dt::Tensor& y) {
      auto z = dt::grad([](const dt::Tensor& t) { return t * t * t; })(y);
      if (fails)
        throw dt::Error("not today");
      return z;
    })(x);
  });
  EXPECT_THROW(f(dt::tensor(2.0)), dt::Error);
  fails = false;
  EXPECT_EQ(f(dt::tensor(2.0)).item<double>(), 12.0);
}

TEST(JitCache, EqualKernelsAreCompiledOnce) {
  auto f = dt::jit([](const dt::Tensor& x, const dt::Tensor& w) {
    dt::Tensor h = x;
    for (int layer = 0; layer < 64; ++layer)
      h = dt::tanh(dt::matmul(h, w) + 0.12345);
    return h;
  });
  f(dt::randn({7, 11}), dt::randn({11, 11}));
  const dt::JitStats stats = f.stats();
  EXPECT_EQ(stats.kernelCalls, 128);
  EXPECT_LE(stats.kernelsCompiled, 4);
  EXPECT_GE(stats.kernelsReused, 124);
}

TEST(JitCache, StagesCanBeRead) {
  auto f = dt::jit(dt::grad(cubes));
  f(dt::tensor({1.0, 2.0}));
  EXPECT_THAT(f.ir("traced"), HasSubstr("diptych.vjp"));
  EXPECT_THAT(f.ir("differentiated"), testing::Not(HasSubstr("diptych.vjp")));
  EXPECT_THAT(f.ir("simplified"), testing::Not(HasSubstr("diptych.fusion")));
  EXPECT_THAT(f.ir(), HasSubstr("diptych.fusion"));
  EXPECT_THAT(f.ir("plan"), HasSubstr("output0"));
  EXPECT_THAT(f.ir("kernels"), HasSubstr("scf"));
  EXPECT_THAT(f.ir("llvm"), HasSubstr("define void @kernel_0"));
  EXPECT_THAT(f.ir("asm"), HasSubstr("kernel_0"));
}

TEST(JitCache, TimesAddUp) {
  auto f = dt::jit(cubes);
  f(dt::tensor({1.0, 2.0, 5.0}));
  const dt::JitStats stats = f.stats();
  EXPECT_GT(stats.trace, 0);
  EXPECT_GT(stats.compile(), stats.trace);
  EXPECT_GT(stats.firstRun, 0);
  EXPECT_GT(stats.flops, 0);
}

//===-- Threads ------------------------------------------------------------------------------===//

// Runs `body` on several threads that start together; returns what went wrong.
std::string together(int count, const std::function<void(int)>& body) {
  std::atomic<int> waiting = count;
  std::mutex mutex;
  std::string failures;
  std::vector<std::thread> threads;
  for (int id = 0; id < count; ++id)
    threads.emplace_back([&, id] {
      for (--waiting; waiting > 0;)
        std::this_thread::yield();
      try {
        body(id);
      } catch (const std::exception& error) {
        std::lock_guard lock(mutex);
        failures += std::string(error.what()) + "; ";
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  return failures;
}

TEST(JitThreads, CallOneFunctionAtOnce) {
  for (int round = 0; round < 10; ++round) {
    auto f = dt::jit([round](const dt::Tensor& x) {
      return std::tuple(dt::sum(x) + double(round), std::vector{x * x, x});
    });
    const std::string failures = together(4, [&](int id) {
      auto x = dt::full({16}, double(id));
      for (int call = 0; call < 5; ++call)
        if (std::get<0>(f(x)).item<double>() != 16 * id + round)
          throw std::runtime_error("a wrong sum");
    });
    EXPECT_EQ(failures, "");
    EXPECT_EQ(f.stats().compilations, 1);
    EXPECT_EQ(f.stats().calls, 20);
  }
}

// A small program keeps the set-up of a run for the next: runs at the same time must not share it.
TEST(JitThreads, RunsKeepTheirTemporariesApart) {
  auto f = dt::jit([](const dt::Tensor& A, const dt::Tensor& x) {
    dt::Tensor y = x;
    for (int i = 0; i < 20; ++i)
      y = dt::matmul(A, y); // every product is a kernel, and its result a temporary
    return y;
  });
  auto doubling = 2.0 * dt::eye(6);
  f(doubling, dt::ones({6, 6}));
  const std::string failures = together(4, [&](int id) {
    auto x = dt::full({6, 6}, double(id + 1));
    for (int call = 0; call < 200; ++call)
      if (dt::max(dt::abs(f(doubling, x) - double(id + 1) * 0x1p20)).item<double>() != 0)
        throw std::runtime_error("a wrong product");
  });
  EXPECT_EQ(failures, "");
}

TEST(JitCache, ACallThatFailedLeavesTheNextOneRight) {
  auto f = dt::jit([](const dt::Tensor& x, const dt::Tensor& i) {
    return dt::cumsum(dt::gather(dt::cumsum(x, 0), i, 0), 0);
  });
  auto x = dt::tensor({1.0, 2.0, 3.0});
  for (int64_t bad : {7, -9}) {
    EXPECT_THROW(f(x, dt::tensor<int64_t>({0, bad})), dt::Error);
    EXPECT_THAT(f(x, dt::tensor<int64_t>({2, 0})).to_vector<double>(), ElementsAre(6, 7));
  }
}

TEST(JitThreads, CompileDifferentFunctionsAtOnce) {
  const std::string failures = together(4, [&](int id) {
    for (int round = 0; round < 3; ++round) {
      auto f = dt::jit(dt::value_and_grad([=](const dt::Tensor& x) {
        return dt::sum(dt::pow(x, double(2 + id)) * double(round + 1));
      }));
      auto x = dt::full({int64_t{3} + id}, 2.0);
      auto [value, gradient] = f(x);
      const double expected = (3 + id) * std::pow(2.0, 2 + id) * (round + 1);
      if (std::abs(value.item<double>() - expected) > 1e-9)
        throw std::runtime_error("a wrong value");
    }
  });
  EXPECT_EQ(failures, "");
}

TEST(JitThreads, DifferentiateOneFunctionAtOnce) {
  auto f = dt::jit(cubes);
  const std::string failures = together(4, [&](int id) {
    auto x = dt::full({5}, double(id)).requires_grad_();
    for (int call = 0; call < 5; ++call) {
      auto g = dt::grad(f(x), x, {.create_graph = true});
      auto h = dt::grad(dt::sum(g), x);
      if (g.to_vector<double>()[4] != 3.0 * id * id || h.to_vector<double>()[0] != 6.0 * id)
        throw std::runtime_error("a wrong gradient");
    }
  });
  EXPECT_EQ(failures, "");
}

} // namespace
