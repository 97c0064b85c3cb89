// Losses, defined as PyTorch's torch.nn.functional documents them. Functions only: a loss has no
// parameters. Smooth wherever the mathematics is, so that second derivatives are right too.
#pragma once

#include <diptych/Ops.h>

namespace diptych::nn {

/// What becomes of the losses of the elements. `batchmean` is kl_div's: their sum over N = extent
/// 0.
enum class Reduction { none, mean, sum, batchmean };

/// (x - y)^2. Here and below input and target have one shape and dtype (any float), else Error;
/// the result is a scalar, or has the input's shape with Reduction::none.
Tensor mse_loss(const Arg& input, const Arg& target, Reduction reduction = Reduction::mean);
/// |x - y|; its derivative where they are equal is 0.
Tensor l1_loss(const Arg& input, const Arg& target, Reduction reduction = Reduction::mean);
/// d = x - y: d^2 / 2 where |d| < delta, else delta (|d| - delta / 2).
Tensor huber_loss(const Arg& input, const Arg& target, Reduction reduction = Reduction::mean,
                  double delta = 1);
/// d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; l1_loss for beta = 0.
Tensor smooth_l1_loss(const Arg& input, const Arg& target, Reduction reduction = Reduction::mean,
                      double beta = 1);

struct ClassOptions {
  Reduction reduction = Reduction::mean;
  /// [C], a weight for each class; empty: all 1. The mean divides by the weights of the targets.
  Tensor weight = {};
  /// Targets with this index count for nothing.
  int64_t ignore_index = -100;
  /// cross_entropy only: so much of the target is spread evenly over all classes.
  double label_smoothing = 0;
};
/// -log softmax of the target class: input logits [C], [N,C] or [N,C,d1,...]; target indices (i32
/// or i64) [], [N] or [N,d1,...], or probabilities (the input's dtype and shape). Error for an
/// index outside 0 <= i < C that is not ignore_index.
Tensor cross_entropy(const Arg& input, const Tensor& target, const ClassOptions& options = {});
/// The same from log-probabilities; indices only. Label smoothing is an Error.
Tensor nll_loss(const Arg& log_probabilities, const Tensor& target,
                const ClassOptions& options = {});

struct BinaryOptions {
  Reduction reduction = Reduction::mean;
  /// Factors that broadcast with the target: of each loss, and of the positive term.
  Tensor weight = {}, pos_weight = {};
};
/// -(p t log s(x) + (1 - t) log(1 - s(x))), s the sigmoid, p pos_weight; no overflow for any x.
Tensor binary_cross_entropy_with_logits(const Arg& input, const Arg& target,
                                        const BinaryOptions& options = {});

/// y (log y - x), x log-probabilities, y probabilities (0 gives 0); with log_target y is given as
/// its logarithm. PyTorch's default is the mean over elements; the divergence itself is batchmean.
Tensor kl_div(const Arg& input, const Arg& target, Reduction reduction = Reduction::mean,
              bool log_target = false);

} // namespace diptych::nn
