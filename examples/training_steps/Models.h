// The networks whose training steps are measured (workload W8), each written once: forward and loss
// run on the tape, as a pure function of the parameters, and compiled with backward and update.
#pragma once

#include <diptych/diptych.h>
#include <diptych/nn/nn.h>
#include <diptych/optim/optim.h>

#include <string>
#include <tuple>

namespace steps {

namespace dt = diptych;
namespace nn = diptych::nn;
namespace optim = diptych::optim;
using dt::Tensor;

/// What a network learns from.
struct Batch {
  Tensor x, y;
};

/// [N,1] -> [N,1] through two hidden layers.
struct Dense : nn::Module {
  nn::Linear first{1, 64}, second{64, 64}, last{64, 1};
  Dense() : Module("Dense") {
    register_module("first", first);
    register_module("second", second);
    register_module("last", last);
  }
  Tensor forward(const Tensor& x) const { return last(dt::relu(second(dt::relu(first(x))))); }
  Tensor loss(const Tensor& out, const Tensor& y) const { return nn::mse_loss(out, y); }
  static Batch batch(int64_t n) {
    const Tensor x = dt::reshape(dt::linspace(-10, 10, n), {n, 1});
    return {x, 2 * x + 3};
  }
};

/// The next value of a series from the last five: [N,1,5] -> [N,1].
struct Cnn1d : nn::Module {
  nn::Conv1d narrow{1, 16, 2}, wide{16, 32, 2};
  nn::Linear hidden{96, 50}, last{50, 1};
  Cnn1d() : Module("Cnn1d") {
    register_module("narrow", narrow);
    register_module("wide", wide);
    register_module("hidden", hidden);
    register_module("last", last);
  }
  Tensor forward(const Tensor& x) const {
    const Tensor seen = dt::relu(wide(dt::relu(narrow(x)))); // [N,32,3]
    return last(dt::relu(hidden(dt::reshape(seen, {x.shape(0), 96}))));
  }
  Tensor loss(const Tensor& out, const Tensor& y) const { return nn::mse_loss(out, y); }
  /// A noisy sine of n + 5 points.
  static Batch batch(int64_t n) {
    const Tensor series = dt::sin(dt::linspace(0, 0.1 * static_cast<double>(n + 5), n + 5)) +
                          0.1 * dt::randn({n + 5});
    return {dt::unsqueeze(dt::slice(dt::windows(series, 0, 5), 0, 0, n), 1),
            dt::unsqueeze(dt::slice(series, 0, 5), 1)};
  }
};

/// Two layers of LSTM, the last output of [N,T,10] to one number.
struct Recurrent : nn::Module {
  nn::LSTM lstm;
  nn::Linear last;
  explicit Recurrent(int64_t hidden = 20)
      : Module("Recurrent"), lstm(10, hidden, {.num_layers = 2, .batch_first = true}),
        last(hidden, 1) {
    register_module("lstm", lstm);
    register_module("last", last);
  }
  Tensor forward(const Tensor& x) const { return last(dt::select(lstm(x).first, 1, -1)); }
  Tensor loss(const Tensor& out, const Tensor& y) const { return nn::mse_loss(out, y); }
  static Batch batch(int64_t n, int64_t length = 8) {
    return {dt::randn({n, length, 10}), dt::randn({n, 1})};
  }
};

/// A residual block of two weight-normed causal convolutions: padding before the sequence alone,
/// which is padding on both sides with the end chomped off.
struct TemporalBlock : nn::Module {
  nn::Conv1d first, second, skip;
  bool narrows;
  TemporalBlock(int64_t in, int64_t out, int64_t kernel, int64_t dilation)
      : Module("TemporalBlock"), first(in, out, kernel, causal(kernel, dilation)),
        second(out, out, kernel, causal(kernel, dilation)), skip(in, out, 1), narrows(in != out) {
    register_module("first", first);
    register_module("second", second);
    if (narrows)
      register_module("skip", skip);
  }
  static nn::ConvOptions causal(int64_t kernel, int64_t dilation) {
    return {.padding = dt::Padding({(kernel - 1) * dilation}, {0}),
            .dilation = dilation,
            .weightNorm = true};
  }
  Tensor forward(const Tensor& x) const {
    const Tensor y = dt::relu(second(dt::relu(first(x))));
    return dt::relu(y + (narrows ? skip(x) : x));
  }
};

/// Five blocks with dilations 1, 2, 4, ...: [N,20,T] -> [N,1] from the last position.
struct Tcn : nn::Module {
  std::vector<TemporalBlock> blocks;
  nn::Linear last{32, 1};
  explicit Tcn(int64_t levels = 5) : Module("Tcn") {
    for (int64_t i = 0; i < levels; ++i) {
      blocks.emplace_back(i ? 32 : 20, 32, 7, int64_t{1} << i);
      register_module("block" + std::to_string(i), blocks.back());
    }
    register_module("last", last);
  }
  Tensor forward(const Tensor& x) const {
    Tensor y = x;
    for (const TemporalBlock& block : blocks)
      y = block.forward(y);
    return last(dt::select(y, 2, -1));
  }
  Tensor loss(const Tensor& out, const Tensor& y) const { return nn::mse_loss(out, y); }
  static Batch batch(int64_t n, int64_t length = 20) {
    return {dt::randn({n, 20, length}), dt::randn({n, 1})};
  }
};

/// [N,1,28,28] -> log-probabilities of ten classes; 1,199,882 parameters.
struct LeNet : nn::Module {
  nn::Conv2d first{1, 32, 3}, second{32, 64, 3};
  nn::Linear hidden{9216, 128}, last{128, 10};
  LeNet() : Module("LeNet") {
    register_module("first", first);
    register_module("second", second);
    register_module("hidden", hidden);
    register_module("last", last);
  }
  Tensor forward(const Tensor& x) const {
    const Tensor seen = dt::max_pool2d(dt::relu(second(dt::relu(first(x)))), 2); // [N,64,12,12]
    return dt::log_softmax(last(dt::relu(hidden(dt::reshape(seen, {x.shape(0), 9216})))), 1);
  }
  Tensor loss(const Tensor& out, const Tensor& y) const { return nn::nll_loss(out, y); }
  static Batch batch(int64_t n) {
    return {dt::randn({n, 1, 28, 28}), dt::slice(dt::tile(dt::arange(10), {n / 10 + 1}), 0, 0, n)};
  }
};

/// Features [N,158] with the samples as the length axis, and the last position to one number.
struct FactorCnn : nn::Module {
  nn::Conv1d first{158, 64, 3}, second{64, 16, 3}, third{16, 4, 3};
  nn::Linear last{4, 1};
  FactorCnn() : Module("FactorCnn") {
    register_module("first", first);
    register_module("second", second);
    register_module("third", third);
    register_module("last", last);
  }
  Tensor forward(const Tensor& x) const {
    const Tensor line = dt::unsqueeze(dt::transpose(x), 0); // [1,158,N]
    const Tensor seen = dt::relu(third(dt::relu(second(dt::relu(first(line))))));
    return last(dt::select(seen, 2, -1));
  }
  Tensor loss(const Tensor& out, const Tensor& y) const { return nn::mse_loss(out, y); }
  static Batch batch(int64_t n) { return {dt::randn({n, 158}), dt::randn({1, 1})}; }
};

/// Forward, loss, backward and update as a function of tensors alone: what jit takes.
template <class Model> auto trainingStep(const Model& model, const optim::Rule& rule) {
  return [model, rule](const nn::State& parameters, const optim::RuleState<nn::State>& state,
                       const Tensor& x, const Tensor& y) {
    const auto loss = [&](const nn::State& p) {
      return model.loss(nn::functional_call(model, p, x), y);
    };
    auto [value, gradients] = dt::value_and_grad(loss)(parameters);
    auto [moved, next] = rule.update(parameters, gradients, state);
    return std::tuple(value, moved, next);
  };
}

} // namespace steps
