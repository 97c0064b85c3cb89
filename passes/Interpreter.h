// The meaning of the dialect: replays a function through the current emitter, one operator at a
// time. Knows no operator; what an operator does is the emitter's to know.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <diptych/Value.h>

#include "ir/Dialect.h"
#include "ir/Emitter.h"

namespace diptych::passes {

/// Results of the function at `inputs`. Fusions run as their bodies; vjp and jvp go to the emitter
/// with the callee as a function of values. Throws Error with the line of the operation that
/// failed.
Values interpret(mlir::func::FuncOp function, ValueSpan inputs);

/// The function a custom operation calls and its rules, replayed wherever they are used; with the
/// values each of the three captured.
std::shared_ptr<const CustomFunction> customFunctionOf(ir::CustomOp op, const Values& captured,
                                                       const Values& vjpCaptured,
                                                       const Values& jvpCaptured);

/// What a scan, while or cond repeats or chooses; needs the operation no longer.
std::shared_ptr<const ControlFlow> controlFlowOf(mlir::Operation* op);

} // namespace diptych::passes
