// Initial values, as PyTorch's torch.nn.init defines them. Drawn from the process's generator
// (manual_seed), so eager only. Functions ending in `_` put the values into a parameter.
#pragma once

#include <string>

#include <diptych/Factories.h>
#include <diptych/nn/Module.h>

namespace diptych::nn::init {

enum class FanMode { fan_in, fan_out };
/// What follows the weight, for calculate_gain.
enum class Nonlinearity { linear, sigmoid, tanh, relu, leaky_relu, selu };

struct Fans {
  int64_t in, out;
};
/// Of a weight [out, in, rest...]: in * rest and out * rest. Error below rank 2.
Fans fans(const Shape& shape, SourceLocation where = std::source_location::current());
/// 1, 1, 5/3, sqrt(2), sqrt(2 / (1 + slope^2)), 3/4 in the order of Nonlinearity.
double calculate_gain(Nonlinearity nonlinearity, double slope = 0.01);

/// Uniform on [low, high).
Tensor uniform(const Shape& shape, double low = 0, double high = 1, DType dtype = default_dtype());
Tensor normal(const Shape& shape, double mean = 0, double stddev = 1,
              DType dtype = default_dtype());
/// Uniform within gain sqrt(6 / (fan in + fan out)); normal of deviation gain sqrt(2 / (sum)).
Tensor xavier_uniform(const Shape& shape, double gain = 1, DType dtype = default_dtype());
Tensor xavier_normal(const Shape& shape, double gain = 1, DType dtype = default_dtype());

struct KaimingOptions {
  double a = 0; // slope of the leaky_relu
  FanMode mode = FanMode::fan_in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
};
/// Uniform within gain sqrt(3 / fan); normal of deviation gain / sqrt(fan).
Tensor kaiming_uniform(const Shape& shape, const KaimingOptions& options = {},
                       DType dtype = default_dtype());
Tensor kaiming_normal(const Shape& shape, const KaimingOptions& options = {},
                      DType dtype = default_dtype());
/// [rows, rest...] seen as a matrix: its rows, or its columns if there are fewer, are orthonormal,
/// times gain. Error below rank 2.
Tensor orthogonal(const Shape& shape, double gain = 1, DType dtype = default_dtype());

void constant_(const Parameter& parameter, double value);
void zeros_(const Parameter& parameter);
void ones_(const Parameter& parameter);
void uniform_(const Parameter& parameter, double low = 0, double high = 1);
void normal_(const Parameter& parameter, double mean = 0, double stddev = 1);
void xavier_uniform_(const Parameter& parameter, double gain = 1);
void xavier_normal_(const Parameter& parameter, double gain = 1);
void kaiming_uniform_(const Parameter& parameter, const KaimingOptions& options = {});
void kaiming_normal_(const Parameter& parameter, const KaimingOptions& options = {});
void orthogonal_(const Parameter& parameter, double gain = 1);

} // namespace diptych::nn::init
