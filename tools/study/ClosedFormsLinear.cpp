// Quantities that solve linear systems, by Gaussian elimination in long double.
#include "tools/study/ClosedForms.h"

#include <algorithm>
#include <cmath>

namespace diptych::study {

using Vector = std::vector<double>;
using Real = long double;
using Reals = std::vector<Real>;

namespace {

/// A matrix [n,n], factorised once with row pivoting.
class Elimination {
public:
  Elimination(Reals A, std::size_t n) : A_(std::move(A)), n_(n) {
    for (std::size_t k = 0; k < n_; ++k) {
      std::size_t pivot = k;
      for (std::size_t i = k + 1; i < n_; ++i)
        if (std::fabs(at(i, k)) > std::fabs(at(pivot, k)))
          pivot = i;
      pivots_.push_back(pivot);
      for (std::size_t j = 0; j < n_; ++j)
        std::swap(at(k, j), at(pivot, j));
      for (std::size_t i = k + 1; i < n_; ++i) {
        at(i, k) /= at(k, k);
        for (std::size_t j = k + 1; j < n_; ++j)
          at(i, j) -= at(i, k) * at(k, j);
      }
    }
  }
  Reals solve(Reals b) const {
    for (std::size_t k = 0; k < n_; ++k)
      std::swap(b[k], b[pivots_[k]]);
    for (std::size_t i = 0; i < n_; ++i)
      for (std::size_t j = 0; j < i; ++j)
        b[i] -= A_[i * n_ + j] * b[j];
    for (std::size_t i = n_; i-- > 0;) {
      for (std::size_t j = i + 1; j < n_; ++j)
        b[i] -= A_[i * n_ + j] * b[j];
      b[i] /= A_[i * n_ + i];
    }
    return b;
  }

private:
  Real& at(std::size_t i, std::size_t j) { return A_[i * n_ + j]; }
  Reals A_;
  std::size_t n_;
  std::vector<std::size_t> pivots_;
};

/// The yearly mean / 10 of a window's returns, and the system of its optimum, bordered by ones.
struct WindowSystem {
  Reals mu, matrix;
};

WindowSystem windowSystem(std::span<const double> R, std::size_t N) {
  const std::size_t days = R.size() / N, n = N + 1;
  WindowSystem system{Reals(N, 0.0L), Reals(n * n, 0.0L)};
  Reals off(R.begin(), R.end());
  Real spread = 0.0L;
  for (std::size_t i = 0; i < N; ++i) {
    Real mean = 0.0L;
    for (std::size_t t = 0; t < days; ++t)
      mean += off[t * N + i] / days;
    for (std::size_t t = 0; t < days; ++t) {
      off[t * N + i] -= mean;
      spread += off[t * N + i] * off[t * N + i] * 252 / (days - 1) / N;
    }
    system.mu[i] = 0.1L * 252 * mean;
  }
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      Real covariance = 0.0L;
      for (std::size_t t = 0; t < days; ++t)
        covariance += off[t * N + i] * off[t * N + j];
      system.matrix[i * n + j] = system.matrix[j * n + i] =
          5 * covariance * 252 / (days - 1) + (i == j ? 5 * spread + 2 : 0.0L);
    }
    system.matrix[i * n + N] = system.matrix[N * n + i] = 1.0L;
  }
  return system;
}

Vector firstOf(const Reals& values, std::size_t count) {
  return Vector(values.begin(), values.begin() + std::ptrdiff_t(count));
}

} // namespace

Vector windowOptimum(std::span<const double> R, std::span<const double> previous) {
  const std::size_t N = previous.size();
  const WindowSystem system = windowSystem(R, N);
  Reals right = system.mu;
  for (std::size_t i = 0; i < N; ++i)
    right[i] += 2 * Real(previous[i]);
  right.push_back(1.0L);
  return firstOf(Elimination(system.matrix, N + 1).solve(right), N);
}

Vector windowOptimumGradient(std::span<const double> R, std::span<const double> towards) {
  const std::size_t N = towards.size();
  Reals right(towards.begin(), towards.end());
  right.push_back(0.0L);
  Reals gradient = Elimination(windowSystem(R, N).matrix, N + 1).solve(right);
  for (Real& value : gradient)
    value *= 2;
  return firstOf(gradient, N);
}

namespace {

/// One day of the cross-sections, and the derivatives of its factor returns.
class CrossSection {
public:
  CrossSection(const CrossSections& days, std::size_t t, double a)
      : N_(days.N), P_(days.P), B_(days.B.subspan(t * N_ * P_, N_ * P_)), v_(N_), logCap_(N_),
        off_(N_), system_(matrix(days, t, a), P_ + 1) {
    for (std::size_t n = 0; n < N_; ++n)
      off_[n] = days.r[t * N_ + n];
  }

  /// f of V, f' of V u, and f'' of V'' u - 2 V' B f', where V' = V log cap and u = r - B f.
  void solve(FactorReturnsInExponent& result) const {
    Reals u = off_;
    const Reals f = fitted(u, 0);
    subtract(u, f, 1.0L);
    const Reals first = fitted(u, 1);
    Reals second = fitted(u, 2), none(N_, 0.0L);
    subtract(none, first, 2.0L);
    const Reals bent = fitted(none, 1);
    for (std::size_t p = 0; p < P_; ++p) {
      result.f.push_back(static_cast<double>(f[p]));
      result.first.push_back(static_cast<double>(first[p]));
      result.second.push_back(static_cast<double>(second[p] + bent[p]));
    }
  }

private:
  Reals matrix(const CrossSections& days, std::size_t t, double a) {
    const std::size_t n = P_ + 1;
    Reals M(n * n, 0.0L);
    for (std::size_t i = 0; i < N_; ++i) {
      logCap_[i] = std::log(Real(days.cap[t * N_ + i]));
      v_[i] = std::exp(a * logCap_[i]);
      for (std::size_t p = 0; p < P_; ++p)
        for (std::size_t q = 0; q < P_; ++q)
          M[p * n + q] += v_[i] * B_[i * P_ + p] * B_[i * P_ + q];
    }
    for (std::size_t p = 0; p < P_; ++p)
      M[p * n + P_] = M[P_ * n + p] = days.share[t * P_ + p];
    return M;
  }
  /// Solves for B' V (log cap)^order y.
  Reals fitted(const Reals& y, int order) const {
    Reals right(P_ + 1, 0.0L);
    for (std::size_t n = 0; n < N_; ++n) {
      const Real weight = v_[n] * (order == 0   ? 1.0L
                                   : order == 1 ? logCap_[n]
                                                : logCap_[n] * logCap_[n]);
      for (std::size_t p = 0; p < P_; ++p)
        right[p] += weight * B_[n * P_ + p] * y[n];
    }
    return system_.solve(right);
  }
  void subtract(Reals& y, const Reals& f, Real times) const {
    for (std::size_t n = 0; n < N_; ++n)
      for (std::size_t p = 0; p < P_; ++p)
        y[n] -= times * B_[n * P_ + p] * f[p];
  }

  std::size_t N_, P_;
  std::span<const double> B_;
  Reals v_, logCap_, off_;
  Elimination system_;
};

} // namespace

FactorReturnsInExponent factorReturnsAt(const CrossSections& days, double a) {
  FactorReturnsInExponent result;
  for (std::size_t t = 0; t < days.T; ++t)
    CrossSection(days, t, a).solve(result);
  return result;
}

} // namespace diptych::study
