// Chooses the emitter and settles the frame.
#include "codegen/cuda/GpuEmitters.h"

namespace diptych::codegen::cuda {

using runtime::cuda::Count;
using runtime::cuda::Launch;

namespace {

int argsOf(const NestSpec& nest) {
  int most = -1;
  for (const Line& line : nest.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      most = std::max(most, load->from.arg);
  for (const Store& store : nest.stores)
    most = std::max(most, store.to.arg);
  for (const Fold& fold : nest.folds)
    most = std::max(most, fold.to.arg);
  return most + 1;
}

int argsOf(const CumulativeSpec& spec) { return spec.to.arg + 1; }
int argsOf(const ArgSpec&) { return 2; }
int argsOf(const MatmulSpec& spec) { return spec.bias ? 4 : 3; }
int argsOf(const ConvolutionSpec&) { return 3; }
int argsOf(const BlockSumSpec&) { return 2; }
int argsOf(const IndexSpec&) { return 4; }
int argsOf(const RollingSpec& spec) { return info(spec.code).operandCount + 1; }
int argsOf(const RowsSpec& spec) { return spec.args; }

// Descriptions of eager kernels leave the outermost extent open.
template <class Spec> Spec withRange(const Spec& spec, const GpuRequest& request) {
  Spec closed = spec;
  if (request.params)
    closed.extents[0] = request.range;
  return closed;
}

struct Emit {
  Emission& emission;
  const GpuRequest& request;

  void operator()(const NestSpec& spec) {
    const NestSpec nest = withRange(spec, request);
    nest.folds.empty() ? emitPointwise(emission, nest) : emitFolds(emission, nest);
  }
  void operator()(const ArgSpec& spec) { emitArg(emission, withRange(spec, request)); }
  void operator()(const CumulativeSpec& spec) {
    emitCumulative(emission, withRange(spec, request));
  }
  void operator()(const MatmulSpec& spec) {
    MatmulSpec closed = spec;
    if (request.params)
      (spec.batch.is(0) ? closed.batch : closed.s) = request.range;
    emitMatmul(emission, closed);
  }
  void operator()(const ConvolutionSpec& spec) { emitConvolution(emission, spec); }
  void operator()(const BlockSumSpec& spec) { emitBlockSum(emission, spec); }
  void operator()(const IndexSpec& spec) { emitIndexed(emission, spec); }
  void operator()(const RollingSpec& spec) { emitRolling(emission, spec); }
  void operator()(const RowsSpec& spec) { emitRows(emission, spec); }
};

} // namespace

int pointersOf(const KernelSpec& kernel) {
  return std::visit([](const auto& spec) { return argsOf(spec); }, kernel.what);
}

Launch& Emission::launch(const Count& grid, int threads,
                         llvm::function_ref<void(GpuKernel&)> body) {
  const size_t number = launches.launches.size();
  Launch launch;
  launch.name = number == 0 ? name : name + "_" + std::to_string(number);
  launch.grid = grid;
  launch.block = threads;
  GpuKernel kernel(module, launch.name, frame, threads);
  body(kernel);
  launch.cooperative = kernel.finish();
  launches.launches.push_back(std::move(launch));
  return launches.launches.back();
}

void Emission::launchAbove(const Size& extent, int64_t above, const Count& grid, int threads,
                           llvm::function_ref<void(GpuKernel&)> body) {
  if (!extent.isDynamic() && extent.value <= above)
    return;
  Launch& made = launch(grid, threads, body);
  made.guard = extentOf(extent);
  made.above = above;
}

runtime::cuda::LaunchSpec emitGpuKernel(mlir::ModuleOp module, const std::string& name,
                                        const GpuRequest& request) {
  Emission emission{module, name, {}, request.spec->contract};
  emission.frame.pointers = pointersOf(*request.spec);
  emission.frame.params = request.params;
  for (int arg = 0; arg < emission.frame.pointers; ++arg)
    emission.frame.written.push_back(writes(*request.spec, static_cast<size_t>(arg)));
  std::visit(Emit{emission, request}, request.spec->what);
  emission.launches.pointers = emission.frame.pointers;
  emission.launches.params = emission.frame.params;
  return std::move(emission.launches);
}

} // namespace diptych::codegen::cuda
