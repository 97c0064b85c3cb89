// Random models: a number, or an array, made of a few arguments whose parts meet in layers,
// products, movements and sums. Operators that are drawn one by one seldom multiply what depends on
// the same parameters; here most do. Knows nothing of how models are checked.
#pragma once

#include <diptych/diptych.h>

#include <random>

namespace diptych::fuzz {

using Tensors = std::vector<Tensor>;

class Draw {
public:
  explicit Draw(uint64_t seed, DType dtype = DType::f64, bool jits = false)
      : engine_(seed), dtype_(dtype), jits_(jits) {}
  int64_t below(int64_t n) {
    return static_cast<int64_t>(engine_() % static_cast<uint64_t>(std::max<int64_t>(1, n)));
  }
  bool oneOf(int64_t n) { return below(n) == 0; }
  /// In [-1, 1], seldom the same twice.
  double number() { return static_cast<double>(below(2000001)) / 1e6 - 1; }
  Tensor array(const Shape& shape);
  /// `count` positions below n.
  Tensor places(int64_t count, int64_t n);
  /// A divisor of n.
  int64_t divisor(int64_t n);
  /// From 1 to 65: many beside what a vector or a tile holds.
  int64_t extent();
  int64_t axis(const Tensor& x) { return below(x.rank()); }
  /// Whether functions within are jitted.
  bool jits() const { return jits_; }

private:
  std::mt19937_64 engine_;
  DType dtype_;
  bool jits_;
};

/// Values of a model so far.
class Pool {
public:
  Pool(Draw& draw, int64_t most) : draw_(draw), most_(most) {}
  void add(const Tensor& value);
  /// One of them, of the last three half of the time.
  const Tensor& any();
  /// Elements of one of them in another shape.
  Tensor as(const Shape& shape);

private:
  Draw& draw_;
  int64_t most_;
  Tensors values_;
};

/// What a step makes of a value, and perhaps of others.
using ModelStep = Tensor (*)(Draw& draw, Pool& pool, const Tensor& x);
Tensor squashed(Draw& draw, const Tensor& x);
// Each draws one of a family; all take arrays of any rank.
Tensor product(Draw& draw, Pool& pool, const Tensor& x);
Tensor reduced(Draw& draw, Pool& pool, const Tensor& x);
Tensor moved(Draw& draw, Pool& pool, const Tensor& x);
Tensor indexed(Draw& draw, Pool& pool, const Tensor& x);
Tensor rolled(Draw& draw, Pool& pool, const Tensor& x);
Tensor convolved(Draw& draw, Pool& pool, const Tensor& x);
Tensor called(Draw& draw, Pool& pool, const Tensor& x);

struct Model {
  uint64_t seed;
  DType dtype = DType::f64;
  bool jits = false; ///< It has steps that are compiled where it is eager.

  /// What it is a function of: one vector, or up to three arrays.
  Tensors arguments() const;
  /// A number.
  Tensor operator()(const Tensors& arguments) const;
  /// The array it is a number of.
  Tensor array(const Tensors& arguments) const;
};

} // namespace diptych::fuzz
