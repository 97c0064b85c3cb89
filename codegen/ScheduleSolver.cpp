// Routines of a GPU's solver library as calls.
#include "codegen/Scheduler.h"

#include "runtime/Library.h"

namespace diptych::codegen {

using runtime::cuda::SolverCall;

// What the operator's own kernel would say of a matrix that failed; its routine has its name.
static runtime::LibraryCall failureOf(ir::SolverOp op) {
  const OpInfo* info = findOperator(op.getRoutine().str());
  const TensorType type = ir::tensorTypeOf(*op.getChecked());
  const TensorType types[] = {type, type};
  Attrs attrs;
  attrs.set(AttrField::check);
  if (!info)
    throw Error("internal: the routine " + op.getRoutine().str() +
                " is no operator and can't fail");
  return runtime::libraryCall({*info, types, type, attrs});
}

static SolverCall callOf(ir::SolverOp op) {
  const auto routine = SolverCall::routineNamed(op.getRoutine().str());
  if (!routine)
    throw Error("internal: unknown routine " + op.getRoutine().str());
  const Shape shape = ir::tensorTypeOf(op.getInputs()[0].getType()).shape;
  SolverCall call;
  call.routine = *routine;
  call.count = shape[0];
  call.n = shape[1];
  call.m = shape[2];
  if (*routine == SolverCall::Routine::triangularSolve)
    call.m = ir::tensorTypeOf(op.getInputs()[1].getType()).shape[2];
  if (*routine == SolverCall::Routine::solve)
    call.m = ir::tensorTypeOf(op.getInputs()[1].getType()).shape[1];
  call.lower = op.getLower();
  call.transposed = op.getTransposed();
  call.unit = op.getUnit();
  call.batched = ir::SolverOp::isBatched(op.getRoutine(), call.count, call.n);
  const size_t last = op->getNumOperands() + op->getNumResults() - 1;
  if (*routine != SolverCall::Routine::lu && *routine != SolverCall::Routine::qr)
    call.info = last;
  return call;
}

void Scheduler::solver(ir::SolverOp op) {
  ScheduledCall call;
  call.solver = callOf(op);
  call.name = op.getRoutine().str();
  for (mlir::Value operand : op->getOperands())
    call.buffers.push_back(wholeBuffer(at(operand)).buffer);
  for (mlir::Value result : op->getResults()) {
    storages_[result] = newStorage(ir::tensorTypeOf(result.getType()));
    call.buffers.push_back(storages_[result].buffer);
  }
  const SolverCall& own = *call.solver;
  call.flops = static_cast<double>(own.count * own.n * own.n) * static_cast<double>(own.n + own.m);
  if (op.getChecked()) {
    runtime::LibraryCall failing = failureOf(op);
    call.failure = failing.failure(-1, -1);
    call.status = [failing = std::move(failing)](int64_t status, void* const*) {
      return runtime::failureText(failing, status);
    };
  }
  this->call(std::move(call));
}

} // namespace diptych::codegen
