// Workloads on the device: W1 with gradient and Hessian, W3 solved by Newton, W8's training steps,
// W9's convolution with rules of the user's. Eager there and strict jit give the CPU's bits. Small
// in simulation; at their real sizes on a GPU.
#include "examples/training_steps/Models.h"
#include "tests/cuda/Device.h"
#include "tools/study/Models.h"

#include <diptych/Jit.h>

using namespace diptych;

namespace {

using Numbers = std::vector<std::vector<double>>;

class DeviceWorkloads : public test::WithDeviceKernels<testing::Test> {
protected:
  void SetUp() override {
    WithDeviceKernels::SetUp();
    small = simulated;
    manual_seed(3);
  }

  /// The function's results are std::vector<Tensor>.
  template <class F> void expectTheCpusBits(const F& f, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> there;
    for (const Tensor& x : inputs)
      there.push_back(x.to("cuda"));
    const Numbers expected = numbers(f(inputs));
    EXPECT_TRUE(expected == numbers(f(there))) << "eager";
    const auto compiled = jit(f, {.numerics = Numerics::strict});
    for (int i = 0; i < 3; ++i) // launched, captured, replayed
      EXPECT_TRUE(expected == numbers(compiled(there))) << "compiled, call " << i;
  }

  static Numbers numbers(const std::vector<Tensor>& results) {
    Numbers all;
    for (const Tensor& x : results)
      all.push_back(x.astype(f64).to_vector<double>());
    return all;
  }

  bool small = false;
};

TEST_F(DeviceWorkloads, W1ValueGradientAndHessian) {
  const int64_t T = small ? 12 : 1000, N = small ? 9 : 300, K = small ? 3 : 8;
  const std::vector<Tensor> inputs{0.3 * randn({K}), randn({T, N, K}), 0.02 * randn({T, N})};
  expectTheCpusBits(
      [](const std::vector<Tensor>& x) {
        const auto f = [&](const Tensor& w) { return study::factorPortfolio(w, x[1], x[2], {}); };
        const auto [value, slope] = value_and_grad(f)(x[0]);
        return std::vector<Tensor>{value, slope, hessian(f)(x[0])};
      },
      inputs);
}

TEST_F(DeviceWorkloads, W3NewtonSteps) {
  const int64_t n = small ? 6 : 95;
  const Tensor root = randn({n, n});
  const std::vector<Tensor> inputs{full({n}, 0.5),
                                   matmul(root, transpose(root)) / static_cast<double>(n) + eye(n),
                                   full({n}, 1.0 / static_cast<double>(n))};
  expectTheCpusBits(
      [](const std::vector<Tensor>& in) {
        const auto f = [&](const Tensor& x) { return study::riskParity(x, in[1], in[2]); };
        Tensor x = in[0];
        for (int i = 0; i < 3; ++i)
          x = maximum(x - linalg::solve(hessian(f)(x), grad(f)(x)), 0.5 * x);
        return std::vector<Tensor>{x, f(x), study::riskSpread(x / sum(x), in[1])};
      },
      inputs);
}

nn::State moved(const nn::State& state) {
  nn::State there;
  for (const auto& [name, tensor] : state)
    there.emplace(name, tensor.to("cuda"));
  return there;
}

// The losses of a few steps of Adam.
template <class Step>
std::vector<double> losses(const Step& step, const optim::Rule& rule, nn::State parameters,
                           const steps::Batch& batch) {
  auto state = rule.init(parameters);
  std::vector<double> all;
  for (int i = 0; i < 4; ++i) {
    Tensor loss;
    std::tie(loss, parameters, state) = step(parameters, state, batch.x, batch.y);
    all.push_back(loss.item<double>());
  }
  return all;
}

template <class Model> void expectTheCpusLosses(const Model& model, const steps::Batch& batch) {
  const optim::Rule rule = optim::adam({.lr = 0.001});
  const auto step = steps::trainingStep(model, rule);
  const nn::State start = model.parameter_dict();
  const steps::Batch there{batch.x.to("cuda"), batch.y.to("cuda")};
  const std::vector<double> expected = losses(step, rule, start, batch);
  EXPECT_EQ(losses(step, rule, moved(start), there), expected) << "eager";
  EXPECT_EQ(losses(jit(step, {.numerics = Numerics::strict}), rule, moved(start), there), expected)
      << "compiled";
}

TEST_F(DeviceWorkloads, W8Dense) {
  expectTheCpusLosses(steps::Dense(), steps::Dense::batch(small ? 4 : 1000));
}
TEST_F(DeviceWorkloads, W8Cnn1d) {
  expectTheCpusLosses(steps::Cnn1d(), steps::Cnn1d::batch(small ? 3 : 195));
}
TEST_F(DeviceWorkloads, W8Lstm) {
  expectTheCpusLosses(steps::Recurrent(small ? 3 : 64),
                      steps::Recurrent::batch(small ? 2 : 800, small ? 3 : 20));
}
TEST_F(DeviceWorkloads, W8Tcn) {
  if (small)
    GTEST_SKIP() << "too much for the simulated device";
  expectTheCpusLosses(steps::Tcn(), steps::Tcn::batch(200));
}
TEST_F(DeviceWorkloads, W8LeNet) {
  if (small)
    GTEST_SKIP() << "too much for the simulated device";
  expectTheCpusLosses(steps::LeNet(), steps::LeNet::batch(64));
}
TEST_F(DeviceWorkloads, W8FactorCnn) {
  if (small)
    GTEST_SKIP() << "too much for the simulated device";
  expectTheCpusLosses(steps::FactorCnn(), steps::FactorCnn::batch(2000));
}

TEST_F(DeviceWorkloads, ATrainingStepIsOneGraph) {
  const steps::Dense model;
  const optim::Rule rule = optim::adam({.lr = 0.001});
  const auto step = jit(steps::trainingStep(model, rule));
  nn::State parameters = moved(model.parameter_dict());
  auto state = rule.init(parameters);
  const steps::Batch host = steps::Dense::batch(4);
  const Tensor x = host.x.to("cuda"), y = host.y.to("cuda");
  Tensor loss;
  const auto train = [&](int count) {
    for (int i = 0; i < count; ++i)
      std::tie(loss, parameters, state) = step(parameters, state, x, y);
  };
  train(6);
  const DeviceStats before = device_stats();
  train(4);
  const DeviceStats after = device_stats();
  EXPECT_EQ(after.launches, before.launches);
  EXPECT_EQ(after.graph_launches, before.graph_launches + 4);
}

Tensor turned(const Tensor& w) { return flip(transpose(w, 0, 1), {2, 3}); }
Tensor exchanged(const Tensor& x) { return transpose(x, 0, 1); }

// dI = full correlation of dO with the turned kernel, dW = correlation of I with dO, db = sum dO.
Tensor convolution(const Tensor& x, const Tensor& w, const Tensor& b) {
  static const auto byHand = custom_vjp(
      [](const Tensor& x, const Tensor& w, const Tensor& b) { return conv2d(x, w, b); },
      [](const Tensor& x, const Tensor& w, const Tensor&, const Tensor&, const Tensor& cot) {
        return std::tuple(conv2d(cot, turned(w), {.padding = w.shape(2) - 1}),
                          exchanged(conv2d(exchanged(x), exchanged(cot))), sum(cot, {0, 2, 3}));
      });
  return byHand(x, w, b);
}

TEST_F(DeviceWorkloads, W9ConvolutionWithItsOwnRules) {
  const std::vector<Tensor> inputs =
      small ? std::vector{randn({2, 3, 5, 4}), randn({4, 3, 3, 3}), randn({4})}
            : std::vector{randn({16, 32, 26, 26}), randn({64, 32, 3, 3}), randn({64})};
  const auto both = [](auto convolve) {
    return [convolve](const std::vector<Tensor>& in) {
      const auto loss = [&](const Tensor& x, const Tensor& w, const Tensor& b) {
        return sum(square(convolve(x, w, b)));
      };
      const std::vector<Tensor> slopes = grad(loss, {0, 1, 2})(in[0], in[1], in[2]);
      std::vector<Tensor> all{convolve(in[0], in[1], in[2])};
      all.insert(all.end(), slopes.begin(), slopes.end());
      return all;
    };
  };
  expectTheCpusBits(both(convolution), inputs);
  expectTheCpusBits(
      both([](const Tensor& x, const Tensor& w, const Tensor& b) { return conv2d(x, w, b); }),
      inputs);
}

} // namespace
