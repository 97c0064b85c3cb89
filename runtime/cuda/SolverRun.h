// cuSOLVER's one handle while a thread uses it. Internal to Solver*.cpp.
#pragma once

#include "runtime/cuda/Solver.h"

#include <mutex>

namespace diptych::runtime::cuda {

void checkSolver(int status, const char* call);

/// The handle, on the current stream; other threads wait.
class SolverSession {
  std::unique_lock<std::mutex> lock_;

public:
  SolverSession();

  const Solver& solver;
  SolverHandle* handle = nullptr;
  JacobiInfo* jacobi = nullptr;
};

} // namespace diptych::runtime::cuda
