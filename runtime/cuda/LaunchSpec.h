// How a compiled GPU kernel is launched, as plain data: names, grids as functions of the kernel's
// params, blocks, scratch. Made by codegen/cuda, used by the device, by the eager table and by the
// simulator. Knows no driver.
//
// One KernelSpec is one LaunchSpec: one launch or several in order on one stream. Every launch of
// it takes the same arguments:
//   pointers  the kernel's args in the order of runtime/KernelAbi.h or of the ScheduledCall, each
//             the start of its buffer plus the call's byte offset, aligned to kPointerAlignment
//   scratch   one more pointer where `scratchBytes` is not zero: memory that nobody else uses until
//             the launches are done; its content does not matter
//   params    int64 each. Kernels with static shapes have none. Eager kernels have those of
//             runtime/KernelAbi.h and then one more, the range: the extent of the outermost loop.
// Grid and block have one dimension.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace diptych::runtime::cuda {

constexpr int64_t kPointerAlignment = 16;

/// A number, or one of the params.
struct Extent {
  int64_t value = 0;
  int slot = -1;

  int64_t of(std::span<const int64_t> params) const {
    return slot < 0 ? value : params[static_cast<size_t>(slot)];
  }
};

/// A number of things as a function of the params: the product of the factors in pieces.
struct Count {
  /// ceil(product of extents / pieces), no less than `least`.
  struct Factor {
    std::vector<Extent> extents;
    int64_t pieces = 1;
    int64_t least = 0;

    int64_t of(std::span<const int64_t> params) const {
      int64_t product = 1;
      for (const Extent& extent : extents)
        product *= extent.of(params);
      return std::max(least, (product + pieces - 1) / pieces);
    }
  };
  std::vector<Factor> factors;
  int64_t pieces = 1;

  int64_t of(std::span<const int64_t> params) const {
    int64_t product = 1;
    for (const Factor& factor : factors)
      product *= factor.of(params);
    return (product + pieces - 1) / pieces;
  }
};

struct Launch {
  std::string name; // of the function in the module
  Count grid;       // blocks; none: nothing to launch
  int block = 128;  // threads
  /// Launched only where this extent is greater than `above`, and at most `atMost`.
  Extent guard{1, -1};
  int64_t above = 0;
  /// Whether its threads meet: in barriers, shuffles or shared memory.
  bool cooperative = false;
  int64_t atMost = INT64_MAX;
  /// Shared memory that it gets from the launch; 0: what the function has of its own.
  int64_t sharedBytes = 0;
  /// So many neighbouring blocks run at the same time and see each other's shared memory; the
  /// function says so itself. It divides the grid.
  int cluster = 1;

  int64_t blocks(std::span<const int64_t> params) const {
    const int64_t extent = guard.of(params);
    return extent > above && extent <= atMost ? grid.of(params) : 0;
  }
};

struct LaunchSpec {
  std::vector<Launch> launches;
  int pointers = 0; // without scratch
  int params = 0;
  Count scratch; // units of scratchUnit bytes
  int64_t scratchUnit = 0;

  bool takesScratch() const { return scratchUnit != 0; }
  int64_t scratchBytes(std::span<const int64_t> params) const {
    return scratchUnit == 0 ? 0 : std::max<int64_t>(1, scratch.of(params)) * scratchUnit;
  }
};

} // namespace diptych::runtime::cuda
