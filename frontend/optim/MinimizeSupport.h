// What the minimisers share: vectors of the host, points with their gradient, the reasons to stop.
#pragma once

#include <diptych/optim/Minimize.h>

#include <cmath>
#include <limits>

namespace diptych::optim::detail {

using Vector = std::vector<double>;

inline double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}
inline double length(const Vector& a) { return std::sqrt(dot(a, a)); }
/// a + scale b.
inline Vector along(const Vector& a, double scale, const Vector& b) {
  Vector sum = a;
  for (size_t i = 0; i < a.size(); ++i)
    sum[i] += scale * b[i];
  return sum;
}
inline Vector scaled(double scale, const Vector& a) { return along(Vector(a.size()), scale, a); }
/// NaN if any element is.
inline double largest(const Vector& a) {
  double result = 0;
  for (double value : a)
    result = std::abs(value) <= result ? result : std::abs(value);
  return result;
}

struct Point {
  Vector x, gradient;
  double value;
};

/// f at points of the host, counted; and the end of the story.
class Search {
public:
  Search(const char* name, const Oracle& oracle, const MinimizeOptions& options)
      : name_(name), oracle_(oracle), options_(options) {}

  Point at(const Vector& x) {
    ++evaluations_;
    const auto [value, gradient] = oracle_.valueAndGradient(tensor(x));
    return {x, gradient.to_vector<double>(), value.item<double>()};
  }
  Vector product(const Vector& x, const Vector& v) const {
    return oracle_.product(tensor(x), tensor(v)).to_vector<double>();
  }
  Vector hessian(const Vector& x) const { return oracle_.hessian(tensor(x)).to_vector<double>(); }

  /// The starting point; Error unless f is finite there.
  Point begin(const Tensor& start);
  /// Whether to stop here: the gradient is small, or the iterations are used up.
  bool stops(const Point& point, int64_t iteration);
  void giveUp(const std::string& reason) { reason_ = reason; }
  Minimum<Tensor> result(const Point& point, int64_t iterations) const;

private:
  const char* name_;
  const Oracle& oracle_;
  const MinimizeOptions& options_;
  int64_t evaluations_ = 0;
  std::string reason_;
};

/// What f's value cannot tell from 0: a few units in its last place.
inline double noise(double value) {
  return 16 * std::numeric_limits<double>::epsilon() * std::abs(value);
}

} // namespace diptych::optim::detail
