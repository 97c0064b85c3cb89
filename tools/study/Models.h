// The workloads' models, each written once in the DSL and run by every mode. Knows no data and no
// execution; closed forms of the same quantities stand in ClosedForms.h.
#pragma once

#include <diptych/diptych.h>

namespace diptych::study {

/// What shapes a factor portfolio besides its data.
struct PortfolioTerms {
  double cost = 0.0;        ///< of a unit of trading
  double temperature = 1.0; ///< of the softmax; small picks few stocks
  double ridge = 0.05;      ///< weight of |w|^2
};

/// Daily returns [T] of a long-only portfolio with positions softmax_n(X_t w / temperature), less
/// the cost of trading into them. w [K], X [T,N,K], Y [T,N].
Tensor factorReturns(const Tensor& w, const Tensor& X, const Tensor& Y,
                     const PortfolioTerms& terms);
/// sqrt(252) mean / standard deviation of daily returns.
Tensor annualSharpe(const Tensor& returns);
/// The Sharpe ratio less ridge |w|^2: to be maximised.
Tensor factorPortfolio(const Tensor& w, const Tensor& X, const Tensor& Y,
                       const PortfolioTerms& terms);

/// x'Sx / 2 - sum_i b_i ln x_i; its minimiser, scaled to sum 1, gives asset i the share b_i of
/// risk.
Tensor riskParity(const Tensor& x, const Tensor& S, const Tensor& b);
/// sum_ij (r_i - r_j)^2 of the risk contributions r = w o Sw.
Tensor riskSpread(const Tensor& w, const Tensor& S);

//===-- W2 -----------------------------------------------------------------------------------===//

struct MeanVarianceTerms {
  double aversion = 5.0; ///< lambda
  double cost = 0.01;    ///< c, of a unit of trading away from w0
};
/// mu'w - (lambda/2) w'Sw - c sum_i sqrt((w_i - w0_i)^2 + smoothing), to be maximised on the
/// simplex; smoothing [] makes |w - w0| differentiable.
Tensor meanVarianceUtility(const Tensor& w, const Tensor& mu, const Tensor& S, const Tensor& w0,
                           const Tensor& smoothing, const MeanVarianceTerms& terms);
/// The nearest point of {w >= 0, sum w = 1} to v [n].
Tensor nearestOnSimplex(const Tensor& v);
/// One step of projected gradient ascent of the utility, of length rate [].
Tensor meanVarianceStep(const Tensor& w, const Tensor& rate, const Tensor& mu, const Tensor& S,
                        const Tensor& w0, const Tensor& smoothing, const MeanVarianceTerms& terms);

//===-- W5 -----------------------------------------------------------------------------------===//

/// Minus the yearly Sharpe ratio of daily returns R [window,N] at weights softmax(theta [N]).
Tensor windowLoss(const Tensor& theta, const Tensor& R);
/// The optimum of 5 w'Sw - mu'w + |w - previous|^2 with sum w = 1, by its linear system; S is half
/// the yearly covariance of R [window,N], half its mean variance; mu a tenth of the yearly mean.
Tensor windowWeights(const Tensor& previous, const Tensor& R);

//===-- W4 -----------------------------------------------------------------------------------===//

/// Days of stocks: exposures B [T,N,P], returns r [T,N], capitalisation cap [T,N], and share [T,P],
/// the constraint share'f = 0 on each day's factor returns.
struct CrossSectionTensors {
  Tensor B, r, cap, share;
};
/// Factor returns [T,P]: least squares of r on B with weights cap^a under the constraint, by the
/// linear system of its optimum.
Tensor factorReturnsOf(const Tensor& a, const CrossSectionTensors& days);
/// What each factor adds [T,P] to the return of the portfolio with weights cap^a / sum cap^a.
Tensor attribution(const Tensor& a, const CrossSectionTensors& days);
/// Sum over the days of one factor's return.
Tensor totalReturn(const Tensor& a, const CrossSectionTensors& days, int64_t factor);

} // namespace diptych::study

template <> struct diptych::Tree<diptych::study::CrossSectionTensors> {
  template <class T, class Visit> static void walk(T& days, Visit&& visit) {
    visit(days.B);
    visit(days.r);
    visit(days.cap);
    visit(days.share);
  }
};
