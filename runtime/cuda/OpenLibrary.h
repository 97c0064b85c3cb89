// NVIDIA's libraries, opened at run time: which file serves, where its functions are, and what a
// status that is not 0 becomes.
#pragma once

#include "runtime/cuda/Context.h"

#include <cstring>
#include <initializer_list>
#include <mutex>
#include <string>

namespace diptych::runtime::cuda {

/// A function of a library, and the pointer that gets its address.
struct Symbol {
  template <class Function>
  Symbol(const char* name, Function*& place) : name(name), place(&place) {}

  const char* name;
  void* place;
};

/// Opens the first of `names` that is there, never closes it, and finds its functions. False, with
/// why, where there is none or a function is missing; the last name stands for all, and `version`
/// is the one that has them.
bool openLibrary(std::initializer_list<const char*> names, std::initializer_list<Symbol> symbols,
                 const char* version, std::string& why);

/// The functions of a library: the machine's, or simulated ones on the simulated device. Null, with
/// why, where there are none.
template <class Table> struct OpenedLibrary {
  OpenedLibrary(const Table& simulated, bool (*open)(Table& table, std::string& why)) {
    if (context().driver.isSimulated)
      functions = &simulated;
    else if (open(table, why))
      functions = &table;
  }

  Table table;
  const Table* functions = nullptr;
  std::string why;
  std::mutex mutex; // of what is made with them: one thread at a time
};

/// Throws Error unless `status` is 0: "matmul: cublasCreate failed with status 1;
/// DIPTYCH_CUDA_BLAS=0 in the environment does without".
void checkLibrary(int status, const char* call, const char* withoutIt);

/// Whether the environment sets `variable` to 0; `why` says so.
bool isSwitchedOff(const char* variable, std::string& why);

} // namespace diptych::runtime::cuda
