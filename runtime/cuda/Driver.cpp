// Finding libcuda and its functions.
#include "runtime/cuda/Driver.h"

#include "runtime/cuda/SimulatedDriver.h"

#include <dlfcn.h>

#include <cstdlib>

namespace diptych::runtime::cuda {

namespace {

struct Found {
  Driver table;
  const Driver* driver = nullptr;
  std::string why;
};

template <class Function> bool take(void* library, const char* symbol, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, symbol));
  return function != nullptr;
}

void open(Found& found) {
  // Never closed: tensors of static storage may be freed at the very end.
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = ::dlerror();
    found.why = std::string("the driver's library libcuda.so.1 could not be opened (") +
                (reason ? reason : "no reason given") + "); install NVIDIA's driver";
    return;
  }
#define DIPTYCH_CUDA_TAKE(NAME, SYMBOL, PARAMETERS)                                                \
  if (!take(library, #SYMBOL, found.table.NAME)) {                                                 \
    found.why = "libcuda.so.1 has no " #SYMBOL "; install a driver for CUDA 12 or later";          \
    return;                                                                                        \
  }
  DIPTYCH_CUDA_DRIVER(DIPTYCH_CUDA_TAKE)
#undef DIPTYCH_CUDA_TAKE
  found.driver = &found.table;
}

Found* find() {
  auto* found = new Found;
  const char* text = std::getenv("DIPTYCH_CUDA");
  const std::string choice = text ? text : "";
  if (choice == "simulate")
    found->driver = &simulatedDriver();
  else if (choice == "off")
    found->why = "the environment has DIPTYCH_CUDA=off; unset it";
  else if (choice.empty() || choice == "device")
    open(*found);
  else
    found->why = "DIPTYCH_CUDA: expected device, simulate or off, got \"" + choice + "\"; unset it";
  return found;
}

} // namespace

const Driver* findDriver(std::string& why) {
  static const Found* found = find();
  why = found->why;
  return found->driver;
}

std::string resultText(const Driver& driver, Result result) {
  const char *name = nullptr, *text = nullptr;
  driver.getErrorName(result, &name);
  driver.getErrorString(result, &text);
  return (name ? name : "error " + std::to_string(result)) +
         (text ? " (" + std::string(text) + ")" : "");
}

} // namespace diptych::runtime::cuda
