// The passes of this room, as passes for tools and as functions for the compiler.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <diptych/Numerics.h>

#include "ir/Choices.h"
#include "ir/Dialect.h"

namespace diptych {
struct Pull;
}

namespace diptych::passes {

/// Folds, merges equal operations, erases dead ones; algebra too where numerics allow it.
void simplify(mlir::func::FuncOp function, Numerics numerics);
/// What becomes of the carries that a scan keeps for a reverse sweep. Before further derivatives
/// they stay all or none: a sweep that found only some would keep them a second time, and add
/// cotangents in another order than the tape, which has them all.
enum class Carries { wanted, done };
/// Erases operations whose results nobody uses; changes nothing else.
void eraseDeadOperations(mlir::func::FuncOp function, Carries carries = Carries::done);
/// Expands every vjp and jvp of the module, innermost first, and erases private functions nobody
/// uses any more. Throws Error where something can't be differentiated.
/// What is to be differentiated once more keeps its custom and checkpoint operations; otherwise the
/// functions they call come in their place.
enum class Calls : uint8_t { inlined, kept };
void differentiate(mlir::ModuleOp module, Numerics numerics, Calls calls = Calls::inlined);
/// The function becomes its derivative, as Callee's of these names, without results that are zero
/// for want of a way to them; returns which are there. It holds no derivative itself.
std::vector<bool> toVjp(mlir::func::FuncOp function, const Pull& pull, Numerics numerics);
std::vector<bool> toJvp(mlir::func::FuncOp function, const std::vector<bool>& active,
                        Numerics numerics);
/// Barriers have no meaning after CSE.
void eraseBarriers(mlir::func::FuncOp function);

/// Operators on bf16 and f16 become operators on f32 between conversions.
void widenHalves(mlir::func::FuncOp function);

/// Operators of linear algebra become routines of a GPU's solver library, with what makes their
/// results ours around them; true if anything was changed. Standard numerics only.
bool callSolvers(mlir::func::FuncOp function);

/// Sums over sums of products of smaller arrays become products of matrices, where an array of
/// at least `minBytes` need not be computed then; true if anything was changed. Standard numerics
/// only: terms are added in another order.
bool factorProducts(mlir::func::FuncOp function, int64_t minBytes = 1024);

/// Matrices that are zero but for a few diagonals become those; true if anything was changed.
/// Standard numerics only: what is infinite beside a zero leaves no NaN.
bool collectDiagonals(mlir::func::FuncOp function);

/// Takes numbers that are known late out of sums over rows, so that the rows need to be read only
/// once; true if anything was changed. Standard numerics only: sums are added in another order.
bool factorRows(mlir::func::FuncOp function, Choices* choices = nullptr);

/// Results that equal their transposes are not turned, and one half is computed of the products of
/// matrices that they are made of; true if anything was changed. Standard numerics only: the
/// transpose is the same but for rounding.
bool useSymmetry(mlir::func::FuncOp function);

struct FusionOptions {
  bool scans = true; // cumulative operators too, which CPUs compute in the order of the axis
  Choices* choices = nullptr;
};
/// Groups operators into diptych.fusion operations, one a kernel.
void formFusions(mlir::func::FuncOp function, const FusionOptions& options = {});

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace diptych::passes
