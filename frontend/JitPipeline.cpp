// The order of the passes, and why.
#include "frontend/JitPipeline.h"

#include "codegen/KernelCompiler.h"
#include "codegen/Rematerialise.h"
#include "codegen/Target.h"
#include "passes/Passes.h"
#include "runtime/ThreadPool.h"

#include <chrono>
#include <cstdio>

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
                              const std::string& until, int vectorBytes, int scratchPieces,
                              Choices* choices, Processor processor) {
  Stopwatch watch;
  // Derivatives first: every later stage wants plain operators.
  passes::differentiate(module, numerics);
  watch.stop(stats.differentiate);
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  if (until == "differentiated")
    return {};
  // After derivatives, whose rules are those of the operators as they were written; before CSE,
  // which merges conversions of one value.
  passes::widenHalves(main);
  // CSE before fusion: duplicate subtrees would become duplicate kernels.
  passes::simplify(main, numerics);
  // Before rows: what is summed column by column no longer hides what scales a row.
  if (numerics != Numerics::strict && passes::factorProducts(main))
    passes::simplify(main, numerics);
  // Behind products, which take a whole identity as another name of an axis.
  if (numerics != Numerics::strict && !choices && passes::collectDiagonals(main))
    passes::simplify(main, numerics);
  // What is factored out leaves copies of the forward pass behind.
  if (numerics != Numerics::strict && passes::factorRows(main, choices))
    passes::simplify(main, numerics);
  // Behind the algebra, which knows these operators; what stands for them then meets its
  // neighbours.
  if (processor == Processor::gpuWithSolvers && passes::callSolvers(main))
    passes::simplify(main, numerics);
  // Last, since no rewrite of products knows of halves. Of open sizes one program is for all.
  if (numerics != Numerics::strict && processor == Processor::cpu && !choices)
    passes::useSymmetry(main);
  watch.stop(stats.simplify);
  if (until == "simplified")
    return {};
  passes::formFusions(main, {.scans = processor == Processor::cpu, .choices = choices});
  watch.stop(stats.fuse);
  if (until == "fused")
    return {};
  codegen::ScheduleOptions options;
  const codegen::Target& here = codegen::KernelCompiler::native().target();
  options.vectorBytes = vectorBytes ? vectorBytes : here.vectorBytes();
  options.splitsVectors = !vectorBytes && here.splitsVectors();
  options.contract = numerics != Numerics::strict;
  options.scratchPieces = scratchPieces;
  options.choices = choices;
  if (!scratchPieces && !choices)
    options.lanes = runtime::ThreadPool::global().threads();
  codegen::Schedule schedule = codegen::schedule(main, options);
  watch.stop(stats.schedule);
  return schedule;
}

namespace {

using codegen::PlannedBuffer;

std::string placeText(const PlannedBuffer& buffer, int64_t offset) {
  const std::string end = offset ? "+" + std::to_string(offset) : "";
  switch (buffer.kind) {
  case PlannedBuffer::Kind::Input: return "input" + std::to_string(buffer.index) + end;
  case PlannedBuffer::Kind::Output: return "output" + std::to_string(buffer.index) + end;
  case PlannedBuffer::Kind::Constant: return "constant" + end;
  case PlannedBuffer::Kind::Temporary: break;
  }
  const std::string base = buffer.rowBytes > 0 ? "lanes+"
                           : buffer.home < 0   ? "arena+"
                                               : "output" + std::to_string(buffer.home) + "+";
  return base + std::to_string(buffer.arenaOffset + offset);
}

// What a call does and touches, which says what bounds it: multipliers from some ten operations a
// byte on, memory below.
std::string costText(const codegen::ScheduledCall& call) {
  char text[96];
  std::snprintf(text, sizeof text, ", %.4g flops, %.4g bytes", call.flops, call.bytes);
  return text;
}

// Parts of a loop stand behind it, further in; `arena` is theirs.
void printCalls(const codegen::Schedule& schedule, const std::string& margin, std::string& text) {
  auto group = schedule.rowGroups.begin();
  size_t step = 0, end = 0;
  for (const codegen::ScheduledCall& call : schedule.calls) {
    if (group != schedule.rowGroups.end() && step == group->first) {
      text += margin + "rows " + std::to_string(group->rows) + " by " +
              std::to_string(group->chunk) + ":\n";
      end = group->first + group->count;
      ++group;
    }
    text += margin + (step++ < end ? "  " : "") + call.name + "(";
    for (size_t i = 0; i < call.buffers.size(); ++i)
      text += (i ? ", " : "") + placeText(schedule.buffers[static_cast<size_t>(call.buffers[i])],
                                          call.offsets.empty() ? 0 : call.offsets[i]);
    if (!call.control) {
      text += ") range " + std::to_string(call.range) + " grain " + std::to_string(call.grain);
      text += costText(call) + "\n";
      continue;
    }
    const codegen::ScheduledControl& control = *call.control;
    text += ")";
    if (control.step.length >= 0)
      text += " steps " + std::to_string(control.step.length);
    text += "\n";
    printCalls(control.body, margin + "  ", text);
    if (control.step.kind == runtime::ControlStep::Kind::scan)
      continue;
    text += margin + " and\n";
    printCalls(control.other, margin + "  ", text);
  }
}

} // namespace

std::string printPlan(const codegen::Schedule& schedule) {
  std::string text = "arena " + std::to_string(schedule.arenaBytes) + " bytes\npeak " +
                     std::to_string(codegen::peakBytes(schedule)) +
                     " bytes with arguments and results\n" + codegen::describePeak(schedule) + "\n";
  printCalls(schedule, "", text);
  return text;
}

} // namespace diptych
