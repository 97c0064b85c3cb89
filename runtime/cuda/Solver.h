// cuSOLVER, opened at run time, and the batched solvers of cuBLAS: factorisations of stacks of f64
// matrices on the device. Their order of operations is their own: only programs of numerics
// `standard` ask for them. Signs, halves that do not count and what is not finite are left to the
// kernels around (passes/CallSolvers).
#pragma once

#include "runtime/cuda/Blas.h"
#include "runtime/cuda/SolverCall.h"

namespace diptych::runtime::cuda {

struct SolverHandle; // cusolverDnContext
struct JacobiInfo;   // syevjInfo

constexpr int kEigenvectors = 1; // cusolverEigMode_t

/// Functions of cuSOLVER that we use; status 0 is success. `info` is the device's, as is all data.
struct Solver {
  int (*create)(SolverHandle** handle) = nullptr;
  int (*setStream)(SolverHandle* handle, DriverStream* stream) = nullptr;
  int (*potrfSize)(SolverHandle* handle, int triangle, int n, double* a, int lda,
                   int* elements) = nullptr;
  int (*potrf)(SolverHandle* handle, int triangle, int n, double* a, int lda, double* work,
               int elements, int* info) = nullptr;
  int (*potrfBatched)(SolverHandle* handle, int triangle, int n, double** a, int lda, int* info,
                      int count) = nullptr;
  int (*getrfSize)(SolverHandle* handle, int m, int n, double* a, int lda, int* elements) = nullptr;
  int (*getrf)(SolverHandle* handle, int m, int n, double* a, int lda, double* work, int* pivots,
               int* info) = nullptr;
  int (*getrs)(SolverHandle* handle, int trans, int n, int columns, const double* a, int lda,
               const int* pivots, double* b, int ldb, int* info) = nullptr;
  int (*geqrfSize)(SolverHandle* handle, int m, int n, double* a, int lda, int* elements) = nullptr;
  int (*geqrf)(SolverHandle* handle, int m, int n, double* a, int lda, double* tau, double* work,
               int elements, int* info) = nullptr;
  int (*orgqrSize)(SolverHandle* handle, int m, int n, int k, const double* a, int lda,
                   const double* tau, int* elements) = nullptr;
  int (*orgqr)(SolverHandle* handle, int m, int n, int k, double* a, int lda, const double* tau,
               double* work, int elements, int* info) = nullptr;
  int (*syevdSize)(SolverHandle* handle, int vectors, int triangle, int n, const double* a, int lda,
                   const double* w, int* elements) = nullptr;
  int (*syevd)(SolverHandle* handle, int vectors, int triangle, int n, double* a, int lda,
               double* w, double* work, int elements, int* info) = nullptr;
  int (*jacobiCreate)(JacobiInfo** info) = nullptr;
  int (*syevjBatchedSize)(SolverHandle* handle, int vectors, int triangle, int n, const double* a,
                          int lda, const double* w, int* elements, JacobiInfo* jacobi,
                          int count) = nullptr;
  int (*syevjBatched)(SolverHandle* handle, int vectors, int triangle, int n, double* a, int lda,
                      double* w, double* work, int elements, int* info, JacobiInfo* jacobi,
                      int count) = nullptr;
  int (*gesvdSize)(SolverHandle* handle, int m, int n, int* elements) = nullptr;
  int (*gesvd)(SolverHandle* handle, signed char u, signed char v, int m, int n, double* a, int lda,
               double* s, double* uTo, int ldu, double* vTo, int ldv, double* work, int elements,
               double* real, int* info) = nullptr;
};

/// Opens the library; for tests also where there is no device.
bool openSolver(Solver& table, std::string& why);
/// Null, with why, where cuSOLVER or cuBLAS is not there. On the simulated device: a simulated one.
const Solver* findSolver(std::string& why);

const Solver& simulatedSolver();

} // namespace diptych::runtime::cuda
