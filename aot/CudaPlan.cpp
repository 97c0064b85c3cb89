// Places of what steps touch, and their kernels as launches.
#include "aot/CudaPlan.h"

#include "codegen/KernelCompiler.h"
#include "codegen/cuda/GpuLibrary.h"

#include <diptych/Error.h>

#include <algorithm>

namespace diptych::aot {

using codegen::ScheduledCall;

static constexpr int64_t kConstantAlignment = 256, kStatusBytes = 16;

int64_t addConstant(CudaModel& model, const void* bytes, int64_t count) {
  const size_t place =
      (model.constants.size() + kConstantAlignment - 1) / kConstantAlignment * kConstantAlignment;
  model.constants.resize(place);
  model.constants.append(static_cast<const char*>(bytes), static_cast<size_t>(count));
  return static_cast<int64_t>(place);
}

namespace {

const char* const kInstead = "; for a GPU without Diptych there is no code for that yet: move it "
                             "out of the function, or jit";

[[noreturn]] void refuse(const ScheduledCall& call, const std::string& what) {
  throw Error(call.where, "aot: " + call.name + " " + what + kInstead);
}

class Planner {
public:
  Planner(std::span<const runtime::cuda::LaunchSpec> kernels, const CudaCaptures& captures,
          bool usesBlas, CudaModel& model)
      : kernels_(kernels), captures_(captures), usesBlas_(usesBlas), model_(model) {}

  CudaPlan run(const codegen::Schedule& schedule) {
    int64_t scratch = 0;
    for (const auto& kernel : kernels_)
      scratch = std::max(scratch, kernel.scratchBytes({}));
    scratch_ = aligned(schedule.arenaBytes);
    plan_.statusOffset = scratch_ + aligned(scratch);
    plan_.workspaceBytes = plan_.statusOffset + aligned(kStatusBytes * fallibleSteps(schedule));
    // Places of parts and of what they run on are settled as jit does it.
    const auto program =
        codegen::assembleWith(schedule, [&](const ScheduledCall& call, runtime::ProgramStep&) {
          calls_.push_back(&call);
        });
    plan_.program = append(*program, true);
    return std::move(plan_);
  }

private:
  static int64_t aligned(int64_t bytes) { return (bytes + 255) / 256 * 256; }

  static int64_t fallibleSteps(const codegen::Schedule& schedule) {
    int64_t count = 0;
    for (const ScheduledCall& call : schedule.calls)
      count += call.control ? fallibleSteps(call.control->body) + fallibleSteps(call.control->other)
                            : int64_t{static_cast<bool>(call.status)};
    return count;
  }

  int64_t stagedRow(int64_t bytes) {
    if (bytes % runtime::cuda::kPointerAlignment == 0)
      return -1;
    const int64_t place = plan_.workspaceBytes;
    plan_.workspaceBytes += aligned(bytes);
    return place;
  }

  size_t append(const runtime::Program& program, bool isMain) {
    CudaProgram made;
    made.inputs = isMain ? captures_.first : program.inputs.size();
    made.outputs = program.outputs.size();
    for (const runtime::ProgramStep& step : program.steps) {
      std::vector<CudaPlace> args;
      for (const runtime::ArgPlace& arg : step.args)
        args.push_back(place(step, arg, program, isMain));
      if (step.control)
        made.steps.push_back(control(*step.control, std::move(args)));
      else
        kernel(step, std::move(args), made);
    }
    model_.programs.push_back(std::move(made));
    return model_.programs.size() - 1;
  }

  CudaStep control(const runtime::ControlStep& step, std::vector<CudaPlace> args) {
    CudaControl made{step};
    made.body = append(*step.body, false);
    if (step.other)
      made.other = append(*step.other, false);
    made.step.body = made.step.other = nullptr;
    for (const auto* rows : {&step.xBytes, &step.yBytes})
      for (int64_t bytes : *rows)
        made.staged.push_back(stagedRow(bytes));
    CudaStep one;
    one.kind = step.kind == runtime::ControlStep::Kind::scan        ? CudaStep::Kind::scan
               : step.kind == runtime::ControlStep::Kind::whileLoop ? CudaStep::Kind::whileLoop
                                                                    : CudaStep::Kind::cond;
    one.args = std::move(args);
    model_.controls.push_back(std::move(made));
    one.number = model_.controls.size() - 1;
    return one;
  }

  void kernel(const runtime::ProgramStep& step, std::vector<CudaPlace> args, CudaProgram& made) {
    const ScheduledCall& call = *calls_[next_];
    const runtime::cuda::LaunchSpec& spec = kernels_[next_++];
    if (step.status) {
      const auto number = static_cast<int64_t>(plan_.failures.size());
      args.back() = {CudaPlace::Kind::workspace, 0, plan_.statusOffset + kStatusBytes * number};
      plan_.failures.push_back(failureOf(call));
    }
    const size_t product = usesBlas_ ? appendProduct(call, args, made) : made.steps.size();
    if (spec.takesScratch())
      args.push_back({CudaPlace::Kind::workspace, 0, scratch_});
    const size_t first = made.steps.size();
    for (const runtime::cuda::Launch& launch : spec.launches) {
      const int64_t blocks = launch.blocks({});
      if (blocks > INT32_MAX || launch.sharedBytes > 0)
        refuse(call, "needs a grid of " + std::to_string(blocks) + " blocks with " +
                         std::to_string(launch.sharedBytes) + " more bytes of shared memory");
      if (blocks > 0)
        made.steps.push_back(
            {CudaStep::Kind::launch, launch.name, blocks, launch.block, 0, 0, args});
      if (std::find(model_.functions.begin(), model_.functions.end(), launch.name) ==
          model_.functions.end())
        model_.functions.push_back(launch.name);
    }
    if (product < first)
      made.steps[product].instead = made.steps.size() - first;
  }

  /// The step of a product for cuBLAS; where it stands.
  size_t appendProduct(const ScheduledCall& call, const std::vector<CudaPlace>& args,
                       CudaProgram& made) {
    const auto gemm = codegen::cuda::libraryProductOf(call.kernel);
    if (!gemm)
      return made.steps.size();
    CudaStep step;
    step.kind = CudaStep::Kind::product;
    step.number = model_.products.size();
    step.args = args;
    model_.products.push_back(*gemm);
    made.steps.push_back(std::move(step));
    return made.steps.size() - 1;
  }

  CudaPlace place(const runtime::ProgramStep& step, const runtime::ArgPlace& arg,
                  const runtime::Program& program, bool isMain) {
    if (!step.control && arg.offset % runtime::cuda::kPointerAlignment != 0)
      throw Error(step.where,
                  "aot: " + step.name + " begins inside an aligned unit of memory" + kInstead);
    switch (arg.kind) {
    case runtime::ArgPlace::Kind::Input: return input(arg, isMain);
    case runtime::ArgPlace::Kind::Output:
      return {CudaPlace::Kind::output, arg.position, arg.offset};
    case runtime::ArgPlace::Kind::Arena:
      return {CudaPlace::Kind::arena, 0, arg.position + arg.offset};
    case runtime::ArgPlace::Kind::Lane: // a device has none
    case runtime::ArgPlace::Kind::Constant: break;
    }
    const Literal& literal = *program.constants[static_cast<size_t>(arg.position)];
    const auto bytes = static_cast<int64_t>(literal.bytes.size());
    return {CudaPlace::Kind::constant, addConstant(model_, literal.bytes.data(), bytes),
            arg.offset};
  }

  CudaPlace input(const runtime::ArgPlace& arg, bool isMain) const {
    const auto number = static_cast<size_t>(arg.position);
    if (!isMain || number < captures_.first)
      return {CudaPlace::Kind::input, arg.position, arg.offset};
    return {CudaPlace::Kind::constant, captures_.places[number - captures_.first], arg.offset};
  }

  static std::string failureOf(const ScheduledCall& call) {
    const std::string file = call.where.known() ? call.where.file : "";
    const std::string line = call.where.known() ? file.substr(file.rfind('/') + 1) + ":" +
                                                      std::to_string(call.where.line) + ": "
                                                : "";
    return line + call.name + ": " + call.failure;
  }

  std::span<const runtime::cuda::LaunchSpec> kernels_;
  const CudaCaptures& captures_;
  const bool usesBlas_;
  CudaModel& model_;
  CudaPlan plan_;
  int64_t scratch_ = 0;
  std::vector<const ScheduledCall*> calls_; // in the order of their kernels
  size_t next_ = 0;
};

void refuseHostSteps(const codegen::Schedule& schedule) {
  for (const ScheduledCall& call : schedule.calls) {
    if (call.library)
      refuse(call, "runs on the host");
    if (!call.control)
      continue;
    refuseHostSteps(call.control->body);
    refuseHostSteps(call.control->other);
  }
}

} // namespace

CudaPlan planOf(const codegen::Schedule& schedule,
                std::span<const runtime::cuda::LaunchSpec> kernels, const CudaCaptures& captures,
                bool usesBlas, CudaModel& model) {
  refuseHostSteps(schedule);
  return Planner(kernels, captures, usesBlas, model).run(schedule);
}

} // namespace diptych::aot
