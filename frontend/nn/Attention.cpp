// Multi-head attention: projections, masks, softmax.
#include <diptych/nn/Attention.h>

#include <diptych/Composites.h>
#include <diptych/nn/Init.h>

#include "frontend/Ops.h"

#include <cmath>
#include <limits>

namespace diptych::nn {

using diptych::detail::misuse;

MultiheadAttention::MultiheadAttention(int64_t size, int64_t heads, const AttentionOptions& options)
    : Module("MultiheadAttention"),
      out_proj(size, size, {.bias = options.bias, .dtype = options.dtype}), size_(size),
      heads_(heads), options_(options) {
  if (heads < 1 || size % heads != 0)
    misuse("MultiheadAttention", "a number of heads that divides " + std::to_string(size),
           std::to_string(heads), "embed_dim is split evenly among the heads");
  in_proj_weight = register_parameter("in_proj_weight",
                                      init::xavier_uniform({3 * size, size}, 1, options.dtype));
  if (options.bias) {
    in_proj_bias = register_parameter("in_proj_bias", zeros({3 * size}, options.dtype));
    init::zeros_(out_proj.bias);
  }
  register_module("out_proj", out_proj);
}

// [N,L,E] -> part 0, 1 or 2 of the projection, [N,heads,L,E/heads].
Tensor MultiheadAttention::heads(const Tensor& x, int64_t part) const {
  const Tensor weight = slice(*in_proj_weight, 0, part * size_, (part + 1) * size_);
  Tensor y = matmul(x, transpose(weight));
  if (in_proj_bias)
    y = y + slice(*in_proj_bias, 0, part * size_, (part + 1) * size_);
  return transpose(reshape(y, {x.shape()[0], x.shape()[1], heads_, size_ / heads_}), 1, 2);
}

static Tensor additive(const Tensor& mask, DType dtype) {
  if (mask.dtype() != DType::boolean)
    return mask;
  return where(mask, full({}, -std::numeric_limits<double>::infinity(), dtype), zeros({}, dtype));
}

// scores [N,heads,L,S].
Tensor MultiheadAttention::masked(const Tensor& scores, const AttentionMasks& masks) const {
  const Shape& shape = scores.shape();
  const int64_t N = shape[0], L = shape[2], S = shape[3];
  Tensor result = scores;
  if (const Tensor& mask = masks.attn_mask; mask.defined()) {
    const bool each = mask.shape() == Shape{N * heads_, L, S};
    if (!each && !(mask.shape() == Shape{L, S}))
      misuse("MultiheadAttention",
             "an attn_mask " + Shape{L, S}.str() + " or " + Shape{N * heads_, L, S}.str(),
             mask.type().str(), "check the axes");
    const Tensor added = additive(mask, scores.dtype());
    result = result + (each ? reshape(added, shape) : added);
  }
  if (const Tensor& mask = masks.key_padding_mask; mask.defined()) {
    if (!(mask.shape() == Shape{N, S}) && !(N == 1 && mask.shape() == Shape{S}))
      misuse("MultiheadAttention", "a key_padding_mask " + Shape{N, S}.str(), mask.type().str(),
             "one row for each sequence of the batch");
    result = result + reshape(additive(mask, scores.dtype()), {N, 1, 1, S});
  }
  return result;
}

std::pair<Tensor, Tensor> MultiheadAttention::forward(const Tensor& query, const Tensor& key,
                                                      const Tensor& value,
                                                      const AttentionMasks& masks) const {
  const bool unbatched = query.rank() == 2, turned = !unbatched && !options_.batch_first;
  const auto batchFirst = [&](const Tensor& x, const char* what) {
    if (x.rank() != (unbatched ? 2 : 3) || x.shape().back() != size_)
      misuse("MultiheadAttention",
             std::string("a ") + what + " of rank " + (unbatched ? "2" : "3") + " that ends in " +
                 std::to_string(size_),
             x.type().str(), "query, key and value have the same layout");
    return unbatched ? unsqueeze(x, 0) : turned ? transpose(x, 0, 1) : x;
  };
  const Tensor from = batchFirst(query, "query");
  const Tensor q = heads(from, 0), k = heads(batchFirst(key, "key"), 1),
               v = heads(batchFirst(value, "value"), 2);
  const double scale = 1 / std::sqrt(static_cast<double>(size_ / heads_));
  const Tensor scores = matmul(q * scale, transpose(k)); // [N,heads,L,d] x [N,heads,d,S]
  Tensor weights = softmax(masked(scores, masks), -1);
  if (options_.dropout > 0) {
    Dropout dropout(options_.dropout);
    dropout.train(is_training());
    weights = dropout.forward(weights);
  }
  const Tensor joined = reshape(transpose(matmul(weights, v), 1, 2), from.shape());
  const Tensor projected = out_proj.forward(joined);
  const Tensor shown = masks.average_attn_weights ? mean(weights, 1) : weights;
  if (unbatched)
    return {squeeze(projected, 0), squeeze(shown, 0)};
  return {turned ? transpose(projected, 0, 1) : projected, shown};
}

std::pair<Tensor, Tensor> MultiheadAttention::operator()(const Tensor& query, const Tensor& key,
                                                         const Tensor& value,
                                                         const AttentionMasks& masks,
                                                         SourceLocation where) const {
  return diptych::detail::located(where, [&] { return forward(query, key, value, masks); });
}

} // namespace diptych::nn
