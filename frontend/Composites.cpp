// Composites: written with the DSL itself, so that they run wherever it runs. What is guarded, and
// why, stands at each.
#include <diptych/Composites.h>

#include "frontend/Ops.h"

#include <diptych/Autograd.h>

#include <limits>

namespace diptych {

using detail::located;
using detail::safeSqrt;
using detail::tensorOf;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
// A float operand and the axes a composite works over.
struct Operand {
  Operand(const char* op, const Arg& arg, const Axes& given)
      : x(tensorOf(arg)), axes(detail::axesOf(op, given, x.rank())), dtype(x.dtype()) {
    detail::requireFloat(op, x.value());
    x = detail::widened(x);
  }

  int64_t count() const {
    int64_t count = 1;
    for (int64_t axis : axes)
      count *= x.shape()[axis];
    return count;
  }
  // An empty list would mean all axes: a rank-0 operand has none.
  Tensor over(Tensor (*reduction)(const Arg&, const Axes&, bool), const Tensor& y,
              bool keepdim) const {
    return axes.empty() ? y : reduction(y, axes, keepdim);
  }
  // bf16 and f16 are computed in f32 from the first step to the last, and rounded once: neither
  // their sums nor their counts would fit.
  Tensor rounded(const Tensor& result) const { return result.astype(dtype); }
  // Drops the axes of a result that kept them.
  Tensor dropped(const Tensor& kept, bool keepdim) const {
    return keepdim || axes.empty() ? kept : squeeze(kept, axes);
  }

  Tensor x;
  Dims axes;
  DType dtype;
};
} // namespace

Tensor square(const Arg& arg) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    return x * x;
  });
}

Tensor clamp(const Arg& x, const Arg& low, const Arg& high) {
  return located(x.where(), [&] { return minimum(maximum(x, low), high); });
}

Tensor isnan(const Arg& arg) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    return x != x;
  });
}

Tensor isfinite(const Arg& arg) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    return isFloat(x.dtype()) ? abs(x) < kInfinity : x == x;
  });
}

// Counts in i64: sums of booleans do not exist, and no count overflows.
Tensor any(const Arg& arg, const Axes& axes, bool keepdim) {
  return located(arg.where(), [&] {
    return sum(logical_or(tensorOf(arg), false).astype(DType::i64), axes, keepdim) > 0;
  });
}

Tensor all(const Arg& arg, const Axes& axes, bool keepdim) {
  return located(arg.where(), [&] {
    return sum(logical_not(tensorOf(arg)).astype(DType::i64), axes, keepdim) == 0;
  });
}

bool allclose(const Arg& a, const Arg& b, double rtol, double atol) {
  return located(a.where(), [&] {
    const NoGradGuard guard;
    Tensor x = tensorOf(a), y = tensorOf(b);
    if (!isFloat(x.dtype()) || !isFloat(y.dtype())) {
      x = x.astype(DType::f64);
      y = y.astype(DType::f64);
    }
    const Tensor near = abs(x - y) <= atol + rtol * abs(y);
    return all(logical_or(x == y, logical_and(near, isfinite(y)))).item<bool>();
  });
}

//===-- Statistics ---------------------------------------------------------------------------===//

Tensor mean(const Arg& arg, const Axes& given, bool keepdim) {
  return located(arg.where(), [&] {
    const Operand operand("mean", arg, given);
    return operand.rounded(operand.over(sum, operand.x, keepdim) / operand.count());
  });
}

static Tensor variance(const Operand& operand, int correction, bool keepdim) {
  const Tensor centred = operand.x - operand.over(mean, operand.x, true);
  // Not below 0: too few elements give 0 / 0 = NaN, as in PyTorch.
  const int64_t count = std::max<int64_t>(0, operand.count() - correction);
  return operand.over(sum, centred * centred, keepdim) / count;
}

Tensor var(const Arg& arg, const Axes& given, int correction, bool keepdim) {
  return located(arg.where(), [&] {
    const Operand operand("var", arg, given);
    return operand.rounded(variance(operand, correction, keepdim));
  });
}

// Both branches stay finite, so no infinity meets a zero.
Tensor detail::safeSqrt(const Tensor& x) {
  const Tensor isNone = x <= 0;
  return where(isNone, 0, sqrt(where(isNone, 1, x)));
}

Tensor stddev(const Arg& arg, const Axes& given, int correction, bool keepdim) {
  return located(arg.where(), [&] {
    const Operand operand("stddev", arg, given);
    return operand.rounded(safeSqrt(variance(operand, correction, keepdim)));
  });
}

Tensor norm(const Arg& arg, const Axes& given, bool keepdim) {
  return located(arg.where(), [&] {
    const Operand operand("norm", arg, given);
    return operand.rounded(safeSqrt(operand.over(sum, operand.x * operand.x, keepdim)));
  });
}

//===-- Softmax ------------------------------------------------------------------------------===//

// Any shift gives the same result, so its derivative is left out.
static Tensor shiftOf(const Operand& operand) {
  return stop_gradient(operand.over(max, operand.x, true));
}

// One division for each row: a sum is at least 1, so its reciprocal is a number.
Tensor softmax(const Arg& arg, int64_t axis) {
  return located(arg.where(), [&] {
    const Operand operand("softmax", arg, axis);
    const Tensor weights = exp(operand.x - shiftOf(operand));
    return operand.rounded(weights * (1.0 / operand.over(sum, weights, true)));
  });
}

Tensor log_softmax(const Arg& arg, int64_t axis) {
  return located(arg.where(), [&] {
    const Operand operand("log_softmax", arg, axis);
    const Tensor shifted = operand.x - shiftOf(operand);
    return operand.rounded(shifted - log(operand.over(sum, exp(shifted), true)));
  });
}

// An infinite maximum cannot be subtracted from itself; a sum of 0 has no log: both are replaced
// before, not after, so that derivatives are 0 there and not NaN.
Tensor logsumexp(const Arg& arg, const Axes& given, bool keepdim) {
  return located(arg.where(), [&] {
    const Operand operand("logsumexp", arg, given);
    const Tensor largest = shiftOf(operand);
    const Tensor shift = where(isfinite(largest), largest, 0);
    const Tensor total = operand.over(sum, exp(operand.x - shift), true);
    const Tensor isZero = total == 0;
    const Tensor result = where(isZero, -kInfinity, log(where(isZero, 1, total)) + shift);
    return operand.rounded(operand.dropped(result, keepdim));
  });
}

//===-- Products of vectors ------------------------------------------------------------------===//

static void requireVectors(const char* op, const Tensor& x, const Tensor& y) {
  if (x.rank() != 1 || y.rank() != 1)
    detail::misuse(op, "two vectors", x.type().str() + " and " + y.type().str(),
                   "use matmul for matrices, or flatten");
}

Tensor dot(const Arg& a, const Arg& b) {
  return located(a.where(), [&] {
    const Tensor x = tensorOf(a), y = tensorOf(b);
    requireVectors("dot", x, y);
    if (!(x.shape() == y.shape()))
      detail::misuse("dot", "vectors of one length", x.type().str() + " and " + y.type().str(),
                     "slice or pad one");
    return matmul(x, y);
  });
}

Tensor outer(const Arg& a, const Arg& b) {
  return located(a.where(), [&] {
    const Tensor x = tensorOf(a), y = tensorOf(b);
    requireVectors("outer", x, y);
    return unsqueeze(x, 1) * y;
  });
}

} // namespace diptych
