// Minimisers on functions whose minimum is known, flat and as trees, eager and compiled.
#include "tests/errors/Throws.h"
#include "tests/unit/SameBits.h"

#include <diptych/nn/nn.h>
#include <diptych/optim/optim.h>

#include <gmock/gmock.h>

namespace dt = diptych;
namespace nn = diptych::nn;
namespace optim = diptych::optim;
using namespace diptych::test;
using dt::Tensor;
using testing::HasSubstr;

namespace {

// 0 at 1, ..., 1, at the end of a curved valley.
Tensor rosenbrock(const Tensor& x) {
  auto head = dt::slice(x, 0, 0, -1), tail = dt::slice(x, 0, 1);
  return dt::sum(100 * dt::square(tail - head * head) + dt::square(1 - head));
}

void expectOnes(const optim::Minimum<Tensor>& minimum) {
  EXPECT_TRUE(minimum.converged) << minimum.reason;
  EXPECT_LE(minimum.gradient, 1e-8);
  EXPECT_TRUE(dt::allclose(minimum.x, dt::ones_like(minimum.x), 1e-8))
      << minimum.x << ' ' << minimum.reason;
  EXPECT_GT(minimum.evaluations, 0);
}

TEST(OptimMinimize, RosenbrockByEveryMethod) {
  const Tensor start = dt::tensor({1.3, 0.7, 0.8, 1.9, 1.2});
  expectOnes(optim::minimize_lbfgs(rosenbrock, start));
  expectOnes(optim::minimize_newton(rosenbrock, start));
  expectOnes(optim::minimize_newton_cg(rosenbrock, start));
}

TEST(OptimMinimize, CompiledFunctionsServeAsWell) {
  const Tensor start = dt::tensor({-1.2, 1.0, 0.5});
  auto f = dt::jit(rosenbrock);
  expectOnes(optim::minimize_lbfgs(f, start));
  expectOnes(optim::minimize_newton(f, start));
  expectOnes(optim::minimize_newton_cg(f, start));
}

// W3: 1/2 x'Sx - sum b log x; at the minimum x_i (Sx)_i = b_i. Outside x > 0 the value is NaN.
TEST(OptimMinimize, RiskParity) {
  dt::manual_seed(1);
  const int64_t n = 8;
  const Tensor A = dt::randn({n, 2 * n}), S = dt::matmul(A, dt::transpose(A)) / (2.0 * n);
  const Tensor b = dt::full({n}, 1.0 / n);
  auto f = [&](const Tensor& x) {
    return 0.5 * dt::dot(x, dt::matmul(S, x)) - dt::sum(b * dt::log(x));
  };
  const optim::MinimizeOptions options{.gradient_tolerance = 1e-12};
  for (const auto& minimum : {optim::minimize_newton(f, dt::ones({n}), options),
                              optim::minimize_newton_cg(f, dt::ones({n}), options)}) {
    EXPECT_TRUE(minimum.converged) << minimum.reason;
    EXPECT_LT(minimum.iterations, 30);
    EXPECT_TRUE(dt::allclose(minimum.x * dt::matmul(S, minimum.x), b, 1e-11));
  }
  EXPECT_TRUE(optim::minimize_lbfgs(f, dt::ones({n})).converged);
}

// At the saddle x = 0 of (x^2 - 1)^2 + y^2 nearby, curvature is negative: down to x = 1 or -1.
TEST(OptimMinimize, NegativeCurvatureLeadsDown) {
  auto f = [](const Tensor& x) {
    return dt::square(dt::select(x, 0, 0) * dt::select(x, 0, 0) - 1) +
           dt::square(dt::select(x, 0, 1));
  };
  const Tensor start = dt::tensor({0.01, 1.0});
  for (const auto& minimum : {optim::minimize_newton(f, start), optim::minimize_newton_cg(f, start),
                              optim::minimize_lbfgs(f, start)}) {
    EXPECT_TRUE(minimum.converged) << minimum.reason;
    EXPECT_NEAR(minimum.value, 0, 1e-15);
  }
}

// Least squares of a Linear layer: the parameters are a State, the answer is the normal equations'.
TEST(OptimMinimize, TakesTheStateOfAModule) {
  dt::manual_seed(2);
  const Tensor x = dt::randn({30, 2}), y = dt::matmul(x, dt::tensor({{2.0}, {-1.0}})) + 0.5;
  nn::Linear model(2, 1);
  auto loss = [&](const nn::State& p) { return nn::mse_loss(nn::functional_call(model, p, x), y); };
  for (const auto& minimum : {optim::minimize_lbfgs(loss, model.parameter_dict()),
                              optim::minimize_newton(loss, model.parameter_dict()),
                              optim::minimize_newton_cg(loss, model.parameter_dict())}) {
    EXPECT_TRUE(minimum.converged) << minimum.reason;
    EXPECT_TRUE(dt::allclose(minimum.x.at("weight"), dt::tensor({{2.0, -1.0}}), 1e-6));
    EXPECT_NEAR(minimum.x.at("bias").to_vector<double>()[0], 0.5, 1e-6);
  }
}

TEST(OptimMinimize, StopsAndSaysWhy) {
  const Tensor start = dt::tensor({-1.2, 1.0});
  const auto early = optim::minimize_lbfgs(rosenbrock, start, {.max_iterations = 3});
  EXPECT_FALSE(early.converged);
  EXPECT_EQ(early.iterations, 3);
  EXPECT_EQ(early.reason, "max_iterations");
  auto f = [](const Tensor& x) { return dt::sum(dt::log(x)); };
  EXPECT_THAT(messageOf([&] { optim::minimize_newton(f, dt::tensor({-1.0})); }),
              HasSubstr("minimize_newton: expected a finite value"));
  EXPECT_ERROR_HERE(optim::minimize_lbfgs(f, dt::tensor({1, 2})), "minimize", "i32[2]");
  const auto vector = [](const Tensor& x) { return x * x; };
  EXPECT_ERROR_HERE(optim::minimize_newton(vector, dt::ones({3})), "one float number");
}

} // namespace
