// Layer norm and batch norm.
#include <diptych/nn/Layers.h>

#include <diptych/Composites.h>
#include <diptych/nn/Functional.h>

#include "frontend/Ops.h"

namespace diptych::nn {

using diptych::detail::misuse;

LayerNorm::LayerNorm(const Shape& shape, const LayerNormOptions& options)
    : Layer("LayerNorm"), shape_(shape), eps_(options.eps) {
  if (shape.empty() || shape.product() < 1)
    misuse("LayerNorm", "a shape with elements", shape.str(), "name the last extents of the input");
  if (!options.elementwise_affine)
    return;
  weight = register_parameter("weight", ones(shape, options.dtype));
  if (options.bias)
    bias = register_parameter("bias", zeros(shape, options.dtype));
}

Tensor LayerNorm::forward(const Tensor& x) const {
  const int outer = x.rank() - shape_.size();
  bool fits = outer >= 0;
  Dims axes;
  for (int i = 0; fits && i < shape_.size(); ++i) {
    fits = x.shape()[outer + i] == shape_[i];
    axes.push_back(outer + i);
  }
  if (!fits)
    misuse("LayerNorm", "an input that ends in " + shape_.str(), x.type().str(),
           "the layer's shape is that of the last axes");
  const Tensor centred = x - mean(x, axes, true);
  Tensor y = centred / sqrt(mean(square(centred), axes, true) + eps_);
  if (weight)
    y = y * *weight;
  return bias ? y + *bias : y;
}

BatchNorm1d::BatchNorm1d(int64_t features, const BatchNormOptions& options)
    : Layer("BatchNorm1d"), features_(features), options_(options) {
  if (features < 1)
    misuse("BatchNorm1d", "at least one feature", std::to_string(features), "check num_features");
  if (options.affine) {
    weight = register_parameter("weight", ones({features}, options.dtype));
    bias = register_parameter("bias", zeros({features}, options.dtype));
  }
  if (options.track_running_stats) {
    running_mean = register_buffer("running_mean", zeros({features}, options.dtype));
    running_var = register_buffer("running_var", ones({features}, options.dtype));
    num_batches_tracked = register_buffer("num_batches_tracked", zeros({}, DType::i64));
  }
}

// running += momentum (new - running), with 1 / batches for the momentum of a plain average.
void BatchNorm1d::track(const Tensor& mean, const Tensor& biasedVar, int64_t count) const {
  const Tensor batches = *num_batches_tracked + 1;
  const Tensor unbiased =
      biasedVar * (static_cast<double>(count) / (static_cast<double>(count) - 1));
  const auto moved = [&](const Buffer& running, const Tensor& value) {
    const Tensor fresh = stop_gradient(value);
    if (options_.momentum)
      return (1 - *options_.momentum) * *running + *options_.momentum * fresh;
    return *running + (fresh - *running) / batches.astype(fresh.dtype());
  };
  const Tensor nextMean = moved(running_mean, mean), nextVar = moved(running_var, unbiased);
  Substitution::update(running_mean, nextMean, "BatchNorm1d");
  Substitution::update(running_var, nextVar, "BatchNorm1d");
  Substitution::update(num_batches_tracked, batches, "BatchNorm1d");
}

Tensor BatchNorm1d::forward(const Tensor& x) const {
  if ((x.rank() != 2 && x.rank() != 3) || x.shape()[1] != features_)
    misuse("BatchNorm1d",
           "[N," + std::to_string(features_) + "] or [N," + std::to_string(features_) + ",L]",
           x.type().str(), "axis 1 holds the features");
  const Axes axes = x.rank() == 2 ? Axes{0} : Axes{0, 2};
  const Shape column = x.rank() == 2 ? Shape{features_} : Shape{features_, 1};
  const auto spread = [&](const Tensor& values) { return reshape(values, column); };
  Tensor y;
  if (is_training() || !running_mean) {
    const int64_t count = x.numel() / features_;
    if (is_training() && count < 2)
      misuse("BatchNorm1d", "more than one value for each channel in training", x.type().str(),
             "train on larger batches, or call eval()");
    const Tensor centre = mean(x, axes);
    const Tensor centred = x - spread(centre);
    const Tensor variance = mean(square(centred), axes);
    if (is_training() && running_mean)
      track(centre, variance, count);
    y = centred / sqrt(spread(variance) + options_.eps);
  } else {
    y = (x - spread(*running_mean)) / sqrt(spread(*running_var) + options_.eps);
  }
  return weight ? y * spread(*weight) + spread(*bias) : y;
}

} // namespace diptych::nn
