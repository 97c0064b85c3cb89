// The operators of linear algebra as functions of Value. Leading axes are batch axes.
#pragma once

#include "ir/Emitted.h"

namespace diptych::emitted {

/// Which triangle a triangular operator reads, and what it makes of it.
struct Triangle {
  bool lower = true;
  bool transposed = false; // its transpose is meant
  bool unit = false;       // ones on the diagonal, whatever stands there
};

/// [...,n,n] -> [...,n,n]
Value cholesky(const Value& x, bool check);
/// [...,n,n], [...,n,k] -> [...,n,k]
Value triangularSolve(const Value& a, const Value& b, const Triangle& triangle, bool check);
/// [...,n,n], [...,n,k] -> [...,n,k]
Value solve(const Value& a, const Value& b, bool transposed, bool check);
/// [...,n,n] -> [...]; regular: x is known to have an inverse.
Value det(const Value& x, bool regular);
/// [...,n,n] -> [...,2]: sign and log |det|.
Value slogdet(const Value& x);
/// [...,m,n] -> [...,n,m+n], m >= n: Q^T, then R.
Value qr(const Value& x);
/// [...,n,n] -> [...,n+1,n]: eigenvectors, then a row of eigenvalues.
Value eigh(const Value& x);
/// [...,m,n] -> [...,m+n+1,n], m >= n: U, V, then a row of singular values.
Value svd(const Value& x);
/// [...,m,n] -> [...,n,m]
Value pinv(const Value& x, double cutoff);

/// x[..., begin:end, :] and x[..., :, begin:end].
Value rows(const Value& x, int64_t begin, int64_t end);
Value columns(const Value& x, int64_t begin, int64_t end);
/// Row `index` of the last two axes, which becomes the last axis.
Value row(const Value& x, int64_t index);
/// Booleans of x's shape: where the row index of the last two axes is above, equal to, ... the
/// column index, `code` comparing them.
Value whereIndices(OpCode code, const Value& x);
/// x where the comparison of row and column index holds, else 0.
Value masked(OpCode code, const Value& x);
/// The identity in x's type.
Value identityLike(const Value& x);
/// [...,n,n] -> [...,n] and back.
Value diagonalOf(const Value& x);
Value diagonalMatrix(const Value& diagonal);
/// x[..., i, j] * v[..., j], x[..., i, j] * v[..., i].
Value scaleColumns(const Value& x, const Value& v);
Value scaleRows(const Value& x, const Value& v);
/// (x + x^T) / 2
Value symmetricPart(const Value& x);
/// v[...] repeated for a matrix of x's type.
Value overMatrix(const Value& v, const Value& x);

} // namespace diptych::emitted
