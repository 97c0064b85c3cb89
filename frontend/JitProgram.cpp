// Compiling, running and deriving programs.
#include "frontend/JitProgram.h"

#include "autodiff/Batch.h"
#include "codegen/Rematerialise.h"
#include "codegen/cuda/GpuCompiler.h"
#include "frontend/JitDevice.h"
#include "frontend/JitPipeline.h"
#include "frontend/JitProfile.h"
#include "frontend/TensorImpl.h"
#include "passes/DifferentiateProgram.h"
#include "passes/Interpreter.h"
#include "passes/Passes.h"
#include "runtime/cuda/BlasLt.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/Solver.h"

#include <algorithm>

namespace diptych {

JitProgram::JitProgram(mlir::OwningOpRef<mlir::ModuleOp> module, const JitOptions& options,
                       std::shared_ptr<SharedStats> stats)
    : module_(std::move(module)), options_(options), stats_(std::move(stats)) {}

JitProgram::~JitProgram() {
  std::lock_guard lock(traceMutex());
  module_ = nullptr;
}

mlir::func::FuncOp JitProgram::main() const {
  return module_.get().lookupSymbol<mlir::func::FuncOp>("main");
}

std::vector<TensorType> JitProgram::outputTypes() const {
  std::lock_guard lock(traceMutex());
  return ir::tensorTypesOf(main().getResultTypes());
}

static void addTimes(JitStats& stats, const JitStats& own, const codegen::KernelTimes& times) {
  stats.differentiate += own.differentiate;
  stats.simplify += own.simplify;
  stats.fuse += own.fuse;
  stats.schedule += own.schedule;
  stats.emit += 1e3 * times.emit;
  stats.lower += 1e3 * times.lower;
  stats.translate += 1e3 * times.translate;
  stats.codegen += 1e3 * times.codegen;
  stats.link += 1e3 * times.link;
  stats.load += 1e3 * times.load;
  stats.kernelsCompiled += times.compiled;
  stats.kernelsReused += times.reused;
  stats.kernelsLoaded += times.loaded;
  stats.objectBytes += times.objectBytes;
}

static bool anyOnDevice(ValueSpan inputs) {
  return std::any_of(inputs.begin(), inputs.end(),
                     [](const Value& input) { return eagerTensor(input).isOnDevice(); });
}

// A schedule comes with the plan that knows no options.
void JitProgram::planAgain(codegen::Schedule& schedule, bool onDevice) const {
  if (options_.memoryLimit > 0)
    codegen::fitMemory(schedule, options_.memoryLimit, onDevice, donated_);
  else
    codegen::planWithoutLimit(schedule, onDevice, donated_);
}

static codegen::ScheduleOptions deviceOptions(Numerics numerics) {
  using Epilogues = codegen::ScheduleOptions::Epilogues;
  codegen::ScheduleOptions options = codegen::cuda::gpuScheduleOptions(
      numerics != Numerics::strict, runtime::cuda::context().capability);
  std::string why;
  if (numerics != Numerics::strict && runtime::cuda::findBlasLt(why))
    options.epilogues = numerics == Numerics::fast ? Epilogues::approximate : Epilogues::exact;
  return options;
}

void JitProgram::prepare(bool onDevice) {
  std::call_once(onDevice ? compiledForDevice_ : compiled_, [&] {
    JitStats own;
    codegen::KernelTimes times;
    codegen::Schedule schedule;
    const bool contract = options_.numerics != Numerics::strict;
    {
      std::lock_guard lock(traceMutex());
      mlir::OwningOpRef<mlir::ModuleOp> copy = module_.get().clone();
      std::string why;
      const bool solvers = onDevice && contract && runtime::cuda::findSolver(why);
      const Processor processor = solvers    ? Processor::gpuWithSolvers
                                  : onDevice ? Processor::gpu
                                             : Processor::cpu;
      schedule = runPipeline(*copy, options_.numerics, own, onDevice ? "fused" : "", 0, 0, nullptr,
                             processor);
      if (onDevice)
        schedule = codegen::schedule(copy->lookupSymbol<mlir::func::FuncOp>("main"),
                                     deviceOptions(options_.numerics));
      const double start = milliseconds();
      planAgain(schedule, onDevice);
      own.schedule += milliseconds() - start;
    }
    if (onDevice)
      deviceProgram_ = compileForDevice(schedule, contract, options_.diskCache, times);
    else
      runner_ = std::make_unique<runtime::ProgramRunner>(
          codegen::assemble(schedule, options_.diskCache, times));
    std::lock_guard lock(stats_->mutex);
    addTimes(stats_->stats, own, times);
  });
}

// The stats describe the program that ran last; to say so again would cost every small call.
void JitProgram::note(const runtime::Program& plan, double firstRun) {
  std::lock_guard lock(stats_->mutex);
  JitStats& stats = stats_->stats;
  if (stats.firstRun == 0)
    stats.firstRun = firstRun;
  stats.kernelCalls = plan.kernelCalls();
  stats.arenaBytes = plan.arenaBytes(plan.threadsHere());
  stats.peakBytes = plan.outsideBytes + stats.arenaBytes;
  stats.flops = plan.flops();
  stats_->latest = &plan;
}

void JitProgram::countDonations(std::span<const int> donors, ValueSpan takeover) {
  std::lock_guard lock(stats_->mutex);
  for (size_t i = 0; i < donors.size(); ++i) {
    if (donors[i] < 0)
      continue;
    if (takeover[i])
      stats_->stats.donatedBytes += takeover[i].type().bytes();
    else
      ++stats_->stats.donationsKept;
  }
}

void JitProgram::keepDonations(bool onDevice) {
  prepare(onDevice);
  const std::vector<int>& donors =
      (onDevice ? deviceProgram_->program() : runner_->program()).donors;
  countDonations(donors, Values(donors.size()));
}

// A step that fails on the device runs again on the inputs, which then must be what they were.
Values JitProgram::runDonated(ValueSpan inputs, int handles, const SourceLocation& where) {
  const bool onDevice = anyOnDevice(inputs);
  prepare(onDevice);
  const std::vector<int>& donors =
      (onDevice ? deviceProgram_->program() : runner_->program()).donors;
  const bool allowed = !onDevice || !deviceProgram_->canFail();
  Values takeover(donors.size());
  for (size_t i = 0; i < donors.size(); ++i) {
    if (donors[i] < 0 || !allowed)
      continue;
    const Value& input = inputs[static_cast<size_t>(donors[i])];
    const TensorImpl& tensor = eagerTensor(input);
    if (input.useCount() == handles && tensor.isContiguous() && !tensor.requiresGrad() &&
        tensor.isOnDevice() == onDevice && tensor.buffer().useCount() == 1 &&
        (onDevice || !tensor.buffer().isExternal()) && tensor.data() == tensor.buffer().data() &&
        tensor.buffer().bytes() == tensor.type.bytes())
      takeover[i] = tensorIn(tensor.type, tensor.buffer());
  }
  countDonations(donors, takeover);
  const auto giveAway = [&] {
    for (size_t i = 0; i < donors.size(); ++i)
      if (takeover[i])
        eagerTensor(inputs[static_cast<size_t>(donors[i])]).giveAway(where);
  };
  Values outputs;
  try {
    outputs = run(inputs, takeover);
  } catch (...) {
    giveAway();
    throw;
  }
  giveAway();
  return outputs;
}

Values JitProgram::run(ValueSpan inputs) { return run(inputs, {}); }

Values JitProgram::run(ValueSpan inputs, ValueSpan takeover) {
  const bool onDevice = anyOnDevice(inputs);
  prepare(onDevice);
  const runtime::Program& plan = onDevice ? deviceProgram_->program() : runner_->program();
  Values held;
  llvm::SmallVector<void*, 16> inputData, outputData;
  for (const Value& input : inputs) {
    const TensorImpl& tensor = eagerTensor(input);
    if (!tensor.isContiguous())
      held.push_back(contiguousCopy(input));
    inputData.push_back(tensor.isContiguous() ? tensor.data() : eagerTensor(held.back()).data());
  }
  Values outputs;
  outputs.reserve(plan.outputs.size());
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    const bool takes = !takeover.empty() && takeover[i];
    outputs.push_back(takes ? takeover[i] : newTensor(plan.outputs[i], onDevice));
    outputData.push_back(eagerTensor(outputs.back()).data());
  }
  const bool noted = stats_->latest.load(std::memory_order_relaxed) == &plan;
  const double start = noted ? 0 : milliseconds();
  if (onDevice)
    deviceProgram_->run(inputData, outputData);
  else
    runner_->run(inputData, outputData);
  if (!noted)
    note(plan, milliseconds() - start);
  return outputs;
}

static std::string textOf(const std::vector<bool>& mask) {
  std::string text;
  for (bool bit : mask)
    text += bit ? '1' : '0';
  return text;
}

CalleeDerivative JitProgram::derived(const std::string& key, const Derive& derive) {
  std::lock_guard lock(traceMutex());
  if (const auto known = derived_.find(key); known != derived_.end())
    return known->second;
  return derived_.emplace(key, derive()).first->second;
}

std::vector<bool> JitProgram::reached(const std::vector<bool>& active) {
  return derived("reached:" + textOf(active),
                 [&] {
                   const mlir::OwningOpRef<mlir::ModuleOp> module = expanded();
                   auto main = module.get().lookupSymbol<mlir::func::FuncOp>("main");
                   return CalleeDerivative{nullptr, passes::resultsReached(main, active)};
                 })
      .present;
}

CalleeDerivative JitProgram::vjp(const Pull& pull) {
  const std::string key =
      "vjp:" + textOf(pull.wanted) + ":" + textOf(pull.begun) + ":" + textOf(pull.seeded);
  return derived(key, [&] {
    return derivative(
        [&](mlir::func::FuncOp main) { return passes::toVjp(main, pull, options_.numerics); });
  });
}

CalleeDerivative JitProgram::jvp(const std::vector<bool>& active) {
  return derived("jvp:" + textOf(active), [&] {
    return derivative(
        [&](mlir::func::FuncOp main) { return passes::toJvp(main, active, options_.numerics); });
  });
}

std::shared_ptr<Callee> JitProgram::batched(const std::vector<bool>& marked, int64_t batch) {
  const std::string key = "batched" + std::to_string(batch) + ":" + textOf(marked);
  return derived(key, [&] { return CalleeDerivative{deriveBatched(marked, batch), {}}; }).callee;
}

std::shared_ptr<Callee> JitProgram::make(mlir::OwningOpRef<mlir::ModuleOp> module) const {
  return std::make_shared<JitProgram>(std::move(module), options_, stats_);
}

mlir::OwningOpRef<mlir::ModuleOp> JitProgram::expanded() const {
  mlir::OwningOpRef<mlir::ModuleOp> module = module_.get().clone();
  passes::differentiate(*module, options_.numerics, passes::Calls::kept);
  return module;
}

CalleeDerivative
JitProgram::derivative(const std::function<std::vector<bool>(mlir::func::FuncOp)>& become) const {
  mlir::OwningOpRef<mlir::ModuleOp> module = expanded();
  const std::vector<bool> present = become(module->lookupSymbol<mlir::func::FuncOp>("main"));
  const bool any = std::find(present.begin(), present.end(), true) != present.end();
  return {any ? make(std::move(module)) : nullptr, present};
}

// The expanded program, replayed on a batch of examples and traced anew.
std::shared_ptr<Callee> JitProgram::deriveBatched(const std::vector<bool>& marked, int64_t batch) {
  const mlir::OwningOpRef<mlir::ModuleOp> module = expanded();
  auto body = module.get().lookupSymbol<mlir::func::FuncOp>("main");
  std::vector<TensorType> inputs = ir::tensorTypesOf(body.getArgumentTypes());
  for (size_t i = 0; i < inputs.size(); ++i)
    if (marked[i])
      inputs[i].shape.insert(0, batch);
  TracedModule traced = traceFunction(
      [&](ValueSpan values) {
        autodiff::BatchEmitter batching(currentEmitter(), batch);
        Values examples;
        for (size_t i = 0; i < values.size(); ++i)
          examples.push_back(marked[i] ? batching.wrapBatched(values[i]) : values[i]);
        Values outputs;
        EmitterScope scope(batching);
        for (const Value& output : passes::interpret(body, examples))
          outputs.push_back(batching.unwrap(output));
        return outputs;
      },
      inputs);
  return make(std::move(traced.module));
}

JitProfile JitProgram::profile() {
  prepare();
  return profileOf(runner_->program());
}

std::string JitProgram::text(const std::string& stage) {
  if (stage == "profile")
    return profileText(profile());
  std::lock_guard lock(traceMutex());
  mlir::OwningOpRef<mlir::ModuleOp> copy = module_.get().clone();
  JitStats unused;
  const bool dialect =
      stage == "traced" || stage == "differentiated" || stage == "simplified" || stage == "fused";
  if (!dialect && stage != "plan" && stage != "kernels" && stage != "llvm" && stage != "asm")
    throw Error("ir: expected traced, differentiated, simplified, fused, plan, profile, kernels, "
                "llvm or asm, got '" +
                stage + "'");
  if (dialect) {
    if (stage != "traced")
      runPipeline(*copy, options_.numerics, unused, stage);
    std::string text;
    llvm::raw_string_ostream stream(text);
    copy->print(stream);
    return text;
  }
  codegen::Schedule schedule = runPipeline(*copy, options_.numerics, unused);
  planAgain(schedule, false);
  if (stage == "plan")
    return printPlan(schedule);
  return codegen::KernelCompiler::native().print(codegen::kernelsOf(schedule), stage);
}

} // namespace diptych
