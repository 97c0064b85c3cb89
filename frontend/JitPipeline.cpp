// The order of the passes, and why.
#include "frontend/JitPipeline.h"

#include "codegen/KernelCompiler.h"
#include "passes/Passes.h"

#include <chrono>

namespace diptych {

double milliseconds() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

namespace {
// Adds the time since the last stop to a stage.
class Stopwatch {
public:
  void stop(double& stage) {
    const double now = milliseconds();
    stage += now - last_;
    last_ = now;
  }

private:
  double last_ = milliseconds();
};
} // namespace

codegen::Schedule runPipeline(mlir::ModuleOp module, Numerics numerics, JitStats& stats,
                              const std::string& until) {
  Stopwatch watch;
  // Derivatives first: every later stage wants plain operators.
  passes::differentiate(module, numerics);
  watch.stop(stats.differentiate);
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  if (until == "differentiated")
    return {};
  // CSE before fusion: duplicate subtrees would become duplicate kernels.
  passes::simplify(main, numerics);
  // What is factored out leaves copies of the forward pass behind.
  if (numerics != Numerics::strict && passes::factorRows(main))
    passes::simplify(main, numerics);
  watch.stop(stats.simplify);
  if (until == "simplified")
    return {};
  passes::formFusions(main);
  watch.stop(stats.fuse);
  if (until == "fused")
    return {};
  codegen::ScheduleOptions options;
  options.vectorBytes = codegen::KernelCompiler::native().vectorBytes();
  options.contract = numerics != Numerics::strict;
  codegen::Schedule schedule = codegen::schedule(main, options);
  watch.stop(stats.schedule);
  return schedule;
}

std::string printPlan(const codegen::Schedule& schedule) {
  std::string text = "arena " + std::to_string(schedule.arenaBytes) + " bytes\n";
  auto place = [&](int id) {
    const codegen::PlannedBuffer& buffer = schedule.buffers[id];
    using Kind = codegen::PlannedBuffer::Kind;
    switch (buffer.kind) {
    case Kind::Input: return "input" + std::to_string(buffer.index);
    case Kind::Output: return "output" + std::to_string(buffer.index);
    case Kind::Constant: return std::string("constant");
    case Kind::Temporary: break;
    }
    return "arena+" + std::to_string(buffer.arenaOffset);
  };
  auto group = schedule.rowGroups.begin();
  int step = 0, end = 0;
  for (const codegen::ScheduledCall& call : schedule.calls) {
    if (group != schedule.rowGroups.end() && step == group->first) {
      text += "rows " + std::to_string(group->rows) + " by " + std::to_string(group->chunk) + ":\n";
      end = group->first + group->count;
      ++group;
    }
    text += step++ < end ? "  " : "";
    text += call.name + "(";
    for (size_t i = 0; i < call.buffers.size(); ++i)
      text += (i ? ", " : "") + place(call.buffers[i]);
    text += ") range " + std::to_string(call.range) + " grain " + std::to_string(call.grain) + "\n";
  }
  return text;
}

} // namespace diptych
