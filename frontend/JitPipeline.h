// The stages between a traced module and a schedule, each timed.
#pragma once

#include <diptych/Jit.h>

#include "codegen/Schedule.h"

#include "mlir/IR/BuiltinOps.h"

namespace diptych {

/// What a program is made for; `gpuWithSolvers`: linear algebra goes to a library of the GPU's.
enum class Processor { cpu, gpu, gpuWithSolvers };

/// Expands, simplifies, fuses and schedules @main of `module`, which is changed. Stops after
/// `until` ("differentiated", "simplified", "fused"; empty: all the way). Kernels are made for
/// registers of `vectorBytes`; 0: this machine's. `scratchPieces`: see codegen::ScheduleOptions.
/// `choices`: made by sizes, or repeated; with them rows are not grouped and memory is not planned.
codegen::Schedule runPipeline(mlir::ModuleOp module, Numerics numerics, JitStats& stats,
                              const std::string& until = "", int vectorBytes = 0,
                              int scratchPieces = 0, Choices* choices = nullptr,
                              Processor processor = Processor::cpu);

/// Buffers, calls and arguments, one line each.
std::string printPlan(const codegen::Schedule& schedule);

double milliseconds();

} // namespace diptych
