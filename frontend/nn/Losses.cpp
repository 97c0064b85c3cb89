// Losses in terms of the DSL. Where a formula is guarded, the guard keeps every order of
// derivative.
#include <diptych/nn/Losses.h>

#include <diptych/Composites.h>

#include "frontend/Ops.h"

namespace diptych::nn {

using diptych::detail::located;
using diptych::detail::misuse;
using diptych::detail::tensorOf;
using diptych::detail::widened;

static Tensor reduced(const char* op, const Tensor& losses, Reduction reduction) {
  switch (reduction) {
  case Reduction::none: return losses;
  case Reduction::mean: return mean(losses);
  case Reduction::sum: return sum(losses);
  case Reduction::batchmean:
    if (losses.rank() == 0)
      misuse(op, "a batch axis", losses.type().str(), "batchmean divides by extent 0");
    return sum(losses) / losses.shape(0);
  }
  throw Error("internal: an unknown reduction");
}

namespace {
// Two operands of one type.
struct Pair {
  Pair(const char* op, const Arg& x, const Arg& y) : input(tensorOf(x)), target(tensorOf(y)) {
    diptych::detail::requireFloat(op, input.value());
    if (!(input.type() == target.type()))
      misuse(op, "an input and a target of one type",
             input.type().str() + " and " + target.type().str(),
             "reshape or convert one: losses do not broadcast");
  }
  Tensor input, target;
};
} // namespace

Tensor mse_loss(const Arg& input, const Arg& target, Reduction reduction) {
  return located(input.where(), [&] {
    const Pair pair("mse_loss", input, target);
    return reduced("mse_loss", square(pair.input - pair.target), reduction);
  });
}

Tensor l1_loss(const Arg& input, const Arg& target, Reduction reduction) {
  return located(input.where(), [&] {
    const Pair pair("l1_loss", input, target);
    return reduced("l1_loss", abs(pair.input - pair.target), reduction);
  });
}

// The square of the clamped distance, so that a far target cannot overflow the branch not taken.
static Tensor huber(const Tensor& d, double delta) {
  const Tensor distance = abs(d);
  const Tensor near = distance < delta;
  return where(near, 0.5 * square(where(near, d, 0)), delta * (distance - 0.5 * delta));
}

Tensor huber_loss(const Arg& input, const Arg& target, Reduction reduction, double delta) {
  return located(input.where(), [&] {
    const Pair pair("huber_loss", input, target);
    if (!(delta > 0))
      misuse("huber_loss", "delta above 0", std::to_string(delta), "for delta = 0 use l1_loss");
    return reduced("huber_loss", huber(pair.input - pair.target, delta), reduction);
  });
}

Tensor smooth_l1_loss(const Arg& input, const Arg& target, Reduction reduction, double beta) {
  return located(input.where(), [&] {
    const Pair pair("smooth_l1_loss", input, target);
    if (!(beta >= 0))
      misuse("smooth_l1_loss", "beta of at least 0", std::to_string(beta), "check the option");
    const Tensor d = pair.input - pair.target;
    const Tensor losses = beta == 0 ? abs(d) : huber(d, beta) / beta;
    return reduced("smooth_l1_loss", losses, reduction);
  });
}

//===-- Classes ------------------------------------------------------------------------------===//

static int64_t classAxis(const Tensor& x) { return x.rank() == 1 ? 0 : 1; }

// [C] as it meets an input whose classes are on axis 0 or 1.
static Tensor alongClasses(const char* op, const Tensor& weight, const Tensor& input) {
  const int64_t axis = classAxis(input), classes = input.shape(axis);
  if (!(weight.type() == TensorType{input.dtype(), {classes}}))
    misuse(op,
           "a weight for each of " + std::to_string(classes) + " classes, " + name(input.dtype()),
           weight.type().str(), "give a vector, or none");
  Shape shape(input.rank(), 1);
  shape[axis] = classes;
  return reshape(weight, shape);
}

static void checkIndices(const char* op, const Tensor& input, const Tensor& target) {
  Shape expected = input.shape();
  expected.erase(classAxis(input));
  if (!isInteger(target.dtype()) || !(target.shape() == expected))
    misuse(op, "class indices, i32 or i64, of shape " + expected.str(), target.type().str(),
           "the target has the input's shape without the axis of classes");
}

// Losses of the target classes; `smoothing` of each is the mean over all classes instead.
static Tensor classLosses(const char* op, const Tensor& logits, const Tensor& target,
                          const ClassOptions& options) {
  checkIndices(op, logits, target);
  const int64_t axis = classAxis(logits), classes = logits.shape(axis);
  const Tensor indices = target.astype(DType::i64);
  const Tensor counts = indices != options.ignore_index;
  const Tensor places = unsqueeze(where(counts, indices, 0), axis);
  const auto taken = [&](const Tensor& x) {
    return squeeze(take_along_axis(x, places, axis), axis);
  };
  Tensor weights = counts.astype(logits.dtype());
  Tensor weighted = logits;
  if (options.weight.defined()) {
    const Tensor weight = alongClasses(op, options.weight, logits);
    weighted = logits * weight;
    weights = weights * taken(broadcast_to(weight, logits.shape()));
  }
  Tensor losses = where(counts, -taken(weighted), 0);
  if (options.label_smoothing > 0) {
    const Tensor spread = where(counts, -sum(weighted, axis), 0) / classes;
    losses = (1 - options.label_smoothing) * losses + options.label_smoothing * spread;
  }
  if (options.reduction == Reduction::mean)
    return sum(losses) / sum(weights);
  return reduced(op, losses, options.reduction);
}

// The mean divides by the number of targets, whatever the weights.
static Tensor probabilityLosses(const Tensor& logits, const Tensor& target,
                                const ClassOptions& options) {
  const int64_t axis = classAxis(logits), classes = logits.shape(axis);
  Tensor goal = target;
  if (options.label_smoothing > 0)
    goal = (1 - options.label_smoothing) * target +
           options.label_smoothing / static_cast<double>(classes);
  Tensor terms = goal * logits;
  if (options.weight.defined())
    terms *= alongClasses("cross_entropy", options.weight, logits);
  return reduced("cross_entropy", -sum(terms, axis), options.reduction);
}

static Tensor checkedClasses(const char* op, const Arg& input, const ClassOptions& options) {
  const Tensor x = tensorOf(input);
  diptych::detail::requireFloat(op, x.value());
  if (x.rank() == 0)
    misuse(op, "an axis of classes", x.type().str(), "the input is [C], [N,C] or [N,C,d1,...]");
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    misuse(op, "label_smoothing from 0 to 1", std::to_string(options.label_smoothing),
           "check the option");
  return x;
}

// bf16 and f16 in f32, rounded once: their sums and counts would not fit.
static Tensor inSingle(Tensor (*loss)(const Arg&, const Tensor&, const ClassOptions&),
                       const Tensor& input, const Tensor& target, const ClassOptions& options) {
  ClassOptions wide = options;
  if (wide.weight.defined())
    wide.weight = widened(wide.weight);
  return loss(widened(input), widened(target), wide).astype(input.dtype());
}

Tensor cross_entropy(const Arg& input, const Tensor& target, const ClassOptions& options) {
  return located(input.where(), [&] {
    if (isHalf(tensorOf(input).dtype()))
      return inSingle(cross_entropy, tensorOf(input), target, options);
    const Tensor x = checkedClasses("cross_entropy", input, options);
    const Tensor logits = log_softmax(x, classAxis(x));
    if (target.type() == x.type())
      return probabilityLosses(logits, target, options);
    return classLosses("cross_entropy", logits, target, options);
  });
}

Tensor nll_loss(const Arg& input, const Tensor& target, const ClassOptions& options) {
  return located(input.where(), [&] {
    if (isHalf(tensorOf(input).dtype()))
      return inSingle(nll_loss, tensorOf(input), target, options);
    const Tensor x = checkedClasses("nll_loss", input, options);
    if (options.label_smoothing != 0)
      misuse("nll_loss", "no label_smoothing", std::to_string(options.label_smoothing),
             "use cross_entropy on logits");
    return classLosses("nll_loss", x, target, options);
  });
}

//===-- Probabilities ------------------------------------------------------------------------===//

// log s(x) = x - softplus(x), log(1 - s(x)) = -softplus(x).
Tensor binary_cross_entropy_with_logits(const Arg& input, const Arg& target,
                                        const BinaryOptions& options) {
  return located(input.where(), [&] {
    const char* op = "binary_cross_entropy_with_logits";
    const Pair pair(op, input, target);
    const Tensor& x = pair.input;
    const Tensor& t = pair.target;
    Tensor losses;
    if (options.pos_weight.defined()) {
      const Tensor positive = options.pos_weight * t;
      losses = positive * softplus(-x) + (1 - t) * softplus(x);
    } else {
      losses = softplus(x) - x * t;
    }
    if (options.weight.defined())
      losses *= options.weight;
    return reduced(op, losses, options.reduction);
  });
}

Tensor kl_div(const Arg& input, const Arg& target, Reduction reduction, bool log_target) {
  return located(input.where(), [&] {
    const Pair pair("kl_div", input, target);
    const Tensor& x = pair.input;
    const Tensor& y = pair.target;
    if (log_target)
      return reduced("kl_div", exp(y) * (y - x), reduction);
    // y log y is 0 at 0; both branches stay finite, so no infinity meets a zero.
    const Tensor isZero = y == 0;
    const Tensor entropy = where(isZero, 0, y * log(where(isZero, 1, y)));
    return reduced("kl_div", entropy - y * x, reduction);
  });
}

} // namespace diptych::nn
