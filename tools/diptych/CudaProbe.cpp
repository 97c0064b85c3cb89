// The driver is asked through a handful of its C functions, declared here as its manual has them.
#include "tools/diptych/CudaProbe.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace diptych::cli {

namespace {

using Json = nlohmann::ordered_json;

/// A library by name, closed again at the end.
struct Library {
  explicit Library(const char* name) : handle(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {}
  ~Library() {
    if (handle)
      dlclose(handle);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  template <class F> F* find(const char* name) const {
    return reinterpret_cast<F*>(dlsym(handle, name));
  }
  void* handle;
};

// CUdevice_attribute's COMPUTE_CAPABILITY_MAJOR and MINOR.
constexpr int kMajor = 75, kMinor = 76;

Json noDriver(const std::string& why) {
  return {{"found", false}, {"why", why}, {"devices", Json::array()}};
}

Json findDevices(const Library& driver) {
  auto* count = driver.find<int(int*)>("cuDeviceGetCount");
  auto* get = driver.find<int(int*, int)>("cuDeviceGet");
  auto* name = driver.find<int(char*, int, int)>("cuDeviceGetName");
  auto* attribute = driver.find<int(int*, int, int)>("cuDeviceGetAttribute");
  auto* memory = driver.find<int(size_t*, int)>("cuDeviceTotalMem_v2");
  Json devices = Json::array();
  int devicesFound = 0;
  if (!count || !get || !name || !attribute || !memory || count(&devicesFound) != 0)
    return devices;
  for (int i = 0; i < devicesFound; ++i) {
    int device = 0, major = 0, minor = 0;
    char text[256] = "";
    size_t bytes = 0;
    if (get(&device, i) != 0 || name(text, sizeof text - 1, device) != 0 ||
        attribute(&major, kMajor, device) != 0 || attribute(&minor, kMinor, device) != 0 ||
        memory(&bytes, device) != 0)
      continue;
    devices.push_back({{"name", text},
                       {"capability", std::to_string(major) + "." + std::to_string(minor)},
                       {"memory_bytes", bytes}});
  }
  return devices;
}

Json findDriver() {
  const Library driver("libcuda.so.1");
  if (!driver.handle) {
    const char* reason = dlerror();
    return noDriver(reason ? reason : "libcuda.so.1 cannot be loaded");
  }
  auto* init = driver.find<int(unsigned)>("cuInit");
  auto* versionOf = driver.find<int(int*)>("cuDriverGetVersion");
  if (!init || !versionOf)
    return noDriver("libcuda.so.1 has no cuInit: it is no driver");
  if (const int status = init(0); status != 0) {
    const char* text = nullptr;
    if (auto* explain = driver.find<int(int, const char**)>("cuGetErrorString"))
      explain(status, &text);
    return noDriver("cuInit: " + std::string(text ? text : "error " + std::to_string(status)));
  }
  int version = 0;
  versionOf(&version);
  return {{"found", true},
          {"version", std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10)},
          {"devices", findDevices(driver)}};
}

/// Folders that may hold a toolkit's programs: where the user says, where it is installed, PATH.
std::vector<std::filesystem::path> programFolders() {
  std::vector<std::filesystem::path> folders;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char* value = std::getenv(variable); value && *value)
      folders.push_back(std::filesystem::path(value) / "bin");
  folders.emplace_back("/usr/local/cuda/bin");
  const char* path = std::getenv("PATH");
  std::stringstream list(path ? path : "");
  for (std::string folder; std::getline(list, folder, ':');)
    folders.emplace_back(folder);
  return folders;
}

Json findToolkit() {
  std::vector<std::string> parts;
  for (const char* program : {"nvcc", "ptxas"})
    for (const std::filesystem::path& folder : programFolders()) {
      std::error_code ignored;
      if (!std::filesystem::is_regular_file(folder / program, ignored))
        continue;
      parts.push_back((folder / program).string());
      break;
    }
  for (const char* name : {"libnvJitLink.so.13", "libnvJitLink.so.12", "libnvrtc.so.13",
                           "libnvrtc.so.12", "libcublasLt.so.13", "libcublasLt.so.12"})
    if (Library(name).handle)
      parts.emplace_back(name);
  if (parts.empty())
    return {{"found", false},
            {"why", "neither nvcc, ptxas, libnvJitLink, libnvrtc nor libcublasLt is found"},
            {"parts", Json::array()}};
  return {{"found", true}, {"parts", parts}};
}

/// The first that can be opened, or null.
Json firstOf(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (Library(name).handle)
      return name;
  return nullptr;
}

// As runtime/cuda looks for them.
Json findLibraries() {
  return {
      {"products", firstOf({"libcublas.so.13", "libcublas.so.12", "libcublas.so"})},
      {"linear_algebra", firstOf({"libcusolver.so.12", "libcusolver.so.11", "libcusolver.so"})}};
}

} // namespace

Json findCuda() {
  return {{"driver", findDriver()}, {"libraries", findLibraries()}, {"toolkit", findToolkit()}};
}

} // namespace diptych::cli
