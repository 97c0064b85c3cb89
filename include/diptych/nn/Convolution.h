// Convolution and pooling layers. Definitions, names of parameters, defaults and initial
// distributions are PyTorch's; inputs are [N, C, ...].
#pragma once

#include <diptych/Convolution.h>
#include <diptych/nn/Layers.h>

namespace diptych::nn {

struct ConvOptions {
  PerAxis stride = 1;
  Padding padding = 0; // of zeros; Padding::same() keeps the extents
  PerAxis dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  /// The weight is weight_norm(weight_v, weight_g): these are the parameters, weight_v of the
  /// weight's shape and weight_g [out, 1, ...]. As PyTorch's weight_norm(nn.Conv1d(...)).
  bool weightNorm = false;
  DType dtype = default_dtype();
};

/// What Conv1d to Conv3d share. weight [out, in/groups, kernel...] and bias [out], both uniform
/// within 1/sqrt(in/groups * places of the kernel). Errors as conv1d to conv3d, and if x has not
/// `in` channels.
class Convolution : public Layer {
public:
  Tensor forward(const Tensor& x) const override;
  Parameter weight, weight_g, weight_v, bias;

protected:
  Convolution(const char* kind, int spatial, int64_t in, int64_t out, const PerAxis& kernel,
              const ConvOptions& options);

private:
  int spatial_;
  ConvolutionOptions options_;
};

/// [N, in, L] -> [N, out, L'].
struct Conv1d : Convolution {
  Conv1d(int64_t in_channels, int64_t out_channels, const PerAxis& kernel_size,
         const ConvOptions& options = {});
};
/// [N, in, H, W] -> [N, out, H', W'].
struct Conv2d : Convolution {
  Conv2d(int64_t in_channels, int64_t out_channels, const PerAxis& kernel_size,
         const ConvOptions& options = {});
};
/// [N, in, D, H, W] -> [N, out, D', H', W'].
struct Conv3d : Convolution {
  Conv3d(int64_t in_channels, int64_t out_channels, const PerAxis& kernel_size,
         const ConvOptions& options = {});
};

struct ConvTransposeOptions {
  PerAxis stride = 1, padding = 0, output_padding = 0, dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  DType dtype = default_dtype();
};

/// What ConvTranspose1d and 2d share. weight [in, out/groups, kernel...], bias [out], both uniform
/// within 1/sqrt(out/groups * places of the kernel).
class ConvolutionTranspose : public Layer {
public:
  Tensor forward(const Tensor& x) const override;
  Parameter weight, bias;

protected:
  ConvolutionTranspose(const char* kind, int spatial, int64_t in, int64_t out,
                       const PerAxis& kernel, const ConvTransposeOptions& options);

private:
  int spatial_;
  ConvolutionTransposeOptions options_;
};

struct ConvTranspose1d : ConvolutionTranspose {
  ConvTranspose1d(int64_t in_channels, int64_t out_channels, const PerAxis& kernel_size,
                  const ConvTransposeOptions& options = {});
};
struct ConvTranspose2d : ConvolutionTranspose {
  ConvTranspose2d(int64_t in_channels, int64_t out_channels, const PerAxis& kernel_size,
                  const ConvTransposeOptions& options = {});
};

struct MaxPool1d : Lambda {
  explicit MaxPool1d(const PerAxis& kernel_size, const PoolOptions& options = {});
};
struct MaxPool2d : Lambda {
  explicit MaxPool2d(const PerAxis& kernel_size, const PoolOptions& options = {});
};
struct AvgPool1d : Lambda {
  explicit AvgPool1d(const PerAxis& kernel_size, const PoolOptions& options = {});
};
struct AvgPool2d : Lambda {
  explicit AvgPool2d(const PerAxis& kernel_size, const PoolOptions& options = {});
};
struct AdaptiveAvgPool1d : Lambda {
  explicit AdaptiveAvgPool1d(const PerAxis& output_size);
};
struct AdaptiveAvgPool2d : Lambda {
  explicit AdaptiveAvgPool2d(const PerAxis& output_size);
};

} // namespace diptych::nn
