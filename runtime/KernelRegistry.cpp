// The generated tables and the choice between them.
#include "runtime/KernelRegistry.h"

#include "ir/FusedTable.h"

#include <atomic>
#include <cstdlib>
#include <string>

// Written by diptych-kernelgen.
extern "C" {
extern const diptych::runtime::KernelEntry diptych_kernel_table_v3[], diptych_kernel_table_v4[];
extern const int64_t diptych_kernel_count_v3, diptych_kernel_count_v4;
}

namespace diptych::runtime {

namespace {

std::atomic<const KernelRegistry*> installed{nullptr};

bool hasV3() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

bool hasV4() {
#if defined(__x86_64__)
  return hasV3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512cd");
#else
  return false;
#endif
}

bool wantsV4() {
  if (!hasV3())
    throw Error("this CPU has no AVX2 and FMA (x86-64-v3), which the kernels of this build need; "
                "run on a CPU of 2013 or later");
  const char* text = std::getenv("DIPTYCH_CPU");
  const std::string choice = text ? text : "";
  if (choice == "v3")
    return false;
  if (choice == "v4" && !hasV4())
    throw Error("DIPTYCH_CPU=v4: this CPU has no AVX-512 F, CD, DQ, BW and VL; unset it or use v3");
  if (!choice.empty() && choice != "v4")
    throw Error("DIPTYCH_CPU: expected v3 or v4, got \"" + choice +
                "\"; unset it to let us choose");
  return hasV4();
}

std::span<const KernelEntry> tableForThisCpu() {
  if (wantsV4())
    return {diptych_kernel_table_v4, static_cast<size_t>(diptych_kernel_count_v4)};
  return {diptych_kernel_table_v3, static_cast<size_t>(diptych_kernel_count_v3)};
}

const KernelRegistry& builtIn() {
  // Never destroyed: destructors of static objects may compute.
  static const auto* registry = new KernelRegistry(tableForThisCpu());
  return *registry;
}

} // namespace

const KernelRegistry& KernelRegistry::current() {
  const KernelRegistry* registry = installed.load(std::memory_order_acquire);
  return registry ? *registry : builtIn();
}

const char* KernelRegistry::builtInLevel() { return wantsV4() ? "x86-64-v4" : "x86-64-v3"; }

KernelRegistry::KernelRegistry(std::span<const KernelEntry> entries)
    : slots_(new KernelFn[allOperators().size() * kDTypeCount * kDTypeCount * kVariants]()),
      passes_(2 * allFused().size()) {
  for (const KernelEntry& entry : entries) {
    if (const size_t pass = entry.code - allOperators().size(); pass < passes_.size()) {
      passes_[pass] = entry.function;
      continue;
    }
    if (entry.code >= allOperators().size() || entry.in >= kDTypeCount ||
        entry.out >= kDTypeCount || (entry.variant >= kBits && entry.variant < kRows) ||
        entry.variant > kLastVariant)
      throw Error("internal: the table of eager kernels does not fit the operator table");
    slots_[slot(static_cast<OpCode>(entry.code), static_cast<DType>(entry.in),
                static_cast<DType>(entry.out), entry.variant)] = entry.function;
  }
}

void KernelRegistry::missing(OpCode code, DType in, DType out, uint8_t variant) {
  throw Error(std::string("internal: no kernel for ") + info(code).name + " from " + name(in) +
              " to " + name(out) + ", variant " + std::to_string(variant));
}

KernelRegistry::Passes KernelRegistry::get(Fused code) const {
  const size_t first = 2 * static_cast<size_t>(code);
  const Passes passes{passes_[first], passes_[first + 1]};
  if (!passes.back || !passes.forth)
    throw Error(std::string("internal: no kernels for ") + info(code).forth.name);
  return passes;
}

KernelRegistryOverride::KernelRegistryOverride(const KernelRegistry& registry)
    : previous_(installed.exchange(&registry)) {}
KernelRegistryOverride::~KernelRegistryOverride() { installed.store(previous_); }

} // namespace diptych::runtime
