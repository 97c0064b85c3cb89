// What the simulated cuBLAS and cuSOLVER share. Internal to Simulated*.cpp.
#pragma once

#include "runtime/cuda/SimulatedDriver.h"
#include "runtime/cuda/Solver.h"

namespace diptych::runtime::cuda {

struct BlasHandle {
  DriverStream* stream = nullptr;
  bool hasWorkspace = false;
};

namespace simulated {

/// The part of cuBLAS that solves.
void addSolvers(Blas& blas);

} // namespace simulated
} // namespace diptych::runtime::cuda
