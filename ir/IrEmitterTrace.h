// What the values of a trace share: the emitter while it lives, and the handles given out.
#pragma once

#include "ir/IrEmitter.h"

namespace diptych::ir::detail {

struct Trace {
  explicit Trace(IrEmitter* emitter) : emitter(emitter) {}
  IrEmitter* emitter; // null when the trace is over
  llvm::DenseMap<mlir::Value, IrValue*> handles;
};

} // namespace diptych::ir::detail
