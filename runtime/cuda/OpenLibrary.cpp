// dlopen, dlsym, and one text for each way to fail.
#include "runtime/cuda/OpenLibrary.h"

#include <dlfcn.h>

#include <cstdlib>

namespace diptych::runtime::cuda {

bool openLibrary(std::initializer_list<const char*> names, std::initializer_list<Symbol> symbols,
                 const char* version, std::string& why) {
  const std::string title = names.end()[-1];
  void* library = nullptr;
  for (const char* name : names)
    if (!library)
      library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = ::dlerror();
    why = title + " could not be opened (" + (reason ? reason : "") + ")";
    return false;
  }
  for (const Symbol& symbol : symbols) {
    void* address = ::dlsym(library, symbol.name);
    if (!address) {
      why = title + " has no " + symbol.name + ", which we use; install version " + version +
            " or later";
      return false;
    }
    std::memcpy(symbol.place, &address, sizeof address);
  }
  return true;
}

void checkLibrary(int status, const char* call, const char* withoutIt) {
  if (status != 0)
    throw Error(std::string(currentOperator()) + ": " + call + " failed with status " +
                std::to_string(status) + "; " + withoutIt + "=0 in the environment does without");
}

bool isSwitchedOff(const char* variable, std::string& why) {
  const char* wanted = std::getenv(variable);
  if (!wanted || std::string(wanted) != "0")
    return false;
  why = std::string("the environment has ") + variable + "=0";
  return true;
}

} // namespace diptych::runtime::cuda
