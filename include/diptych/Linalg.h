// Linear algebra on f32 and f64: the last two axes are a matrix, all axes in front of them are
// batch axes. f32 is computed in f64 and rounded once. Every function is differentiable to every
// order, except where its convention says otherwise; a matrix with an element that is not finite
// gives NaN. Eager mode and compiled programs call the same functions: the same bits in every mode
// of numerics.
#pragma once

#include <diptych/Ops.h>

#include <tuple>
#include <utility>

namespace diptych::linalg {

//===-- Systems of equations -----------------------------------------------------------------===//
// `check`: what has no solution is an Error that names the matrix of the batch and the pivot; else
// its result is NaN.

/// The lower triangular L of positive diagonal with L Lᵀ = (a + aᵀ) / 2. Error where that is not
/// positive definite. The derivative is symmetric. [...,n,n] -> [...,n,n]
Tensor cholesky(const Arg& a, bool check = true);

/// Of triangular_solve: what of `a` is meant.
struct TriangularOptions {
  bool lower = true;       // the lower triangle; the other one is not read
  bool transposed = false; // its transpose
  bool unit = false;       // with ones on the diagonal, which is not read
  bool left = true;        // A X = B; else X A = B
  bool check = true;
};
/// X with A X = B. [...,n,n], [...,n,k] -> [...,n,k]; for !left B and X are [...,k,n]. Batch axes
/// broadcast. Error where the diagonal has a zero.
Tensor triangular_solve(const Arg& a, const Arg& b, const TriangularOptions& options = {});

/// Of solve.
struct SolveOptions {
  bool transposed = false; // aᵀ X = B
  bool check = true;
};
/// X with a X = B, by LU with partial pivoting. b is [...,n,k], or [n], one vector, where a is
/// [n,n]. Batch axes broadcast. Error where a pivot is exactly 0: a matrix that is singular but for
/// rounding gives large numbers, see cond.
Tensor solve(const Arg& a, const Arg& b, const SolveOptions& options = {});
/// X with (L Lᵀ) X = B for L from cholesky. [...,n,n], [...,n,k] -> [...,n,k]
Tensor cholesky_solve(const Arg& L, const Arg& b, bool check = true);
/// [...,n,n] -> [...,n,n]; solve with the identity, which it is better to do directly.
Tensor inverse(const Arg& a, bool check = true);
/// The x of least length among those that minimise |a x - b|: pinv(a) b. [...,m,n], [...,m,k] ->
/// [...,n,k], or b [m] where a is [m,n]. Derivatives as those of pinv.
Tensor lstsq(const Arg& a, const Arg& b);

//===-- Determinants -------------------------------------------------------------------------===//

/// [...,n,n] -> [...]; 1 for n = 0. The derivative is the matrix of cofactors, at singular matrices
/// too: every order is right where the rank is at least n - 2, and below that the first two are.
Tensor det(const Arg& a);
/// (sign, log |det|), each [...]; (0, -infinity) of a singular matrix, where derivatives are NaN.
std::pair<Tensor, Tensor> slogdet(const Arg& a);

//===-- Decompositions -----------------------------------------------------------------------===//

/// (Q, R) with a = Q R: [...,m,n] -> [...,m,k], [...,k,n], k = min(m, n). R's diagonal is not
/// negative, which makes both unique where the first k columns are independent; where they are not,
/// derivatives are NaN. (Walter and Lehmann, 2010.)
std::pair<Tensor, Tensor> qr(const Arg& a);

/// (values, vectors) of (a + aᵀ) / 2: [...,n] ascending and [...,n,n], vectors as columns. In each
/// vector the first element of at least half the greatest magnitude is positive. Where eigenvalues
/// are equal, within 4 n roundings of the largest, the derivative's terms between them are taken as
/// 0: right for whatever depends on the space they span together (sums of them, projectors on it),
/// and not defined for what does not. (Giles, 2008.)
std::pair<Tensor, Tensor> eigh(const Arg& a);
/// The values alone.
Tensor eigvalsh(const Arg& a);

/// (U, s, Vᵀ) with a = U diag(s) Vᵀ: [...,m,n] -> [...,m,k], [...,k] descending, [...,k,n], k =
/// min(m, n). Signs as eigh has them, by the columns of U (of V where m < n). In derivatives, terms
/// between equal singular values, and those divided by one that is 0, are 0. (Townsend, 2016.)
std::tuple<Tensor, Tensor, Tensor> svd(const Arg& a);
/// The singular values alone.
Tensor svdvals(const Arg& a);

/// The pseudo-inverse: [...,m,n] -> [...,n,m]. Singular values up to `cutoff` times the largest
/// count as 0; negative: max(m, n) roundings. Derivatives are those at constant rank. (Golub and
/// Pereyra, 1973.)
Tensor pinv(const Arg& a, double cutoff = -1);
/// i64 number of singular values above `cutoff` times the largest, as pinv counts them: [...,m,n]
/// ->
/// [...]. Its derivative is 0.
Tensor matrix_rank(const Arg& a, double cutoff = -1);

//===-- Norms --------------------------------------------------------------------------------===//

enum class Norm { frobenius, nuclear, spectral, one, infinity };
/// [...,m,n] -> [...]: root of the sum of squares; sum of the singular values; the largest of them;
/// largest sum of magnitudes of a column; of a row.
Tensor matrix_norm(const Arg& a, Norm norm = Norm::frobenius);
/// Largest singular value over the least: [...,m,n] -> [...]; infinity for a singular matrix.
Tensor cond(const Arg& a);

} // namespace diptych::linalg
