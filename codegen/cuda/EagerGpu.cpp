// Params of eager kernels, and the blob.
#include "codegen/cuda/EagerGpu.h"

#include "codegen/cuda/GpuModule.h"
#include "runtime/KernelAbi.h"
#include "runtime/cuda/EagerPtx.h"

#include "mlir/IR/MLIRContext.h"

namespace diptych::codegen::cuda {

GpuRequest eagerRequest(const EagerKernel& kernel) {
  const OpInfo& op = info(kernel.code);
  const int args = op.operandCount + 1;
  int params = 1 + 2 * args;
  switch (op.family) {
  case Family::Reduction:
  case Family::ArgReduction: params = 7; break;
  case Family::Cumulative: params = 2 + 3 * args; break;
  case Family::Matmul: params = kernel.variant == runtime::kBatches ? 12 : 8; break;
  case Family::Convolution:
    params = 6 * runtime::kConvolutionLoops + 8 + 4 * runtime::kConvolutionDepth;
    break;
  case Family::Gather:
  case Family::ScatterAdd: params = 3; break;
  case Family::Creation: break;
  case Family::Pointwise:
    if (kernel.variant == runtime::kManyAxes)
      params = 3 * kMaxRank - 1;
    break;
  case Family::Library:
    if (isRolling(op)) {
      params = 3 + op.operandCount;
      break;
    }
    [[fallthrough]];
  case Family::Movement:
  case Family::OverlapAdd: throw Error(std::string("internal: no eager kernel for ") + op.name);
  }
  return {&kernel.spec, Size::param(params), params + 1};
}

std::string eagerPtxBlob(const std::string& architecture) {
  const std::vector<EagerKernel> kernels = eagerGpuKernels();
  runtime::cuda::EagerPtx blob;
  for (size_t begin = 0; begin < kernels.size();) {
    size_t end = begin;
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    prepareGpuContext(context);
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    for (; end < kernels.size() && kernels[end].code == kernels[begin].code; ++end) {
      const EagerKernel& kernel = kernels[end];
      blob.kernels.push_back({kernel.code, kernel.in, kernel.out, kernel.variant,
                              static_cast<int>(blob.modules.size()),
                              emitGpuKernel(*module, kernel.name(), eagerRequest(kernel))});
    }
    blob.modules.push_back(runtime::cuda::EagerPtx::compress(ptxOf(*module, architecture)));
    begin = end;
  }
  return blob.serialised();
}

} // namespace diptych::codegen::cuda
