// cuSOLVER and the solvers of cuBLAS on the simulated device, by Eigen. What the libraries leave
// open is made to hurt: signs alternate, halves that do not count and workspaces become NaN.
#include "runtime/cuda/SimulatedSolver.h"

#include <Eigen/Dense>

#include <algorithm>
#include <limits>

namespace diptych::runtime::cuda {

struct SolverHandle {
  DriverStream* stream = nullptr;
};
struct JacobiInfo {};

namespace {

using Eigen::MatrixXd, Eigen::VectorXd;
using simulated::enqueue;
using View = Eigen::Map<MatrixXd, 0, Eigen::OuterStride<>>;
using ConstView = Eigen::Map<const MatrixXd, 0, Eigen::OuterStride<>>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kInvalid = 3; // cusolverStatus_t

View view(double* a, int rows, int columns, int leading) {
  return {a, rows, columns, Eigen::OuterStride<>(leading)};
}
ConstView view(const double* a, int rows, int columns, int leading) {
  return {a, rows, columns, Eigen::OuterStride<>(leading)};
}

// A size that nobody would guess; the routine asks for it again, and writes all of it.
int sizeFor(int m, int n) { return 3 * m + 5 * n + 7; }
void spoil(double* work, int elements) { std::fill(work, work + elements, kNan); }

//===-- In place, down columns ---------------------------------------------------------------===//

void factorUpper(double* a, int n, int lda, int* info) {
  View x = view(a, n, n, lda);
  *info = 0;
  for (int j = 0; j < n && *info == 0; ++j) {
    for (int i = 0; i <= j; ++i) {
      const double rest = x(i, j) - x.col(i).head(i).dot(x.col(j).head(i));
      if (i == j && !(rest > 0))
        *info = j + 1;
      x(i, j) = i < j ? rest / x(i, i) : std::sqrt(rest);
    }
  }
  x.triangularView<Eigen::StrictlyLower>().setConstant(kNan);
}

void factorLu(double* a, int n, int lda, int* pivots, int* info) {
  View x = view(a, n, n, lda);
  *info = 0;
  for (int j = 0; j < n; ++j) {
    int row = 0;
    x.col(j).tail(n - j).cwiseAbs().maxCoeff(&row);
    row += j;
    pivots[j] = row + 1;
    x.row(j).swap(x.row(row));
    if (x(j, j) == 0) {
      *info = *info ? *info : j + 1;
      continue;
    }
    x.col(j).tail(n - j - 1) /= x(j, j);
    x.bottomRightCorner(n - j - 1, n - j - 1) -=
        x.col(j).tail(n - j - 1) * x.row(j).tail(n - j - 1);
  }
}

void solveLu(bool transposed, int n, int columns, const double* a, int lda, const int* pivots,
             double* b, int ldb) {
  const ConstView lu = view(a, n, n, lda);
  View x = view(b, n, columns, ldb);
  if (!transposed) {
    for (int i = 0; i < n; ++i)
      x.row(i).swap(x.row(pivots[i] - 1));
    lu.triangularView<Eigen::UnitLower>().solveInPlace(x);
    lu.triangularView<Eigen::Upper>().solveInPlace(x);
    return;
  }
  lu.transpose().triangularView<Eigen::Lower>().solveInPlace(x);
  lu.transpose().triangularView<Eigen::UnitUpper>().solveInPlace(x);
  for (int i = n; i-- > 0;)
    x.row(i).swap(x.row(pivots[i] - 1));
}

// X A = B or X A' = B, in place of B.
struct RightTriangle {
  int triangle, trans, diagonal, m, n;
  double alpha;
  int lda, ldb;

  bool isValid(int side) const {
    return side == blas::kRight && lda >= n && ldb >= m && alpha == 1;
  }
  void solve(const double* a, double* b) const {
    MatrixXd whole = view(a, n, n, lda);
    if (diagonal == blas::kUnit)
      whole.diagonal().setOnes();
    MatrixXd half = triangle == blas::kUpper ? MatrixXd(whole.triangularView<Eigen::Upper>())
                                             : MatrixXd(whole.triangularView<Eigen::Lower>());
    if (trans)
      half.transposeInPlace();
    View x = view(b, m, n, ldb);
    if ((triangle == blas::kUpper) != (trans != 0))
      half.triangularView<Eigen::Upper>().solveInPlace<Eigen::OnTheRight>(x);
    else
      half.triangularView<Eigen::Lower>().solveInPlace<Eigen::OnTheRight>(x);
  }
};

void decompose(double* a, int n, int lda, double* w, int* info) {
  View x = view(a, n, n, lda);
  const MatrixXd lower = x.triangularView<Eigen::Lower>();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(lower);
  x = solver.eigenvectors();
  for (int j = 0; j < n; j += 2)
    x.col(j) *= -1;
  Eigen::Map<VectorXd>(w, n) = solver.eigenvalues();
  *info = 0;
}

void singular(double* a, int m, int n, int lda, double* s, double* u, int ldu, double* v, int ldv,
              int* info) {
  const Eigen::JacobiSVD<MatrixXd> svd(view(a, m, n, lda),
                                       Eigen::ComputeThinU | Eigen::ComputeThinV);
  MatrixXd left = svd.matrixU(), right = svd.matrixV();
  for (int j = 0; j < n; j += 2) {
    left.col(j) *= -1;
    right.col(j) *= -1;
  }
  view(u, m, n, ldu) = left;
  view(v, n, n, ldv) = right.transpose();
  Eigen::Map<VectorXd>(s, n) = svd.singularValues();
  view(a, m, n, lda).setConstant(kNan);
  *info = 0;
}

//===-- cuSOLVER -----------------------------------------------------------------------------===//

// All data and every info lie on the device.
template <class Work>
int start(const SolverHandle* handle, bool valid, std::initializer_list<const void*> there,
          Work work) {
  if (!valid || !std::all_of(there.begin(), there.end(), simulated::isDeviceAddress))
    return kInvalid;
  enqueue(handle->stream, std::move(work));
  return 0;
}

void addTriangular(Solver& solver) {
  solver.potrfSize = [](SolverHandle*, int, int n, double*, int, int* elements) {
    return *elements = sizeFor(n, n), 0;
  };
  solver.potrf = [](SolverHandle* handle, int triangle, int n, double* a, int lda, double* work,
                    int elements, int* info) {
    return start(handle, triangle == blas::kUpper && lda >= n && elements == sizeFor(n, n),
                 {a, work, info}, [=] {
                   spoil(work, elements);
                   factorUpper(a, n, lda, info);
                 });
  };
  solver.potrfBatched = [](SolverHandle* handle, int triangle, int n, double** a, int lda,
                           int* info, int count) {
    return start(handle, triangle == blas::kUpper && lda >= n, {a, info}, [=] {
      for (int i = 0; i < count; ++i)
        factorUpper(a[i], n, lda, info + i);
    });
  };
  solver.getrfSize = [](SolverHandle*, int m, int n, double*, int, int* elements) {
    return *elements = sizeFor(m, n), 0;
  };
  solver.getrf = [](SolverHandle* handle, int m, int n, double* a, int lda, double* work,
                    int* pivots, int* info) {
    return start(handle, m == n && lda >= m, {a, work, pivots, info}, [=] {
      spoil(work, sizeFor(m, n));
      factorLu(a, n, lda, pivots, info);
    });
  };
  solver.getrs = [](SolverHandle* handle, int trans, int n, int columns, const double* a, int lda,
                    const int* pivots, double* b, int ldb, int* info) {
    return start(handle, lda >= n && ldb >= n, {a, pivots, b, info}, [=] {
      solveLu(trans == blas::kTransposed, n, columns, a, lda, pivots, b, ldb);
      *info = 0;
    });
  };
}

void addQr(Solver& solver) {
  solver.geqrfSize = [](SolverHandle*, int m, int n, double*, int, int* elements) {
    return *elements = sizeFor(m, n), 0;
  };
  solver.geqrf = [](SolverHandle* handle, int m, int n, double* a, int lda, double* tau,
                    double* work, int elements, int* info) {
    return start(handle, lda >= m && elements == sizeFor(m, n), {a, tau, work, info}, [=] {
      spoil(work, elements);
      const Eigen::HouseholderQR<MatrixXd> qr(view(a, m, n, lda));
      view(a, m, n, lda) = qr.matrixQR();
      Eigen::Map<VectorXd>(tau, n) = qr.hCoeffs();
      *info = 0;
    });
  };
  solver.orgqrSize = [](SolverHandle*, int m, int n, int, const double*, int, const double*,
                        int* elements) { return *elements = sizeFor(n, m), 0; };
  solver.orgqr = [](SolverHandle* handle, int m, int n, int k, double* a, int lda,
                    const double* tau, double* work, int elements, int* info) {
    return start(handle, lda >= m && k == n && m >= n && elements == sizeFor(n, m),
                 {a, tau, work, info}, [=] {
                   spoil(work, elements);
                   const MatrixXd reflectors = view(a, m, n, lda);
                   const VectorXd factors = Eigen::Map<const VectorXd>(tau, n);
                   view(a, m, n, lda) =
                       Eigen::householderSequence(reflectors, factors) * MatrixXd::Identity(m, n);
                   *info = 0;
                 });
  };
}

void addSpectral(Solver& solver) {
  solver.syevdSize = [](SolverHandle*, int, int, int n, const double*, int, const double*,
                        int* elements) { return *elements = sizeFor(n, n), 0; };
  solver.syevd = [](SolverHandle* handle, int vectors, int, int n, double* a, int lda, double* w,
                    double* work, int elements, int* info) {
    return start(handle, vectors == kEigenvectors && lda >= n && elements == sizeFor(n, n),
                 {a, w, work, info}, [=] {
                   spoil(work, elements);
                   decompose(a, n, lda, w, info);
                 });
  };
  solver.jacobiCreate = [](JacobiInfo** info) { return *info = new JacobiInfo, 0; };
  solver.syevjBatchedSize = [](SolverHandle*, int, int, int n, const double*, int, const double*,
                               int* elements, JacobiInfo*,
                               int count) { return *elements = sizeFor(n, count), 0; };
  solver.syevjBatched = [](SolverHandle* handle, int vectors, int, int n, double* a, int lda,
                           double* w, double* work, int elements, int* info, JacobiInfo* jacobi,
                           int count) {
    const bool valid = vectors == kEigenvectors && lda == n && jacobi != nullptr;
    return start(handle, valid && elements == sizeFor(n, count), {a, w, work, info}, [=] {
      spoil(work, elements);
      for (int i = 0; i < count; ++i)
        decompose(a + int64_t{i} * n * n, n, lda, w + int64_t{i} * n, info + i);
    });
  };
  solver.gesvdSize = [](SolverHandle*, int m, int n, int* elements) {
    return *elements = sizeFor(m, n), 0;
  };
  solver.gesvd = [](SolverHandle* handle, signed char jobU, signed char jobV, int m, int n,
                    double* a, int lda, double* s, double* u, int ldu, double* v, int ldv,
                    double* work, int elements, double*, int* info) {
    const bool thin = jobU == 'S' && jobV == 'S' && m >= n && ldu >= m && ldv >= n;
    return start(handle, thin && lda >= m && elements == sizeFor(m, n), {a, s, u, v, work, info},
                 [=] {
                   spoil(work, elements);
                   singular(a, m, n, lda, s, u, ldu, v, ldv, info);
                 });
  };
}

} // namespace

const Solver& simulatedSolver() {
  static const Solver table = [] {
    Solver solver;
    solver.create = [](SolverHandle** handle) { return *handle = new SolverHandle, 0; };
    solver.setStream = [](SolverHandle* handle, DriverStream* stream) {
      return handle->stream = stream, 0;
    };
    addTriangular(solver);
    addQr(solver);
    addSpectral(solver);
    return solver;
  }();
  return table;
}

//===-- cuBLAS -------------------------------------------------------------------------------===//

void simulated::addSolvers(Blas& table) {
  table.trsm = [](BlasHandle* handle, int side, int triangle, int trans, int diagonal, int m, int n,
                  const double* alpha, const double* a, int lda, double* b, int ldb) {
    const RightTriangle right{triangle, trans, diagonal, m, n, *alpha, lda, ldb};
    if (!right.isValid(side))
      return blas::kInvalidValue;
    enqueue(handle->stream, [=] { right.solve(a, b); });
    return 0;
  };
  table.trsmBatched = [](BlasHandle* handle, int side, int triangle, int trans, int diagonal, int m,
                         int n, const double* alpha, const double* const* a, int lda,
                         double* const* b, int ldb, int count) {
    const RightTriangle right{triangle, trans, diagonal, m, n, *alpha, lda, ldb};
    if (!right.isValid(side))
      return blas::kInvalidValue;
    enqueue(handle->stream, [=] {
      for (int i = 0; i < count; ++i)
        right.solve(a[i], b[i]);
    });
    return 0;
  };
  table.getrfBatched = [](BlasHandle* handle, int n, double* const* a, int lda, int* pivots,
                          int* info, int count) {
    if (lda < n)
      return blas::kInvalidValue;
    enqueue(handle->stream, [=] {
      for (int i = 0; i < count; ++i)
        factorLu(a[i], n, lda, pivots + int64_t{i} * n, info + i);
    });
    return 0;
  };
  table.getrsBatched = [](BlasHandle* handle, int trans, int n, int columns, const double* const* a,
                          int lda, const int* pivots, double* const* b, int ldb, int* info,
                          int count) {
    *info = 0; // of the host, at once
    if (lda < n || ldb < n)
      return blas::kInvalidValue;
    enqueue(handle->stream, [=] {
      for (int i = 0; i < count; ++i)
        solveLu(trans == blas::kTransposed, n, columns, a[i], lda, pivots + int64_t{i} * n, b[i],
                ldb);
    });
    return 0;
  };
}

} // namespace diptych::runtime::cuda
