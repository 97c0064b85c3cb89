// ptxas as a judge of PTX: whether it assembles, and whether registers spill.
#pragma once

#include <string>

namespace diptych::suite {

/// Where ptxas is; empty where the CUDA toolkit is not installed.
std::string assembler();

struct Assembled {
  std::string problem; // empty: it assembled
  int kernels = 0, registers = 0, spillBytes = 0;
};
Assembled assemble(const std::string& ptx, const std::string& architecture);

} // namespace diptych::suite
