// Layers that keep no order in time: linear maps, normalisation, embedding, dropout, activations.
// Definitions, names of parameters, defaults and initial distributions are PyTorch's.
#pragma once

#include <optional>

#include <diptych/Random.h>
#include <diptych/nn/Module.h>

namespace diptych::nn {

/// A module from one tensor to one tensor: what Sequential holds.
class Layer : public Module {
public:
  using Module::Module;
  virtual Tensor forward(const Tensor& x) const = 0;
  Tensor operator()(const Tensor& x, SourceLocation where = std::source_location::current()) const;
};

struct LinearOptions {
  bool bias = true;
  DType dtype = default_dtype();
};
/// x W' + b: [..., in] -> [..., out]. weight [out, in] and bias [out], both uniform within
/// 1/sqrt(in). Error if the last extent of x is not `in`.
class Linear : public Layer {
public:
  Linear(int64_t in_features, int64_t out_features, const LinearOptions& options = {});
  Tensor forward(const Tensor& x) const override;
  Parameter weight, bias;
};

struct EmbeddingOptions {
  /// This row starts as 0 and gets no gradient; negative counts from the end.
  std::optional<int64_t> padding_idx = {};
  DType dtype = default_dtype();
};
/// Rows of a table: indices (i32 or i64) [...] -> [..., dim]. weight [count, dim], standard normal.
/// Error for an index outside 0 <= i < count.
class Embedding : public Layer {
public:
  Embedding(int64_t num_embeddings, int64_t embedding_dim, const EmbeddingOptions& options = {});
  Tensor forward(const Tensor& indices) const override;
  Parameter weight;

private:
  std::optional<int64_t> padding_;
};

struct LayerNormOptions {
  double eps = 1e-5;
  bool elementwise_affine = true;
  bool bias = true;
  DType dtype = default_dtype();
};
/// (x - mean) / sqrt(var + eps) * weight + bias over the last axes, which have `shape`; var divides
/// by n. weight starts as 1, bias as 0, both of `shape`. Error if x does not end in `shape`.
class LayerNorm : public Layer {
public:
  explicit LayerNorm(const Shape& shape, const LayerNormOptions& options = {});
  explicit LayerNorm(int64_t size, const LayerNormOptions& options = {})
      : LayerNorm(Shape{size}, options) {}
  Tensor forward(const Tensor& x) const override;
  Parameter weight, bias;

private:
  Shape shape_;
  double eps_;
};

struct BatchNormOptions {
  double eps = 1e-5;
  /// Weight of the newest batch in the running statistics; empty: their plain average.
  std::optional<double> momentum = 0.1;
  bool affine = true;
  /// Without running statistics every batch is normalised by its own, in eval mode too.
  bool track_running_stats = true;
  DType dtype = default_dtype();
};
/// [N,C] or [N,C,L]: (x - mean) / sqrt(var + eps) * weight + bias for each of C channels. In
/// training by the batch's mean and biased variance, and the buffers running_mean, running_var
/// (unbiased) and num_batches_tracked (i64) move; in eval mode by the running ones. In a traced
/// function training needs functional_call_with_buffers. Error for one value a channel in training.
class BatchNorm1d : public Layer {
public:
  explicit BatchNorm1d(int64_t num_features, const BatchNormOptions& options = {});
  Tensor forward(const Tensor& x) const override;
  Parameter weight, bias;
  Buffer running_mean, running_var, num_batches_tracked;

private:
  void track(const Tensor& mean, const Tensor& biasedVar, int64_t count) const;
  int64_t features_;
  BatchNormOptions options_;
};

/// For the forward passes of a training step: see random::Scope.
using RandomScope = random::Scope;

/// In training every element is 0 with probability p, the others are divided by 1 - p; in eval mode
/// the identity. Takes the next key of the innermost RandomScope, or eagerly, where there is none,
/// of the process's generator; in a trace without a scope it throws Error.
class Dropout : public Layer {
public:
  explicit Dropout(double p = 0.5);
  Tensor forward(const Tensor& x) const override;

private:
  double p_;
};

/// Any function from tensor to tensor as a layer without parameters.
class Lambda : public Layer {
public:
  Lambda(const std::string& kind, std::function<Tensor(const Tensor&)> function)
      : Layer(kind), function_(std::move(function)) {}
  Tensor forward(const Tensor& x) const override { return function_(x); }

private:
  std::function<Tensor(const Tensor&)> function_;
};

struct Identity : Lambda {
  Identity();
};
struct ReLU : Lambda {
  ReLU();
};
struct Tanh : Lambda {
  Tanh();
};
struct Sigmoid : Lambda {
  Sigmoid();
};
/// log(1 + exp(x)).
struct Softplus : Lambda {
  Softplus();
};
struct Softmax : Lambda {
  explicit Softmax(int64_t axis = -1);
};
struct LogSoftmax : Lambda {
  explicit LogSoftmax(int64_t axis = -1);
};
/// [N, ...] -> [N, product of the rest].
struct Flatten : Lambda {
  Flatten();
};

/// Layers one after the other, named "0", "1", ...: Sequential(Linear(1, 64), ReLU(), Linear(64,
/// 1)).
class Sequential : public Layer {
public:
  template <class... Layers>
    requires(std::is_base_of_v<Layer, std::remove_cvref_t<Layers>> && ...)
  explicit Sequential(const Layers&... layers) : Layer("Sequential") {
    (add(layers), ...);
  }
  /// Appends one; copies of the Sequential made earlier do not see it run.
  template <class L> Sequential& add(const L& layer) {
    append(std::make_shared<L>(layer));
    return *this;
  }
  Tensor forward(const Tensor& x) const override;
  size_t size() const { return layers_.size(); }

private:
  void append(std::shared_ptr<const Layer> layer);
  std::vector<std::shared_ptr<const Layer>> layers_;
};

/// v * g / |v|, where |v| is the length over all axes but `axis`, kept: weight normalisation.
Tensor weight_norm(const Tensor& v, const Tensor& g, int64_t axis = 0);

/// A Linear whose weight is weight_norm(weight_v, weight_g): weight_v [out,in] and weight_g [out,1]
/// are its parameters, with bias. As PyTorch's weight_norm(nn.Linear(...)).
class WeightNormLinear : public Layer {
public:
  WeightNormLinear(int64_t in_features, int64_t out_features, const LinearOptions& options = {});
  Tensor forward(const Tensor& x) const override;
  Parameter weight_g, weight_v, bias;
};

} // namespace diptych::nn
