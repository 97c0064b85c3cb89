// A traced function behind machine code: compiled at first use, and so is every function derived
// from it. The only room-crossing class: it joins trace, passes, code generation and runtime.
#pragma once

#include <diptych/Jit.h>

#include "codegen/KernelCompiler.h"
#include "frontend/Trace.h"
#include "runtime/Program.h"
#include "runtime/cuda/DeviceProgram.h"

#include <atomic>
#include <map>
#include <mutex>

namespace diptych {

/// Stats of a jitted function, shared by all programs derived from it.
struct SharedStats {
  mutable std::mutex mutex;
  JitStats stats;
  std::atomic<const void*> latest{nullptr}; // the program whose run the stats describe
};

class JitProgram final : public Callee {
public:
  /// `module` holds the function @main, and what it calls.
  JitProgram(mlir::OwningOpRef<mlir::ModuleOp> module, const JitOptions& options,
             std::shared_ptr<SharedStats> stats);
  ~JitProgram() override;

  std::vector<TensorType> outputTypes() const override;
  Values run(ValueSpan inputs) override;
  std::vector<bool> reached(const std::vector<bool>& active) override;
  CalleeDerivative vjp(const Pull& pull) override;
  CalleeDerivative jvp(const std::vector<bool>& active) override;
  std::shared_ptr<Callee> batched(const std::vector<bool>& marked, int64_t batch) override;

  /// Plans results in the memory of these inputs where that can be; before it is prepared.
  void donate(std::vector<bool> inputs) { donated_ = std::move(inputs); }
  /// Runs and lets results take the memory of inputs that nobody else holds: their tensors can't be
  /// used any more, not even after an error. `handles`: on each input, by the caller and its user.
  Values runDonated(ValueSpan inputs, int handles, const SourceLocation& where);

  /// Counts what could have been donated.
  void keepDonations(bool onDevice);

  /// Compiles now rather than at the first run there.
  void prepare(bool onDevice = false);
  /// See JitFunction::ir.
  std::string text(const std::string& stage);
  JitProfile profile();

private:
  using Derive = std::function<CalleeDerivative()>;
  /// What was derived under the key, or is now.
  CalleeDerivative derived(const std::string& key, const Derive& derive);
  std::shared_ptr<Callee> deriveBatched(const std::vector<bool>& marked, int64_t batch);
  /// The module whose @main has become a derivative of it; `become` says which are there.
  CalleeDerivative
  derivative(const std::function<std::vector<bool>(mlir::func::FuncOp)>& become) const;
  /// A copy without derivatives that are asked for and not yet written down.
  mlir::OwningOpRef<mlir::ModuleOp> expanded() const;
  std::shared_ptr<Callee> make(mlir::OwningOpRef<mlir::ModuleOp> module) const;
  mlir::func::FuncOp main() const;

  mlir::OwningOpRef<mlir::ModuleOp> module_;
  JitOptions options_;
  std::vector<bool> donated_; // by input; empty: none
  std::shared_ptr<SharedStats> stats_;
  std::once_flag compiled_, compiledForDevice_;
  void planAgain(codegen::Schedule& schedule, bool onDevice) const;
  void note(const runtime::Program& plan, double firstRun);
  /// `takeover`: by output: a tensor in the memory of its donor, or null; empty: none.
  Values run(ValueSpan inputs, ValueSpan takeover);
  void countDonations(std::span<const int> donors, ValueSpan takeover);
  std::unique_ptr<runtime::ProgramRunner> runner_;
  std::unique_ptr<runtime::cuda::DeviceProgram> deviceProgram_;
  std::map<std::string, CalleeDerivative> derived_;
};

} // namespace diptych
