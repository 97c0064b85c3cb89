// Functions made of operators: statistics, softmax and its kin, products of vectors. Each is
// differentiable to any order through what it is made of.
#pragma once

#include <diptych/Ops.h>

namespace diptych {

/// x * x.
Tensor square(const Arg& x);
/// Within [low, high], elementwise; each may be a tensor. At a bound the derivative is 1/2, as at
/// any tie; NaN stays.
Tensor clamp(const Arg& x, const Arg& low, const Arg& high);
Tensor isnan(const Arg& x);
Tensor isfinite(const Arg& x);
/// Whether any, or every, boolean element along the axes is true.
Tensor any(const Arg& x, const Axes& axes = {}, bool keepdim = false);
Tensor all(const Arg& x, const Axes& axes = {}, bool keepdim = false);
/// |a - b| <= atol + rtol |b| everywhere; equal infinities count as close, NaN never.
/// Integers and booleans are compared as f64. Eager only.
bool allclose(const Arg& a, const Arg& b, double rtol = 1e-5, double atol = 1e-8);

//===-- Statistics ---------------------------------------------------------------------------===//

/// Sum over the axes divided by their number of elements; any float (NaN for no elements).
Tensor mean(const Arg& x, const Axes& axes = {}, bool keepdim = false);
/// Mean squared deviation, divided by n - correction; computed from the deviations, so that a large
/// mean costs no digits. The correction 1 (PyTorch's default) makes it unbiased.
Tensor var(const Arg& x, const Axes& axes = {}, int correction = 1, bool keepdim = false);
/// sqrt(var); where the deviation is 0, its derivatives are 0.
Tensor stddev(const Arg& x, const Axes& axes = {}, int correction = 1, bool keepdim = false);
// A bool in the place of the correction would be taken for a 1.
Tensor var(const Arg& x, const Axes& axes, bool keepdim, bool = false) = delete;
Tensor stddev(const Arg& x, const Axes& axes, bool keepdim, bool = false) = delete;
/// Euclidean length; at 0 its derivatives are 0.
Tensor norm(const Arg& x, const Axes& axes = {}, bool keepdim = false);

//===-- Softmax ------------------------------------------------------------------------------===//

/// exp(x) / sum(exp(x)) along an axis, shifted by the maximum so that it cannot overflow.
Tensor softmax(const Arg& x, int64_t axis = -1);
/// log(softmax(x)), without rounding small probabilities to 0 first.
Tensor log_softmax(const Arg& x, int64_t axis = -1);
/// log(sum(exp(x))) over the axes; -infinity, with derivative 0, where every element is -infinity.
Tensor logsumexp(const Arg& x, const Axes& axes = {}, bool keepdim = false);

//===-- Products of vectors ------------------------------------------------------------------===//

/// [k] . [k] -> [].
Tensor dot(const Arg& x, const Arg& y);
/// [m], [n] -> [m,n], x_i y_j.
Tensor outer(const Arg& x, const Arg& y);

} // namespace diptych
