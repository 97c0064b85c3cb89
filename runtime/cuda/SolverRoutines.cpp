// What each routine asks of the libraries. They go down columns, so a row-major matrix is its
// transpose to them: an upper triangle there is a lower one here. A routine takes its memory before
// it does anything, so that running it as far as that says how much it needs.
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"
#include "runtime/cuda/SolverRun.h"

#include <algorithm>
#include <vector>

namespace diptych::runtime::cuda {

namespace {

/// Memory of the device for the time of a call, piece after piece; or only how much that is.
class Workspace {
public:
  Workspace() = default;
  explicit Workspace(void* first) : first_(static_cast<std::byte*>(first)), measures_(false) {}

  template <class T> T* take(int64_t elements) {
    constexpr int64_t kAlignment = 256;
    T* taken = measures_ ? nullptr : reinterpret_cast<T*>(first_ + used_);
    const int64_t bytes = elements * static_cast<int64_t>(sizeof(T));
    used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return taken;
  }
  bool measures() const { return measures_; }
  int64_t used() const { return used_; }

private:
  std::byte* first_ = nullptr;
  bool measures_ = true;
  int64_t used_ = 0;
};

/// Addresses of matrices that lie `stride` elements apart, as batched routines want them.
void spell(double** addresses, double* first, int64_t stride, int64_t count) {
  std::vector<double*> all;
  for (int64_t i = 0; i < count; ++i)
    all.push_back(first + i * stride);
  copyToDevice(reinterpret_cast<std::byte*>(addresses), all.data(),
               count * static_cast<int64_t>(sizeof(double*)));
}

template <class T> void copy(T* to, const T* from, int64_t elements) {
  copyOnDevice(reinterpret_cast<std::byte*>(to), reinterpret_cast<const std::byte*>(from),
               elements * static_cast<int64_t>(sizeof(T)));
}

/// One call: its sizes as the libraries count, and its pointers.
class Run {
public:
  Run(const SolverCall& call, void* const* pointers, Workspace& workspace)
      : call_(call), pointers_(pointers), workspace_(workspace), n_(static_cast<int>(call.n)),
        m_(static_cast<int>(call.m)), count_(static_cast<int>(call.count)) {}

  void cholesky();
  void triangularSolve();
  void solve();
  void lu();
  void qr();
  void eigh();
  void svd();

private:
  double* numbers(size_t i) const { return static_cast<double*>(at(i)); }
  int* integers(size_t i) const { return static_cast<int*>(at(i)); }
  void* at(size_t i) const { return workspace_.measures() ? nullptr : pointers_[i]; }
  int* info() const { return integers(*call_.info); }
  /// Elements of a stack of matrices.
  int64_t square() const { return call_.count * call_.n * call_.n; }
  int64_t oblong() const { return call_.count * call_.n * call_.m; }

  /// LU of all matrices, in place.
  void factor(double* a, int* pivots, int* info);

  const SolverCall& call_;
  void* const* pointers_;
  Workspace& workspace_;
  int n_, m_, count_;
};

// x -> l, info
void Run::cholesky() {
  double* l = numbers(1);
  const SolverSession at;
  if (call_.batched) {
    auto** all = workspace_.take<double*>(call_.count);
    if (workspace_.measures())
      return;
    copy(l, numbers(0), square());
    spell(all, l, call_.n * call_.n, call_.count);
    return checkSolver(at.solver.potrfBatched(at.handle, blas::kUpper, n_, all, n_, info(), count_),
                       "cusolverDnDpotrfBatched");
  }
  int size = 0;
  checkSolver(at.solver.potrfSize(at.handle, blas::kUpper, n_, l, n_, &size),
              "cusolverDnDpotrf_bufferSize");
  auto* work = workspace_.take<double>(size);
  if (workspace_.measures())
    return;
  copy(l, numbers(0), square());
  for (int i = 0; i < count_; ++i, l += call_.n * call_.n)
    checkSolver(at.solver.potrf(at.handle, blas::kUpper, n_, l, n_, work, size, info() + i),
                "cusolverDnDpotrf");
}

// a, b, info -> x, info. In the library's terms X' A' = B', where A' has the other triangle.
void Run::triangularSolve() {
  const double one = 1;
  double *a = numbers(0), *x = numbers(3);
  const int64_t addresses = call_.batched ? call_.count : 0;
  auto **as = workspace_.take<double*>(addresses), **xs = workspace_.take<double*>(addresses);
  if (workspace_.measures())
    return;
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
  spell(as, a, call_.n * call_.n, call_.count);
  spell(xs, x, call_.n * call_.m, call_.count);
  withBlas([&](const Blas& blas, BlasHandle* handle) {
    checkBlas(blas.trsmBatched(handle, blas::kRight, triangle, trans, call_.unit ? blas::kUnit : 0,
                               m_, n_, &one, as, n_, xs, m_, count_),
              "cublasDtrsmBatched");
  });
}

void Run::factor(double* a, int* pivots, int* info) {
  if (call_.batched) {
    auto** all = workspace_.take<double*>(call_.count);
    if (workspace_.measures())
      return;
    spell(all, a, call_.n * call_.n, call_.count);
    return withBlas([&](const Blas& blas, BlasHandle* handle) {
      checkBlas(blas.getrfBatched(handle, n_, all, n_, pivots, info, count_),
                "cublasDgetrfBatched");
    });
  }
  const SolverSession at;
  int size = 0;
  checkSolver(at.solver.getrfSize(at.handle, n_, n_, a, n_, &size), "cusolverDnDgetrf_bufferSize");
  auto* work = workspace_.take<double>(size);
  if (workspace_.measures())
    return;
  for (int i = 0; i < count_; ++i, a += call_.n * call_.n)
    checkSolver(at.solver.getrf(at.handle, n_, n_, a, n_, work, pivots + i * n_, info + i),
                "cusolverDnDgetrf");
}

// a, b_t -> x_t, info. What is factored is a' there, so a X = B is solved with its transpose.
void Run::solve() {
  double *x = numbers(2), *factors = workspace_.take<double>(square());
  auto *pivots = workspace_.take<int>(call_.count * call_.n), *argument = workspace_.take<int>(1);
  const int64_t addresses = call_.batched ? call_.count : 0;
  auto **as = workspace_.take<double*>(addresses), **xs = workspace_.take<double*>(addresses);
  if (!workspace_.measures()) {
    copy(x, numbers(1), oblong());
    copy(factors, numbers(0), square());
  }
  factor(factors, pivots, info());
  if (workspace_.measures())
    return;
  const int trans = call_.transposed ? blas::kAsIs : blas::kTransposed;
  if (call_.batched) {
    spell(as, factors, call_.n * call_.n, call_.count);
    spell(xs, x, call_.n * call_.m, call_.count);
    return withBlas([&](const Blas& blas, BlasHandle* handle) {
      int invalid = 0;
      checkBlas(blas.getrsBatched(handle, trans, n_, m_, as, n_, pivots, xs, n_, &invalid, count_),
                "cublasDgetrsBatched");
    });
  }
  const SolverSession at;
  for (int i = 0; i < count_; ++i)
    checkSolver(at.solver.getrs(at.handle, trans, n_, m_, factors + i * call_.n * call_.n, n_,
                                pivots + i * n_, x + i * call_.n * call_.m, n_, argument),
                "cusolverDnDgetrs");
}

// x -> lu_t, pivots
void Run::lu() {
  auto* infos = workspace_.take<int>(call_.count);
  if (!workspace_.measures())
    copy(numbers(1), numbers(0), square());
  factor(numbers(1), integers(2), infos);
}

// x_t -> r_t, q_t
void Run::qr() {
  const SolverSession at;
  double *r = numbers(1), *q = numbers(2);
  auto* tau = workspace_.take<double>(call_.n);
  auto* argument = workspace_.take<int>(1);
  int factoring = 0, forming = 0;
  checkSolver(at.solver.geqrfSize(at.handle, m_, n_, r, m_, &factoring),
              "cusolverDnDgeqrf_bufferSize");
  checkSolver(at.solver.orgqrSize(at.handle, m_, n_, n_, q, m_, tau, &forming),
              "cusolverDnDorgqr_bufferSize");
  auto* work = workspace_.take<double>(std::max(factoring, forming));
  if (workspace_.measures())
    return;
  copy(r, numbers(0), oblong());
  for (int i = 0; i < count_; ++i, r += call_.n * call_.m, q += call_.n * call_.m) {
    checkSolver(at.solver.geqrf(at.handle, m_, n_, r, m_, tau, work, factoring, argument),
                "cusolverDnDgeqrf");
    copy(q, r, call_.n * call_.m);
    checkSolver(at.solver.orgqr(at.handle, m_, n_, n_, q, m_, tau, work, forming, argument),
                "cusolverDnDorgqr");
  }
}

// x -> v_t, w, info
void Run::eigh() {
  const SolverSession at;
  double *v = numbers(1), *w = numbers(2);
  int size = 0;
  if (call_.batched) {
    checkSolver(at.solver.syevjBatchedSize(at.handle, kEigenvectors, blas::kLower, n_, v, n_, w,
                                           &size, at.jacobi, count_),
                "cusolverDnDsyevjBatched_bufferSize");
    auto* work = workspace_.take<double>(size);
    if (workspace_.measures())
      return;
    copy(v, numbers(0), square());
    return checkSolver(at.solver.syevjBatched(at.handle, kEigenvectors, blas::kLower, n_, v, n_, w,
                                              work, size, info(), at.jacobi, count_),
                       "cusolverDnDsyevjBatched");
  }
  checkSolver(at.solver.syevdSize(at.handle, kEigenvectors, blas::kLower, n_, v, n_, w, &size),
              "cusolverDnDsyevd_bufferSize");
  auto* work = workspace_.take<double>(size);
  if (workspace_.measures())
    return;
  copy(v, numbers(0), square());
  for (int i = 0; i < count_; ++i)
    checkSolver(at.solver.syevd(at.handle, kEigenvectors, blas::kLower, n_,
                                v + i * call_.n * call_.n, n_, w + i * call_.n, work, size,
                                info() + i),
                "cusolverDnDsyevd");
}

// x_t -> u_t, v, s, info; gesvd gives V' down columns, which is V here.
void Run::svd() {
  const SolverSession at;
  auto* a = workspace_.take<double>(call_.n * call_.m);
  int size = 0;
  checkSolver(at.solver.gesvdSize(at.handle, m_, n_, &size), "cusolverDnDgesvd_bufferSize");
  auto* work = workspace_.take<double>(size);
  if (workspace_.measures())
    return;
  for (int i = 0; i < count_; ++i) {
    copy(a, numbers(0) + i * call_.n * call_.m, call_.n * call_.m);
    checkSolver(at.solver.gesvd(at.handle, 'S', 'S', m_, n_, a, m_, numbers(3) + i * call_.n,
                                numbers(1) + i * call_.n * call_.m, m_,
                                numbers(2) + i * call_.n * call_.n, n_, work, size, nullptr,
                                info() + i),
                "cusolverDnDgesvd");
  }
}

void runRoutine(const SolverCall& call, void* const* pointers, Workspace& workspace) {
  using Method = void (Run::*)();
  constexpr Method methods[] = {
      &Run::cholesky, &Run::triangularSolve, &Run::solve, &Run::lu, &Run::qr, &Run::eigh,
      &Run::svd};
  Run run(call, pointers, workspace);
  (run.*methods[static_cast<size_t>(call.routine)])();
}

} // namespace

int64_t SolverCall::workspaceBytes() const {
  Workspace workspace;
  runRoutine(*this, nullptr, workspace);
  return workspace.used();
}

void SolverCall::enqueue(void* const* pointers, void* memory) const {
  Workspace workspace(memory);
  ++counters().libraryCalls;
  runRoutine(*this, pointers, workspace);
}

} // namespace diptych::runtime::cuda
