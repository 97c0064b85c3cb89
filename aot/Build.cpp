// The stages: schedules for every target, kernels of all of them in one MLIR module, plans and
// interface around them in LLVM IR. Kernels that entries share are emitted once.
#include "aot/Build.h"

#include "aot/Interface.h"
#include "aot/LibraryCode.h"
#include "aot/Names.h"
#include "aot/OpenPlan.h"
#include "aot/Support.h"
#include "codegen/Emit.h"
#include "codegen/Ldexp.h"
#include "frontend/JitPipeline.h"
#include "frontend/TensorImpl.h"
#include "frontend/Trace.h"
#include "ir/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Target/TargetMachine.h"

namespace diptych::aot {

static std::span<const std::byte> bytesOf(const Value& tensor) {
  return {eagerTensor(tensor).data(), static_cast<size_t>(tensor.type().bytes())};
}

namespace {

/// Tensors without gaps, wide elements first, so that each is aligned as its elements ask for.
class WeightPacker {
public:
  WeightFile pack(const std::vector<Source>& sources) {
    WeightFile file;
    std::vector<std::pair<size_t, size_t>> places; // of each tensor: entry and capture
    for (const Source& source : sources)
      file.offsets.emplace_back(source.captures.size());
    for (const int64_t width : {8, 4, 1})
      for (size_t e = 0; e < sources.size(); ++e)
        for (size_t c = 0; c < sources[e].captures.size(); ++c)
          if (sizeOf(sources[e].captures[c].type().dtype) == width)
            file.offsets[e][c] = append(file, sources[e].captures[c]);
    std::string header = "{\"__metadata__\":{\"made by\":\"diptych\"}" + tensors_ + "}";
    header.resize((header.size() + 8 + 63) / 64 * 64 - 8, ' ');
    for (size_t i = 0; i < 8; ++i)
      file.header += static_cast<char>(header.size() >> 8 * i & 0xff);
    file.header += header;
    for (auto& offsets : file.offsets)
      for (int64_t& offset : offsets)
        offset += static_cast<int64_t>(file.header.size());
    return file;
  }

private:
  int64_t append(WeightFile& file, const Value& tensor) {
    const auto bytes = bytesOf(tensor);
    const std::string content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto [known, fresh] =
        known_.emplace(tensor.type().str() + content, static_cast<int64_t>(file.data.size()));
    if (!fresh)
      return known->second;
    std::string shape, dtype = tensor.type().dtype == DType::boolean ? "BOOL" : "";
    for (const char* c = name(tensor.type().dtype); dtype != "BOOL" && *c; ++c)
      dtype += *c >= 'a' ? static_cast<char>(*c - 'a' + 'A') : *c;
    for (int i = 0; i < tensor.rank(); ++i)
      shape += (i ? "," : "") + std::to_string(tensor.shape()[i]);
    tensors_ += ",\"weight" + std::to_string(count_++) + "\":{\"dtype\":\"" + dtype +
                "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(known->second) +
                "," + std::to_string(known->second + static_cast<int64_t>(content.size())) + "]}";
    file.data += content;
    return known->second;
  }

  std::map<std::string, int64_t> known_;
  std::string tensors_;
  int count_ = 0;
};

WeightFile packWeights(const std::vector<Source>& sources) { return WeightPacker().pack(sources); }

class Builder {
public:
  Builder(std::vector<Source>& sources, const Options& options) : sources_(sources) {
    built_.model.options = options;
    for (Source& source : sources_)
      for (Value& capture : source.captures)
        capture = contiguousCopy(capture);
  }

  Built run(bool keepKernels) {
    Model& model = built_.model;
    for (const std::string& name : model.options.targets)
      targets_.push_back(std::make_unique<codegen::Target>(name));
    checkTargets();
    schedules_.resize(targets_.size());
    model.constraints.resize(sources_.size());
    {
      std::lock_guard lock(traceMutex());
      describe();
      model.hash = hash();
      if (model.weightsInFile())
        model.weights = packWeights(sources_);
      for (size_t v = 0; v < targets_.size(); ++v)
        for (size_t e = 0; e < sources_.size(); ++e)
          scheduleEntry(v, e);
    }
    limitSizes();
    emitKernels(keepKernels);
    emitPlans();
    return std::move(built_);
  }

private:
  void checkTargets() {
    for (const auto& target : targets_)
      if (target->triple() != targets_[0]->triple() ||
          (targets_.size() > 1 && !target->machine().getTargetTriple().isX86()))
        throw Error("aot: several targets must all be x86, got " + target->cpu() + " beside " +
                    targets_[0]->cpu() + "; build one artefact for each family");
    // One LLVM module is compiled for the least CPU; functions ask for more.
    const bool x86 = targets_[0]->machine().getTargetTriple().isX86();
    built_.target = std::make_unique<codegen::Target>(x86 ? std::string("x86-64")
                                                          : built_.model.options.targets[0]);
  }

  void describe() {
    Model& model = built_.model;
    for (Source& source : sources_) {
      EntryInfo entry;
      entry.name = source.name;
      entry.symbol = model.options.name + "_" + source.name;
      if (source.dim)
        entry.dims = {*source.dim};
      // Of a batch the last part is one example: its types are an example's behind an axis of 1.
      auto main = source.parts.back().module->lookupSymbol<mlir::func::FuncOp>("main");
      auto inputs = ir::tensorTypesOf(main.getArgumentTypes());
      auto outputs = ir::tensorTypesOf(main.getResultTypes());
      const auto batched = [&](size_t i) {
        return source.dim && i < source.batched.size() && source.batched[i];
      };
      for (size_t i = 0; i < inputs.size(); ++i)
        if (batched(i))
          inputs[i].shape.erase(0);
      if (source.dim)
        for (TensorType& type : outputs)
          type.shape.erase(0);
      const size_t own = inputs.size() - source.captures.size();
      const bool passed = model.options.weights == Weights::passed;
      for (size_t i = 0; i < (passed ? inputs.size() : own); ++i)
        entry.inputs.push_back({i < own ? source.inputNames[i] : "weight" + std::to_string(i - own),
                                inputs[i], batched(i)});
      for (size_t i = 0; i < outputs.size(); ++i)
        entry.outputs.push_back({source.outputNames[i], outputs[i], source.dim.has_value()});
      describeShapes(source, entry);
      model.passed.push_back(passed ? source.captures.size() : 0);
      model.entries.push_back(std::move(entry));
    }
    checkNames(model);
  }

  static void describeShapes(const Source& source, EntryInfo& entry) {
    const auto describe = [&](TensorInfo& info, const std::vector<std::vector<Extent>>* open,
                              size_t i) {
      if (open && i < open->size()) {
        info.shape = (*open)[i];
        for (size_t axis = 0; axis < info.shape.size(); ++axis)
          info.type.shape[static_cast<int64_t>(axis)] = info.shape[axis].at(source.open->example);
        return;
      }
      if (info.batched)
        info.shape.push_back(Extent::of(0));
      info.shape.insert(info.shape.end(), info.type.shape.begin(), info.type.shape.end());
    };
    entry.open = source.open.has_value();
    if (entry.open)
      entry.dims = source.open->dims;
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      describe(entry.inputs[i], entry.open ? &source.open->inputs : nullptr, i);
    for (size_t i = 0; i < entry.outputs.size(); ++i)
      describe(entry.outputs[i], entry.open ? &source.open->outputs : nullptr, i);
  }

  // Of what the results depend on, but the CPU, which they do not.
  std::string hash() {
    llvm::SHA256 sha;
    const auto add = [&](const std::string& text) {
      sha.update(std::to_string(text.size()) + ":" + text);
    };
    add(built_.model.options.numerics == Numerics::strict ? "strict" : "standard");
    for (Source& source : sources_) {
      add(source.name);
      std::string text;
      llvm::raw_string_ostream stream(text);
      source.parts.back().module->print(stream);
      add(text);
      for (const Value& capture : source.captures) {
        const auto bytes = bytesOf(capture);
        sha.update(llvm::ArrayRef(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
      }
    }
    return llvm::toHex(sha.final(), /*LowerCase=*/true);
  }

  void scheduleEntry(size_t version, size_t e) {
    std::vector<codegen::Schedule> parts;
    Choices choices;
    for (Source::Part& part : sources_[e].parts) {
      parts.push_back(schedule(part, *targets_[version], sources_[e].open ? &choices : nullptr));
      choices.repeat();
    }
    auto& schedules = schedules_[version];
    if (!sources_[e].open) {
      schedules.insert(schedules.end(), std::make_move_iterator(parts.begin()),
                       std::make_move_iterator(parts.end()));
      return;
    }
    const Source::Open& open = *sources_[e].open;
    OpenPlan plan = mergeSchedules(std::move(parts), open.samples, open.dims,
                                   built_.model.options.numerics == Numerics::strict,
                                   built_.model.options.threads);
    plan.constraints.insert(plan.constraints.end(), open.constraints.begin(),
                            open.constraints.end());
    keepConstraints(plan.constraints, open.dims);
    for (const Extent& extent : plan.constraints)
      if (auto& known = built_.model.constraints[e];
          !std::count(known.begin(), known.end(), extent))
        known.push_back(extent);
    schedules.push_back(std::move(plan.schedule));
    open_.emplace(std::pair(version, e), std::move(plan));
  }

  // No number of a call may overflow: sizes are bounded where products of them would.
  void limitSizes() {
    for (const auto& [place, plan] : open_) {
      EntryInfo& entry = built_.model.entries[place.second];
      const int64_t most = mostSize(plan, entry);
      for (Dim& dim : entry.dims)
        dim.most = std::min(dim.most, most);
    }
  }

  codegen::Schedule schedule(Source::Part& part, const codegen::Target& target,
                             Choices* choices) const {
    mlir::OwningOpRef<mlir::ModuleOp> copy = part.module->clone();
    JitStats unused;
    codegen::Schedule schedule =
        runPipeline(*copy, built_.model.options.numerics, unused, "", target.vectorBytes(),
                    part.examples ? 1 : built_.model.options.threads, choices);
    checkLibrary(schedule, target);
    return schedule;
  }

  void emitKernels(bool keep) {
    mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
    codegen::loadKernelDialects(context);
    codegen::prepareContext(context);
    auto kernels = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    const mlir::OwningOpRef<mlir::ModuleOp> owner(kernels);
    kernelNames_.resize(targets_.size());
    for (size_t v = 0; v < targets_.size(); ++v)
      for (const codegen::Schedule& schedule : schedules_[v])
        for (const codegen::KernelSpec* kernel : codegen::kernelsOf(schedule)) {
          auto& names = kernelNames_[v];
          const std::string name =
              "kernel." + std::to_string(v) + "." + std::to_string(names.size());
          if (names.emplace(kernel->text(), name).second)
            codegen::emitKernel(kernels, name, *kernel);
        }
    if (keep) {
      llvm::raw_string_ostream stream(built_.kernels);
      kernels->print(stream);
    }
    for (size_t v = 0; v < targets_.size(); ++v)
      checkHalves(kernels, "kernel." + std::to_string(v) + ".", *targets_[v]);
    built_.context = std::make_unique<llvm::LLVMContext>();
    built_.module = codegen::translate(kernels, *built_.context, *built_.target);
    built_.module->setModuleIdentifier(built_.model.options.name);
    built_.module->setSourceFileName(built_.model.options.name);
  }

  void emitPlans() {
    llvm::Module& module = *built_.module;
    Model& model = built_.model;
    Constants constants(module);
    if (model.threaded())
      addThreads(module, model);
    std::vector<Version> versions(targets_.size());
    for (size_t v = 0; v < versions.size(); ++v) {
      Version& version = versions[v];
      version.cpu = targets_[v]->cpu();
      version.features = targets_[v]->features();
      const std::string suffix = "." + std::to_string(v), check = "cpu" + suffix;
      if (addCpuCheck(module, *targets_[v], check))
        version.check = check;
      PlanContext context{module, model, constants, {}, suffix};
      for (const auto& [text, name] : kernelNames_[v]) {
        llvm::Function* kernel = module.getFunction(name);
        kernel->setLinkage(llvm::GlobalValue::InternalLinkage);
        kernel->setDoesNotThrow();
        context.kernels[text] = kernel;
      }
      size_t next = 0;
      for (size_t e = 0; e < sources_.size(); ++e) {
        const std::span schedules(schedules_[v].data() + next,
                                  sources_[e].open ? 1 : sources_[e].parts.size());
        const auto open = open_.find({v, e});
        version.plans.push_back(
            emitEntry(context, e, schedules, open == open_.end() ? nullptr : &open->second));
        version.open.push_back(
            open == open_.end()
                ? OpenEntry()
                : emitOpenEntry(context, open->second, version.plans.back()->getName().str()));
        next += schedules.size();
      }
      const std::string kernels = "kernel" + suffix + ".";
      for (llvm::Function& function : module)
        if (!function.isDeclaration() && belongsTo(function.getName(), model, suffix, kernels))
          setCpu(function, version);
    }
    codegen::expandLdexp(module, built_.target->machine());
    model.needsMath = addLibraryCode(module);
    if (model.weightsInFile())
      addWeightFile(module, model);
    addEntries(module, model, versions, embedded(constants));
    addDescription(module, model, versions);
  }

  llvm::Function* emitEntry(PlanContext& context, size_t e,
                            std::span<const codegen::Schedule> schedules, const OpenPlan* open) {
    Model& model = built_.model;
    EntryInfo& entry = model.entries[e];
    const std::string name = "plan." + entry.name + context.suffix;
    if (open) {
      entry.workspaceBytes =
          std::max(entry.workspaceBytes, open->arenaBytes.at(sources_[e].open->example));
      return emitPlan(context, schedules[0], open->numbers, name, model.threaded());
    }
    if (entry.dims.empty()) {
      entry.workspaceBytes = std::max(entry.workspaceBytes, schedules[0].arenaBytes);
      return emitPlan(context, schedules[0], numbersOf(schedules[0]), name, model.threaded());
    }
    std::vector<ChunkPlan> chunks;
    int64_t each = 0;
    for (size_t i = 0; i < schedules.size(); ++i) {
      chunks.push_back({sources_[e].parts[i].examples,
                        emitPlan(context, schedules[i], numbersOf(schedules[i]), name + ".chunk",
                                 /*threaded=*/false)});
      each = std::max(each, schedules[i].arenaBytes);
    }
    std::vector<int64_t> inputs(schedules[0].inputs.size()), outputs;
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      inputs[i] = entry.inputs[i].batched ? entry.inputs[i].type.bytes() : 0;
    for (const TensorInfo& output : entry.outputs)
      outputs.push_back(output.type.bytes());
    entry.workspaceBytes = std::max(entry.workspaceBytes, each * model.options.threads);
    return emitBatchPlan(context, chunks, inputs, outputs, each, name);
  }

  static bool belongsTo(llvm::StringRef name, const Model& model, const std::string& suffix,
                        const std::string& kernels) {
    if (name.starts_with(kernels))
      return true;
    for (const EntryInfo& entry : model.entries)
      if (name.starts_with("plan." + entry.name + suffix))
        return true;
    return false;
  }

  Embedded embedded(Constants& constants) const {
    Embedded all(sources_.size());
    if (built_.model.options.weights == Weights::embedded)
      for (size_t e = 0; e < sources_.size(); ++e)
        for (const Value& capture : sources_[e].captures)
          all[e].push_back(constants.at(bytesOf(capture)));
    return all;
  }

  std::vector<Source>& sources_;
  std::vector<std::unique_ptr<codegen::Target>> targets_;
  std::vector<std::vector<codegen::Schedule>> schedules_;       // by target, entry
  std::map<std::pair<size_t, size_t>, OpenPlan> open_;          // by target and entry
  std::vector<std::map<std::string, std::string>> kernelNames_; // by target: text to name
  Built built_;
};

} // namespace

Built build(std::vector<Source>& sources, const Options& options, bool keepKernels) {
  checkOptions(options);
  return Builder(sources, options).run(keepKernels);
}

} // namespace diptych::aot
