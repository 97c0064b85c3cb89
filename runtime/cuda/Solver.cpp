// Finding cuSOLVER and its one handle.
#include "runtime/cuda/SolverRun.h"

#include "runtime/cuda/Context.h"
#include "runtime/cuda/OpenLibrary.h"
#include "runtime/library/kernels/Status.h"

#include <algorithm>
#include <array>

namespace diptych::runtime::cuda {

bool openSolver(Solver& table, std::string& why) {
  return openLibrary({"libcusolver.so.12", "libcusolver.so.11", "libcusolver.so"},
                     {{"cusolverDnCreate", table.create},
                      {"cusolverDnSetStream", table.setStream},
                      {"cusolverDnDpotrf_bufferSize", table.potrfSize},
                      {"cusolverDnDpotrf", table.potrf},
                      {"cusolverDnDpotrfBatched", table.potrfBatched},
                      {"cusolverDnDgetrf_bufferSize", table.getrfSize},
                      {"cusolverDnDgetrf", table.getrf},
                      {"cusolverDnDgetrs", table.getrs},
                      {"cusolverDnDgeqrf_bufferSize", table.geqrfSize},
                      {"cusolverDnDgeqrf", table.geqrf},
                      {"cusolverDnDorgqr_bufferSize", table.orgqrSize},
                      {"cusolverDnDorgqr", table.orgqr},
                      {"cusolverDnDsyevd_bufferSize", table.syevdSize},
                      {"cusolverDnDsyevd", table.syevd},
                      {"cusolverDnCreateSyevjInfo", table.jacobiCreate},
                      {"cusolverDnDsyevjBatched_bufferSize", table.syevjBatchedSize},
                      {"cusolverDnDsyevjBatched", table.syevjBatched},
                      {"cusolverDnDgesvd_bufferSize", table.gesvdSize},
                      {"cusolverDnDgesvd", table.gesvd}},
                     "11", why);
}

namespace {

struct Found : OpenedLibrary<Solver> {
  Found() : OpenedLibrary(simulatedSolver(), openSolver) {}

  SolverHandle* handle = nullptr;
  JacobiInfo* jacobi = nullptr;
};

Found& found() {
  static auto* made = new Found; // never destroyed, as the context
  return *made;
}

} // namespace

const Solver* findSolver(std::string& why) {
  if (isSwitchedOff("DIPTYCH_CUDA_SOLVER", why) || !findBlas(why))
    return nullptr;
  why = found().why;
  return found().functions;
}

void checkSolver(int status, const char* call) {
  checkLibrary(status, call, "DIPTYCH_CUDA_SOLVER");
}

SolverSession::SolverSession() : lock_(found().mutex), solver(*found().functions) {
  Found& all = found();
  if (!all.handle) {
    checkSolver(solver.create(&all.handle), "cusolverDnCreate");
    checkSolver(solver.jacobiCreate(&all.jacobi), "cusolverDnCreateSyevjInfo");
  }
  checkSolver(solver.setStream(all.handle, currentStream()), "cusolverDnSetStream");
  handle = all.handle;
  jacobi = all.jacobi;
}

std::optional<SolverCall::Routine> SolverCall::routineNamed(std::string_view name) {
  constexpr std::array<std::string_view, 7> names{
      "cholesky", "triangular_solve", "solve", "lu", "qr", "eigh", "svd"};
  const auto* at = std::find(names.begin(), names.end(), name);
  if (at == names.end())
    return std::nullopt;
  return static_cast<Routine>(at - names.begin());
}

int64_t statusOf(std::span<const int32_t> infos) {
  int64_t status = 0;
  for (size_t i = 0; i < infos.size(); ++i)
    if (infos[i] > 0)
      reportFailure(&status, static_cast<int64_t>(i), infos[i] - 1);
  return status;
}

} // namespace diptych::runtime::cuda
