// Steps that move, choose and order elements, go along an axis, or look through windows.
#include "Models.h"

namespace diptych::fuzz {

namespace {

// Several parts of x side by side, some of them computed with.
Tensor joined(Draw& draw, const Tensor& x, int64_t axis) {
  const int64_t n = x.shape(axis), at = draw.below(n + 1);
  Tensors parts;
  for (const Tensor& part : {slice(x, axis, at, n), slice(x, axis, 0, at), slice(x, axis, 0, n, 2)})
    parts.push_back(draw.oneOf(2) ? part : squashed(draw, part));
  return concatenate(parts, axis);
}

Tensor padded(Draw& draw, const Tensor& x) {
  std::vector<std::pair<int64_t, int64_t>> widths;
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    widths.emplace_back(draw.below(3), draw.below(2) * draw.extent());
  return x.numel() > 200 ? -x : pad(x, widths, draw.oneOf(2) ? 0.0 : 0.7);
}

Tensor matrixOf(const Tensor& x) {
  return x.rank() == 1 ? outer(x, slice(x, 0, 0, std::min<int64_t>(5, x.numel()))) : x;
}

} // namespace

Tensor moved(Draw& draw, Pool& pool, const Tensor& y) {
  const Tensor x = y.rank() == 0 ? y * pool.as({draw.extent()}) : y;
  const int64_t axis = draw.axis(x), n = x.shape(axis);
  switch (draw.below(14)) {
  case 0: return transpose(x, 0, x.rank() - 1);
  case 1: return concatenate({x, pool.as(x.shape())}, axis);
  case 2:
  case 3: return slice(x, axis, 1, n) - slice(x, axis, 0, n - 1);
  case 4: return joined(draw, x, axis);
  case 5: return padded(draw, x);
  case 6: return flip(x, {axis}) * x;
  case 7: return roll(x, draw.below(5) - 2, axis) - 0.5 * x;
  case 8: return draw.oneOf(2) ? repeat(x, 2, axis) : tile(x, {2});
  case 9: return draw.oneOf(2) ? tril(matrixOf(x), draw.below(3) - 1) : triu(matrixOf(x));
  case 10:
    return x.rank() > 1 ? diagonal(x, 0, 0, x.rank() - 1)
                        : diag(slice(x, 0, 0, std::min<int64_t>(n, 12)));
  case 11: return stack({x, squashed(draw, x), pool.as(x.shape())}, draw.below(x.rank() + 1));
  case 12: return slice(x, axis, draw.below(n), n, 1 + draw.below(3));
  default: {
    const int64_t size = 1 + draw.below(std::min<int64_t>(n, 4)), step = 1 + draw.below(2);
    const Tensor seen = windows(x, {axis}, size, step);
    return draw.oneOf(2) ? mean(seen, {axis + 1})
                         : overlap_add(square(seen), x.shape(), {axis}, step);
  }
  }
}

Tensor indexed(Draw& draw, Pool& pool, const Tensor& y) {
  const Tensor x = y.rank() == 0 ? y * pool.as({draw.extent()}) : y;
  const int64_t axis = draw.axis(x), n = x.shape(axis);
  const Tensor places = draw.places(draw.extent() % 9 + 1, n);
  const Tensor apart = x + 2.0 * draw.array(x.shape());
  switch (draw.below(9)) {
  case 0: return take(x, places, axis);
  case 1: return scatter_add(x, places, take(x, places, axis), axis);
  case 2: return scatter(x, places, squashed(draw, take(x, places, axis)), axis);
  case 3: return sort(apart, axis, draw.oneOf(2));
  case 4: return take_along_axis(x, argsort(apart, axis), axis);
  case 5: return topk(apart, 1 + draw.below(n), axis).values;
  case 6: return scatter_add_along_axis(x, argsort(apart, axis), pool.as(x.shape()), axis);
  case 7: return quantile(apart, 0.37, axis);
  default: return where(eq(argmax(apart, axis, true), 0), x, sin(x));
  }
}

Tensor rolled(Draw& draw, Pool& pool, const Tensor& y) {
  const Tensor x = y.rank() == 0 ? y * pool.as({draw.extent()}) : y;
  const int64_t axis = draw.axis(x), n = x.shape(axis), window = 1 + draw.below(6);
  const bool backwards = draw.oneOf(2);
  const Tensor apart = x + 2.0 * draw.array(x.shape());
  switch (draw.below(16)) {
  case 0:
  case 1: return 0.3 * cumsum(x, axis, {.reverse = backwards, .exclusive = draw.oneOf(3)});
  case 2:
    return cumprod(0.5 + sigmoid(x), axis, {.reverse = backwards, .exclusive = draw.oneOf(3)});
  case 3: return cummax(apart, axis, backwards);
  case 4: return logcumsumexp(x, axis, backwards);
  case 5:
  case 6: return linear_recurrence(0.9 * tanh(pool.as(x.shape())), x, axis, backwards);
  case 7: return discounted_sum(x, 0.5 + 0.2 * tanh(mean(pool.any())), axis);
  case 8: return ewm_mean(x, Decay::halflife(2), axis, {.adjust = backwards});
  case 9: return rolling_sum(x, window, axis, {.min_periods = 1});
  case 10: return rolling_mean(x, window, axis, {.min_periods = 1});
  case 11:
    return slice(rolling_var(apart, 4, axis, {.min_periods = 1, .correction = 0}), axis, 1, n);
  case 12:
    return slice(rolling_cov(x, pool.as(x.shape()), 3, axis, {.min_periods = 1, .correction = 0}),
                 axis, 0, n);
  case 13:
    return n < 4 ? x
                 : slice(rolling_corr(apart, 2.0 * draw.array(x.shape()) + x, 4, axis), axis, 3, n);
  case 14: return n < 4 ? x : slice(rolling_slope(x, 4, axis), axis, 3, n);
  default:
    return draw.oneOf(2) ? rolling_max(apart, window, axis, {.min_periods = 1})
                         : shift(x, draw.below(5) - 2, axis, 0.0);
  }
}

Tensor convolved(Draw& draw, Pool& pool, const Tensor& x) {
  const int64_t groups = 1 + draw.below(2), c = 1 + draw.below(2), o = 1 + draw.below(3);
  const auto some = [&](const Shape& shape, bool own) {
    return own ? pool.as(shape) : draw.array(shape);
  };
  const bool both = draw.oneOf(2), images = both || draw.oneOf(2);
  if (draw.oneOf(2)) {
    const ConvolutionOptions options{.stride = 1 + draw.below(3),
                                     .padding = draw.below(3),
                                     .dilation = 1 + draw.below(2),
                                     .groups = groups};
    const Tensor image = some({1 + draw.below(3), groups * c, 5 + draw.extent()}, images);
    const Tensor y =
        conv1d(image, some({groups * o, c, 1 + draw.below(3)}, both || !images), options);
    return draw.oneOf(2) ? y * mean(x) : max_pool1d(y + draw.array(y.shape()), 1);
  }
  const ConvolutionOptions options{.stride = {1 + draw.below(2), 1 + draw.below(2)},
                                   .padding = draw.below(2),
                                   .dilation = {1, 1 + draw.below(2)},
                                   .groups = groups};
  const Tensor image =
      some({1 + draw.below(2), groups * c, 5 + draw.below(8), 7 + draw.below(15)}, images);
  const Tensor kernel =
      some({groups * o, c, 1 + draw.below(3), 1 + draw.below(3)}, both || !images);
  const Tensor y = conv2d(image, kernel, options);
  switch (draw.below(4)) {
  case 0: return conv_transpose2d(y, kernel, {.groups = groups});
  case 1: return avg_pool2d(y, {2, 2}, {.stride = {1, 1}});
  case 2: return max_pool2d(y + 2.0 * draw.array(y.shape()), {2, 2}, {.stride = {1, 2}});
  default: return tanh(y);
  }
}

} // namespace diptych::fuzz
