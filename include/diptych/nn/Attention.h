// Multi-head attention, as PyTorch's nn.MultiheadAttention defines it.
#pragma once

#include <utility>

#include <diptych/nn/Layers.h>

namespace diptych::nn {

struct AttentionOptions {
  /// Of the attention weights, in training; keys as Dropout takes them.
  double dropout = 0;
  bool bias = true;
  bool batch_first = false;
  DType dtype = default_dtype();
};

struct AttentionMasks {
  /// [N,S] (or [S]): boolean, true where a key is left out; or floats, added to the scores.
  Tensor key_padding_mask = {};
  /// [L,S] or [N heads, L, S], in the same two forms.
  Tensor attn_mask = {};
  /// Weights averaged over heads [N,L,S], or of each head [N,heads,L,S].
  bool average_attn_weights = true;
};

/// softmax(Q K' / sqrt(E / heads)) V in each of `num_heads` slices of the projected query [L,N,E],
/// key and value [S,N,E] ([N,L,E] with batch_first, [L,E] without a batch), joined and projected.
/// Returns (output as the query, weights). Parameters: in_proj_weight [3E,E] (xavier uniform),
/// in_proj_bias [3E] (0), out_proj.weight (as Linear), out_proj.bias (0). A row whose keys are all
/// left out is NaN, as in PyTorch. Error if heads do not divide E.
class MultiheadAttention : public Module {
public:
  MultiheadAttention(int64_t embed_dim, int64_t num_heads, const AttentionOptions& options = {});
  std::pair<Tensor, Tensor> forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const AttentionMasks& masks = {}) const;
  std::pair<Tensor, Tensor>
  operator()(const Tensor& query, const Tensor& key, const Tensor& value,
             const AttentionMasks& masks = {},
             SourceLocation where = std::source_location::current()) const;
  Parameter in_proj_weight, in_proj_bias;
  Linear out_proj;

private:
  Tensor heads(const Tensor& x, int64_t part) const;
  Tensor masked(const Tensor& scores, const AttentionMasks& masks) const;
  int64_t size_, heads_;
  AttentionOptions options_;
};

} // namespace diptych::nn
