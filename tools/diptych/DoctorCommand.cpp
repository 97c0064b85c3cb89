// diptych doctor: what this machine has, what is missing, and whether both modes compute the same.
// Findings are a JSON record first; the page is made from it.
#include "tools/diptych/Commands.h"

#include "tools/diptych/CudaProbe.h"
#include "tools/diptych/Terminal.h"

#include "aot/LibraryCode.h"
#include "codegen/ObjectCache.h"
#include "codegen/Target.h"
#include "runtime/KernelRegistry.h"
#include "runtime/ThreadPool.h"

#include <diptych/diptych.h>

#include "llvm/Config/llvm-config.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <iostream>

namespace diptych::cli {

namespace {

using Json = nlohmann::ordered_json;

const char* const kFooter = R"(
Exit codes: 0 nothing that Diptych needs is missing, 1 something is, 2 wrong usage,
4 internal error. What only some uses need (CUDA) is told and changes no exit code.

Examples:
  diptych doctor
  diptych doctor --json | python3 -m json.tool)";

/// What to tell, and what of it keeps Diptych from working.
struct Findings {
  Json record;
  std::vector<std::string> problems;

  /// A part that throws is a problem, and the next is looked at.
  template <class F> void part(const char* name, F look) {
    try {
      record[name] = look();
    } catch (const std::exception& error) {
      record[name] = Json{{"error", error.what()}};
      problems.push_back(std::string(name) + ": " + error.what());
    }
  }
};

Json findLlvm() {
  llvm::InitializeAllTargetInfos();
  Dl_info from{};
  const bool isShared = dladdr(reinterpret_cast<void*>(&llvm::sys::getHostCPUName), &from) &&
                        std::strstr(from.dli_fname, "LLVM");
  std::vector<std::string> targets;
  for (const char* triple : {"x86_64-linux-gnu", "aarch64-linux-gnu", "nvptx64-nvidia-cuda"}) {
    std::string unused;
    if (llvm::TargetRegistry::lookupTarget(llvm::Triple(triple), unused))
      targets.push_back(std::string(triple, std::strchr(triple, '-')));
  }
  return {{"version", LLVM_VERSION_STRING},
          {"library", isShared ? from.dli_fname : "linked in"},
          {"targets", targets}};
}

Json findCpu() {
  std::vector<std::string> features;
  const auto host = llvm::sys::getHostCPUFeatures();
  for (const char* feature : {"avx2", "fma", "bmi", "bmi2", "avx512f", "avx512cd", "avx512dq",
                              "avx512bw", "avx512vl", "avx512bf16", "avx512fp16", "amx-tile"})
    if (const auto found = host.find(feature); found != host.end() && found->second)
      features.push_back(feature);
  return {{"name", llvm::sys::getHostCPUName().str()}, {"features", features}};
}

Json findKernels() {
  const char* forced = std::getenv("DIPTYCH_CPU");
  return {{"eager", runtime::KernelRegistry::builtInLevel()},
          {"forced_by", forced && *forced ? Json("DIPTYCH_CPU") : Json(nullptr)},
          {"jit_vector_bytes", codegen::Target("native").vectorBytes()}};
}

Json findThreads() {
  const char* forced = std::getenv("DIPTYCH_THREADS");
  return {{"used", runtime::ThreadPool::global().threads()},
          {"hardware", std::thread::hardware_concurrency()},
          {"forced_by", forced && *forced ? Json("DIPTYCH_THREADS") : Json(nullptr)}};
}

/// Freed tensors are kept up to a quarter of the memory; machine code on disk too, unless it is
/// off.
Json findCaches() {
  const std::string& folder = codegen::ObjectCache::shared().folder();
  uint64_t bytes = 0;
  std::error_code ignored;
  if (!folder.empty())
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored))
      if (entry.is_regular_file(ignored))
        bytes += entry.file_size(ignored);
  return {{"memory_bytes", int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE)},
          {"tensors", "freed ones kept in memory, up to a quarter of it"},
          {"kernels_folder", folder.empty() ? Json(nullptr) : Json(folder)},
          {"kernels_bytes", bytes}};
}

/// Whether artefacts for this machine can hold sorting and linear algebra.
Json findArtefacts() {
  const std::string lacking = aot::lackOfLibrary(codegen::Target("native"));
  return {{"library_operators", lacking.empty()},
          {"why", lacking.empty() ? Json(nullptr) : Json(lacking)}};
}

/// A model of a few kernels with its gradient, computed both ways.
Json selfCheck() {
  const auto model = [](const Tensor& w, const Tensor& x) { return sum(tanh(matmul(x, w))); };
  JitOptions options;
  options.numerics = Numerics::strict;
  const auto both = value_and_grad(model);
  const auto compiled = jit(both, options);
  manual_seed(7);
  const Tensor w = rand({16, 3}), x = rand({33, 16});
  const auto [value, slope] = both(w, x);
  const auto [jitValue, jitSlope] = compiled(w, x);
  const bool equal = value.item<double>() == jitValue.item<double>() &&
                     slope.to_vector<double>() == jitSlope.to_vector<double>();
  if (!equal)
    throw Error("eager and compiled results differ: report this with the whole of this page");
  return {{"equal", true}, {"compile_ms", compiled.stats().compile()}};
}

Findings examine() {
  const Progress progress("examining");
  Findings found;
  found.record["diptych"] = DIPTYCH_VERSION;
  found.part("llvm", findLlvm);
  found.part("cpu", findCpu);
  found.part("kernels", findKernels);
  found.part("threads", findThreads);
  found.part("caches", findCaches);
  found.part("artefacts", findArtefacts);
  found.part("cuda", findCuda);
  found.part("check", selfCheck);
  found.record["problems"] = found.problems;
  return found;
}

//===-- The page -----------------------------------------------------------------------------===//

std::string list(const Json& words) {
  std::string text;
  for (const Json& word : words)
    text += (text.empty() ? "" : " ") + word.get<std::string>();
  return text.empty() ? "none" : text;
}

std::string forcedBy(const Json& part) {
  return part["forced_by"].is_null() ? "" : ", by " + part["forced_by"].get<std::string>();
}

std::string cudaText(const Json& cuda) {
  const Json &driver = cuda["driver"], &toolkit = cuda["toolkit"];
  std::string text = driver["found"].get<bool>() ? "driver " + driver["version"].get<std::string>()
                                                 : "no driver: " + driver["why"].get<std::string>();
  for (const Json& device : driver["devices"])
    text += fmt::format("\n            {}, compute capability {}, {:.1f} GiB",
                        device["name"].get<std::string>(), device["capability"].get<std::string>(),
                        device["memory_bytes"].get<double>() / (1 << 30));
  const Json& libraries = cuda["libraries"];
  const auto by = [&](const char* what, const char* otherwise) {
    const Json& found = libraries[what];
    return found.is_null() ? std::string(otherwise) : "by " + found.get<std::string>();
  };
  text += "\n            large products " + by("products", "by our own kernels") +
          ", linear algebra " + by("linear_algebra", "on the host");
  return text + "\n            " +
         (toolkit["found"].get<bool>() ? "toolkit: " + list(toolkit["parts"])
                                       : "no toolkit: " + toolkit["why"].get<std::string>());
}

std::string kernelCacheText(const Json& caches) {
  if (caches["kernels_folder"].is_null())
    return "in memory; none on disk (turned off, or no folder that is the user's alone)";
  return fmt::format("{}, {:.1f} MiB", caches["kernels_folder"].get<std::string>(),
                     caches["kernels_bytes"].get<double>() / (1 << 20));
}

std::string line(const Json& record, const char* name) {
  const Json& part = record[name];
  if (part.contains("error"))
    return "PROBLEM: " + part["error"].get<std::string>();
  const std::string_view which = name;
  if (which == "llvm")
    return fmt::format("{}, {}; generates code for {}", part["version"].get<std::string>(),
                       part["library"].get<std::string>(), list(part["targets"]));
  if (which == "cpu")
    return part["name"].get<std::string>() + ": " + list(part["features"]);
  if (which == "kernels")
    return fmt::format("eager {}{}; jit in vectors of {} bytes", part["eager"].get<std::string>(),
                       forcedBy(part), part["jit_vector_bytes"].get<int>());
  if (which == "threads")
    return fmt::format("{}{} (the machine has {})", part["used"].get<int>(), forcedBy(part),
                       part["hardware"].get<int>());
  if (which == "caches")
    return fmt::format("tensors: {}, of {:.1f} GiB\n            kernels: {}",
                       part["tensors"].get<std::string>(),
                       part["memory_bytes"].get<double>() / (1 << 30), kernelCacheText(part));
  if (which == "artefacts")
    return part["library_operators"].get<bool>()
               ? "hold every operator"
               : "hold no library operators: " + part["why"].get<std::string>();
  if (which == "cuda")
    return cudaText(part);
  return fmt::format("jit gives eager's bits; compiled in {:.0f} ms",
                     part["compile_ms"].get<double>());
}

void printPage(const Findings& found) {
  std::cout << fmt::format("{:<12}{}\n", "diptych", DIPTYCH_VERSION);
  for (const char* name :
       {"llvm", "cpu", "kernels", "threads", "caches", "artefacts", "cuda", "check"})
    std::cout << fmt::format("{:<12}{}\n", name, line(found.record, name));
}

int doctor(bool asJson) {
  const Findings found = examine();
  if (asJson)
    std::cout << found.record.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  else
    printPage(found);
  return found.problems.empty() ? success : checkFailed;
}

} // namespace

void addDoctor(CLI::App& app, Command& command) {
  auto asJson = std::make_shared<bool>(false);
  CLI::App* sub = app.add_subcommand("doctor", "Tell what this machine has, and what is missing");
  sub->add_flag("--json", *asJson, "As JSON");
  sub->footer(kFooter);
  sub->callback([asJson, &command] { command = [asJson] { return doctor(*asJson); }; });
}

} // namespace diptych::cli
