// L-BFGS (Nocedal and Wright, algorithms 7.4, 3.5 and 3.6).
#include "frontend/optim/MinimizeSupport.h"

#include <algorithm>
#include <deque>
#include <optional>

namespace diptych::optim::detail {

namespace {

constexpr double kDecrease = 1e-4, kCurvature = 0.9;

struct Pair {
  Vector s, y;
  double rho;
};

// -H g, H the inverse Hessian that the pairs stand for.
Vector descent(const std::deque<Pair>& pairs, const Vector& gradient) {
  Vector q = gradient, weights(pairs.size());
  for (size_t i = pairs.size(); i-- > 0;) {
    weights[i] = pairs[i].rho * dot(pairs[i].s, q);
    q = along(q, -weights[i], pairs[i].y);
  }
  if (!pairs.empty())
    q = scaled(1 / (pairs.back().rho * dot(pairs.back().y, pairs.back().y)), q);
  for (size_t i = 0; i < pairs.size(); ++i)
    q = along(q, weights[i] - pairs[i].rho * dot(pairs[i].y, q), pairs[i].s);
  return scaled(-1, q);
}

// A place on the line: how far, f there, and its slope.
struct Trial {
  double step, slope;
  Point point;
};

class LineSearch {
public:
  LineSearch(Search& search, const Point& start, const Vector& direction)
      : search_(search), start_(start), direction_(direction),
        slope_(dot(direction, start.gradient)) {}

  // A point that fulfils the strong Wolfe conditions, or the lowest found; empty if none is lower.
  std::optional<Point> find(double step) {
    Trial last{0, slope_, start_};
    for (int i = 0; i < 30; ++i) {
      Trial trial = at(step);
      if (tooHigh(trial) || (i > 0 && trial.point.value >= last.point.value))
        return zoom(last, trial);
      if (flat(trial))
        return trial.point;
      if (trial.slope >= 0)
        return zoom(trial, last);
      last = std::move(trial);
      step *= 2;
    }
    return last.point;
  }

private:
  Trial at(double step) {
    Point point = search_.at(along(start_.x, step, direction_));
    const double slope = dot(direction_, point.gradient);
    return {step, slope, std::move(point)};
  }
  // Not a number counts as too high.
  bool tooHigh(const Trial& trial) const {
    return !(trial.point.value <=
             start_.value + kDecrease * trial.step * slope_ + noise(start_.value));
  }
  bool flat(const Trial& trial) const { return std::abs(trial.slope) <= -kCurvature * slope_; }

  // Minimum of the cubic through both values and slopes, kept away from the ends.
  static double between(const Trial& a, const Trial& b) {
    const double width = b.step - a.step;
    const double d1 = a.slope + b.slope - 3 * (b.point.value - a.point.value) / width;
    const double d2 = std::copysign(std::sqrt(std::max(0.0, d1 * d1 - a.slope * b.slope)), width);
    double part = 1 - (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
    if (!std::isfinite(part))
      part = 0.5;
    return a.step + width * std::clamp(part, 0.1, 0.9);
  }

  std::optional<Point> zoom(Trial low, Trial high) {
    for (int i = 0; i < 40; ++i) {
      Trial trial = at(between(low, high));
      if (tooHigh(trial) || trial.point.value >= low.point.value) {
        high = std::move(trial);
        continue;
      }
      if (flat(trial))
        return trial.point;
      if (trial.slope * (high.step - low.step) >= 0)
        high = low;
      low = std::move(trial);
    }
    if (low.step == 0)
      return {};
    return low.point;
  }

  Search& search_;
  const Point& start_;
  const Vector& direction_;
  double slope_;
};

} // namespace

Minimum<Tensor> lbfgs(const Oracle& oracle, const Tensor& start, const MinimizeOptions& options) {
  Search search("minimize_lbfgs", oracle, options);
  Point point = search.begin(start);
  std::deque<Pair> pairs;
  int64_t iteration = 0;
  for (; !search.stops(point, iteration); ++iteration) {
    const Vector direction = descent(pairs, point.gradient);
    const double first = pairs.empty() ? std::min(1.0, 1 / length(point.gradient)) : 1;
    std::optional<Point> next = LineSearch(search, point, direction).find(first);
    if (!next) {
      search.giveUp("no lower value along the direction");
      break;
    }
    Pair pair{along(next->x, -1, point.x), along(next->gradient, -1, point.gradient), 0};
    const double product = dot(pair.s, pair.y);
    // Positive by the curvature condition; without it the pair would spoil the matrix.
    if (product > 1e-14 * length(pair.s) * length(pair.y)) {
      pair.rho = 1 / product;
      pairs.push_back(std::move(pair));
      if (static_cast<int64_t>(pairs.size()) > options.history)
        pairs.pop_front();
    }
    point = std::move(*next);
  }
  return search.result(point, iteration);
}

} // namespace diptych::optim::detail
