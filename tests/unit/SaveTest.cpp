// Saved functions: the bits of the function that was saved, derivatives of every kind included.
#include "SameBits.h"
#include "tests/Folder.h"

#include <diptych/Save.h>
#include <diptych/nn/nn.h>

#include <map>

namespace dt = diptych;
using namespace diptych::test;
using dt::Tensor;

namespace {

const dt::SaveOptions kStrict{.numerics = dt::Numerics::strict};

// Saves f and loads it again, in the numerics that promise eager's bits.
template <class Result = Tensor, class F, class... Args> auto reloaded(F f, const Args&... args) {
  const Folder folder;
  dt::save_function(folder.path("f.diptych"), f, kStrict, args...);
  EXPECT_EQ(folder.files().size(), 1u) << "something was left beside it";
  return dt::load_function<Result>(folder.path("f.diptych"));
}

TEST(Save, ReturnsTheBitsOfTheFunction) {
  const SmallMarket market;
  const auto f = reloaded(sharpeLoss, market.w, market.X, market.r);
  EXPECT_TRUE(sameBits(f(market.w, market.X, market.r), sharpeLoss(market.w, market.X, market.r)));
  EXPECT_EQ(f.numerics(), dt::Numerics::strict);
  EXPECT_EQ(f.inputs().size(), 3u);
  EXPECT_EQ(f.outputs()[0], (dt::TensorType{dt::f64, {}}));
  EXPECT_TRUE(f.weights().empty());
}

TEST(Save, IsDifferentiatedToAnyOrderInAnyWay) {
  const SmallMarket m;
  const auto f = reloaded(sharpeLoss, m.w, m.X, m.r);
  EXPECT_TRUE(sameBits(dt::grad(f)(m.w, m.X, m.r), dt::grad(sharpeLoss)(m.w, m.X, m.r)));
  EXPECT_TRUE(sameBits(dt::hessian(f)(m.w, m.X, m.r), dt::hessian(sharpeLoss)(m.w, m.X, m.r)));
  const auto curvature = [](auto&& g) {
    return [g](const Tensor& w, const Tensor& X, const Tensor& r) {
      return dt::sum(dt::square(dt::grad(g)(w, X, r)));
    };
  };
  EXPECT_TRUE(sameBits(dt::grad(curvature(f))(m.w, m.X, m.r),
                       dt::grad(curvature(sharpeLoss))(m.w, m.X, m.r)));
  const auto along = [&](auto&& g) {
    return dt::jvp([&, g](const Tensor& w) { return g(w, m.X, m.r); })(m.w, m.v);
  };
  EXPECT_TRUE(sameBits(along(f), along(sharpeLoss)));
}

TEST(Save, IsDifferentiatedOnTheTapeAndCompiledAgain) {
  const SmallMarket m;
  const auto f = reloaded(sharpeLoss, m.w, m.X, m.r);
  Tensor w = m.w.detach().requires_grad_();
  f(w, m.X, m.r).backward();
  EXPECT_TRUE(sameBits(w.grad(), dt::grad(sharpeLoss)(m.w, m.X, m.r)));
  EXPECT_TRUE(sameBits(strictJit(dt::grad(f))(m.w, m.X, m.r), dt::grad(sharpeLoss)(m.w, m.X, m.r)));
}

TEST(Save, RunsUnderVmapAndInsideATrace) {
  dt::manual_seed(5);
  const Tensor x = dt::randn({4, 3});
  const auto f = [](const Tensor& x) { return dt::sum(dt::exp(x) * x); };
  const auto loaded = reloaded(f, dt::select(x, 0, 0));
  EXPECT_TRUE(sameBits(dt::vmap(loaded)(x), dt::vmap(f)(x)));
  EXPECT_TRUE(sameBits(dt::vmap(dt::grad(loaded))(x), dt::vmap(dt::grad(f))(x)));
  const auto twice = [](auto&& g) { return [g](const Tensor& x) { return g(x) * g(2.0 * x); }; };
  EXPECT_TRUE(sameBits(strictJit(dt::grad(twice(loaded)))(dt::select(x, 0, 1)),
                       dt::grad(twice(f))(dt::select(x, 0, 1))));
}

TEST(Save, KeepsAGradientThatWasSaved) {
  const SmallMarket m;
  const auto both = dt::value_and_grad(sharpeLoss);
  const auto f = reloaded<std::pair<Tensor, Tensor>>(both, m.w, m.X, m.r);
  EXPECT_TRUE(sameBits(f(m.w, m.X, m.r), both(m.w, m.X, m.r)));
  const auto slope = [](auto&& g) {
    return [g](const Tensor& w, const Tensor& X, const Tensor& r) {
      return dt::sum(dt::square(g(w, X, r).second));
    };
  };
  EXPECT_TRUE(sameBits(dt::grad(slope(f))(m.w, m.X, m.r), dt::grad(slope(both))(m.w, m.X, m.r)));
}

// Loops, branches, rules of the user's, checkpoints, library kernels, random numbers.
Tensor everyConstruct(const Tensor& A, const Tensor& x) {
  const auto rule = dt::custom_vjp(
      [](Tensor x) { return dt::sin(x); },
      [](const Tensor& x, const Tensor&, const Tensor& cotangent) { return cotangent * x; });
  auto [last, all] = dt::scan(
      [&](const Tensor& s, const Tensor& v) {
        const Tensor next = dt::tanh(dt::matmul(A, s) + v);
        return std::pair(next, rule(next));
      },
      x, dt::stack(std::vector<Tensor>{x, 2.0 * x, -x}));
  const Tensor grown = dt::while_loop([](const Tensor& y) { return dt::sum(y) < 50.0; },
                                      [](const Tensor& y) { return y * y + 1.5; }, last);
  const Tensor solved = dt::linalg::solve(dt::matmul(A, dt::transpose(A)) + 3.0 * dt::eye(3), x);
  const Tensor kept = dt::checkpoint([](Tensor y) { return dt::exp(dt::cos(y)); })(solved);
  return dt::cond(
             dt::sum(x) < 0.0, [](Tensor a) { return dt::neg(a); },
             [](Tensor a) { return dt::sort(a); }, kept) +
         dt::sum(all, 0) + grown;
}

TEST(Save, KeepsLoopsBranchesRulesAndLibraryKernels) {
  dt::manual_seed(9);
  const Tensor A = 0.4 * dt::randn({3, 3}), x = dt::randn({3});
  const auto f = reloaded(everyConstruct, A, x);
  EXPECT_TRUE(sameBits(f(A, x), everyConstruct(A, x)));
  // A while_loop without a bound has no reverse mode.
  const auto along = [&](auto&& g) {
    return dt::jvp([&, g](const Tensor& x) { return g(A, x); })(x, dt::ones_like(x)).second;
  };
  EXPECT_TRUE(sameBits(along(f), along(everyConstruct)));
}

TEST(Save, KeepsElementsOfEveryDTypeAndSpecialValues) {
  const double inf = INFINITY, nan = NAN;
  const auto f = [=](const Tensor& x) {
    return std::vector<Tensor>{
        x + dt::tensor({-0.0, inf, nan, 5e-324}),
        dt::where(dt::tensor({true, false, true, true}), x, dt::full({4}, -0.0)),
        x.to(dt::f32) * dt::tensor({0.1f, -1e-45f, 3e38f, -0.0f}),
        dt::tensor({int64_t{1} << 62, int64_t{-7}, int64_t{0}, int64_t{3}}) + x.to(dt::i64),
        dt::tensor({1, -2, 3, 2147483647}) * x.to(dt::i32),
        x < 1.0};
  };
  const Tensor x = dt::tensor({-0.0, 1.0, 2.0, 0.5});
  const auto loaded = reloaded<std::vector<Tensor>>(f, x);
  EXPECT_TRUE(sameBits(loaded(x), f(x)));
}

TEST(Save, TakesTreesOfArguments) {
  using Parameters = std::map<std::string, std::vector<Tensor>>;
  dt::manual_seed(2);
  const Parameters p{{"a", {dt::randn({2}), dt::randn({2})}}, {"b", {dt::randn({2})}}};
  const auto f = [](const Parameters& p, double scale, const Tensor& x) {
    return std::tuple(scale * p.at("a")[0] * p.at("a")[1], p.at("b")[0] - x);
  };
  const Folder folder;
  dt::save_function(folder.path("f"), f, kStrict, p, 3.0, dt::ones({2}));
  const auto loaded = dt::load_function<std::tuple<Tensor, Tensor>>(folder.path("f"));
  EXPECT_TRUE(sameBits(loaded(p, dt::ones({2})), f(p, 3.0, dt::ones({2}))));
}

TEST(Save, StandardNumericsAreJits) {
  const SmallMarket m;
  const Folder folder;
  dt::save_function(folder.path("f"), sharpeLoss, m.w, m.X, m.r);
  const auto f = dt::load_function<Tensor>(folder.path("f"));
  EXPECT_EQ(f.numerics(), dt::Numerics::standard);
  EXPECT_TRUE(sameBits(f(m.w, m.X, m.r), dt::jit(sharpeLoss)(m.w, m.X, m.r)));
  const auto strict = dt::load_function<Tensor>(folder.path("f"), dt::Numerics::strict);
  EXPECT_TRUE(sameBits(strict(m.w, m.X, m.r), sharpeLoss(m.w, m.X, m.r)));
  EXPECT_NE(f.ir().find("diptych.matmul"), std::string::npos);
}

//===-- Weights ------------------------------------------------------------------------------===//

struct Captures {
  Captures() {
    dt::manual_seed(4);
    W = dt::transpose(dt::randn({3, 5})); // a view
    b = dt::randn({5}, dt::f32);
    x = dt::randn({3});
  }
  auto function() const {
    return [W = W, b = b](const Tensor& x) {
      return dt::sum(dt::tanh(dt::matmul(W, x)) + b.to(dt::f64));
    };
  }
  Tensor W, b, x;
};

TEST(Save, CapturedTensorsAreWeights) {
  const Captures c;
  const auto loaded = reloaded(c.function(), c.x);
  EXPECT_TRUE(sameBits(loaded(c.x), c.function()(c.x)));
  EXPECT_TRUE(sameBits(dt::grad(loaded)(c.x), dt::grad(c.function())(c.x)));
  ASSERT_EQ(loaded.weights().size(), 2u);
  EXPECT_TRUE(sameBits(loaded.weights()[0], c.W.contiguous()));
}

TEST(Save, IsDifferentiatedByItsWeights) {
  const Captures c;
  const auto loaded = reloaded(c.function(), c.x);
  Tensor weight = loaded.weights()[0];
  weight.requires_grad_();
  loaded(c.x).backward();
  const auto ofWeight = [&](const Tensor& W) {
    return dt::sum(dt::tanh(dt::matmul(W, c.x)) + c.b.to(dt::f64));
  };
  EXPECT_TRUE(sameBits(weight.grad(), dt::grad(ofWeight)(c.W)));
}

TEST(Save, WeightsBesideMayBeReplaced) {
  const Captures c;
  const Folder folder;
  const dt::SaveOptions beside{.numerics = dt::Numerics::strict,
                               .weights = dt::SaveOptions::Weights::beside};
  dt::save_function(folder.path("net.diptych"), c.function(), beside, c.x);
  EXPECT_EQ(folder.files().size(), 2u);
  EXPECT_TRUE(
      sameBits(dt::load_function<Tensor>(folder.path("net.diptych"))(c.x), c.function()(c.x)));
  dt::nn::Metadata metadata;
  auto state = dt::nn::load_safetensors(folder.path("net.safetensors"), &metadata);
  state.at("weight.1") = dt::zeros({5}, dt::f32);
  metadata.erase("diptych_crc32");
  dt::nn::save_safetensors(folder.path("net.safetensors"), state, metadata);
  const auto replaced = [&](const Tensor& x) {
    return dt::sum(dt::tanh(dt::matmul(c.W, x)) + 0.0);
  };
  EXPECT_TRUE(sameBits(dt::load_function<Tensor>(folder.path("net.diptych"))(c.x), replaced(c.x)));
}

//===-- Files --------------------------------------------------------------------------------===//

TEST(Save, TheSameFunctionIsTheSameBytes) {
  const Captures c;
  const Folder folder;
  for (const char* name : {"a", "b"}) // from one line: it is in the file
    dt::save_function(folder.path(name), c.function(), c.x);
  EXPECT_EQ(bytesOfFile(folder.path("a")), bytesOfFile(folder.path("b")));
  EXPECT_EQ(bytesOfFile(folder.path("a")).find(DIPTYCH_TEST_DIR), std::string::npos)
      << "folders of this machine are in the file";
}

TEST(Save, ReplacesAFileOnlyWhenComplete) {
  const Captures c;
  const Folder folder;
  dt::save_function(folder.path("f"), c.function(), c.x);
  const std::string before = bytesOfFile(folder.path("f"));
  const auto fails = [](const Tensor& x) { return Tensor(dt::tensor(x.item<double>())); };
  EXPECT_THROW(dt::save_function(folder.path("f"), fails, c.x), dt::Error);
  EXPECT_EQ(bytesOfFile(folder.path("f")), before);
  EXPECT_EQ(folder.files().size(), 1u);
}

// Written by version 0.1.0: what was saved once must be read, and mean the same, for ever.
TEST(Save, ReadsWhatEarlierVersionsWrote) {
  const std::string folder = std::string(DIPTYCH_TEST_DIR) + "/unit/Inputs/";
  dt::manual_seed(9);
  const Tensor A = 0.4 * dt::randn({3, 3}), x = dt::randn({3});
  const auto all = dt::load_function<Tensor>(folder + "saved_0.1.0_constructs.diptych");
  EXPECT_TRUE(sameBits(all(A, x), everyConstruct(A, x)));
  const Captures c;
  const auto network = dt::load_function<Tensor>(folder + "saved_0.1.0_weights.diptych");
  EXPECT_TRUE(sameBits(dt::hessian(network)(c.x), dt::hessian(c.function())(c.x)));
}

// DIPTYCH_WRITE_SAVED=FOLDER writes the files of the test above; for a new version of the format.
TEST(Save, WritesItsOwnSamples) {
  const char* folder = std::getenv("DIPTYCH_WRITE_SAVED");
  const Folder own;
  const auto at = [&](const std::string& name) {
    return folder ? std::string(folder) + "/" + name : own.path(name);
  };
  const Captures c;
  dt::save_function(at("constructs.diptych"), everyConstruct, kStrict, dt::zeros({3, 3}),
                    dt::zeros({3}));
  dt::save_function(at("weights.diptych"), c.function(), kStrict, c.x);
  EXPECT_GT(bytesOfFile(at("weights.diptych")).size(), 500u);
}

} // namespace
