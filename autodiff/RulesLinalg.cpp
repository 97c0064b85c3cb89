// Derivatives of the solvers: Cholesky, triangular and general systems, determinants. Notation:
// X-bar is the cotangent of X, dX its tangent.
#include "autodiff/Rules.h"
#include "ir/EmittedLinalg.h"

#include <limits>

namespace diptych::autodiff {

using namespace emitted;

static Value T(const Value& x) { return matrixTranspose(x); }

//===-- Cholesky (Murray, arXiv:1602.07527) --------------------------------------------------===//

// Phi: the lower triangle with half the diagonal.
static Value halfLower(const Value& x) {
  const Value half = 0.5 * masked(OpCode::Eq, x);
  return masked(OpCode::Gt, x) + half;
}

// What cannot fail any more is not checked again.
static Value lowerSolve(const Value& L, const Value& b, bool transposed) {
  return triangularSolve(L, b, {.lower = true, .transposed = transposed}, false);
}

// dL = L Phi(L^-1 dA L^-T)
JVP(Cholesky) {
  const Value& L = out();
  const Value left = lowerSolve(L, symmetricPart(tangent(0)), false);
  return matmul(L, halfLower(lowerSolve(L, T(left), false)));
}

// A-bar = L^-T sym(Phi(L^T L-bar)) L^-1
VJP(Cholesky) {
  const Value& L = out();
  const Value left = lowerSolve(L, symmetricPart(halfLower(matmul(T(L), cot()))), true);
  return {T(lowerSolve(L, T(left), true))};
}

//===-- Systems: A X = B gives A dX = dB - dA X ----------------------------------------------===//

// The right side of the tangent's system; null tangents are zero.
static Value residual(const RuleContext& rule, const Value& dA) {
  const Value& dB = rule.tangent(1);
  if (!dA)
    return dB;
  const Value term = matmul(dA, rule.out());
  return dB ? dB - term : -term;
}

static Triangle triangleOf(const Attrs& attrs) {
  return {attrs.flag(AttrField::lower), attrs.flag(AttrField::transposed),
          attrs.flag(AttrField::unit)};
}

// The part of a matrix that the operator reads.
static Value readPart(const Value& x, const Triangle& triangle) {
  if (triangle.unit)
    return masked(triangle.lower ? OpCode::Gt : OpCode::Lt, x);
  return masked(triangle.lower ? OpCode::Ge : OpCode::Le, x);
}

JVP(TriangularSolve) {
  const Triangle triangle = triangleOf(attrs());
  Value dA = tangent(0);
  if (dA)
    dA = readPart(dA, triangle);
  if (dA && triangle.transposed)
    dA = T(dA);
  return triangularSolve(x(), residual(*this, dA), triangle, false);
}

// B-bar = op(A)^-T X-bar; A-bar = -B-bar X^T, or its transpose where op is.
VJP(TriangularSolve) {
  const Triangle triangle = triangleOf(attrs());
  Triangle adjoint = triangle;
  adjoint.transposed = !triangle.transposed;
  const Value pulled = triangularSolve(x(), cot(), adjoint, false);
  return {[this, pulled, triangle] {
            const Value full =
                triangle.transposed ? matmul(out(), T(pulled)) : matmul(pulled, T(out()));
            return -readPart(full, triangle);
          },
          pulled};
}

JVP(Solve) {
  const bool transposed = attrs().flag(AttrField::transposed);
  const Value& dA = tangent(0);
  const Value own = dA && transposed ? T(dA) : dA;
  return solve(x(), residual(*this, own), transposed, false);
}

VJP(Solve) {
  const bool transposed = attrs().flag(AttrField::transposed);
  const Value pulled = solve(x(), cot(), !transposed, false);
  return {[this, pulled, transposed] {
            return -(transposed ? matmul(out(), T(pulled)) : matmul(pulled, T(out())));
          },
          pulled};
}

//===-- Determinants -------------------------------------------------------------------------===//

static Value inverseTransposed(const Value& x) { return solve(x, identityLike(x), true, false); }

static Value trace(const Value& x) { return sum(diagonalOf(x), {x.rank() - 2}); }

// tr(X) I - X: the adjugate of a matrix of order 2.
static Value adjugate2(const Value& x) { return overMatrix(trace(x), x) * identityLike(x) - x; }
static Value det2(const Value& x) {
  const Value down = diagonalOf(x), up = diagonalOf(reverse(x, {x.rank() - 1}));
  const auto product = [&](const Value& v) { return reduce(OpCode::Prod, v, {v.rank() - 1}); };
  return product(down) - product(up);
}

/// x with a border: constants that span the two directions in which it is most nearly singular.
/// With C the last corner of the inverse of B = [[x, U2 s], [s V2^T, 0]], det x = det B det C, for
/// any border. B stays regular while x has rank n - 2, so what follows from the identity is exact
/// at singular x, to every order. Below that rank derivatives of two orders are 0.
class Bordered {
public:
  explicit Bordered(const Value& x) : x_(x), n_(x.shape().back()) {
    const Value at = svd(stop_gradient(x));
    const Value u = columns(rows(at, 0, n_), n_ - 2, n_);
    const Value v = columns(rows(at, n_, 2 * n_), n_ - 2, n_);
    const Value values = row(at, 2 * n_);
    const Value largest = columns(values, 0, 1), third = columns(values, n_ - 3, n_ - 2);
    const double roundings = static_cast<double>(n_) *
                             (x.dtype() == DType::f32 ? std::numeric_limits<float>::epsilon()
                                                      : std::numeric_limits<double>::epsilon());
    deficient_ = scalar(le(third, roundings * largest));
    const Value scale = scalar(largest);
    const Value right = u * overMatrix(scale, u), below = T(v * overMatrix(scale, v));
    Shape corner = x.shape();
    corner[x.rank() - 2] = corner[x.rank() - 1] = 2;
    const Value top[] = {x, right};
    const Value bottom[] = {below, constant({x.dtype(), corner}, 0.0)};
    const Value parts[] = {concatenate(top, x.rank() - 1), concatenate(bottom, x.rank() - 1)};
    const Value whole = concatenate(parts, x.rank() - 2);
    regular_ = where(overMatrix(deficient_, whole), identityLike(whole), whole);
  }

  // The derivative of det B det C by x, transposed from that of a matrix to a cotangent.
  Value cofactors() const {
    const Value inverse = solve(regular_, identityLike(regular_), false, false);
    const Value left = columns(inverse, 0, n_), right = columns(inverse, n_, n_ + 2);
    const Value corner = rows(right, n_, n_ + 2);
    const Value outer =
        matmul(matmul(rows(right, 0, n_), adjugate2(corner)), rows(left, n_, n_ + 2));
    const Value inner = overMatrix(det2(corner), x_) * rows(left, 0, n_) - outer;
    const Value all = T(inner) * overMatrix(det(regular_, true), x_);
    return where(overMatrix(deficient_, x_), like(x_, 0.0), all);
  }

private:
  // [...,1] -> [...]
  static Value scalar(const Value& x) {
    Shape shape = x.shape();
    shape.pop_back();
    return reshape(x, shape);
  }

  Value x_;
  int64_t n_;
  Value deficient_, regular_;
};

// d det / dx
static Value cofactors(const RuleContext& rule) {
  const Value& x = rule.x();
  if (rule.attrs().flag(AttrField::regular))
    return overMatrix(rule.out(), x) * inverseTransposed(x);
  switch (x.shape().back()) {
  case 0: return x;
  case 1: return like(x, 1.0);
  case 2: return T(adjugate2(x));
  default: return Bordered(x).cofactors();
  }
}

JVP(Det) { return sum(tangent(0) * cofactors(*this), {x().rank() - 2, x().rank() - 1}); }
VJP(Det) { return {overMatrix(cot(), x()) * cofactors(*this)}; }

// The sign is locally constant; d log |det| = tr(A^-1 dA).
JVP(Slogdet) {
  const Value logarithm =
      sum(tangent(0) * inverseTransposed(x()), {x().rank() - 2, x().rank() - 1});
  Shape shape = logarithm.shape();
  shape.push_back(1);
  const Value one = reshape(logarithm, shape);
  const Value both[] = {like(one, 0.0), one};
  return concatenate(both, one.rank() - 1);
}

VJP(Slogdet) {
  Shape shape = cot().shape();
  shape.pop_back();
  const Value logarithm = reshape(columns(cot(), 1, 2), shape);
  return {overMatrix(logarithm, x()) * inverseTransposed(x())};
}

} // namespace diptych::autodiff
