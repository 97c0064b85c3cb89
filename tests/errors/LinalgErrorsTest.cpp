// Misuse of linear algebra, and matrices that have no answer: eager and compiled.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;
namespace la = diptych::linalg;

namespace {

const dt::Tensor wide = dt::ones({2, 3}), v = dt::ones({3}), square = dt::eye(3);
const dt::Tensor singular = dt::tensor({{1.0, 2.0}, {2.0, 4.0}});
const dt::Tensor indefinite = dt::tensor({{1.0, 2.0}, {2.0, 1.0}});

// Of shape [2,2,2,2]: the matrix at [1,0] is `bad`, the others are the identity.
dt::Tensor batchWith(const dt::Tensor& bad) {
  const dt::Tensor one = dt::eye(2);
  return dt::stack({dt::stack({one, one}), dt::stack({bad, one})});
}

TEST(LinalgErrors, ShapesAndDtypes) {
  EXPECT_ERROR_HERE(la::cholesky(wide), "cholesky: expected a square matrix", "f64[2,3]", "pinv");
  EXPECT_ERROR_HERE(la::svd(v), "svd: expected a matrix", "f64[3]", "unsqueeze");
  EXPECT_ERROR_HERE(la::det(dt::ones({2, 2}, dt::i64)), "det:", "i64[2,2]", "astype");
  EXPECT_ERROR_HERE(la::solve(square, wide), "solve: expected a right side of 3 rows", "f64[2,3]");
  EXPECT_ERROR_HERE(la::solve(square, dt::tensor(1.0)), "solve: expected a right side", "f64[]");
  EXPECT_ERROR_HERE(la::solve(square, dt::ones({3, 1}, dt::f32)), "operands of one dtype", "f32");
  EXPECT_ERROR_HERE(la::solve(dt::ones({2, 3, 3}), dt::ones({4, 3, 1})), "solve:", "[2]", "[4]");
}

TEST(LinalgErrors, NameTheMatrixAndThePivot) {
  EXPECT_ERROR_HERE(la::cholesky(indefinite), "cholesky: expected a positive definite matrix",
                    "got f64[2,2] with no positive pivot at 1", "check = false");
  EXPECT_ERROR_HERE(la::cholesky(batchWith(indefinite)),
                    "matrix [1,0] of f64[2,2,2,2] with no positive pivot at 1");
  EXPECT_ERROR_HERE(la::solve(batchWith(singular), dt::eye(2)), "solve: expected a regular matrix",
                    "matrix [1,0] of f64[2,2,2,2] with pivot 0 at 1", "pinv");
  EXPECT_ERROR_HERE(la::inverse(singular), "expected a regular matrix", "pivot 0 at 1");
  EXPECT_ERROR_HERE(la::triangular_solve(dt::tensor({{1.0, 0.0}, {5.0, 0.0}}), dt::eye(2)),
                    "triangular_solve: expected a regular triangular matrix",
                    "a zero on the diagonal at 1");
}

TEST(LinalgErrors, NameTheMatrixAndTheLineInCompiledPrograms) {
  int line = 0;
  auto f = [&](const dt::Tensor& a) {
    line = __LINE__ + 1;
    return dt::sum(la::cholesky(a * 1.0));
  };
  const auto run = [&] { dt::jit(f)(batchWith(indefinite)); };
  try {
    run();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const dt::Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("LinalgErrorsTest.cpp:" + std::to_string(line) + ": cholesky: expected"),
              std::string::npos)
        << message;
    EXPECT_NE(message.find("matrix [1,0] of f64[2,2,2,2] with no positive pivot at 1"),
              std::string::npos)
        << message;
  }
}

TEST(LinalgErrors, ImplicitRoots) {
  auto root = dt::implicit_root([](const dt::Tensor& x, const dt::Tensor& a) { return x * x + a; });
  EXPECT_NE(diptych::test::messageOf([&] {
              root(dt::tensor(1.0), dt::tensor(1.0));
            }).find("implicit_root: expected Newton steps to converge"),
            std::string::npos);
  auto few =
      dt::implicit_root([](const dt::Tensor& x, const dt::Tensor& a) { return dt::sum(x) * a; });
  EXPECT_NE(diptych::test::messageOf([&] {
              few(dt::ones({2}), dt::tensor(1.0));
            }).find("expected a function with as many elements as x, 2, got 1"),
            std::string::npos);
}

} // namespace
