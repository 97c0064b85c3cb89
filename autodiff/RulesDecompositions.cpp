// Derivatives of QR, eigh, svd and pinv. Results are packed (ir/EmittedLinalg.h); rules use them,
// not the operand, wherever both would do.
#include "autodiff/Rules.h"
#include "ir/EmittedLinalg.h"

#include <limits>

namespace diptych::autodiff {

using namespace emitted;

static Value T(const Value& x) { return matrixTranspose(x); }

static Value beside(const Value& x, const Value& y) {
  const Value both[] = {x, y};
  return concatenate(both, x.rank() - 1);
}
static Value above(const Value& x, const Value& y) {
  const Value both[] = {x, y};
  return concatenate(both, x.rank() - 2);
}
/// [...,n] -> [...,1,n]
static Value asRow(const Value& v) {
  Shape shape = v.shape();
  shape.insert(v.rank() - 1, 1);
  return reshape(v, shape);
}

//===-- QR (Walter and Lehmann, arXiv:1009.6112) ---------------------------------------------===//

namespace {
struct PackedQr {
  Value q, r; // q is Q^T

  PackedQr(const Value& packed, const Value& x) {
    const int64_t m = x.shape()[x.rank() - 2], n = x.shape().back();
    q = columns(packed, 0, m);
    r = columns(packed, m, m + n);
  }
};
} // namespace

static Value upperSolve(const Value& R, const Value& b, bool transposed) {
  return triangularSolve(R, b, {.lower = false, .transposed = transposed}, false);
}

// With X = dA R^-1 and C = Q^T X: the skew part of C below the diagonal turns Q, the rest is dR
// R^-1.
JVP(Qr) {
  const PackedQr at(out(), x());
  const Value X = upperSolve(at.r, T(tangent(0)), true); // X^T
  const Value C = matmul(at.q, T(X));
  const Value below = masked(OpCode::Gt, C);
  const Value upper = C - below + T(below);
  return beside(X - matmul(T(upper), at.q), matmul(upper, at.r));
}

// A-bar = (Q-bar + Q sym(M)) R^-T, sym copying the lower triangle of M = R R-bar^T - Q-bar^T Q up.
VJP(Qr) {
  const PackedQr at(out(), x()), bar(cot(), x());
  const Value M = matmul(at.r, T(masked(OpCode::Le, bar.r))) - matmul(bar.q, T(at.q));
  const Value copied = masked(OpCode::Ge, M) + T(masked(OpCode::Gt, M));
  return {T(upperSolve(at.r, bar.q + matmul(copied, at.q), false))};
}

//===-- Differences of eigenvalues -----------------------------------------------------------===//

/// What counts as equal: a few roundings of the largest.
static Value toleranceFor(const Value& values) {
  const double epsilon = values.dtype() == DType::f32 ? std::numeric_limits<float>::epsilon()
                                                      : std::numeric_limits<double>::epsilon();
  const Value largest =
      reduce(OpCode::Max, stop_gradient(emitted::abs(values)), {values.rank() - 1});
  return 4 * epsilon * static_cast<double>(values.shape().back()) * largest;
}

/// 1 / v, and 0 where |v| is no more than the tolerance.
static Value safeInverse(const Value& v, const Value& tolerance) {
  const Value isZero = le(emitted::abs(v), tolerance);
  return where(isZero, like(v, 0.0), 1.0 / where(isZero, like(v, 1.0), v));
}

/// F[i,j] = 1 / (w_j - w_i), and 0 where they are equal.
static Value inverseDifferences(const Value& w) {
  Shape shape = w.shape();
  shape.push_back(shape.back());
  const Value byRow = expand(w, shape, {w.rank()}), byColumn = expand(w, shape, {w.rank() - 1});
  const Value difference = byColumn - byRow;
  return safeInverse(difference, overMatrix(toleranceFor(w), difference));
}

//===-- Symmetric eigenproblem (Giles, 2008) -------------------------------------------------===//

namespace {
struct PackedEigh {
  Value v, w;

  explicit PackedEigh(const Value& packed) {
    const int64_t n = packed.shape().back();
    v = rows(packed, 0, n);
    w = row(packed, n);
  }
};
} // namespace

// dV = V (F o P), dw = diag P with P = V^T dA V
JVP(Eigh) {
  if (x().shape().back() == 0)
    return out();
  const PackedEigh at(out());
  const Value P = matmul(matmul(T(at.v), symmetricPart(tangent(0))), at.v);
  return above(matmul(at.v, inverseDifferences(at.w) * P), asRow(diagonalOf(P)));
}

// A-bar = sym V (diag w-bar + F o V^T V-bar) V^T
VJP(Eigh) {
  if (x().shape().back() == 0)
    return {x()};
  const PackedEigh at(out()), bar(cot());
  const Value inner = diagonalMatrix(bar.w) + inverseDifferences(at.w) * matmul(T(at.v), bar.v);
  return {symmetricPart(matmul(matmul(at.v, inner), T(at.v)))};
}

//===-- Singular values (Townsend, 2016) -----------------------------------------------------===//

namespace {
struct PackedSvd {
  Value u, v, s;

  PackedSvd(const Value& packed, const Value& x) {
    const int64_t m = x.shape()[x.rank() - 2], n = x.shape().back();
    u = rows(packed, 0, m);
    v = rows(packed, m, m + n);
    s = row(packed, m + n);
  }
};
} // namespace

// 1 / (s_j^2 - s_i^2), as a product that does not cancel; 0 where they are equal.
static Value inverseSquareDifferences(const Value& s) {
  Shape shape = s.shape();
  shape.push_back(shape.back());
  const Value total = expand(s, shape, {s.rank()}) + expand(s, shape, {s.rank() - 1});
  return inverseDifferences(s) * safeInverse(total, overMatrix(toleranceFor(s), total));
}

JVP(Svd) {
  if (x().shape().back() == 0)
    return out();
  const PackedSvd at(out(), x());
  const Value dAV = matmul(tangent(0), at.v), P = matmul(T(at.u), dAV);
  const Value F = inverseSquareDifferences(at.s);
  const Value PS = scaleColumns(P, at.s), SP = scaleRows(P, at.s);
  // Outside the span of U: (I - U U^T) dA V S^-1.
  const Value outside = dAV - matmul(at.u, P);
  const Value inverses =
      safeInverse(at.s, expand(toleranceFor(at.s), at.s.shape(), {at.s.rank() - 1}));
  const Value dU = matmul(at.u, F * (PS + T(PS))) + scaleColumns(outside, inverses);
  const Value dV = matmul(at.v, F * (SP + T(SP)));
  return above(above(dU, dV), asRow(diagonalOf(P)));
}

VJP(Svd) {
  if (x().shape().back() == 0)
    return {x()};
  const PackedSvd at(out(), x()), bar(cot(), x());
  const Value F = inverseSquareDifferences(at.s);
  const Value W = matmul(T(at.u), bar.u), Y = matmul(T(at.v), bar.v);
  const Value inner =
      scaleColumns(F * (W - T(W)), at.s) + scaleRows(F * (Y - T(Y)), at.s) + diagonalMatrix(bar.s);
  const Value inverses =
      safeInverse(at.s, expand(toleranceFor(at.s), at.s.shape(), {at.s.rank() - 1}));
  const Value outside = scaleColumns(bar.u - matmul(at.u, W), inverses);
  return {matmul(matmul(at.u, inner) + outside, T(at.v))};
}

//===-- Pseudo-inverse (Golub and Pereyra, 1973) ---------------------------------------------===//

// I - A P and I - P A.
static Value complement(const Value& projector) { return identityLike(projector) - projector; }

// dP = -P dA P + P P^T dA^T (I - A P) + (I - P A) dA^T P^T P, at constant rank
JVP(Pinv) {
  const Value& P = out();
  const Value dAt = T(tangent(0));
  const Value left = matmul(matmul(P, T(P)), matmul(dAt, complement(matmul(x(), P))));
  const Value right = matmul(matmul(complement(matmul(P, x())), dAt), matmul(T(P), P));
  return left + right - matmul(matmul(P, tangent(0)), P);
}

VJP(Pinv) {
  const Value& P = out();
  const Value left = matmul(matmul(P, T(P)), matmul(cot(), complement(matmul(x(), P))));
  const Value right = matmul(matmul(complement(matmul(P, x())), cot()), matmul(T(P), P));
  return {T(left + right) - matmul(matmul(T(P), cot()), T(P))};
}

} // namespace diptych::autodiff
