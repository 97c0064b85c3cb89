// Kernels of runtime/library without a C++ library: compiled once more to LLVM bitcode, which
// artefacts take their kernels from (aot/LibraryCode.cpp). Memory comes from a piece of the
// caller's workspace, and where it does not suffice the kernel ends there and says so.
// First in its file: it decides what `malloc` means to Eigen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#define EIGEN_MALLOC_ALREADY_ALIGNED 1
#define EIGEN_STACK_ALLOCATION_LIMIT 0 // the workspace, not the caller's stack

namespace diptych::aot::library {

/// A stack of blocks; one that is freed below the top goes when those above it are gone.
struct Scratch {
  struct alignas(64) Block {
    Block* below;
    bool freed;
  };
  Block* top = nullptr;
  char *next, *end;
  void* out[5]; // where to go on when it is exhausted

  // It may lie in an output, which is aligned only as its elements are.
  Scratch(void* memory, int64_t bytes)
      : next(static_cast<char*>(memory)), end(static_cast<char*>(memory) + bytes) {
    const auto gap = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(memory) % alignof(Block));
    next += gap < bytes ? gap : bytes;
  }

  void* allocate(size_t bytes) {
    const size_t room = static_cast<size_t>(end - next);
    if (bytes > room || (bytes + 63) / 64 * 64 + sizeof(Block) > room)
      __builtin_longjmp(out, 1);
    Block* block = reinterpret_cast<Block*>(next);
    *block = {top, false};
    top = block;
    next += sizeof(Block) + (bytes + 63) / 64 * 64;
    return block + 1;
  }
  void release(void* memory) {
    if (!memory)
      return;
    (static_cast<Block*>(memory) - 1)->freed = true;
    while (top && top->freed) {
      next = reinterpret_cast<char*>(top);
      top = top->below;
    }
  }
};

} // namespace diptych::aot::library

/// The scratch of the kernel that runs. No variable in the end: LibraryCode.cpp makes it a
/// parameter of every function that names it.
extern "C" diptych::aot::library::Scratch* diptych_scratch;

// What Eigen calls. These never meet a C library's: artefacts make all but ENTRYs their own.
// Out of line, where what the compiler knows of memory from `malloc` does not reach their blocks.
extern "C" [[gnu::noinline]] void* malloc(size_t bytes) noexcept {
  return diptych_scratch->allocate(bytes);
}
extern "C" [[gnu::noinline]] void free(void* memory) noexcept { diptych_scratch->release(memory); }
void* operator new(size_t) { __builtin_longjmp(diptych_scratch->out, 1); } // Eigen's way to throw

namespace diptych::aot::library {

// Out of line, since what saves a place to return to must do nothing else.
template <class Kernel>
[[clang::noinline]] void runKernel(void* const* args, const int64_t* params, int64_t lo,
                                   int64_t hi) {
  Kernel::run(args, params, lo, hi);
}

/// 0, or 1 where the memory did not suffice.
template <class Kernel>
int run(void* const* args, const int64_t* params, int64_t lo, int64_t hi, void* memory,
        int64_t bytes) {
  Scratch scratch(memory, bytes);
  diptych_scratch = &scratch;
  if (__builtin_setjmp(scratch.out))
    return 1;
  runKernel<Kernel>(args, params, lo, hi);
  return 0;
}

} // namespace diptych::aot::library

/// The kernel of an operator for one dtype, by the names of both.
#define ENTRY(OPERATOR, DTYPE, ...)                                                                \
  extern "C" int diptych_kernel_##OPERATOR##_##DTYPE(void* const* args, const int64_t* params,     \
                                                     int64_t lo, int64_t hi, void* memory,         \
                                                     int64_t bytes) {                              \
    return diptych::aot::library::run<diptych::runtime::kernels::__VA_ARGS__>(args, params, lo,    \
                                                                              hi, memory, bytes);  \
  }
