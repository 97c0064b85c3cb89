// Second derivatives and beyond: Newton's method on Rosenbrock's function, with the Hessian as a
// matrix, as a product, and as a function to differentiate once more.
#include <diptych/diptych.h>

#include <iostream>

namespace dt = diptych;

// sum_i 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2; the minimum is 0, at 1, ..., 1.
static dt::Tensor rosenbrock(const dt::Tensor& x) {
  auto head = dt::slice(x, 0, 0, -1), tail = dt::slice(x, 0, 1);
  return dt::sum(100.0 * dt::square(tail - head * head) + dt::square(1.0 - head));
}

// Solves H p = g by conjugate gradients; H is only ever multiplied.
template <class Product> static dt::Tensor solve(const Product& multiply, const dt::Tensor& g) {
  auto p = dt::zeros_like(g), residual = g, direction = g;
  auto size = dt::dot(residual, residual);
  for (int i = 0; i < 50 && size.item<double>() > 1e-24; ++i) {
    auto image = multiply(direction);
    auto length = size / dt::dot(direction, image);
    p += length * direction;
    residual -= length * image;
    auto next = dt::dot(residual, residual);
    direction = residual + next / size * direction;
    size = next;
  }
  return p;
}

int main() {
  auto x = dt::full({6}, 1.2);
  std::cout << "Hessian at the start\n" << dt::hessian(rosenbrock)(x) << '\n';

  auto gradient = dt::grad(rosenbrock);
  auto product = dt::hvp(rosenbrock);
  for (int i = 0; i < 8; ++i) {
    auto g = gradient(x);
    std::cout << "step " << i << ": f " << rosenbrock(x) << ", |gradient| " << dt::norm(g) << '\n';
    x -= solve([&](const dt::Tensor& v) { return product(x, v); }, g);
  }
  std::cout << "minimum at " << x << '\n';

  // Transforms nest: forward over reverse, reverse over reverse, and one order more.
  auto forwardOverReverse = dt::jacfwd(dt::grad(rosenbrock))(x);
  auto reverseOverReverse = dt::jacrev(dt::grad(rosenbrock))(x);
  auto third = dt::jacfwd(dt::hessian(rosenbrock))(x);
  std::cout << "both ways agree: " << std::boolalpha
            << dt::allclose(forwardOverReverse, reverseOverReverse) << ", third derivative "
            << third.type() << '\n';
}
