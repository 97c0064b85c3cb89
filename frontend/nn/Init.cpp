// Initial values. The distributions come from rand and randn; only orthogonal computes anything.
#include <diptych/nn/Init.h>

#include <diptych/Ops.h>

#include "frontend/Ops.h"

#include <cmath>

namespace diptych::nn::init {

using diptych::detail::misuse;

Fans fans(const Shape& shape, SourceLocation where) {
  return diptych::detail::located(where, [&] {
    if (shape.size() < 2)
      misuse("init", "a weight of rank 2 or more", shape.str(),
             "a vector has no fan: use uniform or constant");
    int64_t rest = 1;
    for (int i = 2; i < shape.size(); ++i)
      rest *= shape[i];
    return Fans{shape[1] * rest, shape[0] * rest};
  });
}

double calculate_gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
  case Nonlinearity::linear:
  case Nonlinearity::sigmoid: return 1;
  case Nonlinearity::tanh: return 5.0 / 3;
  case Nonlinearity::relu: return std::sqrt(2.0);
  case Nonlinearity::leaky_relu: return std::sqrt(2 / (1 + slope * slope));
  case Nonlinearity::selu: return 0.75;
  }
  throw Error("internal: a nonlinearity without a gain");
}

Tensor uniform(const Shape& shape, double low, double high, DType dtype) {
  return low + (high - low) * rand(shape, dtype);
}

Tensor normal(const Shape& shape, double mean, double stddev, DType dtype) {
  return mean + stddev * randn(shape, dtype);
}

Tensor xavier_uniform(const Shape& shape, double gain, DType dtype) {
  const Fans count = fans(shape);
  const double bound = gain * std::sqrt(6.0 / static_cast<double>(count.in + count.out));
  return uniform(shape, -bound, bound, dtype);
}

Tensor xavier_normal(const Shape& shape, double gain, DType dtype) {
  const Fans count = fans(shape);
  return normal(shape, 0, gain * std::sqrt(2.0 / static_cast<double>(count.in + count.out)), dtype);
}

static double kaimingDeviation(const Shape& shape, const KaimingOptions& options) {
  const Fans count = fans(shape);
  const int64_t fan = options.mode == FanMode::fan_in ? count.in : count.out;
  return calculate_gain(options.nonlinearity, options.a) / std::sqrt(static_cast<double>(fan));
}

Tensor kaiming_uniform(const Shape& shape, const KaimingOptions& options, DType dtype) {
  const double bound = std::sqrt(3.0) * kaimingDeviation(shape, options);
  return uniform(shape, -bound, bound, dtype);
}

Tensor kaiming_normal(const Shape& shape, const KaimingOptions& options, DType dtype) {
  return normal(shape, 0, kaimingDeviation(shape, options), dtype);
}

// Gram-Schmidt on `count` vectors of `length` >= count; twice, which is enough for full precision.
static void orthonormalise(std::vector<double>& vectors, int64_t count, int64_t length) {
  const auto product = [&](const double* a, const double* b) {
    double sum = 0;
    for (int64_t k = 0; k < length; ++k)
      sum += a[k] * b[k];
    return sum;
  };
  for (int64_t i = 0; i < count; ++i) {
    double* own = &vectors[i * length];
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t j = 0; j < i; ++j) {
        const double* other = &vectors[j * length];
        const double along = product(own, other);
        for (int64_t k = 0; k < length; ++k)
          own[k] -= along * other[k];
      }
    const double size = std::sqrt(product(own, own));
    for (int64_t k = 0; k < length; ++k)
      own[k] /= size;
  }
}

Tensor orthogonal(const Shape& shape, double gain, DType dtype) {
  fans(shape);
  if (shape.product() == 0)
    return zeros(shape, dtype);
  const int64_t rows = shape[0], columns = shape.product() / rows;
  const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<double> vectors = randn({count, length}, DType::f64).to_vector<double>();
  orthonormalise(vectors, count, length);
  const Tensor matrix = tensor(vectors, Shape{count, length});
  return gain * reshape(rows <= columns ? matrix : transpose(matrix), shape).astype(dtype);
}

void constant_(const Parameter& parameter, double value) {
  parameter.set(full(parameter->shape(), value, parameter->dtype()));
}
void zeros_(const Parameter& parameter) { constant_(parameter, 0); }
void ones_(const Parameter& parameter) { constant_(parameter, 1); }
void uniform_(const Parameter& parameter, double low, double high) {
  parameter.set(uniform(parameter->shape(), low, high, parameter->dtype()));
}
void normal_(const Parameter& parameter, double mean, double stddev) {
  parameter.set(normal(parameter->shape(), mean, stddev, parameter->dtype()));
}
void xavier_uniform_(const Parameter& parameter, double gain) {
  parameter.set(xavier_uniform(parameter->shape(), gain, parameter->dtype()));
}
void xavier_normal_(const Parameter& parameter, double gain) {
  parameter.set(xavier_normal(parameter->shape(), gain, parameter->dtype()));
}
void kaiming_uniform_(const Parameter& parameter, const KaimingOptions& options) {
  parameter.set(kaiming_uniform(parameter->shape(), options, parameter->dtype()));
}
void kaiming_normal_(const Parameter& parameter, const KaimingOptions& options) {
  parameter.set(kaiming_normal(parameter->shape(), options, parameter->dtype()));
}
void orthogonal_(const Parameter& parameter, double gain) {
  parameter.set(orthogonal(parameter->shape(), gain, parameter->dtype()));
}

} // namespace diptych::nn::init
