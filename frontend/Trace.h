// Tracing: a function of values becomes a function of the dialect. Eager tensors it uses become
// inputs. Differentiates nothing, compiles nothing.
#pragma once

#include "ir/IrEmitter.h"

namespace diptych {

/// Whether this thread may still make or compile traces: not while it ends.
bool canTrace();
/// The context all traces live in; guarded by traceMutex().
mlir::MLIRContext& traceContext();
/// Held while anything in traceContext() is made or changed. Recursive: a trace may run user code
/// that calls jit.
std::recursive_mutex& traceMutex();

/// A module whose function @main is the trace; captured tensors are its last arguments.
struct TracedModule {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Values captures;

  mlir::func::FuncOp main() const;
};

/// Runs f on traced values of these types. If f throws, nothing is left.
TracedModule traceFunction(const Function& f, std::span<const TensorType> inputs);

} // namespace diptych
