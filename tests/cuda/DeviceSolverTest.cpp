// Linear algebra in jitted functions on the device: by cuSOLVER in standard numerics, on the host
// otherwise, with the CPU's results and errors.
#include <diptych/Linalg.h>

#include "../ops/Suite.h"
#include "runtime/cuda/Solver.h"
#include "tests/cuda/Device.h"

#include <cmath>
#include <cstdlib>

using namespace diptych;
namespace la = diptych::linalg;

namespace {

bool hasSolver(std::string& why) { return runtime::cuda::findSolver(why) != nullptr; }

/// Every test here needs cuSOLVER, simulated or real.
template <class Base> class WithSolver : public Base {
protected:
  void SetUp() override {
    Base::SetUp();
    if (std::string why; !Base::IsSkipped() && !hasSolver(why))
      GTEST_SKIP() << why;
  }
};

//===-- Every operator -----------------------------------------------------------------------===//

// Where NaN of a right side goes is left to the library, and a determinant of such numbers has no
// digits.
class OnDeviceSolver : public WithSolver<test::WithDeviceKernels<suite::RowTest>> {
protected:
  std::vector<suite::Case> comparable() const {
    std::vector<suite::Case> kept = cases();
    std::erase_if(kept, [&](const suite::Case& one) {
      return !one.label.starts_with("sampled") &&
             (op().operandCount != 1 || op().code == OpCode::Det || op().code == OpCode::Slogdet ||
              !one.label.starts_with("wild"));
    });
    return kept;
  }
};

TEST_P(OnDeviceSolver, StandardIsNear) {
  const int64_t before = device_stats().library_calls;
  for (const suite::Case& one : comparable())
    suite::expectNoDifference({one}, [&](const Function& program, ValueSpan inputs) {
      const Values there =
          suite::runCompiled(program, test::moved(inputs, true), Numerics::standard);
      return suite::nearDifference(test::moved(there, false), suite::runEager(program, inputs),
                                   suite::boundFor(dtype(), inputs));
    });
  EXPECT_GT(device_stats().library_calls, before);
}

INSTANTIATE_TEST_SUITE_P(Operators, OnDeviceSolver,
                         testing::ValuesIn(suite::rowsWhere([](const suite::Row& row) {
                           return row.op().family == Family::Library &&
                                  !row.op().takes(DType::i64) && !row.op().has(AttrField::window);
                         })),
                         suite::rowName);

//===-- Programs -----------------------------------------------------------------------------===//

class DeviceSolver : public WithSolver<test::OnDevice> {};

using Model = std::function<Tensor(const Tensor&)>;

/// Noise, and a diagonal above it.
Tensor matrices(const Shape& batch, int64_t n, DType dtype = f64) {
  Shape shape = batch;
  shape.push_back(n);
  shape.push_back(n);
  return (reshape(sin(arange(static_cast<double>(shape.product()))), shape) * 0.3 + eye(n) * 3.0)
      .astype(dtype);
}
Tensor symmetric(const Tensor& x) { return (x + transpose(x, {0, 2, 1})) * 0.5; }

TEST_F(DeviceSolver, NothingGoesToTheHost) {
  const Model models[] = {[](const Tensor& x) { return la::cholesky(symmetric(x)); },
                          [](const Tensor& x) { return la::triangular_solve(x, x + 1); },
                          [](const Tensor& x) { return la::solve(x, transpose(x, {0, 2, 1})); },
                          [](const Tensor& x) { return la::det(x); },
                          [](const Tensor& x) { return la::slogdet(-x).second; },
                          [](const Tensor& x) { return la::qr(x).first; },
                          [](const Tensor& x) { return la::eigh(symmetric(x)).second; },
                          [](const Tensor& x) { return std::get<0>(la::svd(x)); },
                          [](const Tensor& x) { return la::pinv(slice(x, 1, 0, 3)); },
                          // Of any order: what a derivative asks for is solved there too.
                          [](const Tensor& x) {
                            return grad(std::function<Tensor(const Tensor&)>([](const Tensor& y) {
                              return sum(la::eigvalsh(symmetric(y)) *
                                         arange(5.0).astype(y.dtype()));
                            }))(x);
                          }};
  for (const int64_t count : {1, 3})
    for (const DType dtype : {f64, f32})
      for (const Model& model : models) {
        const Tensor x = matrices({count}, 5, dtype), there = x.to("cuda");
        const DeviceStats before = device_stats();
        const Tensor got = jit(model)(there);
        const DeviceStats after = device_stats();
        EXPECT_EQ(after.host_operators, before.host_operators) << after.host_operator_names;
        EXPECT_GT(after.library_calls, before.library_calls);
        const double near = dtype == f64 ? 1e-11 : 1e-4;
        EXPECT_TRUE(allclose(got.to("cpu"), model(x), near, near)) << &model - models << "\n"
                                                                   << got.to("cpu") << model(x);
      }
}

TEST_F(DeviceSolver, StrictAndEagerKeepTheCpusBits) {
  const Model model = [](const Tensor& x) { return la::solve(x, symmetric(x)); };
  const Tensor x = matrices({2}, 6);
  JitOptions strict;
  strict.numerics = Numerics::strict;
  const DeviceStats before = device_stats();
  EXPECT_EQ(jit(model, strict)(x.to("cuda")).to_vector<double>(), model(x).to_vector<double>());
  EXPECT_EQ(device_stats().library_calls, before.library_calls);
  EXPECT_GT(device_stats().host_operators, before.host_operators);
}

TEST_F(DeviceSolver, WithoutItTheHostSolvesAndIsCounted) {
  const Model model = [](const Tensor& x) { return la::det(x); };
  const Tensor x = matrices({2}, 4);
  ::setenv("DIPTYCH_CUDA_SOLVER", "0", 1);
  std::string why;
  EXPECT_FALSE(hasSolver(why));
  const DeviceStats before = device_stats();
  const Tensor got = jit(model)(x.to("cuda")).to("cpu");
  ::unsetenv("DIPTYCH_CUDA_SOLVER");
  EXPECT_EQ(why, "the environment has DIPTYCH_CUDA_SOLVER=0");
  EXPECT_EQ(got.to_vector<double>(), model(x).to_vector<double>());
  EXPECT_EQ(device_stats().host_operators, before.host_operators + 1);
  EXPECT_EQ(device_stats().library_calls, before.library_calls);
}

// One matrix at a time is what the library has for these.
TEST_F(DeviceSolver, ManySmallMatricesStayOnTheHost) {
  const Model model = [](const Tensor& x) { return std::get<1>(la::svd(x)); };
  const Tensor x = matrices({17}, 3);
  const int64_t before = device_stats().host_operators;
  EXPECT_TRUE(allclose(jit(model)(x.to("cuda")).to("cpu"), model(x), 1e-12, 1e-12));
  EXPECT_EQ(device_stats().host_operators, before + 1);
}

//===-- What fails ---------------------------------------------------------------------------===//

Tensor withBad(const Tensor& x, int64_t index, double value) {
  return where(reshape(arange(static_cast<double>(x.numel())), x.shape()) ==
                   static_cast<double>(index),
               value, x);
}

TEST_F(DeviceSolver, AMatrixThatFailsNamesItselfAndTheLine) {
  const auto model = [](const Tensor& x) {
    return la::cholesky(x); // line 0
  };
  const std::string line = "DeviceSolverTest.cpp:" + std::to_string(__LINE__ - 2) + ":";
  const Tensor good = symmetric(matrices({4}, 3)), bad = withBad(good, 2 * 9 + 4, -1.0);
  const auto compiled = jit(model);
  EXPECT_TRUE(allclose(compiled(good.to("cuda")).to("cpu"), model(good), 1e-12, 1e-12));
  const std::string here = test::messageOf([&] { jit(model)(bad); }),
                    there = test::messageOf([&] { compiled(bad.to("cuda")); });
  EXPECT_EQ(here, there);
  test::expectMessage(there, {line.c_str(), "matrix [2] of f64[4,3,3]", "no positive pivot at 1"});
  EXPECT_TRUE(allclose(compiled(good.to("cuda")).to("cpu"), model(good), 1e-12, 1e-12));
}

TEST_F(DeviceSolver, SingularSystemsFailAsOnTheCpu) {
  const Tensor x = matrices({2}, 3), zero = withBad(x, 9 + 4, 0.0);
  const auto triangular = [](const Tensor& a) { return la::triangular_solve(a, a); };
  EXPECT_EQ(test::messageOf([&] { jit(triangular)(zero.to("cuda")); }),
            test::messageOf([&] { jit(triangular)(zero); }));
  const auto solve = [](const Tensor& a) { return la::solve(a, a + 1); };
  const Tensor none = zeros({2, 3, 3}) * 1.0;
  test::expectMessage(
      test::messageOf([&] { jit(solve)(none.to("cuda")); }),
      {"solve: expected a regular matrix, got matrix [0] of f64[2,3,3] with pivot 0", "at 0"});
}

// Only the third step fails, which the others do not cover up.
TEST_F(DeviceSolver, AStepOfALoopFails) {
  const auto factors = [](const Tensor& xs) {
    return scan([](const Tensor& c, const Tensor& x) { return std::pair(c + 1, la::cholesky(x)); },
                zeros({}), xs)
        .second;
  };
  const auto repeated = [](const Tensor& xs) {
    return while_loop([](const Tensor& c) { return sum(c) > -100; },
                      [](const Tensor& c) { return la::cholesky(c) - eye(3) * 0.5; },
                      squeeze(slice(xs, 0, 0, 1), 0));
  };
  const Tensor good = symmetric(matrices({5}, 3)), bad = withBad(good, 2 * 9, -1.0);
  const auto compiled = jit(factors);
  EXPECT_TRUE(allclose(compiled(good.to("cuda")).to("cpu"), factors(good), 1e-12, 1e-12));
  EXPECT_EQ(test::messageOf([&] { compiled(bad.to("cuda")); }),
            test::messageOf([&] { jit(factors)(bad); }));
  const std::string here = test::messageOf([&] { jit(repeated)(good); });
  EXPECT_NE(here, "no error");
  EXPECT_EQ(test::messageOf([&] { jit(repeated)(good.to("cuda")); }), here);
}

TEST_F(DeviceSolver, UncheckedFailuresAndWhatIsNotFiniteBecomeNan) {
  const Model models[] = {
      [](const Tensor& x) { return la::cholesky(x, false); },
      [](const Tensor& x) { return la::solve(x, x + 1, {.check = false}); },
      [](const Tensor& x) { return la::triangular_solve(x, x, {.check = false}); }};
  const Tensor good = symmetric(matrices({3}, 3));
  const Tensor singular = where(reshape(arange(27.0), {3, 3, 3}) >= 18.0, 0.0, good);
  const auto expectAlike = [](const Model& model, const Tensor& x) {
    const auto expected = model(x).to_vector<double>();
    const auto got = jit(model)(x.to("cuda")).to_vector<double>();
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(std::isnan(expected[i]) ? std::isnan(got[i])
                                          : std::abs(got[i] - expected[i]) < 1e-12)
          << "element " << i << ": " << got[i] << " for " << expected[i];
  };
  for (const Model& model : models) {
    expectAlike(model, singular);
    expectAlike(model, withBad(good, 4, std::nan("")));
  }
  expectAlike(models[0], withBad(good, 13, INFINITY));
}

// The peak has what routines need beside the arrays of the plan: a copy to factor, at least.
TEST_F(DeviceSolver, WorkspacesCount) {
  const auto f = jit([](const Tensor& x) { return la::solve(x, x + 1); });
  const Tensor x = matrices({2}, 40);
  f(x);
  const int64_t here = f.stats().peakBytes;
  const Tensor there = x.to("cuda");
  f(there);
  EXPECT_GE(f.stats().peakBytes, here + x.type().bytes());
}

} // namespace
