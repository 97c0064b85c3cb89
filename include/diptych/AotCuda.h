// Ahead of time for GPUs: traced functions become one C file and a header, with machine code for
// several architectures and PTX inside. Compiled by any C compiler, they need NVIDIA's driver and
// nothing of Diptych's. See docs/aot.md. In libdiptych-compiler.
#pragma once

#include <diptych/Aot.h>

namespace diptych::aot {

struct CudaOptions {
  /// Begins every symbol, and names the files, NAME_cuda.c and NAME_cuda.h: a C identifier.
  std::string name;
  std::string directory = "."; // that there is
  /// As jit's. Under `strict` the artefact gives the CPU's bits. Otherwise large products are
  /// cuBLAS's where it is found at run time, and our own kernels' where it is not.
  Numerics numerics = Numerics::standard;
  /// Machine code for each, where nvJitLink is found now; PTX, which the driver compiles on any
  /// other GPU of capability 8.0 or later, is always there.
  std::vector<std::string> architectures = {"sm_80", "sm_90", "sm_100"};
  /// Names of the arguments, as in Options.
  std::vector<std::string> arguments = {};
};

/// What was written.
struct CudaArtefact {
  std::string source, header;             // paths
  std::vector<std::string> architectures; // of which machine code is inside
  std::string why;                        // where that is not all that were asked for
  std::vector<EntryInfo> entries;
};

namespace detail {
CudaArtefact compileCuda(std::vector<EntryRequest> entries, const CudaOptions& options,
                         const SourceLocation& where);
}

/// As aot::compile. Throws Error also for operators that run on the host, and for batches of open
/// size: these have no code for GPUs without Diptych yet. A function with a while loop or a branch
/// waits for its conditions when it is called; all others only enqueue. Captured tensors are
/// embedded.
template <class... Args>
CudaArtefact compile_cuda(std::initializer_list<std::type_identity_t<Entry<Args...>>> entries,
                          const std::tuple<Args...>& example_inputs, const CudaOptions& options,
                          std::source_location where = std::source_location::current()) {
  std::vector<detail::EntryRequest> requests;
  for (const Entry<Args...>& entry : entries)
    requests.push_back(entry.request(example_inputs));
  return detail::compileCuda(std::move(requests), options, where);
}

} // namespace diptych::aot
