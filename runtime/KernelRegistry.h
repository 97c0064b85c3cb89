// Finds the eager kernel of an operator: the table for this CPU, and an O(1) look-up in it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ir/Fused.h"
#include "runtime/KernelAbi.h"

namespace diptych::runtime {

class KernelRegistry {
public:
  /// The kernels for this CPU; the instruction set can be lowered with env DIPTYCH_CPU=v3.
  /// Throws Error on a CPU below x86-64-v3.
  static const KernelRegistry& current();
  /// Which set that is: "x86-64-v3" or "x86-64-v4". Throws as current().
  static const char* builtInLevel();

  explicit KernelRegistry(std::span<const KernelEntry> entries);

  /// Null where there is none.
  KernelFn find(OpCode code, DType in, DType out, uint8_t variant) const {
    return slots_[slot(code, in, out, variant)];
  }
  /// Throws Error where there is none: every kernel the launchers ask for is generated.
  KernelFn get(OpCode code, DType in, DType out, uint8_t variant) const {
    KernelFn kernel = find(code, in, out, variant);
    if (!kernel)
      missing(code, in, out, variant);
    return kernel;
  }
  /// Those of a fused function. Throws Error where there are none.
  struct Passes {
    KernelFn back, forth;
  };
  Passes get(Fused code) const;

private:
  friend class KernelRegistryOverride;
  // contiguous, one or two of three inputs repeated; kRows and what follows it
  static constexpr size_t kBits = 7, kVariants = kBits + kLastVariant - kRows + 1;
  static size_t slot(OpCode code, DType in, DType out, uint8_t variant) {
    const size_t index = variant < kRows ? variant : variant - kRows + kBits;
    return ((static_cast<size_t>(code) * kDTypeCount + static_cast<size_t>(in)) * kDTypeCount +
            static_cast<size_t>(out)) *
               kVariants +
           index;
  }
  [[noreturn]] static void missing(OpCode code, DType in, DType out, uint8_t variant);

  std::unique_ptr<KernelFn[]> slots_;
  std::vector<KernelFn> passes_; // of fused functions, two each
};

/// Makes another registry current, on every thread, for a scope: tests bring their own kernels.
class KernelRegistryOverride {
public:
  explicit KernelRegistryOverride(const KernelRegistry& registry);
  ~KernelRegistryOverride();
  KernelRegistryOverride(const KernelRegistryOverride&) = delete;

private:
  const KernelRegistry* previous_;
};

} // namespace diptych::runtime
