// Factorisations that solve: Cholesky, triangular systems, LU with partial pivoting, determinants.
#pragma once

#include "runtime/library/kernels/Matrices.h"
#include "runtime/library/kernels/Status.h"

#include <Eigen/Cholesky>
#include <Eigen/LU>

#include <cmath>

namespace diptych::runtime::kernels {

//===-- Cholesky -----------------------------------------------------------------------------===//

// args x, L, status; params n, check. A pivot that is NaN makes its row and all below NaN.
template <class T> struct Cholesky {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0];
    for (int64_t index = lo; index < hi; ++index) {
      Matrix L = symmetricPart(load<T>(args[0], index, n, n));
      const bool finite = L.allFinite();
      const int64_t failed =
          finite ? Eigen::internal::llt_inplace<double, Eigen::Lower>::blocked(L) : -1;
      if (failed >= 0 && params[1])
        reportFailure(args[2], index, failed);
      if (failed >= 0 || !finite)
        L = notANumber(n, n);
      L.triangularView<Eigen::StrictlyUpper>().setZero();
      store<T>(L, args[1], index);
    }
  }
};

//===-- Triangular systems -------------------------------------------------------------------===//

struct Triangle {
  bool lower, transposed, unit;

  /// Solves in place. Either triangle is solved as the lower or upper one of `a` or its transpose.
  void solve(const Matrix& a, Matrix& b) const {
    transposed ? solveWith(a.transpose(), !lower, b) : solveWith(a, lower, b);
  }

private:
  template <class A> void solveWith(const A& a, bool isLower, Matrix& b) const {
    if (isLower)
      unit ? a.template triangularView<Eigen::UnitLower>().solveInPlace(b)
           : a.template triangularView<Eigen::Lower>().solveInPlace(b);
    else
      unit ? a.template triangularView<Eigen::UnitUpper>().solveInPlace(b)
           : a.template triangularView<Eigen::Upper>().solveInPlace(b);
  }
};

inline int64_t firstZero(const Eigen::VectorXd& diagonal) {
  for (Eigen::Index i = 0; i < diagonal.size(); ++i)
    if (diagonal[i] == 0)
      return i;
  return -1;
}

// args a, b, x, status (there only with check); params n, k, check, lower, transposed, unit.
template <class T> struct TriangularSolve {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0], k = params[1];
    const Triangle triangle{params[3] != 0, params[4] != 0, params[5] != 0};
    for (int64_t index = lo; index < hi; ++index) {
      const Matrix a = load<T>(args[0], index, n, n);
      const int64_t zero = triangle.unit ? -1 : firstZero(a.diagonal());
      if (zero >= 0 && params[2])
        reportFailure(args[3], index, zero);
      Matrix x = zero >= 0 ? notANumber(n, k) : load<T>(args[1], index, n, k);
      if (zero < 0 && x.size() > 0)
        triangle.solve(a, x);
      store<T>(x, args[2], index);
    }
  }
};

//===-- LU -----------------------------------------------------------------------------------===//

// args a, b, x, status (there only with check); params n, k, check, transposed.
template <class T> struct Solve {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0], k = params[1];
    for (int64_t index = lo; index < hi; ++index)
      store<T>(
          solved(load<T>(args[0], index, n, n), load<T>(args[1], index, n, k), params, args, index),
          args[2], index);
  }

private:
  static Matrix solved(const Matrix& a, const Matrix& b, const int64_t* params, void* const* args,
                       int64_t index) {
    if (a.size() == 0)
      return b;
    if (!a.allFinite())
      return notANumber(b.rows(), b.cols());
    const Eigen::PartialPivLU<Matrix> lu(a);
    const int64_t zero = firstZero(lu.matrixLU().diagonal());
    if (zero >= 0 && params[2])
      reportFailure(args[3], index, zero);
    if (zero >= 0)
      return notANumber(b.rows(), b.cols());
    if (b.cols() == 0)
      return b;
    if (params[3])
      return lu.transpose().solve(b);
    return lu.solve(b);
  }
};

// The sign of the permutation, and U's diagonal; NaN where the matrix is not finite.
struct Pivots {
  double sign = 1;
  Eigen::VectorXd diagonal;

  explicit Pivots(const Matrix& a) {
    if (a.size() == 0)
      return;
    if (!a.allFinite()) {
      sign = std::numeric_limits<double>::quiet_NaN();
      return;
    }
    const Eigen::PartialPivLU<Matrix> lu(a);
    sign = lu.permutationP().determinant();
    diagonal = lu.matrixLU().diagonal();
  }
};

// args x, det; params n.
template <class T> struct Det {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0];
    for (int64_t index = lo; index < hi; ++index) {
      const Pivots pivots(load<T>(args[0], index, n, n));
      double product = pivots.sign;
      for (Eigen::Index i = 0; i < pivots.diagonal.size(); ++i)
        product *= pivots.diagonal[i];
      static_cast<T*>(args[1])[index] = static_cast<T>(product);
    }
  }
};

// args x, (sign, log |det|); params n.
template <class T> struct Slogdet {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0];
    for (int64_t index = lo; index < hi; ++index) {
      const Pivots pivots(load<T>(args[0], index, n, n));
      double sign = pivots.sign, logarithm = std::isnan(sign) ? sign : 0;
      for (Eigen::Index i = 0; i < pivots.diagonal.size(); ++i) {
        const double pivot = pivots.diagonal[i];
        sign *= pivot > 0 ? 1 : pivot < 0 ? -1 : 0;
        logarithm += std::log(std::abs(pivot));
      }
      T* result = static_cast<T*>(args[1]) + 2 * index;
      result[0] = static_cast<T>(sign);
      result[1] = static_cast<T>(logarithm);
    }
  }
};

} // namespace diptych::runtime::kernels
