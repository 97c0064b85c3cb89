// What each routine asks of the libraries. They go down columns, so a row-major matrix is its
// transpose to them: an upper triangle there is a lower one here. Memory in between is freed when
// its user is enqueued: the next owner is behind it on the stream.
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"
#include "runtime/cuda/SolverRun.h"

#include <algorithm>
#include <vector>

namespace diptych::runtime::cuda {

namespace {

/// Elements of the device, for the time of a call.
template <class T> class Scratch {
public:
  explicit Scratch(int64_t elements)
      : buffer_(
            allocateOnDevice(std::max<int64_t>(1, elements) * static_cast<int64_t>(sizeof(T)))) {}
  T* data() const { return reinterpret_cast<T*>(buffer_.data()); }

private:
  Buffer buffer_;
};

/// Addresses of matrices that lie `stride` elements apart, as batched routines want them.
class Addresses {
public:
  Addresses(double* first, int64_t stride, int64_t count) : there_(count) {
    std::vector<double*> all;
    for (int64_t i = 0; i < count; ++i)
      all.push_back(first + i * stride);
    copyToDevice(reinterpret_cast<std::byte*>(there_.data()), all.data(),
                 count * static_cast<int64_t>(sizeof(double*)));
  }
  double** data() const { return there_.data(); }

private:
  Scratch<double*> there_;
};

template <class T> void copy(T* to, const T* from, int64_t elements) {
  copyOnDevice(reinterpret_cast<std::byte*>(to), reinterpret_cast<const std::byte*>(from),
               elements * static_cast<int64_t>(sizeof(T)));
}

/// One call: its sizes as the libraries count, and its pointers.
class Run {
public:
  Run(const SolverCall& call, void* const* pointers)
      : call_(call), pointers_(pointers), n_(static_cast<int>(call.n)),
        m_(static_cast<int>(call.m)), count_(static_cast<int>(call.count)) {}

  void cholesky();
  void triangularSolve();
  void solve();
  void lu();
  void qr();
  void eigh();
  void svd();

private:
  double* numbers(size_t i) const { return static_cast<double*>(pointers_[i]); }
  int* integers(size_t i) const { return static_cast<int*>(pointers_[i]); }
  int* info() const { return integers(*call_.info); }
  /// Elements of a stack of matrices.
  int64_t square() const { return call_.count * call_.n * call_.n; }
  int64_t oblong() const { return call_.count * call_.n * call_.m; }

  /// LU of all matrices, in place.
  void factor(double* a, int* pivots, int* info);

  const SolverCall& call_;
  void* const* pointers_;
  int n_, m_, count_;
};

// x -> l, info
void Run::cholesky() {
  double* l = numbers(1);
  copy(l, numbers(0), square());
  const SolverSession at;
  if (call_.batched) {
    const Addresses all(l, call_.n * call_.n, call_.count);
    return checkSolver(
        at.solver.potrfBatched(at.handle, blas::kUpper, n_, all.data(), n_, info(), count_),
        "cusolverDnDpotrfBatched");
  }
  int size = 0;
  checkSolver(at.solver.potrfSize(at.handle, blas::kUpper, n_, l, n_, &size),
              "cusolverDnDpotrf_bufferSize");
  const Scratch<double> work(size);
  for (int i = 0; i < count_; ++i, l += call_.n * call_.n)
    checkSolver(at.solver.potrf(at.handle, blas::kUpper, n_, l, n_, work.data(), size, info() + i),
                "cusolverDnDpotrf");
}

// a, b, info -> x, info. In the library's terms X' A' = B', where A' has the other triangle.
void Run::triangularSolve() {
  const double one = 1;
  double *a = numbers(0), *x = numbers(3);
  copy(x, numbers(1), oblong());
  copy(integers(4), integers(2), call_.count);
  const int triangle = call_.lower ? blas::kUpper : blas::kLower;
  const int trans = call_.transposed ? blas::kTransposed : blas::kAsIs;
  if (!call_.batched)
    return withBlas([&](const Blas& blas, BlasHandle* handle) {
      for (int i = 0; i < count_; ++i, a += call_.n * call_.n, x += call_.n * call_.m)
        checkBlas(blas.trsm(handle, blas::kRight, triangle, trans, call_.unit ? blas::kUnit : 0, m_,
                            n_, &one, a, n_, x, m_),
                  "cublasDtrsm");
    });
  const Addresses as(a, call_.n * call_.n, call_.count), xs(x, call_.n * call_.m, call_.count);
  withBlas([&](const Blas& blas, BlasHandle* handle) {
    checkBlas(blas.trsmBatched(handle, blas::kRight, triangle, trans, call_.unit ? blas::kUnit : 0,
                               m_, n_, &one, as.data(), n_, xs.data(), m_, count_),
              "cublasDtrsmBatched");
  });
}

void Run::factor(double* a, int* pivots, int* info) {
  if (call_.batched) {
    const Addresses all(a, call_.n * call_.n, call_.count);
    return withBlas([&](const Blas& blas, BlasHandle* handle) {
      checkBlas(blas.getrfBatched(handle, n_, all.data(), n_, pivots, info, count_),
                "cublasDgetrfBatched");
    });
  }
  const SolverSession at;
  int size = 0;
  checkSolver(at.solver.getrfSize(at.handle, n_, n_, a, n_, &size), "cusolverDnDgetrf_bufferSize");
  const Scratch<double> work(size);
  for (int i = 0; i < count_; ++i, a += call_.n * call_.n)
    checkSolver(at.solver.getrf(at.handle, n_, n_, a, n_, work.data(), pivots + i * n_, info + i),
                "cusolverDnDgetrf");
}

// a, b_t -> x_t, info. What is factored is a' there, so a X = B is solved with its transpose.
void Run::solve() {
  double* x = numbers(2);
  copy(x, numbers(1), oblong());
  const Scratch<double> factors(square());
  const Scratch<int> pivots(call_.count * call_.n);
  copy(factors.data(), numbers(0), square());
  factor(factors.data(), pivots.data(), info());
  const int trans = call_.transposed ? blas::kAsIs : blas::kTransposed;
  if (call_.batched) {
    const Addresses as(factors.data(), call_.n * call_.n, call_.count),
        xs(x, call_.n * call_.m, call_.count);
    return withBlas([&](const Blas& blas, BlasHandle* handle) {
      int argument = 0;
      checkBlas(blas.getrsBatched(handle, trans, n_, m_, as.data(), n_, pivots.data(), xs.data(),
                                  n_, &argument, count_),
                "cublasDgetrsBatched");
    });
  }
  const SolverSession at;
  const Scratch<int> argument(1);
  for (int i = 0; i < count_; ++i)
    checkSolver(at.solver.getrs(at.handle, trans, n_, m_, factors.data() + i * call_.n * call_.n,
                                n_, pivots.data() + i * n_, x + i * call_.n * call_.m, n_,
                                argument.data()),
                "cusolverDnDgetrs");
}

// x -> lu_t, pivots
void Run::lu() {
  copy(numbers(1), numbers(0), square());
  const Scratch<int> infos(call_.count);
  factor(numbers(1), integers(2), infos.data());
}

// x_t -> r_t, q_t
void Run::qr() {
  const SolverSession at;
  double *r = numbers(1), *q = numbers(2);
  copy(r, numbers(0), oblong());
  const Scratch<double> tau(call_.n);
  const Scratch<int> argument(1);
  int factoring = 0, forming = 0;
  checkSolver(at.solver.geqrfSize(at.handle, m_, n_, r, m_, &factoring),
              "cusolverDnDgeqrf_bufferSize");
  checkSolver(at.solver.orgqrSize(at.handle, m_, n_, n_, q, m_, tau.data(), &forming),
              "cusolverDnDorgqr_bufferSize");
  const Scratch<double> work(std::max(factoring, forming));
  for (int i = 0; i < count_; ++i, r += call_.n * call_.m, q += call_.n * call_.m) {
    checkSolver(at.solver.geqrf(at.handle, m_, n_, r, m_, tau.data(), work.data(), factoring,
                                argument.data()),
                "cusolverDnDgeqrf");
    copy(q, r, call_.n * call_.m);
    checkSolver(at.solver.orgqr(at.handle, m_, n_, n_, q, m_, tau.data(), work.data(), forming,
                                argument.data()),
                "cusolverDnDorgqr");
  }
}

// x -> v_t, w, info
void Run::eigh() {
  const SolverSession at;
  double *v = numbers(1), *w = numbers(2);
  copy(v, numbers(0), square());
  int size = 0;
  if (call_.batched) {
    checkSolver(at.solver.syevjBatchedSize(at.handle, kEigenvectors, blas::kLower, n_, v, n_, w,
                                           &size, at.jacobi, count_),
                "cusolverDnDsyevjBatched_bufferSize");
    const Scratch<double> work(size);
    return checkSolver(at.solver.syevjBatched(at.handle, kEigenvectors, blas::kLower, n_, v, n_, w,
                                              work.data(), size, info(), at.jacobi, count_),
                       "cusolverDnDsyevjBatched");
  }
  checkSolver(at.solver.syevdSize(at.handle, kEigenvectors, blas::kLower, n_, v, n_, w, &size),
              "cusolverDnDsyevd_bufferSize");
  const Scratch<double> work(size);
  for (int i = 0; i < count_; ++i)
    checkSolver(at.solver.syevd(at.handle, kEigenvectors, blas::kLower, n_,
                                v + i * call_.n * call_.n, n_, w + i * call_.n, work.data(), size,
                                info() + i),
                "cusolverDnDsyevd");
}

// x_t -> u_t, v, s, info; gesvd gives V' down columns, which is V here.
void Run::svd() {
  const SolverSession at;
  const Scratch<double> a(call_.n * call_.m);
  int size = 0;
  checkSolver(at.solver.gesvdSize(at.handle, m_, n_, &size), "cusolverDnDgesvd_bufferSize");
  const Scratch<double> work(size);
  for (int i = 0; i < count_; ++i) {
    copy(a.data(), numbers(0) + i * call_.n * call_.m, call_.n * call_.m);
    checkSolver(at.solver.gesvd(at.handle, 'S', 'S', m_, n_, a.data(), m_, numbers(3) + i * call_.n,
                                numbers(1) + i * call_.n * call_.m, m_,
                                numbers(2) + i * call_.n * call_.n, n_, work.data(), size, nullptr,
                                info() + i),
                "cusolverDnDgesvd");
  }
}

} // namespace

void SolverCall::enqueue(void* const* pointers) const {
  using Method = void (Run::*)();
  constexpr Method methods[] = {
      &Run::cholesky, &Run::triangularSolve, &Run::solve, &Run::lu, &Run::qr, &Run::eigh,
      &Run::svd};
  Run run(*this, pointers);
  ++counters().libraryCalls;
  (run.*methods[static_cast<size_t>(routine)])();
}

} // namespace diptych::runtime::cuda
