// aot::compile_cuda: traces, schedules for a GPU, and writes one C file with its header.
#include "aot/Build.h"
#include "aot/CudaPlan.h"
#include "aot/Names.h"
#include "frontend/JitPipeline.h"
#include "frontend/TensorImpl.h"
#include "frontend/Trace.h"
#include "runtime/cuda/JitLink.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <algorithm>
#include <charconv>

namespace diptych::aot {

using codegen::cuda::GpuRequest;

namespace {

int capabilityOf(const std::string& architecture) {
  int number = 0;
  const char* end = architecture.data() + architecture.size();
  if (!architecture.starts_with("sm_") ||
      std::from_chars(architecture.data() + 3, end, number).ptr != end || number < 80)
    throw Error("aot: expected GPU architectures from sm_80 on, got '" + architecture + "'");
  return number;
}

/// An entry on its way: its schedule, and tensors that it captures.
struct Traced {
  codegen::Schedule schedule;
  CudaCaptures captures;
};

class CudaBuilder {
public:
  CudaBuilder(const CudaOptions& options, const SourceLocation& where) : where_(where) {
    model_.options = options;
    if (!isIdentifier(options.name))
      throw Error(where, "aot: expected a C identifier as name, got '" + options.name + "'");
    if (options.architectures.empty())
      throw Error(where, "aot: expected at least one architecture, such as sm_90");
    for (const std::string& architecture : options.architectures)
      capabilityOf(architecture);
  }

  void trace(const detail::EntryRequest& request) {
    if (request.dim)
      throw Error(request.where, "aot: a batch of open size has no code for GPUs yet (entry " +
                                     request.name + "); give a size, as in vmap");
    std::vector<TensorType> types;
    for (const Value& input : request.inputs) {
      if (!findTensor(input))
        throw Error(request.where, "aot: expected tensors as example inputs of entry " +
                                       request.name + ", got a value of a trace");
      types.push_back(input.type());
    }
    TracedModule module = traceFunction(request.function, types);
    JitStats stats;
    runPipeline(*module.module, model_.options.numerics, stats, "fused", 0, 0, nullptr,
                Processor::gpu);
    Traced traced;
    traced.captures.first = types.size();
    for (const Value& capture : module.captures) {
      const Value flat = contiguousCopy(movedTo(capture, false));
      traced.captures.places.push_back(
          addConstant(model_, eagerTensor(flat).data(), flat.type().bytes()));
    }
    const bool contract = model_.options.numerics != Numerics::strict;
    traced.schedule = codegen::schedule(module.main(), codegen::cuda::gpuScheduleOptions(contract));
    describe(request, traced);
    traced_.push_back(std::move(traced));
  }

  CudaArtefact write() {
    checkNames();
    CudaArtefact artefact;
    compile(artefact);
    artefact.source = pathOf("_cuda.c");
    artefact.header = pathOf("_cuda.h");
    artefact.entries = model_.entries;
    writeFile(artefact.source, cudaSourceText(model_));
    writeFile(artefact.header, cudaHeaderText(model_));
    return artefact;
  }

private:
  void describe(const detail::EntryRequest& request, const Traced& traced) {
    EntryInfo entry;
    entry.name = request.name;
    entry.symbol = model_.options.name + "_cuda_" + request.name;
    const auto names = inputNames(
        request.arguments.empty() ? model_.options.arguments : request.arguments, request.ranges);
    for (size_t i = 0; i < traced.captures.first; ++i)
      entry.inputs.push_back({names[i], traced.schedule.inputs[i]});
    const auto results = outputNames(traced.schedule.outputs.size());
    for (size_t i = 0; i < results.size(); ++i)
      entry.outputs.push_back({results[i], traced.schedule.outputs[i]});
    model_.entries.push_back(std::move(entry));
  }

  // Parameters of C functions, and functions that end alike.
  void checkNames() const {
    std::vector<std::string> functions = {"open", "open_with", "close", "error", "stream"};
    const auto once = [&](std::vector<std::string>& known, const std::string& name) {
      if (!isIdentifier(name) || std::find(known.begin(), known.end(), name) != known.end())
        throw Error(where_,
                    "aot: expected names that are C identifiers and differ, got '" + name + "'");
      known.push_back(name);
    };
    for (const EntryInfo& entry : model_.entries) {
      for (const char* ending : {"", "_host", "_check"})
        once(functions, entry.name + ending);
      std::vector<std::string> parameters = {"artefact", "workspace", "stream",
                                             "arrays",   "inputs",    "outputs"};
      for (const auto* tensors : {&entry.inputs, &entry.outputs})
        for (const TensorInfo& tensor : *tensors)
          once(parameters, tensor.name);
    }
  }

  void compile(CudaArtefact& artefact) {
    std::vector<GpuRequest> requests;
    std::vector<size_t> ends; // of each entry's
    for (const Traced& traced : traced_) {
      codegen::cuda::appendRequests(traced.schedule, requests);
      ends.push_back(requests.size());
    }
    std::vector<std::string> architectures = model_.options.architectures;
    std::sort(architectures.begin(), architectures.end(),
              [](const auto& a, const auto& b) { return capabilityOf(a) < capabilityOf(b); });
    std::vector<runtime::cuda::LaunchSpec> kernels;
    for (const std::string& architecture : architectures) {
      const auto module = codegen::cuda::compilePtx(requests, architecture);
      kernels = module.kernels;
      std::string cubin = runtime::cuda::cubinOf(module.ptx, architecture, artefact.why);
      if (cubin.empty())
        continue;
      model_.images.push_back({capabilityOf(architecture), std::move(cubin)});
      artefact.architectures.push_back(architecture);
    }
    // Of the least, which every later GPU takes.
    model_.images.push_back({0, codegen::cuda::compilePtx(requests, "sm_80").ptx + '\0'});
    const bool usesBlas = model_.options.numerics != Numerics::strict;
    for (size_t e = 0, begin = 0; e < traced_.size(); begin = ends[e++]) {
      const auto own = std::span(kernels).subspan(begin, ends[e] - begin);
      model_.plans.push_back(
          planOf(traced_[e].schedule, own, traced_[e].captures, usesBlas, model_));
      model_.entries[e].workspaceBytes = model_.plans[e].workspaceBytes;
    }
  }

  std::string pathOf(const std::string& ending) const {
    return model_.options.directory + "/" + model_.options.name + ending;
  }

  SourceLocation where_;
  CudaModel model_;
  std::vector<Traced> traced_;
};

} // namespace

CudaArtefact detail::compileCuda(std::vector<EntryRequest> entries, const CudaOptions& options,
                                 const SourceLocation& where) {
  CudaBuilder builder(options, where);
  checkArguments(entries, options.arguments);
  {
    const std::lock_guard lock(traceMutex());
    for (const EntryRequest& entry : entries)
      builder.trace(entry);
  }
  return builder.write();
}

} // namespace diptych::aot
