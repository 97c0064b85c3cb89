// Orthogonal decompositions: QR, symmetric eigenproblem, singular values, pseudo-inverse. Signs are
// made definite; a matrix that is not finite gives NaN.
#pragma once

#include "runtime/library/kernels/Matrices.h"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>

#include <bit>

namespace diptych::runtime::kernels {

//===-- QR -----------------------------------------------------------------------------------===//

// [n, m + n]: Q^T, then R with no negative diagonal element.
inline Matrix packedQr(const Matrix& x) {
  const Eigen::Index m = x.rows(), n = x.cols();
  if (!x.allFinite())
    return notANumber(n, m + n);
  const Eigen::HouseholderQR<Matrix> qr(x);
  Matrix packed(n, m + n);
  packed.leftCols(m) = (qr.householderQ() * Matrix::Identity(m, n)).transpose();
  packed.rightCols(n) = qr.matrixQR().topRows(n).triangularView<Eigen::Upper>();
  for (Eigen::Index i = 0; i < n; ++i)
    if (packed(i, m + i) < 0)
      packed.row(i) = -packed.row(i);
  packed.rightCols(n).triangularView<Eigen::StrictlyLower>().setZero(); // not -0
  return packed;
}

// args x, packed; params m, n.
template <class T> struct Qr {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    for (int64_t index = lo; index < hi; ++index)
      store<T>(packedQr(load<T>(args[0], index, params[0], params[1])), args[1], index);
  }
};

//===-- Eigenvalues --------------------------------------------------------------------------===//

// [n + 1, n]: eigenvectors as columns, then a row of the eigenvalues, ascending.
inline Matrix packedEigh(const Matrix& x) {
  const Eigen::Index n = x.rows();
  if (!x.allFinite())
    return notANumber(n + 1, n);
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(symmetricPart(x));
  if (solver.info() != Eigen::Success)
    return notANumber(n + 1, n);
  Matrix packed(n + 1, n);
  packed.topRows(n) = solver.eigenvectors();
  packed.row(n) = solver.eigenvalues().transpose();
  for (Eigen::Index j = 0; j < n; ++j)
    if (signOf(solver.eigenvectors().col(j)) < 0)
      packed.col(j).head(n) *= -1;
  return packed;
}

// args x, packed; params n.
template <class T> struct Eigh {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0];
    for (int64_t index = lo; n > 0 && index < hi; ++index)
      store<T>(packedEigh(load<T>(args[0], index, n, n)), args[1], index);
  }
};

//===-- Singular values ----------------------------------------------------------------------===//

/// x = U diag(s) V^T with s descending; m >= n > 0, x finite.
struct Singular {
  Matrix u, v;
  Eigen::VectorXd s;
  bool converged;

  explicit Singular(const Matrix& x) {
    const Eigen::BDCSVD<Matrix> svd(x, Eigen::ComputeThinU | Eigen::ComputeThinV);
    u = svd.matrixU();
    v = svd.matrixV();
    s = svd.singularValues();
    converged = svd.info() == Eigen::Success && s.allFinite();
  }
};

// [m + n + 1, n]: U, V, then a row of the singular values.
inline Matrix packedSvd(const Matrix& x) {
  const Eigen::Index m = x.rows(), n = x.cols();
  if (!x.allFinite())
    return notANumber(m + n + 1, n);
  const Singular svd(x);
  if (!svd.converged)
    return notANumber(m + n + 1, n);
  Matrix packed(m + n + 1, n);
  packed << svd.u, svd.v, svd.s.transpose();
  for (Eigen::Index j = 0; j < n; ++j)
    if (signOf(svd.u.col(j)) < 0)
      packed.col(j).head(m + n) *= -1;
  return packed;
}

// args x, packed; params m, n.
template <class T> struct Svd {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    for (int64_t index = lo; params[1] > 0 && index < hi; ++index)
      store<T>(packedSvd(load<T>(args[0], index, params[0], params[1])), args[1], index);
  }
};

inline Matrix pseudoInverse(const Matrix& x, double cutoff) {
  if (!x.allFinite())
    return notANumber(x.cols(), x.rows());
  if (x.rows() < x.cols())
    return pseudoInverse(x.transpose(), cutoff).transpose();
  const Singular svd(x);
  if (!svd.converged)
    return notANumber(x.cols(), x.rows());
  Eigen::VectorXd inverted = svd.s;
  for (double& value : inverted)
    value = value > cutoff * svd.s[0] ? 1 / value : 0;
  return svd.v * inverted.asDiagonal() * svd.u.transpose();
}

// args x, pseudo-inverse; params m, n, and the bits of the cutoff, a double.
template <class T> struct Pinv {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t m = params[0], n = params[1];
    for (int64_t index = lo; m * n > 0 && index < hi; ++index)
      store<T>(pseudoInverse(load<T>(args[0], index, m, n), std::bit_cast<double>(params[2])),
               args[1], index);
  }
};

} // namespace diptych::runtime::kernels
