// Layer norm and batch norm. bf16 and f16 are normalised in f32 and rounded once.
#include <diptych/nn/Layers.h>

#include <diptych/Composites.h>
#include <diptych/nn/Functional.h>

#include "frontend/Ops.h"

namespace diptych::nn {

using diptych::detail::misuse;
using diptych::detail::widened;

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
  const Tensor wide = widened(x), centred = wide - mean(wide, axes, true);
  Tensor y = (centred * rsqrt(mean(square(centred), axes, true) + eps_)).astype(x.dtype());
  if (weight)
    y = y * *weight;
  return bias ? y + *bias : y;
}

// [C] beside [N, C, ...].
static Tensor alongChannels(const Tensor& values, int rank) {
  Shape column{values.shape(0)};
  for (int i = 2; i < rank; ++i)
    column.push_back(1);
  return reshape(values, column);
}

BatchNorm::BatchNorm(const char* kind, int least, int most, int64_t features,
                     const BatchNormOptions& options)
    : Layer(kind), least_(least), most_(most), features_(features), options_(options) {
  if (features < 1)
    misuse(kind, "at least one feature", std::to_string(features), "check num_features");
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

BatchNorm1d::BatchNorm1d(int64_t features, const BatchNormOptions& options)
    : BatchNorm("BatchNorm1d", 2, 3, features, options) {}
BatchNorm2d::BatchNorm2d(int64_t features, const BatchNormOptions& options)
    : BatchNorm("BatchNorm2d", 4, 4, features, options) {}

// running += momentum (new - running), with 1 / batches for the momentum of a plain average.
void BatchNorm::track(const Tensor& mean, const Tensor& biasedVar, int64_t count) const {
  const Tensor batches = *num_batches_tracked + 1;
  const Tensor unbiased =
      biasedVar * (static_cast<double>(count) / (static_cast<double>(count) - 1));
  const auto moved = [&](const Buffer& running, const Tensor& value) {
    const Tensor fresh = stop_gradient(value).astype(running->dtype());
    if (options_.momentum)
      return (1 - *options_.momentum) * *running + *options_.momentum * fresh;
    return *running + (fresh - *running) / batches.astype(fresh.dtype());
  };
  const Tensor nextMean = moved(running_mean, mean), nextVar = moved(running_var, unbiased);
  Substitution::update(running_mean, nextMean, kind().c_str());
  Substitution::update(running_var, nextVar, kind().c_str());
  Substitution::update(num_batches_tracked, batches, kind().c_str());
}

Tensor BatchNorm::forward(const Tensor& x) const {
  if (x.rank() < least_ || x.rank() > most_ || x.shape()[1] != features_) {
    const std::string channels = "[N," + std::to_string(features_);
    misuse(kind().c_str(), least_ == 2 ? channels + "] or " + channels + ",L]" : channels + ",H,W]",
           x.type().str(), "axis 1 holds the features");
  }
  Dims axes{0};
  for (int i = 2; i < x.rank(); ++i)
    axes.push_back(i);
  const auto spread = [&](const Tensor& values) { return alongChannels(values, x.rank()); };
  const Tensor wide = widened(x);
  Tensor y;
  if (is_training() || !running_mean) {
    const int64_t count = x.numel() / features_;
    if (is_training() && count < 2)
      misuse(kind().c_str(), "more than one value for each channel in training", x.type().str(),
             "train on larger batches, or call eval()");
    const Tensor centre = mean(wide, axes);
    const Tensor centred = wide - spread(centre);
    const Tensor variance = mean(square(centred), axes);
    if (is_training() && running_mean)
      track(centre, variance, count);
    y = centred * rsqrt(spread(variance) + options_.eps);
  } else {
    y = (wide - spread(widened(*running_mean))) *
        rsqrt(spread(widened(*running_var)) + options_.eps);
  }
  y = y.astype(x.dtype());
  return weight ? y * spread(*weight) + spread(*bias) : y;
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, const GroupNormOptions& options)
    : Layer("GroupNorm"), groups_(groups), channels_(channels), eps_(options.eps) {
  if (groups < 1 || channels < 1 || channels % groups != 0)
    misuse("GroupNorm", "groups that divide the " + std::to_string(channels) + " channels",
           std::to_string(groups), "choose a divisor");
  if (options.affine) {
    weight = register_parameter("weight", ones({channels}, options.dtype));
    bias = register_parameter("bias", zeros({channels}, options.dtype));
  }
}

Tensor GroupNorm::forward(const Tensor& x) const {
  if (x.rank() < 2 || x.shape()[1] != channels_)
    misuse("GroupNorm", "[N," + std::to_string(channels_) + ",...]", x.type().str(),
           "axis 1 holds the channels");
  const Tensor rows = reshape(
      widened(x), {x.shape(0), groups_, x.numel() / std::max<int64_t>(1, x.shape(0) * groups_)});
  const Tensor centred = rows - mean(rows, 2, true);
  const Tensor y =
      reshape(centred / sqrt(mean(square(centred), 2, true) + eps_), x.shape()).astype(x.dtype());
  return weight ? y * alongChannels(*weight, x.rank()) + alongChannels(*bias, x.rank()) : y;
}

} // namespace diptych::nn
