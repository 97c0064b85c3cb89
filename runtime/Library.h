// Operators whose kernel is a C++ function of runtime/library: how it is called for operands of
// given types, and what its status means. Eager mode, compiled programs and tests call the same
// function, so they give the same bits.
#pragma once

#include "runtime/KernelAbi.h"
#include "runtime/library/kernels/Status.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace diptych::runtime {

/// One application of a library operator. Its types fit: they were inferred before.
struct LibraryProblem {
  const OpInfo& op;
  std::span<const TensorType> operands;
  const TensorType& result;
  const Attrs& attrs;

  DType dtype() const { return operands[0].dtype; }
};

/// How the kernel is called. Its args are the operands and the result, contiguous and not
/// overlapping, then the i64 status where `failure` is set. Results must not depend on the
/// range they are computed in, and a kernel throws nothing.
struct LibraryCall {
  KernelFn kernel = nullptr;
  int64_t range = 1; // independent problems
  int64_t steps = 1; // of a problem, between which it can be cut
  double work = 1;   // operations of a problem, roughly
  std::vector<int64_t> params;
  /// Bytes of memory that the kernel asks for in between, at most: an artefact's caller brings
  /// them. Each block counts with 64 bytes before it, rounded up to 64 (aot/library/Scratch.h).
  int64_t scratch = 0;
  /// What to say of a problem that failed ("matrix 3 is not positive definite: ..."), by its number
  /// and what the kernel told of it; -1, -1: of any.
  std::function<std::string(int64_t problem, int64_t detail)> failure = {};

  /// The kernel gets some of them as [lo, hi).
  int64_t allSteps() const { return range * steps; }
  /// Least number of steps worth a piece of their own, if `pieceWork` operations are.
  int64_t grain(double pieceWork) const;
};

/// Asks the operator's own function, which LIBRARY defines.
LibraryCall libraryCall(const LibraryProblem& problem);

/// What the status says; it is not 0.
std::string failureText(const LibraryCall& call, int64_t status);

/// LIBRARY(Argsort) { return {...}; } in runtime/library. One that is missing fails at link time,
/// by name.
#define LIBRARY(OP) LibraryCall library##OP([[maybe_unused]] const LibraryProblem& p)

#include "runtime/Library.h.inc"

/// The instance of a kernel template for a dtype: pick<Kernel, float, double>(dtype), where
/// Kernel<T>::run is a KernelFn.
template <template <class> class Kernel, class... Ts> KernelFn pick(DType dtype) {
  KernelFn found = nullptr;
  ((dtype == dtypeOf<Ts> ? void(found = &Kernel<Ts>::run) : void()), ...);
  if (!found)
    throw Error(std::string("internal: no library kernel for ") + name(dtype));
  return found;
}

} // namespace diptych::runtime
