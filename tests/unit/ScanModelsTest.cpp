// Loops in the size of models: an LSTM as a scan against the module, memory of nested scans,
// numbers of threads, loops as steps of training.
#include "SameBits.h"

#include <diptych/nn/Functional.h>
#include <diptych/nn/Recurrent.h>

#include "runtime/ThreadPool.h"

namespace diptych::test {
namespace {

// One layer, x [T,N,in]; names and order of gates are those of nn::LSTM.
std::pair<Tensor, Tensor> scanLstm(const nn::State& p, const Tensor& x, int64_t hidden) {
  const auto weight = [&](const char* name) { return transpose(p.at(name), 0, 1); };
  const Tensor in = matmul(x, weight("weight_ih_l0")) + p.at("bias_ih_l0");
  const Tensor start = zeros({x.shape()[1], hidden}, x.dtype());
  using State = std::pair<Tensor, Tensor>;
  auto [last, out] = scan(
      [&](const State& s, const Tensor& in) {
        const Tensor gates = in + (matmul(s.first, weight("weight_hh_l0")) + p.at("bias_hh_l0"));
        const auto gate = [&](int64_t k) { return slice(gates, 1, k * hidden, (k + 1) * hidden); };
        const Tensor c = sigmoid(gate(1)) * s.second + sigmoid(gate(0)) * tanh(gate(2));
        const Tensor h = sigmoid(gate(3)) * tanh(c);
        return std::pair(State(h, c), h);
      },
      State(start, start), in);
  return {out, last.second};
}

struct Recurrent {
  Recurrent() {
    manual_seed(4);
    x = randn({9, 2, 3});
    parameters = lstm.named_parameters();
    for (auto& [name, tensor] : parameters)
      tensor = tensor.detach();
  }
  nn::LSTM lstm{3, 5, {.dtype = f64}};
  Tensor x;
  nn::State parameters;
};

TEST(ScanModel, AnLstmIsTheModule) {
  const Recurrent r;
  auto loop = [](const nn::State& p, const Tensor& x) {
    auto [out, c] = scanLstm(p, x, 5);
    return mean(square(out)) + sum(c);
  };
  auto module = [&](const nn::State& p, const Tensor& x) {
    auto [out, states] = nn::functional_call(r.lstm, p, x);
    return mean(square(out)) + sum(states.second);
  };
  EXPECT_TRUE(allclose(scanLstm(r.parameters, r.x, 5).first, r.lstm(r.x).first, 1e-14, 1e-15));
  const nn::State expected = grad(module)(r.parameters, r.x);
  for (const auto& got : {grad(loop)(r.parameters, r.x), jit(grad(loop))(r.parameters, r.x)})
    for (const auto& [name, tensor] : expected)
      EXPECT_TRUE(allclose(got.at(name), tensor, 1e-12, 1e-14)) << name;
  EXPECT_TRUE(
      allclose(grad(loop, 1)(r.parameters, r.x), grad(module, 1)(r.parameters, r.x), 1e-12, 1e-14));
  expectEagerBits(grad(loop), r.parameters, r.x);
}

TEST(ScanModel, DoesNotDependOnTheNumberOfThreads) {
  manual_seed(8);
  const Tensor W = 0.1 * randn({96, 96}), s = randn({96, 64}), xs = randn({3, 96, 64});
  auto f = [](const Tensor& W, const Tensor& s, const Tensor& xs) {
    auto [last, ys] = scan(
        [&](const Tensor& s, const Tensor& x) {
          const Tensor next = tanh(matmul(W, s) + x);
          return std::pair(next, sum(next, 0));
        },
        s, xs);
    return sum(last * last) + sum(ys);
  };
  auto compiled = jit(grad(f));
  runtime::ThreadPool& pool = runtime::ThreadPool::global();
  const int before = pool.threads();
  std::vector<Tensor> eager, fast;
  for (int threads : {1, 2, 3}) {
    pool.setThreads(threads);
    eager.push_back(grad(f)(W, s, xs));
    fast.push_back(compiled(W, s, xs));
  }
  pool.setThreads(before);
  for (size_t i = 1; i < eager.size(); ++i) {
    EXPECT_TRUE(sameBits(eager[i], eager[0]));
    EXPECT_TRUE(sameBits(fast[i], fast[0]));
  }
}

// Only carries are kept, so a scan of scans keeps the outer carries and those of one inner scan.
TEST(ScanModel, NestedScansKeepFewerCarries) {
  manual_seed(2);
  const Tensor x = randn({1000});
  auto step = [](const Tensor&, const Tensor& s) { return sin(s) * s; };
  auto flat = [=](const Tensor& x) { return sum(fori_loop(0, 400, step, x)); };
  auto nested = [=](const Tensor& x) {
    auto inner = [=](const Tensor&, const Tensor& s) { return fori_loop(0, 20, step, s); };
    return sum(fori_loop(0, 20, inner, x));
  };
  auto kept = jit(grad(flat));
  auto again = jit(grad(nested));
  EXPECT_TRUE(allclose(again(x), kept(x), 1e-10, 1e-300));
  EXPECT_LT(again.stats().arenaBytes, kept.stats().arenaBytes / 6);
}

// A whole training, its steps in the graph.
TEST(ScanModel, TrainsInsideOfALoop) {
  manual_seed(6);
  const Tensor X = randn({50, 2}), y = matmul(X, tensor({2.0, -3.0})) + 1.0;
  using Parameters = std::pair<Tensor, Tensor>;
  auto loss = [&](const Parameters& p) { return mean(square(matmul(X, p.first) + p.second - y)); };
  auto train = [&](const Tensor& rate) {
    return fori_loop(
        0, 200,
        [&](const Tensor&, const Parameters& p) {
          const Parameters g = grad(loss)(p);
          return Parameters(p.first - rate * g.first, p.second - rate * g.second);
        },
        Parameters(zeros({2}), zeros({})));
  };
  const Tensor rate = tensor(0.1);
  const Parameters trained = jit(train)(rate);
  EXPECT_TRUE(allclose(trained.first, tensor({2.0, -3.0}), 1e-6));
  EXPECT_TRUE(allclose(trained.second, tensor(1.0), 1e-6));
  expectEagerBits(train, rate);
  // The derivative of a training by its rate, against a difference.
  auto reached = [&](const Tensor& rate) {
    return loss(fori_loop(
        0, 5,
        [&](const Tensor&, const Parameters& p) {
          const Parameters g = grad(loss)(p);
          return Parameters(p.first - rate * g.first, p.second - rate * g.second);
        },
        Parameters(zeros({2}), zeros({}))));
  };
  const double h = 1e-6, slope = grad(reached)(rate).item<double>();
  const double difference =
      (reached(rate + h).item<double>() - reached(rate - h).item<double>()) / (2 * h);
  EXPECT_NEAR(slope, difference, 1e-6 * std::abs(slope));
  EXPECT_NEAR(jit(grad(reached))(rate).item<double>(), slope, 1e-10 * std::abs(slope));
  expectEagerBits(grad(reached), rate);
}

// What a program reads from inside of its arguments: rows of larger tensors.
TEST(ScanModel, WalksAlongViews) {
  manual_seed(9);
  const Tensor table = randn({6, 8, 3});
  auto f = [](const Tensor& table) {
    const Tensor xs = transpose(slice(table, 1, 2, 7), 0, 1); // [5,6,3]
    const Tensor rows = slice(table, 0, 1, 6);                // [5,8,3], in one piece
    return scan(
        [](const Tensor& s, const std::pair<Tensor, Tensor>& x) {
          return std::pair(s + sum(x.first) * sum(x.second), s);
        },
        zeros({}), std::pair(xs, rows), {.reverse = true});
  };
  expectEagerBits(f, table);
  Tensor s = zeros({});
  for (int64_t t = 4; t >= 0; --t)
    s = s + sum(select(table, 1, t + 2)) * sum(select(table, 0, t + 1));
  EXPECT_TRUE(allclose(f(table).first, s, 1e-13));
}

} // namespace
} // namespace diptych::test
