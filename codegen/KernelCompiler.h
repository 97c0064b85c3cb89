// Machine code for kernel descriptions, compiled once a process and CPU. Owns the ORC session.
#pragma once

#include "codegen/KernelSpec.h"
#include "codegen/ObjectCache.h"
#include "codegen/Schedule.h"
#include "runtime/Program.h"

#include <memory>

namespace diptych::codegen {

/// Seconds by stage, and what was compiled.
struct KernelTimes {
  double emit = 0, lower = 0, translate = 0, codegen = 0, link = 0;
  double load = 0; // reading and writing the cache on disk
  int64_t compiled = 0, reused = 0, loaded = 0, objectBytes = 0;
};

class Target;

class KernelCompiler {
public:
  /// The compiler for this machine's CPU, made at first use.
  static KernelCompiler& native();

  /// One function for each description, in order; equal descriptions share one. Safe to call from
  /// several threads. Code lives as long as the process; if `persistent`, its objects are also
  /// kept on disk (ObjectCache) and looked for there first.
  std::vector<runtime::KernelFn> compile(std::span<const KernelSpec* const> kernels,
                                         bool persistent, KernelTimes& times);
  const Target& target() const;

  /// The kernels as text: "kernels" (MLIR), "llvm" (LLVM IR) or "asm".
  std::string print(std::span<const KernelSpec* const> kernels, const std::string& stage);

  ~KernelCompiler();

private:
  KernelCompiler();
  Objects objectsOf(std::span<const KernelSpec* const> kernels, std::span<const std::string> texts,
                    bool persistent, KernelTimes& times);
  void link(Objects objects, std::span<const std::string> texts, KernelTimes& times);

  struct State;
  std::unique_ptr<State> state_;
};

/// Gives a step the kernel of its call; asked in the order of kernelsOf.
using SetKernel = std::function<void(const ScheduledCall& call, runtime::ProgramStep& step)>;
std::shared_ptr<runtime::Program> assembleWith(const Schedule& schedule,
                                               const SetKernel& setKernel);

/// The schedule with code behind it.
std::shared_ptr<runtime::Program> assemble(const Schedule& schedule, bool persistent,
                                           KernelTimes& times);

} // namespace diptych::codegen
