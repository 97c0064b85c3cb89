// Convolution and pooling layers.
#include <diptych/nn/Convolution.h>

#include <diptych/Composites.h>
#include <diptych/nn/Init.h>

#include "frontend/ConvolutionSupport.h"

#include <cmath>

namespace diptych::nn {

using diptych::detail::eachAxis;
using diptych::detail::misuse;

static void requireChannels(const char* kind, int64_t in, int64_t out, int64_t groups) {
  if (in < 1 || out < 1)
    misuse(kind, "at least one channel on either side",
           std::to_string(in) + " and " + std::to_string(out), "check the constructor's arguments");
  if (groups < 1 || in % groups != 0 || out % groups != 0)
    misuse(kind, "groups that divide " + std::to_string(in) + " and " + std::to_string(out),
           std::to_string(groups), "choose a common divisor");
}

static Shape weightShape(const char* kind, int64_t first, int64_t second, const PerAxis& kernel,
                         int spatial) {
  Shape shape{first, second};
  for (int64_t size : eachAxis(kind, "kernel size", kernel, spatial, 1))
    shape.push_back(size);
  return shape;
}

// kaiming_uniform with a = sqrt(5) is the same bound as the bias's.
static double boundOf(const Shape& weight) {
  return 1 / std::sqrt(static_cast<double>(weight.product()) / static_cast<double>(weight[0]));
}

// Along axis 1.
static Tensor plusBias(const Tensor& y, const Parameter& bias) {
  if (!bias)
    return y;
  Shape column{bias->shape(0)};
  for (int i = 2; i < y.rank(); ++i)
    column.push_back(1);
  return y + reshape(*bias, column);
}

Convolution::Convolution(const char* kind, int spatial, int64_t in, int64_t out,
                         const PerAxis& kernel, const ConvOptions& options)
    : Layer(kind), spatial_(spatial),
      options_{options.stride, options.padding, options.dilation, options.groups} {
  requireChannels(kind, in, out, options.groups);
  const Shape shape = weightShape(kind, out, in / options.groups, kernel, spatial);
  const double bound = boundOf(shape);
  const Tensor first = init::uniform(shape, -bound, bound, options.dtype);
  if (options.weightNorm) {
    Dims rest;
    for (int i = 1; i < shape.size(); ++i)
      rest.push_back(i);
    weight_g = register_parameter("weight_g", norm(first, rest, true));
    weight_v = register_parameter("weight_v", first);
  } else {
    weight = register_parameter("weight", first);
  }
  if (options.bias)
    bias = register_parameter("bias", init::uniform({out}, -bound, bound, options.dtype));
}

Tensor Convolution::forward(const Tensor& x) const {
  const Tensor w = weight ? *weight : weight_norm(*weight_v, *weight_g);
  const Tensor y = spatial_ == 1   ? conv1d(x, w, options_)
                   : spatial_ == 2 ? conv2d(x, w, options_)
                                   : conv3d(x, w, options_);
  return plusBias(y, bias);
}

Conv1d::Conv1d(int64_t in, int64_t out, const PerAxis& kernel, const ConvOptions& options)
    : Convolution("Conv1d", 1, in, out, kernel, options) {}
Conv2d::Conv2d(int64_t in, int64_t out, const PerAxis& kernel, const ConvOptions& options)
    : Convolution("Conv2d", 2, in, out, kernel, options) {}
Conv3d::Conv3d(int64_t in, int64_t out, const PerAxis& kernel, const ConvOptions& options)
    : Convolution("Conv3d", 3, in, out, kernel, options) {}

ConvolutionTranspose::ConvolutionTranspose(const char* kind, int spatial, int64_t in, int64_t out,
                                           const PerAxis& kernel,
                                           const ConvTransposeOptions& options)
    : Layer(kind), spatial_(spatial), options_{options.stride, options.padding, options.dilation,
                                               options.output_padding, options.groups} {
  requireChannels(kind, in, out, options.groups);
  const Shape shape = weightShape(kind, in, out / options.groups, kernel, spatial);
  const double bound = boundOf(shape);
  weight = register_parameter("weight", init::uniform(shape, -bound, bound, options.dtype));
  if (options.bias)
    bias = register_parameter("bias", init::uniform({out}, -bound, bound, options.dtype));
}

Tensor ConvolutionTranspose::forward(const Tensor& x) const {
  return plusBias(spatial_ == 1 ? conv_transpose1d(x, *weight, options_)
                                : conv_transpose2d(x, *weight, options_),
                  bias);
}

ConvTranspose1d::ConvTranspose1d(int64_t in, int64_t out, const PerAxis& kernel,
                                 const ConvTransposeOptions& options)
    : ConvolutionTranspose("ConvTranspose1d", 1, in, out, kernel, options) {}
ConvTranspose2d::ConvTranspose2d(int64_t in, int64_t out, const PerAxis& kernel,
                                 const ConvTransposeOptions& options)
    : ConvolutionTranspose("ConvTranspose2d", 2, in, out, kernel, options) {}

//===-- Pooling ------------------------------------------------------------------------------===//

MaxPool1d::MaxPool1d(const PerAxis& size, const PoolOptions& options)
    : Lambda("MaxPool1d", [=](const Tensor& x) { return max_pool1d(x, size, options); }) {}
MaxPool2d::MaxPool2d(const PerAxis& size, const PoolOptions& options)
    : Lambda("MaxPool2d", [=](const Tensor& x) { return max_pool2d(x, size, options); }) {}
AvgPool1d::AvgPool1d(const PerAxis& size, const PoolOptions& options)
    : Lambda("AvgPool1d", [=](const Tensor& x) { return avg_pool1d(x, size, options); }) {}
AvgPool2d::AvgPool2d(const PerAxis& size, const PoolOptions& options)
    : Lambda("AvgPool2d", [=](const Tensor& x) { return avg_pool2d(x, size, options); }) {}
AdaptiveAvgPool1d::AdaptiveAvgPool1d(const PerAxis& size)
    : Lambda("AdaptiveAvgPool1d", [=](const Tensor& x) { return adaptive_avg_pool1d(x, size); }) {}
AdaptiveAvgPool2d::AdaptiveAvgPool2d(const PerAxis& size)
    : Lambda("AdaptiveAvgPool2d", [=](const Tensor& x) { return adaptive_avg_pool2d(x, size); }) {}

} // namespace diptych::nn
