// An entry on disk holds three objects: launches (as EagerPtx writes them), PTX, cubin.
#include "codegen/cuda/DeviceCode.h"

#include "runtime/cuda/EagerPtx.h"
#include "runtime/cuda/JitLink.h"

#include "llvm/Support/MemoryBuffer.h"

#include <chrono>

namespace diptych::codegen::cuda {

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string keyOf(std::span<const GpuRequest> requests, const std::string& architecture) {
  std::string key = "cuda " + architecture + " nvJitLink " + runtime::cuda::jitLinkVersion();
  for (const GpuRequest& request : requests)
    key += "\n" + textOf(request);
  return key;
}

std::string launchesText(const std::vector<runtime::cuda::LaunchSpec>& kernels) {
  runtime::cuda::EagerPtx blob;
  for (const runtime::cuda::LaunchSpec& spec : kernels)
    blob.kernels.emplace_back().spec = spec;
  return blob.serialised();
}

std::optional<DeviceCode> read(const Objects& objects, size_t kernels) {
  if (objects.size() != 3)
    return std::nullopt;
  const auto text = [&](size_t i) { return objects[i]->getBuffer().str(); };
  DeviceCode code;
  try {
    for (auto& kernel : runtime::cuda::EagerPtx::read(text(0)).kernels)
      code.kernels.push_back(std::move(kernel.spec));
  } catch (const Error&) {
    return std::nullopt; // of another make
  }
  code.ptx = text(1);
  code.cubin = text(2);
  return code.kernels.size() == kernels ? std::optional(std::move(code)) : std::nullopt;
}

void write(ObjectCache& cache, const std::string& key, const DeviceCode& code) {
  Objects objects;
  for (const std::string& text : {launchesText(code.kernels), code.ptx, code.cubin})
    objects.push_back(llvm::MemoryBuffer::getMemBufferCopy(text, "kernels"));
  cache.insert(key, objects);
}

} // namespace

DeviceCode deviceCode(std::span<const GpuRequest> requests, const std::string& architecture,
                      ObjectCache* cache, KernelTimes& times) {
  const double start = seconds();
  const bool cached = cache && !cache->folder().empty();
  const std::string key = cached ? keyOf(requests, architecture) : std::string();
  if (cached) {
    std::optional<DeviceCode> known;
    if (const auto found = cache->find(key))
      known = read(*found, requests.size());
    times.load += seconds() - start;
    if (known) {
      times.loaded += static_cast<int64_t>(requests.size());
      return std::move(*known);
    }
  }
  const double looked = seconds();
  PtxModule module = compilePtx(requests, architecture);
  DeviceCode code{std::move(module.ptx), "", std::move(module.kernels)};
  std::string why; // the driver does it then
  code.cubin = runtime::cuda::cubinOf(code.ptx, architecture, why);
  times.codegen += seconds() - looked;
  times.compiled += static_cast<int64_t>(requests.size());
  const double made = seconds();
  if (cached) {
    write(*cache, key, code);
    times.load += seconds() - made;
  }
  return code;
}

} // namespace diptych::codegen::cuda
