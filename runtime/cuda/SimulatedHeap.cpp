// Blocks in reserved address space, first fit by address.
#include "runtime/cuda/SimulatedHeap.h"

#include <diptych/Error.h>

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace diptych::runtime::cuda {

static size_t roundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

SimulatedHeap::SimulatedHeap() {
  void* space =
      ::mmap(nullptr, kSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED)
    throw Error("DIPTYCH_CUDA=simulate: no address space for the simulated device's memory; raise "
                "the limit of virtual memory (ulimit -v)");
  // Opening and closing the memory costs time for each page of it.
  const auto aligned = roundUp(reinterpret_cast<uintptr_t>(space), kPage);
  base_ = reinterpret_cast<std::byte*>(aligned); // NOLINT
  ::madvise(base_, kSpace - kPage, MADV_HUGEPAGE);
}

void SimulatedHeap::open() {
  if (depth_++ == 0 && top_ > 0)
    ::mprotect(base_, top_, PROT_READ | PROT_WRITE);
}

void SimulatedHeap::close() {
  if (--depth_ == 0 && top_ > 0)
    ::mprotect(base_, top_, PROT_NONE);
}

std::byte* SimulatedHeap::allocate(size_t bytes) {
  if (liveBytes_ + static_cast<int64_t>(bytes) > limit_)
    return nullptr;
  const size_t room = roundUp(bytes, kGuard) + 2 * kGuard;
  std::byte* at = base_;
  for (const auto& [block, size] : blocks_) {
    if (static_cast<size_t>(block - kGuard - at) >= room)
      break;
    at = block + roundUp(size, kGuard) + kGuard;
  }
  const size_t end = roundUp(static_cast<size_t>(at - base_) + room, kPage);
  if (end > kSpace - kPage)
    return nullptr;
  if (end > top_) {
    if (depth_ > 0)
      ::mprotect(base_ + top_, end - top_, PROT_READ | PROT_WRITE);
    top_ = end;
  }
  const Access access(*this);
  std::memset(at, kPattern, room);
  std::memset(at + kGuard, 0xFF, bytes);
  blocks_[at + kGuard] = bytes;
  liveBytes_ += static_cast<int64_t>(bytes);
  return at + kGuard;
}

bool SimulatedHeap::guarded(const std::byte* block, size_t bytes, std::string& why) {
  const auto foreign = [](std::byte value) { return value != std::byte{kPattern}; };
  const std::byte* end = block + bytes;
  const bool before = std::any_of(block - kGuard, block, foreign);
  const bool after = std::any_of(end, block + roundUp(bytes, kGuard) + kGuard, foreign);
  if (before || after)
    why = std::string("somebody wrote ") + (before ? "in front of" : "behind") + " a block of " +
          std::to_string(bytes) + " bytes";
  return !before && !after;
}

bool SimulatedHeap::free(std::byte* block, std::string& why) {
  const auto found = blocks_.find(block);
  if (found == blocks_.end()) {
    why = "an address was freed that begins no block";
    return false;
  }
  const Access access(*this);
  const size_t bytes = found->second;
  const bool good = guarded(block, bytes, why);
  liveBytes_ -= static_cast<int64_t>(bytes);
  blocks_.erase(found);
  return good;
}

bool SimulatedHeap::holds(const void* address, size_t bytes) const {
  const auto* at = static_cast<const std::byte*>(address);
  auto after = blocks_.upper_bound(const_cast<std::byte*>(at));
  if (after == blocks_.begin())
    return false;
  --after;
  return at + bytes <= after->first + after->second;
}

bool SimulatedHeap::reserves(const void* address) const {
  const auto* at = static_cast<const std::byte*>(address);
  return at >= base_ && at < base_ + kSpace;
}

bool SimulatedHeap::intact(std::string& why) const {
  return std::all_of(blocks_.begin(), blocks_.end(),
                     [&](const auto& block) { return guarded(block.first, block.second, why); });
}

} // namespace diptych::runtime::cuda
