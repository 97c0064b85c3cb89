// The library and its one use.
#include "runtime/cuda/JitLink.h"

#include "runtime/cuda/OpenLibrary.h"

#include <cstdint>
#include <map>

namespace diptych::runtime::cuda {

namespace {

struct Linking; // nvJitLink
constexpr int kPtx = 2;

struct Library {
  int (*create)(Linking** linking, uint32_t count, const char** options) = nullptr;
  int (*destroy)(Linking** linking) = nullptr;
  int (*addData)(Linking* linking, int kind, const void* data, size_t bytes,
                 const char* name) = nullptr;
  int (*complete)(Linking* linking) = nullptr;
  int (*cubinSize)(Linking* linking, size_t* bytes) = nullptr;
  int (*cubin)(Linking* linking, void* to) = nullptr;
  int (*logSize)(Linking* linking, size_t* bytes) = nullptr;
  int (*log)(Linking* linking, char* to) = nullptr;
  int (*version)(unsigned* major, unsigned* minor) = nullptr;
  bool found = false;
  std::string why;
};

const Library& library() {
  static const Library* opened = [] {
    auto* made = new Library; // never closed
    made->found = openLibrary({"libnvJitLink.so.13", "libnvJitLink.so.12", "libnvJitLink.so"},
                              {{"nvJitLinkCreate", made->create},
                               {"nvJitLinkDestroy", made->destroy},
                               {"nvJitLinkAddData", made->addData},
                               {"nvJitLinkComplete", made->complete},
                               {"nvJitLinkGetLinkedCubinSize", made->cubinSize},
                               {"nvJitLinkGetLinkedCubin", made->cubin},
                               {"nvJitLinkGetErrorLogSize", made->logSize},
                               {"nvJitLinkGetErrorLog", made->log},
                               {"nvJitLinkVersion", made->version}},
                              "12.3", made->why);
    return made;
  }();
  return *opened;
}

// Some versions end the process for an architecture that they do not know, so only those are asked
// for that the version is known to know.
bool knows(const std::string& architecture) {
  static const std::map<std::string, unsigned> since{
      {"sm_80", 1200},  {"sm_86", 1200},  {"sm_87", 1200},  {"sm_89", 1200},
      {"sm_90", 1200},  {"sm_100", 1208}, {"sm_101", 1208}, {"sm_120", 1208},
      {"sm_103", 1209}, {"sm_121", 1209}, {"sm_110", 1300}};
  unsigned major = 0, minor = 0;
  const auto found = since.find(architecture);
  return found != since.end() && library().version(&major, &minor) == 0 &&
         100 * major + minor >= found->second &&
         !(architecture == "sm_101" && major >= 13); // renamed sm_110
}

} // namespace

std::string jitLinkVersion() {
  unsigned major = 0, minor = 0;
  if (!library().found || library().version(&major, &minor) != 0)
    return "";
  return std::to_string(major) + "." + std::to_string(minor);
}

std::string cubinOf(const std::string& ptx, const std::string& architecture, std::string& why) {
  const Library& link = library();
  if (!link.found) {
    why = link.why;
    return "";
  }
  if (!knows(architecture)) {
    why = "nvJitLink " + jitLinkVersion() + " may not know " + architecture;
    return "";
  }
  const std::string option = "-arch=" + architecture;
  const char* options[] = {option.c_str()};
  Linking* linking = nullptr;
  if (const int status = link.create(&linking, 1, options); status != 0) {
    why = "nvJitLinkCreate gave " + std::to_string(status) + " for " + architecture;
    return "";
  }
  size_t bytes = 0;
  std::string cubin;
  int status = link.addData(linking, kPtx, ptx.c_str(), ptx.size() + 1, "kernels");
  if (status == 0)
    status = link.complete(linking);
  if (status == 0)
    status = link.cubinSize(linking, &bytes);
  if (status == 0) {
    cubin.resize(bytes);
    status = link.cubin(linking, cubin.data());
  }
  if (status != 0) {
    cubin.clear();
    size_t length = 0;
    std::string text;
    if (link.logSize(linking, &length) == 0 && length > 0) {
      text.resize(length);
      link.log(linking, text.data());
    }
    why = "nvJitLink gave " + std::to_string(status) + ": " + text.c_str();
  }
  link.destroy(&linking);
  return cubin;
}

} // namespace diptych::runtime::cuda
