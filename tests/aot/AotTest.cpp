// Artefacts give jit's bits: models of every kind of step, both numerics, any number of threads.
#include "Artefacts.h"

#include <diptych/nn/StateDict.h>

namespace diptych::test {
namespace {

Tensor sharpe(const Tensor& w, const Tensor& X, const Tensor& r) {
  const Tensor position = softmax(matmul(X, w), -1);
  const Tensor pnl = sum(position * r, -1);
  return -mean(pnl) / stddev(pnl);
}

struct Market {
  int64_t days, stocks, factors;
  Tensor w = randn({factors}), X = randn({days, stocks, factors}), r = randn({days, stocks}) * 0.01;
  std::vector<Tensor> inputs() const { return {w, X, r}; }
};

aot::Options options(const Folder& folder, Numerics numerics = Numerics::standard,
                     int threads = 1) {
  aot::Options options;
  options.name = "model";
  options.directory = folder.path();
  options.kind = aot::Kind::shared;
  options.numerics = numerics;
  options.threads = threads;
  return options;
}

/// Compiles f as the one entry "f" and compares every way of running it with jit.
template <class F, class... Args> void expectJitBits(const F& f, const Args&... arguments) {
  const std::vector<Tensor> inputs{arguments...};
  for (const Numerics numerics : {Numerics::strict, Numerics::standard}) {
    const auto expected = leaves(jit(f, {.numerics = numerics})(arguments...));
    for (const int threads : {1, 8}) {
      SCOPED_TRACE(std::string(numerics == Numerics::strict ? "strict, " : "standard, ") +
                   std::to_string(threads) + " threads");
      const Folder folder;
      const Loaded model(
          aot::compile({{"f", f}}, std::tuple(arguments...), options(folder, numerics, threads)));
      if (threads == 1) {
        expectSameBits(model.call("f", inputs), expected);
        continue;
      }
      for (const int count : {1, 2, 3, 8})
        expectSameBits(model.call("f", inputs, Threads{count}), expected);
    }
  }
}

TEST(Aot, FactorPortfolioHasJitsBits) {
  const Market market{300, 40, 7};
  expectJitBits(sharpe, market.w, market.X, market.r);
  expectJitBits(value_and_grad(sharpe), market.w, market.X, market.r);
  expectJitBits(hessian(sharpe), market.w, market.X, market.r);
  expectJitBits(hvp(sharpe), market.w, randn({7}), market.X, market.r);
}

// Large enough for row groups, and for threads at every step.
TEST(Aot, RowGroupsHaveJitsBits) {
  const Market market{1200, 100, 10};
  expectJitBits(value_and_grad(sharpe), market.w, market.X, market.r);
}

// Rows of blocks so large that their columns are cut.
TEST(Aot, PiecesOfColumnsHaveJitsBits) {
  const auto loss = [](const Tensor& x, const Tensor& y) {
    const Tensor each = rolling_corr(x, y, 20, 0);
    return sum(where(isnan(each), 0.0, each));
  };
  expectJitBits(value_and_grad(loss), randn({110, 701}), randn({110, 701}));
}

TEST(Aot, DTypesAndLayoutsHaveJitsBits) {
  const Tensor x = randn({33, 17}, DType::f32), y = randn({17, 33});
  expectJitBits(
      [](const Tensor& x, const Tensor& y) {
        const Tensor both = matmul(x.to(DType::f64), y);
        return std::tuple(transpose(both), both > 0.0, argmax(both, 1), cumsum(x, 0),
                          (both * 3.0).to(DType::i32), x);
      },
      x, y);
}

TEST(Aot, ConstantsAndEmptyArraysHaveJitsBits) {
  const Tensor table = tensor({1.5, -2.0, 4.0});
  expectJitBits(
      [](const Tensor& x, const Tensor& none) {
        return std::tuple(x + arange(5.0), sum(none), none * 2.0, zeros({2, 0}), full({3}, 7));
      },
      randn({5}), zeros({0, 4}));
}

TEST(Aot, ScansHaveJitsBits) {
  const auto recurrent = [](const Tensor& start, const Tensor& xs) {
    auto [last, path] = scan(
        [](const Tensor& s, const Tensor& x) {
          const Tensor next = tanh(s * 0.9 + x);
          return std::pair(next, next * 2.0);
        },
        start, xs);
    return sum(last * last) + mean(path);
  };
  expectJitBits(recurrent, randn({4}), randn({9, 4}));
  expectJitBits(value_and_grad(recurrent), randn({4}), randn({10, 4}));
  expectJitBits(recurrent, randn({4}), randn({0, 4}));
  // Bodies that are worth threads.
  expectJitBits(value_and_grad(recurrent), randn({200000}), randn({5, 200000}));
}

TEST(Aot, WhileLoopsAndBranchesHaveJitsBits) {
  const auto search = [](const Tensor& x) {
    return while_loop([](const Tensor& y) { return sum(y * y) > 1.0; },
                      [](const Tensor& y) {
                        return cond(
                            sum(y) > 0.0, [](const Tensor& z) { return z * 0.5; },
                            [](const Tensor& z) { return sin(z) * 0.7; }, y);
                      },
                      x);
  };
  expectJitBits(search, randn({6}));
  expectJitBits(search, randn({6}) - 9.0);
  expectJitBits(search, randn({200001}));
  expectJitBits(search, zeros({3}));
}

TEST(Aot, BoundedLoopsHaveJitsBits) {
  const auto halving = [](const Tensor& x) {
    return sum(while_loop([](const Tensor& y) { return sum(y * y) > 1.0; },
                          [](const Tensor& y) { return y * 0.5; }, x, {.max_steps = 6}));
  };
  for (const double size : {0.1, 3.0, 1e6}) {
    expectJitBits(halving, full({3}, size));
    expectJitBits(value_and_grad(halving), full({3}, size));
  }
}

TEST(Aot, IndexingHasJitsBits) {
  const auto pick = [](const Tensor& x, const Tensor& i) {
    return std::tuple(gather(x, i, 0), scatter_add(x, i, gather(x, i, 0) * 2.0, 0));
  };
  expectJitBits(pick, randn({5, 3}), tensor({4, 0, 4}));
  expectJitBits(pick, randn({5, 70000}), tensor({4, 0, 4}));
}

TEST(Aot, ConvolutionsHaveJitsBits) {
  const auto loss = [](const Tensor& k, const Tensor& x) { return sum(tanh(conv2d(x, k))); };
  expectJitBits(value_and_grad(loss), randn({4, 2, 3, 3}), randn({2, 2, 20, 21}));
}

TEST(Aot, RandomNumbersHaveJitsBits) {
  expectJitBits([](const Tensor& key) { return random::normal(key, {100}); }, random::key(7));
}

TEST(Aot, EntriesShareNamesAndKernels) {
  const Market market{50, 8, 3};
  const Folder folder;
  aot::Options chosen = options(folder);
  chosen.arguments = {"w", "X", "r"};
  const Tensor v = randn({3});
  const Loaded model(aot::compile(
      {{"loss", sharpe},
       {"loss_grad", value_and_grad(sharpe)},
       {"loss_hessian", hessian(sharpe)},
       {"loss_hvp", hvp(sharpe), std::tuple(market.w, v, market.X, market.r), {"w", "v"}}},
      std::tuple(market.w, market.X, market.r), chosen));
  expectSameBits(model.call("loss", market.inputs()),
                 leaves(jit(sharpe)(market.w, market.X, market.r)));
  expectSameBits(model.call("loss_grad", market.inputs()),
                 leaves(jit(value_and_grad(sharpe))(market.w, market.X, market.r)));
  expectSameBits(model.call("loss_hessian", market.inputs()),
                 leaves(jit(hessian(sharpe))(market.w, market.X, market.r)));
  expectSameBits(model.call("loss_hvp", {market.w, v, market.X, market.r}),
                 leaves(jit(hvp(sharpe))(market.w, v, market.X, market.r)));
  EXPECT_EQ(model.entry("loss").inputs[2].name, "r");
  EXPECT_EQ(model.entry("loss_hvp").inputs[1].name, "v");
  EXPECT_EQ(model.entry("loss_hvp").inputs[2].name, "in2");
  EXPECT_EQ(model.entry("loss_grad").outputs[1].name, "out1");
  EXPECT_EQ(model.symbol<size_t (*)()>("model_loss_grad_workspace_bytes")(),
            static_cast<size_t>(model.entry("loss_grad").workspaceBytes));
}

TEST(Aot, CapturedTensorsAreEmbeddedOrPassed) {
  const Tensor weights = randn({4, 3}), x = randn({2, 4});
  const auto layer = [&](const Tensor& x) { return tanh(matmul(x, weights)); };
  const auto expected = leaves(jit(layer)(x));
  const Folder folder;
  aot::Options chosen = options(folder);
  std::string hash;
  {
    const Loaded model(aot::compile({{"layer", layer}}, std::tuple(x), chosen));
    expectSameBits(model.call("layer", {x}), expected);
    hash = model.artefact().hash;
  }
  chosen.weights = aot::Weights::passed;
  chosen.name = "other";
  const Loaded model(aot::compile({{"layer", layer}}, std::tuple(x), chosen));
  EXPECT_EQ(model.entry("layer").inputs[1].name, "weight0");
  expectSameBits(model.call("layer", {x, weights}), expected);
  EXPECT_EQ(model.artefact().hash, hash);
}

TEST(Aot, WeightsLieInAFile) {
  const Tensor matrix = randn({4, 3}), shift = randn({3}, DType::f32), x = randn({2, 4});
  const auto layer = [&](const Tensor& x) {
    return tanh(matmul(x, matrix)) + shift.to(DType::f64);
  };
  const auto mask = tensor({true, false, true, true});
  const auto masked = [&](const Tensor& x) { return where(mask, sum(matmul(x, matrix)), x); };
  const Folder folder;
  aot::Options chosen = options(folder);
  chosen.weights = aot::Weights::file;
  const Loaded model(aot::compile({{"layer", layer}, {"masked", masked}}, std::tuple(x), chosen));
  EXPECT_EQ(model.artefact().weights, folder.path("model.safetensors"));
  const auto tensors = nn::load(model.artefact().weights);
  EXPECT_EQ(tensors.size(), 3u); // the matrix once
  const WeightsOf weights(model);
  ASSERT_EQ(weights.code, 0);
  expectSameBits(model.call("layer", {x}, weights.mapped), leaves(jit(layer)(x)));
  expectSameBits(model.call("masked", {x}, weights.mapped), leaves(jit(masked)(x)));
}

TEST(Aot, HashTellsModelsApart) {
  const Folder folder;
  const auto hashOf = [&](double factor, Numerics numerics) {
    return aot::compile({{"f", [=](const Tensor& x) { return x * factor; }}},
                        std::tuple(zeros({2})), options(folder, numerics))
        .hash;
  };
  const std::string first = hashOf(2.0, Numerics::standard);
  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(first, hashOf(2.0, Numerics::standard));
  EXPECT_NE(first, hashOf(3.0, Numerics::standard));
  EXPECT_NE(first, hashOf(2.0, Numerics::strict));
}

TEST(Aot, SeveralTargetsGiveTheSameBits) {
  const Market market{60, 20, 5};
  const auto expected = leaves(jit(value_and_grad(sharpe))(market.w, market.X, market.r));
  for (const std::vector<std::string>& targets :
       {std::vector<std::string>{"x86-64-v3"}, {"x86-64-v4", "x86-64-v3"}, {"native"}}) {
    const Folder folder;
    aot::Options chosen = options(folder);
    chosen.targets = targets;
    const Loaded model(aot::compile({{"f", value_and_grad(sharpe)}},
                                    std::tuple(market.w, market.X, market.r), chosen));
    if (model.symbol<int (*)()>("model_check_cpu")() == 3) {
      std::fprintf(stderr, "skipped: this CPU cannot run %s\n", targets[0].c_str());
      continue;
    }
    expectSameBits(model.call("f", market.inputs()), expected);
  }
}

// Their partial sums fill 64 bytes, which may be two vectors.
TEST(Aot, LastColumnsHaveTheSameBitsOnEveryTarget) {
  const auto f = [](const Tensor& x, const Tensor& y) { return matmul(x, y); };
  for (const DType dtype : {DType::f64, DType::f32})
    for (const int64_t columns : {1, 2, 3, 5, 8}) {
      const Tensor x = randn({40, 50}, dtype), y = randn({50, 16 + columns}, dtype);
      const Folder folder;
      aot::Options chosen = options(folder);
      chosen.targets = {"x86-64-v3"};
      const Loaded model(aot::compile({{"f", f}}, std::tuple(x, y), chosen));
      if (model.symbol<int (*)()>("model_check_cpu")() == 3)
        GTEST_SKIP() << "this CPU cannot run x86-64-v3";
      expectSameBits(model.call("f", {x, y}), leaves(jit(f)(x, y)));
    }
}

TEST(Aot, CallsRunAtTheSameTime) {
  const Market market{120, 30, 5};
  const Folder folder;
  const Loaded model(aot::compile({{"f", value_and_grad(sharpe)}},
                                  std::tuple(market.w, market.X, market.r),
                                  options(folder, Numerics::standard, 4)));
  std::vector<std::vector<Tensor>> inputs, expected;
  const auto reference = jit(value_and_grad(sharpe));
  for (int i = 0; i < 4; ++i) {
    inputs.push_back({randn({5}), market.X, market.r});
    expected.push_back(leaves(reference(inputs[i][0], market.X, market.r)));
  }
  std::vector<std::vector<Loaded::Result>> results(4);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&, i] {
      for (int n = 0; n < 25; ++n)
        results[i].push_back(model.call("f", inputs[i], Threads{1 + n % 4}));
    });
  for (std::thread& caller : callers)
    caller.join();
  for (int i = 0; i < 4; ++i)
    for (const Loaded::Result& result : results[i])
      expectSameBits(result, expected[i]);
}

TEST(Aot, CallersThreadsAreUsed) {
  const Market market{600, 60, 5};
  const Folder folder;
  const Loaded model(aot::compile({{"f", value_and_grad(sharpe)}},
                                  std::tuple(market.w, market.X, market.r),
                                  options(folder, Numerics::standard, 8)));
  static std::atomic<int> tasks{0};
  Threads threads{3};
  threads.pool = &tasks;
  threads.run = [](void* pool, int count, void (*task)(void*, int), void* context) {
    std::vector<std::thread> own;
    for (int i = 0; i < count; ++i)
      own.emplace_back([=] { task(context, i); });
    for (std::thread& thread : own)
      thread.join();
    static_cast<std::atomic<int>*>(pool)->fetch_add(count);
  };
  expectSameBits(model.call("f", market.inputs(), threads),
                 leaves(jit(value_and_grad(sharpe))(market.w, market.X, market.r)));
  EXPECT_EQ(tasks, 3);
}

} // namespace
} // namespace diptych::test
