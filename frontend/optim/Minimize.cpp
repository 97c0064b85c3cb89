// Newton's method and trust-region Newton-CG, and what the minimisers share. L-BFGS is in
// MinimizeLbfgs.cpp.
#include <diptych/Ops.h>

#include "frontend/Ops.h"
#include "frontend/optim/MinimizeSupport.h"

#include <algorithm>

namespace diptych::optim::detail {

Tensor flattenLeaves(const std::vector<Tensor>& leaves, const SourceLocation& where) {
  return diptych::detail::located(where, [&] {
    std::vector<Tensor> flat;
    for (const Tensor& leaf : leaves) {
      diptych::detail::requireFloat("minimize", leaf.value());
      flat.push_back(flatten(leaf.detach()).astype(DType::f64));
    }
    if (flat.empty())
      diptych::detail::misuse("minimize", "a tree with tensors", "none", "check the start");
    return concatenate(flat);
  });
}

std::vector<Tensor> splitLeaves(const Tensor& flat, const std::vector<Tensor>& like) {
  std::vector<Tensor> leaves;
  int64_t begin = 0;
  for (const Tensor& leaf : like) {
    const int64_t end = begin + leaf.numel();
    leaves.push_back(reshape(slice(flat, 0, begin, end), leaf.shape()).astype(leaf.dtype()));
    begin = end;
  }
  return leaves;
}

//===-- Search -------------------------------------------------------------------------------===//

Point Search::begin(const Tensor& start) {
  Point point = at(start.to_vector<double>());
  if (!std::isfinite(point.value) || !std::isfinite(largest(point.gradient)))
    diptych::detail::misuse(name_, "a finite value and gradient at the start",
                            std::to_string(point.value) + " and " +
                                std::to_string(largest(point.gradient)),
                            "start elsewhere");
  return point;
}

bool Search::stops(const Point& point, int64_t iteration) {
  if (largest(point.gradient) <= options_.gradient_tolerance)
    reason_ = "the gradient is within the tolerance";
  else if (iteration >= options_.max_iterations)
    reason_ = "max_iterations";
  return !reason_.empty();
}

Minimum<Tensor> Search::result(const Point& point, int64_t iterations) const {
  const double gradient = largest(point.gradient);
  return {tensor(point.x), point.value,  gradient,
          iterations,      evaluations_, gradient <= options_.gradient_tolerance,
          reason_};
}

//===-- Newton -------------------------------------------------------------------------------===//

// Row-major Cholesky of H + shift I, in place; false if that is not positive definite.
static bool factor(Vector& H, size_t n, double shift) {
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j <= i; ++j) {
      double sum = H[i * n + j] + (i == j ? shift : 0);
      for (size_t k = 0; k < j; ++k)
        sum -= H[i * n + k] * H[j * n + k];
      if (i == j && !(sum > 0 && std::isfinite(sum)))
        return false;
      H[i * n + j] = i == j ? std::sqrt(sum) : sum / H[j * n + j];
    }
  return true;
}

// (L L')^-1 b.
static Vector solved(const Vector& L, size_t n, Vector b) {
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k)
      b[i] -= L[i * n + k] * b[k];
    b[i] /= L[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k)
      b[i] -= L[k * n + i] * b[k];
    b[i] /= L[i * n + i];
  }
  return b;
}

// -(H + shift I)^-1 g with the first shift of a growing row that is positive definite; empty if
// none.
static Vector newtonDirection(const Vector& H, const Vector& gradient) {
  const size_t n = gradient.size();
  double diagonal = 0;
  for (size_t i = 0; i < n; ++i)
    diagonal = std::max(diagonal, std::abs(H[i * n + i]));
  double shift = 0;
  for (int tries = 0; tries < 60; ++tries) {
    Vector L = H;
    if (factor(L, n, shift))
      return scaled(-1, solved(L, n, gradient));
    shift = shift == 0 ? 1e-6 * std::max(diagonal, 1e-6) : 4 * shift;
  }
  return {};
}

Minimum<Tensor> newton(const Oracle& oracle, const Tensor& start, const MinimizeOptions& options) {
  Search search("minimize_newton", oracle, options);
  Point point = search.begin(start);
  int64_t iteration = 0;
  for (; !search.stops(point, iteration); ++iteration) {
    const Vector direction = newtonDirection(search.hessian(point.x), point.gradient);
    if (direction.empty()) {
      search.giveUp("the Hessian is not finite");
      break;
    }
    const double slope = dot(direction, point.gradient);
    double step = 1;
    Point next = search.at(along(point.x, step, direction));
    while (!(next.value <= point.value + 1e-4 * step * slope + noise(point.value)) && step > 1e-12)
      next = search.at(along(point.x, step /= 2, direction));
    if (step <= 1e-12) {
      search.giveUp("no lower value along the Newton direction");
      break;
    }
    point = std::move(next);
  }
  return search.result(point, iteration);
}

//===-- Trust-region Newton-CG ---------------------------------------------------------------===//

namespace {
struct Step {
  Vector p;
  double predicted; // decrease of the quadratic model
};
} // namespace

// The positive root of |p + t d| = radius.
static double toBorder(const Vector& p, const Vector& d, double radius) {
  const double a = dot(d, d), b = dot(p, d), c = dot(p, p) - radius * radius;
  const double root = std::sqrt(std::max(0.0, b * b - a * c));
  return b > 0 ? -c / (b + root) : (root - b) / a;
}

// Steihaug's conjugate gradients: min g'p + p'Hp / 2 within the radius.
static Step steihaug(const Search& search, const Point& point, double radius) {
  const Vector& g = point.gradient;
  const double size = length(g), tolerance = std::min(0.5, std::sqrt(size)) * size;
  Vector p(g.size()), Hp(g.size()), residual = g, d = scaled(-1, g);
  double square = dot(residual, residual);
  const auto moved = [&](double t, const Vector& Hd) {
    p = along(p, t, d);
    Hp = along(Hp, t, Hd);
  };
  for (size_t i = 0; i < 2 * g.size() + 10 && std::sqrt(square) > tolerance; ++i) {
    const Vector Hd = search.product(point.x, d);
    const double curvature = dot(d, Hd), t = square / curvature;
    if (!(curvature > 0) || length(along(p, t, d)) >= radius) {
      moved(toBorder(p, d, radius), Hd);
      break;
    }
    moved(t, Hd);
    residual = along(residual, t, Hd);
    const double next = dot(residual, residual);
    d = along(scaled(-1, residual), next / square, d);
    square = next;
  }
  return {p, -(dot(g, p) + 0.5 * dot(p, Hp))};
}

Minimum<Tensor> newtonCg(const Oracle& oracle, const Tensor& start,
                         const MinimizeOptions& options) {
  Search search("minimize_newton_cg", oracle, options);
  Point point = search.begin(start);
  double radius = options.initial_radius;
  int64_t iteration = 0;
  for (; !search.stops(point, iteration); ++iteration) {
    const Step step = steihaug(search, point, radius);
    Point next = search.at(along(point.x, 1, step.p));
    const double decrease = point.value - next.value;
    // Where the value cannot tell any more, the gradient decides.
    const bool unclear =
        std::abs(decrease) <= noise(point.value) && step.predicted <= noise(point.value);
    const bool shrinks = length(next.gradient) < length(point.gradient);
    const double ratio = unclear ? (shrinks ? 1 : 0) : decrease / step.predicted;
    if (!(ratio >= 0.25))
      radius = 0.25 * std::min(radius, length(step.p));
    else if (ratio > 0.75 && length(step.p) > 0.99 * radius)
      radius = std::min(2 * radius, options.max_radius);
    if (ratio > 1e-4)
      point = std::move(next);
    else if (unclear || !(radius > 1e-15)) {
      search.giveUp("no lower value within the precision of f");
      break;
    }
  }
  return search.result(point, iteration);
}

} // namespace diptych::optim::detail
