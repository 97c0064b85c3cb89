// The GPU kernels of eager mode as the build made them: PTX that any GPU from sm_80 on takes, a
// module for each operator, and how each kernel is launched. Knows no driver.
#pragma once

#include "ir/OpTable.h"
#include "runtime/cuda/LaunchSpec.h"

namespace diptych::runtime::cuda {

struct EagerPtxKernel {
  OpCode code = OpCode::Add;
  DType in = DType::f64, out = DType::f64;
  uint8_t variant = 0;
  int module = 0;
  LaunchSpec spec;
};

struct EagerPtxModule {
  int64_t textBytes = 0;
  std::string compressed; // zlib
};

/// What diptych-kernelgen writes and libdiptych reads.
struct EagerPtx {
  std::vector<EagerPtxModule> modules;
  std::vector<EagerPtxKernel> kernels;

  /// The PTX of a module, zero-terminated as every std::string.
  std::string text(int module) const;
  std::string serialised() const;
  /// Throws Error where the bytes are none of ours.
  static EagerPtx read(std::string_view bytes);
  static EagerPtxModule compress(const std::string& ptx);
};

/// What this library carries; null where it was built without.
const EagerPtx* embeddedEagerPtx();

} // namespace diptych::runtime::cuda
