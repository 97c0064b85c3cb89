// What models begin with and end in; the steps between are drawn by family.
#include "Models.h"

namespace diptych::fuzz {

Tensor Draw::array(const Shape& shape) {
  std::vector<double> numbers(static_cast<size_t>(shape.product()));
  for (double& x : numbers)
    x = number();
  return tensor(numbers, shape).to(dtype_);
}

Tensor Draw::places(int64_t count, int64_t n) {
  std::vector<int64_t> places(static_cast<size_t>(count));
  for (int64_t& place : places)
    place = below(n);
  return tensor(places);
}

int64_t Draw::divisor(int64_t n) {
  int64_t result = 1;
  for (int64_t d = 2; d <= n; ++d)
    if (n % d == 0 && oneOf(2))
      result = d;
  return result;
}

int64_t Draw::extent() {
  constexpr int64_t extents[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 31, 33, 63, 65};
  return extents[below(std::size(extents))];
}

void Pool::add(const Tensor& value) {
  if (value.numel() == 0)
    return;
  const Tensor kept = value.numel() <= most_ ? value : tanh(mean(value));
  values_.push_back(kept.rank() <= 4 ? kept : reshape(kept, {kept.shape(0), -1}));
}

const Tensor& Pool::any() {
  const auto count = static_cast<int64_t>(values_.size());
  const int64_t from = draw_.oneOf(2) ? std::max<int64_t>(0, count - 3) : 0;
  return values_[static_cast<size_t>(from + draw_.below(count - from))];
}

Tensor Pool::as(const Shape& shape) {
  Tensor all = flatten(any());
  while (all.numel() < shape.product())
    all = concatenate({all, all}, 0);
  const int64_t at = draw_.below(all.numel() - shape.product() + 1);
  return reshape(slice(all, 0, at, at + shape.product()), shape);
}

namespace {

// The vector in slices side by side, some of them matrices; or overlapping; or by an index.
void addParts(Draw& draw, Pool& pool, const Tensor& p) {
  const int64_t n = p.numel();
  if (draw.oneOf(6)) {
    pool.add(take(p, draw.places(7, n), 0));
    pool.add(slice(p, 0, draw.below(n), n));
    return;
  }
  for (int64_t at = 0, count = 1 + draw.below(6); at < n && count > 0; --count) {
    const int64_t size = count == 1 ? n - at : 1 + draw.below((n - at) * 2 / 3 + 1);
    const Tensor part = slice(p, 0, at, std::min(n, at + size));
    const int64_t rows = draw.divisor(part.numel());
    pool.add(draw.oneOf(2) ? reshape(part, {rows, part.numel() / rows}) : part);
    at += size;
  }
  if (draw.oneOf(4))
    pool.add(p);
}

// What meets its neighbours only, some of them from the other end: Hessians of few diagonals.
Tensor nearStep(Draw& draw, Pool& pool) {
  const Tensor x = flatten(pool.any());
  const int64_t n = x.numel(), apart = draw.below(std::min<int64_t>(n, 4));
  const Tensor left = slice(x, 0, 0, n - apart), right = slice(x, 0, apart, n);
  switch (draw.below(9)) {
  case 0: return left * squashed(draw, right);
  case 1: return right - (draw.oneOf(2) ? square(left) : left);
  case 2: return roll(x, 1 + apart, 0) * x;
  case 3: return pad(x, {{apart, draw.below(3)}});
  case 4: return slice(x, 0, apart, n, 1 + draw.below(3));
  case 5: return x * draw.array({n});
  case 6: return draw.oneOf(3) ? flip(x) * x : concatenate({right, left * left}, 0);
  case 7: return mean(windows(x, {0}, 1 + apart), {1});
  default: return squashed(draw, x);
  }
}

Tensor step(Draw& draw, Pool& pool) {
  constexpr ModelStep steps[] = {product, product, product, reduced,   moved,
                                 moved,   indexed, rolled,  convolved, called};
  const Tensor x = pool.any();
  switch (draw.below(4)) {
  case 0: return draw.oneOf(2) ? squashed(draw, x) : mean(x) * x;
  case 1: return draw.oneOf(2) ? x * pool.as(x.shape()) : x + pool.as(x.shape());
  default: return steps[draw.below(std::size(steps))](draw, pool, x);
  }
}

Pool stepsOf(Draw& draw, const Tensors& arguments) {
  Pool pool(draw, draw.oneOf(12) ? 20000 : 1500);
  const bool isNear = draw.oneOf(6);
  for (const Tensor& argument : arguments)
    if (isNear)
      pool.add(argument);
    else if (argument.rank() == 1)
      addParts(draw, pool, argument);
    else
      pool.add(argument);
  for (int64_t steps = 3 + draw.below(12); steps > 0; --steps)
    pool.add(isNear ? nearStep(draw, pool) : step(draw, pool));
  return pool;
}

} // namespace

Tensors Model::arguments() const {
  Draw draw(seed + 1, dtype);
  if (draw.oneOf(2))
    return {1.5 * draw.array({10 + draw.below(draw.oneOf(5) ? 150 : 50)})};
  Tensors arguments;
  for (int64_t count = 1 + draw.below(3); count > 0; --count) {
    Shape shape{draw.extent()};
    while (shape.size() < 3 && draw.oneOf(2) && shape.product() < 60)
      shape.insert(draw.below(2), 1 + draw.below(5));
    arguments.push_back(1.5 * draw.array(shape));
  }
  return arguments;
}

Tensor Model::operator()(const Tensors& arguments) const {
  Draw draw(seed, dtype, jits);
  Pool pool = stepsOf(draw, arguments);
  Tensor total = zeros({}, dtype);
  for (int64_t terms = 1 + draw.below(4); terms > 0; --terms) {
    const Tensor x = pool.any();
    const Tensor q =
        draw.oneOf(2) ? sum(square(squashed(draw, x))) : sum(x) * sum(squashed(draw, x));
    total = total + (draw.oneOf(3) ? squashed(draw, q) * q : q);
  }
  return total;
}

Tensor Model::array(const Tensors& arguments) const {
  Draw draw(seed, dtype, jits);
  Pool pool = stepsOf(draw, arguments);
  const Tensor x = pool.any();
  return x.numel() <= 100 ? x : slice(flatten(x), 0, 0, 100);
}

} // namespace diptych::fuzz
