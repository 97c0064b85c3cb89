// Linear maps, embedding, dropout, activations, Sequential.
#include <diptych/nn/Layers.h>

#include <diptych/Composites.h>
#include <diptych/nn/Init.h>

#include "frontend/Ops.h"
#include "frontend/nn/Linear.h"

#include <cmath>

namespace diptych::nn {

using diptych::detail::located;
using diptych::detail::misuse;

Tensor Layer::operator()(const Tensor& x, SourceLocation where) const {
  return located(where, [&] { return forward(x); });
}

//===-- Linear -------------------------------------------------------------------------------===//

static void requireSizes(const char* op, std::initializer_list<int64_t> sizes) {
  for (int64_t size : sizes)
    if (size < 1)
      misuse(op, "sizes of at least 1", std::to_string(size), "check the constructor's arguments");
}

static double linearBound(int64_t in) { return 1 / std::sqrt(static_cast<double>(in)); }

Tensor linear(const char* op, const Tensor& x, const Tensor& weight, const Parameter& bias) {
  if (x.rank() == 0 || x.shape().back() != weight.shape(1))
    misuse(op, "an input [..., " + std::to_string(weight.shape(1)) + "]", x.type().str(),
           "the last extent of the input is in_features");
  const Tensor y = matmul(x, transpose(weight)); // [..., in] x [in, out]
  return bias ? y + *bias : y;
}

// kaiming_uniform with a = sqrt(5) is the same bound as the bias's: 1 / sqrt(in).
Linear::Linear(int64_t in, int64_t out, const LinearOptions& options) : Layer("Linear") {
  requireSizes("Linear", {in, out});
  const double bound = linearBound(in);
  weight = register_parameter("weight", init::uniform({out, in}, -bound, bound, options.dtype));
  if (options.bias)
    bias = register_parameter("bias", init::uniform({out}, -bound, bound, options.dtype));
}

Tensor Linear::forward(const Tensor& x) const { return linear("Linear", x, *weight, bias); }

//===-- Weight norm --------------------------------------------------------------------------===//

static Axes allBut(int64_t axis, int rank) {
  Dims axes;
  for (int i = 0; i < rank; ++i)
    if (i != axis)
      axes.push_back(i);
  return axes;
}

Tensor weight_norm(const Tensor& v, const Tensor& g, int64_t axis) {
  const int64_t kept = diptych::detail::axisOf("weight_norm", axis, v.rank());
  if (v.rank() < 2)
    misuse("weight_norm", "a weight of rank 2 or more", v.type().str(), "a vector has one length");
  return v * (g / norm(v, allBut(kept, v.rank()), true));
}

WeightNormLinear::WeightNormLinear(int64_t in, int64_t out, const LinearOptions& options)
    : Layer("WeightNormLinear") {
  const Linear plain(in, out, options);
  const Tensor v = plain.weight->detach();
  weight_g = register_parameter("weight_g", norm(v, 1, true));
  weight_v = register_parameter("weight_v", v);
  if (options.bias)
    bias = register_parameter("bias", *plain.bias);
}

Tensor WeightNormLinear::forward(const Tensor& x) const {
  return linear("WeightNormLinear", x, weight_norm(*weight_v, *weight_g), bias);
}

//===-- Embedding ----------------------------------------------------------------------------===//

Embedding::Embedding(int64_t count, int64_t dim, const EmbeddingOptions& options)
    : Layer("Embedding") {
  requireSizes("Embedding", {count, dim});
  Tensor table = randn({count, dim}, options.dtype);
  if (options.padding_idx) {
    const int64_t given = *options.padding_idx;
    padding_ = given < 0 ? given + count : given;
    if (*padding_ < 0 || *padding_ >= count)
      misuse("Embedding", "a padding_idx below " + std::to_string(count), std::to_string(given),
             "it is one of the table's rows");
    table = where(unsqueeze(arange(count) == *padding_, 1), 0, table);
  }
  weight = register_parameter("weight", table);
}

Tensor Embedding::forward(const Tensor& indices) const {
  const Tensor rows = take(*weight, indices);
  if (!padding_)
    return rows;
  return where(unsqueeze(indices == *padding_, -1), stop_gradient(rows), rows);
}

//===-- Dropout ------------------------------------------------------------------------------===//

Dropout::Dropout(double p) : Layer("Dropout"), p_(p) {
  if (!(p >= 0 && p <= 1))
    misuse("Dropout", "a probability from 0 to 1", std::to_string(p), "check p");
}

Tensor Dropout::forward(const Tensor& x) const {
  if (!is_training() || p_ == 0)
    return x;
  return random::dropout(x, p_, random::next_key("Dropout"));
}

//===-- Activations --------------------------------------------------------------------------===//

Identity::Identity() : Lambda("Identity", [](const Tensor& x) { return x; }) {}
ReLU::ReLU() : Lambda("ReLU", [](const Tensor& x) { return relu(x); }) {}
Tanh::Tanh() : Lambda("Tanh", [](const Tensor& x) { return tanh(x); }) {}
Sigmoid::Sigmoid() : Lambda("Sigmoid", [](const Tensor& x) { return sigmoid(x); }) {}
Softplus::Softplus() : Lambda("Softplus", [](const Tensor& x) { return diptych::softplus(x); }) {}
Softmax::Softmax(int64_t axis)
    : Lambda("Softmax", [axis](const Tensor& x) { return softmax(x, axis); }) {}
LogSoftmax::LogSoftmax(int64_t axis)
    : Lambda("LogSoftmax", [axis](const Tensor& x) { return log_softmax(x, axis); }) {}
Flatten::Flatten()
    : Lambda("Flatten", [](const Tensor& x) { return reshape(x, {x.shape(0), -1}); }) {}

//===-- Sequential ---------------------------------------------------------------------------===//

void Sequential::append(std::shared_ptr<const Layer> layer) {
  register_module(std::to_string(layers_.size()), *layer);
  layers_.push_back(std::move(layer));
}

Tensor Sequential::forward(const Tensor& x) const {
  Tensor y = x;
  for (const auto& layer : layers_)
    y = layer->forward(y);
  return y;
}

} // namespace diptych::nn
