// One convolution as a program: traced, fused and scheduled as in a jitted function, but that
// operands lie as they do in this call. Strict, so that its bits are the eager kernels'.
#include "frontend/JitConvolutions.h"

#include "codegen/KernelCompiler.h"
#include "codegen/Target.h"
#include "frontend/JitPipeline.h"
#include "frontend/Trace.h"
#include "runtime/ConvolutionPrograms.h"
#include "runtime/ThreadPool.h"

namespace diptych {

static codegen::ScheduleOptions optionsFor(const runtime::ConvolutionCall& call) {
  const codegen::Target& here = codegen::KernelCompiler::native().target();
  codegen::ScheduleOptions options;
  options.vectorBytes = here.vectorBytes();
  options.splitsVectors = here.splitsVectors();
  options.lanes = runtime::ThreadPool::global().threads();
  options.layouts = {*call.x.strides, *call.w.strides};
  return options;
}

static codegen::Schedule scheduleOf(const runtime::ConvolutionCall& call) {
  const std::lock_guard lock(traceMutex());
  const TensorType types[] = {*call.x.type, *call.w.type};
  const TracedModule traced = traceFunction(
      [&](ValueSpan operands) -> Values {
        Emitter& emitter = currentEmitter();
        if (call.pad)
          return {emitter.convolution(operands[0], *call.pad, operands[1], call.attrs)};
        return {emitter.emit(OpCode::Convolution, operands, call.attrs)};
      },
      types);
  JitStats stats;
  runPipeline(traced.module.get(), Numerics::strict, stats, "fused");
  return codegen::schedule(traced.main(), optionsFor(call));
}

static std::unique_ptr<runtime::ProgramRunner> compile(const runtime::ConvolutionCall& call) {
  if (!canTrace())
    return nullptr;
  codegen::KernelTimes times;
  return std::make_unique<runtime::ProgramRunner>(codegen::assemble(scheduleOf(call), true, times));
}

void installConvolutionCompiler() { runtime::ConvolutionPrograms::install(compile); }

} // namespace diptych
