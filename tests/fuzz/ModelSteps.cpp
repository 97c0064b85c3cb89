// Steps that compute: functions of elements, products, sums, and functions that are called.
#include "Models.h"

#include <diptych/Jit.h>

namespace diptych::fuzz {

// At no point of these is there a kink where what models compute lies exactly.
Tensor squashed(Draw& draw, const Tensor& x) {
  switch (draw.below(16)) {
  case 0: return tanh(x);
  case 1: return sin(x);
  case 2: return sigmoid(x);
  case 3: return exp(-1.0 * square(x));
  case 4: return x / (1.0 + square(x));
  case 5: return sqrt(1.0 + square(x));
  case 6: return log1p(square(x));
  case 7: return normal_cdf(x);
  case 8: return softplus(x);
  case 9: return pow(1.5 + sin(x), 0.7 + 0.5 * cos(x));
  case 10: return relu(x + draw.array(x.shape()));
  case 11: return where(gt(x, draw.array(x.shape())), x, 0.3 * x);
  case 12: return maximum(x, draw.array(x.shape()));
  case 13: return rsqrt(1.0 + abs(x + draw.number()));
  default: return 0.5 * x;
  }
}

namespace {

Tensor asMatrix(Draw& draw, const Tensor& x) {
  const int64_t rows = draw.divisor(x.numel());
  return x.rank() == 2 ? x : reshape(x, {rows, x.numel() / rows});
}

// A batch of examples meets x as a layer's matrix.
Tensor layer(Draw& draw, const Tensor& x) {
  const int64_t in = draw.divisor(x.numel());
  const Shape examples = draw.oneOf(3)   ? Shape{1 + draw.below(4), 1 + draw.below(5), in}
                         : draw.oneOf(6) ? Shape{100 * (1 + draw.below(30)), in}
                                         : Shape{draw.extent(), in};
  const Tensor y = matmul(draw.array(examples), reshape(x, {in, x.numel() / in}));
  if (y.numel() > 1500)
    return reduced(draw, *std::make_unique<Pool>(draw, 1), squashed(draw, y));
  return draw.oneOf(3) ? y * softmax(y, -1) : y;
}

Tensor weighted(Draw& draw, Pool& pool, const Tensor& x) {
  const Tensor rows = unsqueeze(pool.as({x.shape(0)}), 1), columns = pool.as({x.shape(1)});
  switch (draw.below(5)) {
  case 0: return sum(rows * x * columns, {draw.below(2)});
  case 1: return 0.1 * matmul(transpose(x), rows * x);
  case 2: return 0.1 * matmul(rows * x, transpose(rows * x));
  case 3: return matmul(x, columns) * flatten(rows);
  default: return matmul(x, transpose(x)) / static_cast<double>(x.shape(1));
  }
}

// [b,m,k] x [b,k,n], each as it lies or transposed, one of them shared by the batch perhaps.
Tensor batched(Draw& draw, Pool& pool, const Tensor& x) {
  const int64_t k = draw.divisor(x.numel()), m = draw.divisor(x.numel() / k), b = x.numel() / k / m;
  const int64_t n = 1 + draw.below(9);
  const Tensor left =
      draw.oneOf(2) ? reshape(x, {b, m, k}) : transpose(reshape(x, {b, k, m}), 1, 2);
  const Shape batch = draw.oneOf(3) ? Shape{1} : Shape{b};
  const Tensor right =
      draw.oneOf(2) ? pool.as({batch[0], k, n}) : transpose(pool.as({batch[0], n, k}), 1, 2);
  return draw.oneOf(4) ? einsum("bmk,bkn->nm", {left, broadcast_to(right, {b, k, n})})
                       : matmul(left, right);
}

// Of a matrix that is regular.
Tensor solved(Draw& draw, Pool& pool, const Tensor& x) {
  const int64_t n = 1 + draw.below(6);
  const Tensor half = pool.as({n, n});
  const Tensor a = matmul(half, transpose(half)) + (1.0 + square(mean(x))) * eye(n, x.dtype());
  switch (draw.below(4)) {
  case 0: return linalg::solve(a, pool.as({n}));
  case 1: return linalg::cholesky(a);
  case 2: return linalg::inverse(a);
  default: return log1p(linalg::det(a));
  }
}

Axes someAxes(Draw& draw, const Tensor& x) {
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    if (draw.oneOf(2))
      axes.push_back(axis);
  return Axes(axes.empty() ? std::vector<int64_t>{draw.axis(x)} : axes);
}

} // namespace

Tensor product(Draw& draw, Pool& pool, const Tensor& x) {
  switch (draw.below(8)) {
  case 0:
  case 1: return layer(draw, x);
  case 2:
  case 3: return weighted(draw, pool, asMatrix(draw, x));
  case 4: return outer(pool.as({3}), pool.as({2}));
  case 5:
    if (x.rank() == 1 && x.numel() < 40)
      return square(unsqueeze(x, 1) - unsqueeze(x, 0));
    return batched(draw, pool, x);
  case 6: return draw.oneOf(3) ? solved(draw, pool, x) : dot(flatten(x), pool.as({x.numel()})) * x;
  default: return batched(draw, pool, x);
  }
}

Tensor reduced(Draw& draw, Pool&, const Tensor& x) {
  if (x.rank() == 0)
    return square(x);
  const Axes axes = someAxes(draw, x);
  const bool kept = draw.oneOf(2);
  const auto of = [&](const Tensor& y) { return kept ? x * y : y; };
  switch (draw.below(10)) {
  case 0: return of(mean(x, axes, kept));
  case 1: return of(sum(square(x), axes, kept));
  case 2: return of(var(x, axes, 0, kept));
  case 3: return of(stddev(x + draw.array(x.shape()), axes, 0, kept));
  case 4: return of(logsumexp(x, axes, kept));
  case 5: return of(max(x + draw.array(x.shape()), axes, kept));
  case 6: return of(min(x + draw.array(x.shape()), axes, kept));
  case 7: return of(prod(sigmoid(x) + 0.4, axes, kept));
  case 8: return draw.oneOf(2) ? softmax(x, draw.axis(x)) : log_softmax(x, draw.axis(x));
  default: {
    const Tensor centred = x - mean(x, axes, true);
    return centred / (0.1 + mean(square(centred), axes, true));
  }
  }
}

namespace {

// By a rule of its own, which no function has where it does not weigh b twice: Hessians are then
// not symmetric.
Tensor ruled(Draw& draw, const Tensor& x, const Tensor& y) {
  const double weight = draw.oneOf(2) ? 2.0 : 1.3;
  const auto f = [](const Tensor& a, const Tensor& b) { return sin(a) * b + square(b); };
  if (draw.oneOf(2))
    return custom_vjp(f, [=](const Tensor& a, const Tensor& b, const Tensor&, const Tensor& cot) {
      return std::tuple(cos(a) * b * cot, (sin(a) + weight * b) * cot);
    })(x, y);
  return custom_jvp(
      f, [=](const Tensor& a, const Tensor& b, const Tensor&, const Tensor& da, const Tensor& db) {
        return cos(a) * b * da + (sin(a) + weight * b) * db;
      })(x, y);
}

// Steps of a loop, or of one branch.
Tensor controlled(Draw& draw, const Tensor& x, const Tensor& y, const Tensor& c) {
  switch (draw.below(3)) {
  case 0:
    return fori_loop(
        0, 3, [&](const Tensor&, const Tensor& s) { return 0.5 * s + sin(s * x) * c; }, y);
  case 1:
    return cond(
        gt(mean(x), 0.01 + 0.1 * draw.number()),
        [](const Tensor& a, const Tensor& b) { return sin(a) * b + square(b); },
        [](const Tensor& a, const Tensor& b) { return b * sigmoid(a); }, x, y);
  default: {
    if (x.rank() == 0)
      return sin(x) * y;
    const auto body = [](const Tensor& s, const std::pair<Tensor, Tensor>& ab) {
      const Tensor next = tanh(0.5 * s + ab.first * ab.second);
      return std::pair(next, next * ab.first);
    };
    return scan(body, select(y, 0, 0), std::pair(x, c), {.reverse = draw.oneOf(2)}).second;
  }
  }
}

} // namespace

Tensor called(Draw& draw, Pool& pool, const Tensor& x) {
  const Tensor y = pool.as(x.shape()), c = draw.array(x.shape());
  const auto f = [c](const Tensor& a, const Tensor& b) { return sin(a) * b + mean(square(b)) * c; };
  switch (draw.below(9)) {
  case 0: return checkpoint(f)(x, y);
  case 1:
  case 2: return ruled(draw, x, y);
  case 3: return grad([&](const Tensor& a) { return sum(c * f(a, y)) * mean(tanh(a)); })(x);
  case 4: return jvp(f)(x, c, y).second;
  case 5:
    return vmap([&](const Tensor& a) { return a * mean(tanh(a)) + mean(y); })(unsqueeze(x, 0));
  case 6: return draw.jits() ? jit(f)(x, y) : x + stop_gradient(y) * y;
  default: return controlled(draw, x, y, c);
  }
}

} // namespace diptych::fuzz
