// Modules: names, states, substitution, modes. Layers themselves are in NnLayersTest.cpp.
#include "tests/errors/Throws.h"
#include "tests/unit/SameBits.h"

#include <diptych/nn/nn.h>

#include <gmock/gmock.h>

namespace dt = diptych;
namespace nn = diptych::nn;
using namespace diptych::test;
using dt::Tensor;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

std::vector<std::string> namesOf(const nn::State& state) {
  std::vector<std::string> names;
  for (const auto& entry : state)
    names.push_back(entry.first);
  return names;
}

struct Net : nn::Module {
  nn::Linear layer1{2, 3}, layer2{3, 1};
  nn::BatchNorm1d normal{3};
  nn::Parameter scale;
  Net() : Module("Net") {
    register_module("layer1", layer1);
    register_module("normal", normal);
    register_module("layer2", layer2);
    scale = register_parameter("scale", dt::tensor(2.0));
  }
  Tensor forward(const Tensor& x) const { return *scale * layer2(normal(dt::tanh(layer1(x)))); }
};

TEST(NnModule, NamesAreNestedWithDots) {
  Net net;
  EXPECT_THAT(namesOf(net.named_parameters()),
              ElementsAre("layer1.bias", "layer1.weight", "layer2.bias", "layer2.weight",
                          "normal.bias", "normal.weight", "scale"));
  EXPECT_THAT(
      namesOf(net.named_buffers()),
      ElementsAre("normal.num_batches_tracked", "normal.running_mean", "normal.running_var"));
  EXPECT_EQ(net.state_dict().size(), 10u);
  EXPECT_EQ(net.parameter_count(), 6 + 3 + 3 + 1 + 3 + 3 + 1);
  EXPECT_EQ(net.at("layer1.weight")->shape(), (dt::Shape{3, 2}));
  EXPECT_ERROR_HERE(net.at("layer1.wieght"), "at: expected a name of Net", "layer1.wieght",
                    "scale");
}

TEST(NnModule, RegistrationRefusesBadNames) {
  struct Bad : nn::Module {
    Bad() : Module("Bad") {}
    void parameter(const std::string& name) { register_parameter(name, dt::zeros({1})); }
    void module(const std::string& name, const nn::Module& inside) {
      register_module(name, inside);
    }
  } bad;
  bad.parameter("w");
  EXPECT_THAT(messageOf([&] { bad.parameter("w"); }), HasSubstr("every name is registered once"));
  EXPECT_THAT(messageOf([&] { bad.parameter("a.b"); }), HasSubstr("a name without dots"));
  EXPECT_THAT(messageOf([&] { bad.module("", nn::ReLU()); }), HasSubstr("a name without dots"));
  EXPECT_THAT(messageOf([&] { bad.module("self", bad); }), HasSubstr("cannot be inside itself"));
}

TEST(NnModule, TiedParametersCountOnce) {
  struct Tied : nn::Module {
    nn::Linear a{4, 4}, b{4, 4};
    Tied() {
      register_module("a", a);
      share_parameter("b", a.weight);
    }
  } tied;
  EXPECT_EQ(tied.parameter_count(), 20);
}

TEST(NnModule, CopiesShareParameters) {
  Net net;
  const Net copy = net;
  net.scale.set(dt::tensor(5.0));
  EXPECT_EQ(copy.scale->item<double>(), 5);
  EXPECT_TRUE(copy.scale->requires_grad());
  EXPECT_THAT(messageOf([&] { net.scale.set(dt::zeros({2})); }),
              HasSubstr("Parameter::set: expected f64[], got f64[2]"));
  EXPECT_THAT(messageOf([&] { *nn::Parameter(); }), HasSubstr("no place for a tensor"));
}

TEST(NnModule, BackwardLeavesGradientsAtTheParameters) {
  dt::manual_seed(1);
  Net net;
  dt::mean(net.forward(dt::randn({5, 2}))).backward();
  for (const auto& [name, tensor] : net.named_parameters())
    EXPECT_TRUE(tensor.grad().defined()) << name;
  net.zero_grad_();
  EXPECT_FALSE(net.at("layer1.weight")->grad().defined());
  for (const auto& [name, tensor] : net.state_dict())
    EXPECT_FALSE(tensor.requires_grad()) << name;
  net.requires_grad_(false);
  EXPECT_FALSE(net.forward(dt::randn({5, 2})).requires_grad());
}

TEST(NnModule, LoadedStateGivesTheSameBits) {
  dt::manual_seed(2);
  Net a, b;
  const Tensor x = dt::randn({4, 2});
  a.forward(x);
  b.load_state_dict(a.state_dict());
  a.eval();
  b.eval();
  EXPECT_TRUE(sameBits(b.forward(x), a.forward(x)));
  EXPECT_TRUE(b.scale->requires_grad());
}

TEST(NnModule, LoadingComplainsOfEverythingAtOnceAndChangesNothing) {
  Net net;
  const nn::State before = net.state_dict();
  nn::State wrong = before;
  wrong.erase("scale");
  wrong["layer3.weight"] = dt::zeros({1});
  wrong["layer1.weight"] = dt::zeros({2, 3});
  wrong["layer1.bias"] = dt::ones({3});
  EXPECT_ERROR_HERE(net.load_state_dict(wrong), "load_state_dict", "missing: scale",
                    "unknown: layer3.weight", "layer1.weight (f64[3,2] here, f64[2,3] there)");
  EXPECT_TRUE(sameBits(net.state_dict(), before));
  wrong["layer1.weight"] = dt::zeros({3, 2});
  net.load_state_dict(wrong, false);
  EXPECT_EQ(dt::sum(*net.layer1.weight).item<double>(), 0);
}

TEST(NnModule, FunctionalCallLeavesTheModuleAlone) {
  dt::manual_seed(3);
  Net net;
  net.eval();
  const nn::State before = net.state_dict();
  nn::State other = net.parameter_dict();
  other["scale"] = dt::tensor(4.0);
  const Tensor x = dt::randn({4, 2});
  const Tensor y = net.forward(x);
  EXPECT_TRUE(sameBits(nn::functional_call(net, other, x), 2 * y));
  EXPECT_TRUE(sameBits(net.state_dict(), before));
  // Names that are left out are the module's own.
  EXPECT_TRUE(sameBits(nn::functional_call(net, nn::State{{"scale", dt::tensor(4.0)}}, x), 2 * y));
  // And it is back after an error.
  EXPECT_THROW(nn::functional_call(net, other, dt::randn({4, 3})), dt::Error);
  EXPECT_TRUE(sameBits(net.state_dict(), before));
  const nn::State unknown{{"size", x}}, different{{"scale", x}};
  EXPECT_ERROR_HERE(nn::functional_call(net, unknown, x), "expected a name of Net, got \"size\"");
  EXPECT_ERROR_HERE(nn::functional_call(net, different, x),
                    "expected f64[] for scale, got f64[4,2]");
}

TEST(NnModule, TransformsOfAModuleAgreeWithTheTapeAndTheCompiler) {
  dt::manual_seed(4);
  Net net;
  net.eval();
  const Tensor x = dt::randn({4, 2});
  auto loss = [&](const nn::State& p, const Tensor& x) {
    return dt::mean(dt::square(nn::functional_call(net, p, x)));
  };
  const nn::State p = net.parameter_dict();
  const nn::State gradients = dt::grad(loss)(p, x);
  dt::mean(dt::square(net.forward(x))).backward();
  for (const auto& [name, tensor] : net.named_parameters())
    EXPECT_TRUE(sameBits(gradients.at(name), tensor.grad())) << name;
  expectEagerBits(dt::grad(loss), p, x);
  expectEagerBits(dt::hvp(loss), p, gradients, x);
}

TEST(NnModule, HessianThroughAModule) {
  dt::manual_seed(5);
  Net net;
  net.eval();
  const Tensor x = dt::randn({4, 2});
  auto loss = [&](const Tensor& w) {
    return dt::mean(dt::square(nn::functional_call(net, nn::State{{"layer1.weight", w}}, x)));
  };
  const Tensor w = net.layer1.weight->detach();
  const Tensor H = dt::hessian(loss)(w);
  const double h = 1e-5;
  for (int64_t i = 0; i < 6; ++i) {
    const Tensor e = dt::reshape((dt::arange(6) == i).astype(dt::f64), {3, 2});
    const Tensor column = (dt::grad(loss)(w + h * e) - dt::grad(loss)(w - h * e)) / (2 * h);
    EXPECT_TRUE(dt::allclose(dt::sum(H * e, {2, 3}), column, 1e-6, 1e-8)) << i;
  }
}

// Two models at once: their states stacked, the module batched over them.
TEST(NnModule, EnsemblesByVmap) {
  dt::manual_seed(7);
  Net a, b;
  a.eval();
  const nn::State first = a.parameter_dict(), second = b.parameter_dict();
  nn::State both;
  for (const auto& [name, tensor] : first)
    both[name] = dt::stack({tensor, second.at(name)});
  const Tensor x = dt::randn({4, 2});
  auto call = [&](const nn::State& p, const Tensor& x) { return nn::functional_call(a, p, x); };
  const Tensor expected = dt::stack({call(first, x), call(second, x)});
  auto each = dt::vmap(call, {0, dt::unbatched});
  EXPECT_TRUE(dt::allclose(each(both, x), expected, 1e-13));
  EXPECT_TRUE(dt::allclose(dt::jit(each)(both, x), expected, 1e-13));
}

TEST(NnModule, BuffersMustHaveAPlaceToGo) {
  dt::manual_seed(6);
  Net net;
  const Tensor x = dt::randn({4, 2});
  auto plain = [&](const nn::State& p, const Tensor& x) { return nn::functional_call(net, p, x); };
  EXPECT_THAT(messageOf([&] { dt::jit(plain)(net.parameter_dict(), x); }),
              HasSubstr("functional_call_with_buffers"));
  EXPECT_THAT(messageOf([&] { plain(net.state_dict(), x); }),
              HasSubstr("functional_call_with_buffers"));
  EXPECT_EQ(net.normal.num_batches_tracked->item<int64_t>(), 0);
  net.forward(x);
  EXPECT_EQ(net.normal.num_batches_tracked->item<int64_t>(), 1);
}

TEST(NnModule, ModesAndVisitsReachEveryModule) {
  Net net;
  EXPECT_TRUE(net.normal.is_training());
  net.eval();
  EXPECT_FALSE(net.normal.is_training());
  net.train();
  EXPECT_TRUE(net.normal.is_training());
  std::vector<std::string> kinds;
  net.apply([&](nn::Module& module) {
    kinds.push_back(module.kind());
    if (module.kind() == "Linear")
      nn::init::zeros_(module.at("weight"));
  });
  EXPECT_THAT(kinds, ElementsAre("Linear", "BatchNorm1d", "Linear", "Net"));
  EXPECT_EQ(dt::sum(dt::abs(*net.layer1.weight)).item<double>(), 0);
}

TEST(NnModule, SummaryShowsShapesAndCounts) {
  nn::Sequential net(nn::Linear(2, 3), nn::BatchNorm1d(3));
  EXPECT_EQ(net.summary(), "name                   kind         type      elements\n"
                           "(model)                Sequential\n"
                           "0                      Linear\n"
                           "0.bias                   parameter  f64[3]    3\n"
                           "0.weight                 parameter  f64[3,2]  6\n"
                           "1                      BatchNorm1d\n"
                           "1.bias                   parameter  f64[3]    3\n"
                           "1.weight                 parameter  f64[3]    3\n"
                           "1.num_batches_tracked    buffer     i64[]     1\n"
                           "1.running_mean           buffer     f64[3]    3\n"
                           "1.running_var            buffer     f64[3]    3\n"
                           "15 parameters, 15 of them trained; 7 elements in buffers\n");
}

} // namespace
