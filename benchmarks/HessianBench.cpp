// Hessians beside what they cost at least: W1's beside a product of matrices of its size, risk
// parity's beside loops written by hand; and a regression's. Results are compared first.
#include "benchmarks/Check.h"
#include "benchmarks/Portfolio.h"

#include <vector>

namespace dt = diptych;
using namespace dt::bench;

namespace {

//===-- W1 -----------------------------------------------------------------------------------===//

// 2 T N K^2 operations: X' diag(a) X, of which the program computes little more than half.
double hessianFlops(const dt::Tensor& X) {
  return 2.0 * static_cast<double>(X.numel()) * static_cast<double>(X.shape(2));
}

// Eager needs a dozen arrays of X's size times K; a Hessian-vector product is another program.
void portfolio(benchmark::State& state) {
  const Portfolio p({state.range(0), state.range(1), state.range(2)});
  const auto f = dt::jit(dt::hessian(objective));
  const dt::Tensor v = dt::randn({state.range(2)});
  if (!agree(state, dt::matmul(f(p.w, p.X, p.r), v), dt::jit(dt::hvp(objective))(p.w, v, p.X, p.r),
             1e-7))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(f(p.w, p.X, p.r));
  state.counters["arena_MB"] = static_cast<double>(f.stats().arenaBytes) / 1e6;
  rate(state, "FLOP/s", hessianFlops(p.X));
}
BENCHMARK(portfolio)
    ->Name("hessian/w1")
    ->Args({1000, 300, 8})
    ->Args({1000, 468, 158})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// X' Y of the same size: what the machine's multipliers give a product as long as this.
void longProduct(benchmark::State& state) {
  const int64_t rows = 468000, K = 158;
  const dt::Tensor X = dt::randn({rows, K}), Y = dt::randn({rows, K});
  const auto f = dt::jit(
      [](const dt::Tensor& x, const dt::Tensor& y) { return dt::matmul(dt::transpose(x), y); });
  if (!agree(state, f(X, Y), dt::matmul(dt::transpose(X), Y), 1e-7))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(f(X, Y));
  rate(state, "FLOP/s", 2.0 * static_cast<double>(rows * K * K));
}
BENCHMARK(longProduct)->Name("hessian/long_product")->Unit(benchmark::kMillisecond)->UseRealTime();

//===-- Regression ---------------------------------------------------------------------------===//

// X' diag(p (1 - p)) X / N.
dt::Tensor logisticLoss(const dt::Tensor& w, const dt::Tensor& X) {
  return dt::mean(dt::softplus(dt::matmul(X, w)));
}

void regression(benchmark::State& state) {
  const dt::Tensor X = dt::randn({state.range(0), state.range(1)}),
                   w = 0.1 * dt::randn({state.range(1)});
  const auto f = dt::jit(dt::hessian(logisticLoss));
  if (!agree(state, f(w, X), dt::hessian(logisticLoss)(w, X), 1e-9))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(f(w, X));
  state.counters["arena_MB"] = static_cast<double>(f.stats().arenaBytes) / 1e6;
  rate(state, "FLOP/s", 2.0 * static_cast<double>(X.numel() * state.range(1)));
}
BENCHMARK(regression)
    ->Name("hessian/logistic")
    ->Args({10000, 50})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

//===-- W3 -----------------------------------------------------------------------------------===//

dt::Tensor riskParity(const dt::Tensor& x, const dt::Tensor& S, const dt::Tensor& b) {
  return 0.5 * dt::sum(x * dt::matmul(S, x)) - dt::sum(b * dt::log(x));
}

dt::Tensor dispersion(const dt::Tensor& w, const dt::Tensor& S) {
  const dt::Tensor risk = w * dt::matmul(S, w);
  const dt::Tensor apart = dt::unsqueeze(risk, 1) - dt::unsqueeze(risk, 0);
  return dt::sum(apart * apart);
}

struct Risk {
  explicit Risk(int64_t n) : x(0.5 + dt::rand({n})), b(dt::rand({n})) {
    const dt::Tensor A = dt::randn({n, n});
    S = dt::matmul(A, dt::transpose(A)) / static_cast<double>(n);
  }
  dt::Tensor x, b, S;
};

// S + diag(b / x^2), into memory that is there.
std::vector<double> handWritten(const std::vector<double>& S, const std::vector<double>& b,
                                const std::vector<double>& x, std::vector<double> H) {
  const size_t n = x.size();
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j)
      H[i * n + j] = S[i * n + j];
    H[i * n + i] += b[i] / (x[i] * x[i]);
  }
  return H;
}

void parity(benchmark::State& state, bool jitted) {
  const Risk r(state.range(0));
  const auto f = dt::jit(dt::hessian(riskParity));
  const auto S = r.S.to_vector<double>(), b = r.b.to_vector<double>(), x = r.x.to_vector<double>();
  std::vector<double> H = handWritten(S, b, x, std::vector<double>(S.size()));
  if (!agree(state, f(r.x, r.S, r.b), dt::reshape(dt::tensor(H), r.S.shape()), 1e-9))
    return;
  for (auto _ : state) {
    if (jitted)
      benchmark::DoNotOptimize(f(r.x, r.S, r.b));
    else
      H = handWritten(S, b, x, std::move(H)), benchmark::DoNotOptimize(H.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(parity, by_hand, false)->Name("hessian/w3/by_hand")->Arg(468)->UseRealTime();
BENCHMARK_CAPTURE(parity, jit, true)->Name("hessian/w3/jit")->Arg(468)->UseRealTime();

void spread(benchmark::State& state) {
  const Risk r(state.range(0));
  const dt::Tensor v = dt::randn({state.range(0)});
  const auto f = dt::jit(dt::hessian(dispersion));
  if (!agree(state, dt::matmul(f(r.x, r.S), v), dt::jit(dt::hvp(dispersion))(r.x, v, r.S), 1e-7))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(f(r.x, r.S));
  state.counters["arena_MB"] = static_cast<double>(f.stats().arenaBytes) / 1e6;
}
BENCHMARK(spread)->Name("hessian/w3_dispersion/jit")->Arg(20)->Arg(95)->Arg(468)->UseRealTime();

} // namespace
