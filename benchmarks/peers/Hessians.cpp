// diptych-hessians: values, gradients, Hessian-vector products and Hessians of some models that
// other systems are measured on too. Of every model it writes the arguments and the tape's results,
// which compiled ones must equal before they have a time.
#include "benchmarks/peers/Turns.h"

#include <diptych/diptych.h>
#include <diptych/nn/StateDict.h>

#include <array>
#include <cmath>
#include <tuple>

namespace dt = diptych;
using dt::Tensor;
using dt::study::Json;
using dt::study::now;

namespace {

constexpr double kTolerance = 1e-9; ///< of the largest element

//===-- Models -------------------------------------------------------------------------------===//

Tensor logistic(const Tensor& w, const Tensor& X, const Tensor& y) {
  const Tensor z = dt::matmul(X, w);
  return dt::mean(dt::softplus(z) - y * z);
}

Tensor logSumExp(const Tensor& w, const Tensor& X, const Tensor& b) {
  return dt::log(dt::sum(dt::exp(dt::matmul(X, w) + b))) + dt::sum(w * w);
}

Tensor rosenbrock(const Tensor& x) {
  const Tensor before = dt::slice(x, 0, 0, -1), after = dt::slice(x, 0, 1);
  const Tensor apart = after - before * before, off = 1.0 - before;
  return dt::sum(100.0 * apart * apart + off * off);
}

/// Elements `begin` and following of one vector of parameters, as a matrix.
Tensor part(const Tensor& p, int64_t begin, int64_t rows, int64_t columns) {
  return dt::reshape(dt::slice(p, 0, begin, begin + rows * columns), {rows, columns});
}

Tensor meanSquare(const Tensor& off) { return dt::mean(off * off); }

/// 10-20-1 with biases.
Tensor network(const Tensor& p, const Tensor& x, const Tensor& y) {
  const Tensor hidden = dt::tanh(dt::matmul(x, part(p, 0, 10, 20)) + part(p, 200, 1, 20));
  return meanSquare(dt::matmul(hidden, part(p, 220, 20, 1)) + part(p, 240, 1, 1) - y);
}

/// 8-16-16-1 without.
Tensor deepNetwork(const Tensor& p, const Tensor& x, const Tensor& y) {
  const Tensor first = dt::tanh(dt::matmul(x, part(p, 0, 8, 16)));
  const Tensor second = dt::tanh(dt::matmul(first, part(p, 128, 16, 16)));
  return meanSquare(dt::matmul(second, part(p, 384, 16, 1)) - y);
}

/// Five normal densities with diagonal precisions exp(q)^2; the negative log-likelihood of X [N,5].
Tensor mixture(const Tensor& p, const Tensor& X) {
  const Tensor share = dt::slice(p, 0, 0, 5), centre = part(p, 5, 5, 5), q = part(p, 30, 5, 5);
  const Tensor d = (dt::unsqueeze(X, 1) - dt::unsqueeze(centre, 0)) * dt::exp(dt::unsqueeze(q, 0));
  const Tensor density = share + dt::sum(q, 1) - 0.5 * dt::sum(d * d, -1);
  const double count = static_cast<double>(X.shape(0));
  return count * dt::logsumexp(share, 0) - dt::sum(dt::logsumexp(density, -1));
}

/// Of weights softmax(w), negated.
Tensor sharpe(const Tensor& w, const Tensor& R) {
  const Tensor r = dt::matmul(R, dt::softmax(w, 0));
  return -std::sqrt(252.0) * dt::mean(r) / dt::stddev(r);
}

//===-- Rows ---------------------------------------------------------------------------------===//

std::vector<Tensor> leaves(const Tensor& result) { return {result}; }
std::vector<Tensor> leaves(const std::pair<Tensor, Tensor>& both) {
  return {both.first, both.second};
}

void requireEqual(const std::string& name, const Tensor& got, const Tensor& expected) {
  const double apart = dt::max(dt::abs(got - expected)).item<double>(),
               largest = dt::max(dt::abs(expected)).item<double>();
  if (!(apart <= kTolerance * largest))
    throw dt::Error(name + ": the compiled result is not the tape's");
}

class Rows {
public:
  explicit Rows(const dt::bench::Turns& turns) : turns_(turns) {}

  /// `make` draws the parameters and then the data.
  template <class F, class Make>
  void add(const std::string& model, const F& f, const Make& make) const {
    dt::manual_seed(1);
    const auto all = [&](const Tensor& w, const auto&... data) {
      const Tensor v = dt::randn(w.shape());
      row(model, "value", f, w, data...);
      row(model, "value + gradient", dt::value_and_grad(f), w, data...);
      row(model, "Hessian x vector", dt::hvp(f), w, v, data...);
      row(model, "Hessian", dt::hessian(f), w, data...);
    };
    std::apply(all, make());
  }

private:
  template <class F, class... Data>
  void row(const std::string& model, const std::string& quantity, const F& f, const Tensor& w,
           const Data&... data) const {
    const std::string name = model + " " + std::to_string(w.numel());
    if (!turns_.wants(name + " " + quantity))
      return;
    // Compiling is compiling: what lies on disk does not count.
    const auto compiled = dt::jit(f, {.diskCache = false});
    const double begin = now();
    const std::vector<Tensor> got = leaves(compiled(w, data...));
    const double first = now() - begin;
    const std::vector<Tensor> expected = leaves(f(w, data...)), arguments{w, data...};
    dt::nn::State file;
    for (size_t i = 0; i < arguments.size(); ++i)
      file.emplace("argument/" + std::to_string(i), arguments[i]);
    for (size_t i = 0; i < got.size(); ++i) {
      requireEqual(name + " " + quantity, got[i], expected[i]);
      file.emplace("result/" + std::to_string(i), expected[i]);
    }
    const std::string path = turns_.file(name + " " + quantity);
    dt::nn::save_npz(path, file);
    const Json latency = measureLatency([&] { compiled(w, data...); }, turns_.plan);
    if (turns_.profile)
      std::cerr << compiled.ir("profile");
    turns_.give({{"name", name},
                 {"model", model},
                 {"quantity", quantity},
                 {"arguments", arguments.size()},
                 {"results", got.size()},
                 {"file", path},
                 {"first_call", first},
                 {"latency", latency}});
  }

  const dt::bench::Turns& turns_;
};

void measureAll(const dt::bench::Turns& turns) {
  const Rows rows(turns);
  using dt::randn;
  using std::array;
  rows.add("logistic", logistic, [] {
    const Tensor label = dt::where(randn({10000}) > 0.0, dt::ones({10000}), dt::zeros({10000}));
    return array{0.1 * randn({50}), randn({10000, 50}), label};
  });
  rows.add("log_sum_exp", logSumExp,
           [] { return array{0.1 * randn({100}), randn({1000, 100}), randn({1000})}; });
  rows.add("rosenbrock", rosenbrock, [] { return array{randn({200})}; });
  rows.add("network", network,
           [] { return array{0.3 * randn({241}), randn({100, 10}), randn({100, 1})}; });
  rows.add("deep_network", deepNetwork,
           [] { return array{0.3 * randn({400}), randn({200, 8}), randn({200, 1})}; });
  rows.add("mixture", mixture, [] { return array{0.3 * randn({55}), randn({1000, 5})}; });
  rows.add("sharpe", sharpe,
           [] { return array{0.1 * randn({100}), 0.01 * randn({2000, 100}) + 0.0005}; });
}

} // namespace

int main(int argc, char** argv) try {
  dt::bench::Turns turns;
  CLI::App app(
      "Times derivatives of models, and writes what other systems need to be timed on them.");
  turns.addOptions(app);
  CLI11_PARSE(app, argc, argv);
  measureAll(turns);
} catch (const std::exception& error) {
  std::cerr << "diptych-hessians: " << error.what() << "\n";
  return 1;
}
