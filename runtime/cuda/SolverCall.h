// A step of a program that a solver library does, as plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace diptych::runtime::cuda {

/// A diptych.solver operation (ir/Dialect.td), whose inputs and results are the pointers, in order.
struct SolverCall {
  enum class Routine : uint8_t { cholesky, triangularSolve, solve, lu, qr, eigh, svd };
  static std::optional<Routine> routineNamed(std::string_view name);

  Routine routine = Routine::cholesky;
  int64_t count = 1;
  int64_t n = 0; // order, or columns of what qr and svd take
  int64_t m = 0; // columns of right sides, or rows of what qr and svd take
  bool lower = false, transposed = false, unit = false;
  bool batched = false;       // one call for all matrices, for routines that can
  std::optional<size_t> info; // the pointer to an i32 for each matrix

  /// Memory of the device that it needs beside its pointers, as the libraries say.
  int64_t workspaceBytes() const;
  /// Enqueues it; not to be captured, since cuSOLVER may wait.
  void enqueue(void* const* pointers, void* workspace) const;
  int64_t infoBytes() const { return count * 4; }
};

/// The status that a kernel of runtime/library would have reported: of the first matrix whose info
/// is not 0.
int64_t statusOf(std::span<const int32_t> infos);

} // namespace diptych::runtime::cuda
