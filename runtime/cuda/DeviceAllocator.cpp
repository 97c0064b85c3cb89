// Sets of free blocks by size. One stream uses them all, so its order is the order of reuse. The
// lowest is taken first, so that a loop whose results replace its arguments sees the same addresses
// every second time, in whatever order it lets go of them: then it can be replayed as a graph.
#include "runtime/cuda/DeviceMemory.h"

#include "ir/Emitter.h"
#include "runtime/cuda/Context.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace diptych::runtime::cuda {

namespace {

struct Live {
  int64_t asked, size;
  std::string user;
};

struct Books {
  std::mutex mutex;
  std::map<int64_t, std::set<DevicePtr>> free; // by size
  std::map<DevicePtr, Live> live;
  DeviceMemoryStats stats{};
};

Books& books() {
  static auto* made = new Books; // blocks are freed until the very end
  return *made;
}

// Eight classes to a power of two: at most an eighth is lost.
int64_t sizeClass(int64_t bytes) {
  constexpr int64_t kSmallest = 512;
  if (bytes <= kSmallest)
    return kSmallest;
  const auto power = std::bit_floor(static_cast<uint64_t>(bytes - 1));
  const int64_t step = std::max(kSmallest, static_cast<int64_t>(power / 8));
  return (bytes + step - 1) / step * step;
}

std::string userText() {
  const SourceLocation& where = currentLocation();
  std::string text = currentOperator();
  if (where.known()) {
    const std::string file = where.file;
    text += " (" + file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line) + ")";
  }
  return text;
}

void releaseLocked(Books& all) {
  const Context& device = context();
  for (auto& [size, list] : all.free) {
    for (const DevicePtr block : list) {
      check(device.driver.memFree(block), "cuMemFree");
      all.stats.reservedBytes -= size;
      all.stats.cachedBytes -= size;
    }
    list.clear();
  }
}

std::string liveText(const Books& all) {
  std::vector<const Live*> blocks;
  for (const auto& [block, live] : all.live)
    blocks.push_back(&live);
  const size_t shown = std::min<size_t>(blocks.size(), 8);
  std::partial_sort(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(shown),
                    blocks.end(), [](auto* a, auto* b) { return a->asked > b->asked; });
  std::string text = std::to_string(blocks.size()) + " blocks in use";
  for (size_t i = 0; i < shown; ++i)
    text += (i == 0 ? ", the largest: " : ", ") + std::to_string(blocks[i]->asked) + " bytes by " +
            blocks[i]->user;
  return text;
}

[[noreturn]] void outOfMemory(const Books& all, int64_t bytes) {
  const Context& device = context();
  size_t free = 0, total = 0;
  device.driver.memGetInfo(&free, &total);
  throw Error(std::string(currentOperator()) + ": expected room for " + std::to_string(bytes) +
              " bytes on the device, got out of memory: " + std::to_string(free) + " of " +
              std::to_string(total) + " bytes are free; " + liveText(all) +
              "; keep fewer tensors alive, compute in smaller batches, or checkpoint");
}

DevicePtr take(Books& all, int64_t size, int64_t bytes) {
  std::set<DevicePtr>& list = all.free[size];
  if (!list.empty()) {
    const DevicePtr block = list.extract(list.begin()).value();
    all.stats.cachedBytes -= size;
    return block;
  }
  const Context& device = context();
  DevicePtr block = 0;
  Result result = device.driver.memAlloc(&block, static_cast<size_t>(size));
  if (result == api::kOutOfMemory) {
    releaseLocked(all);
    result = device.driver.memAlloc(&block, static_cast<size_t>(size));
  }
  if (result == api::kOutOfMemory)
    outOfMemory(all, bytes);
  check(result, "cuMemAlloc");
  all.stats.reservedBytes += size;
  ++all.stats.driverAllocations;
  return block;
}

void give(DevicePtr block) {
  Books& all = books();
  const std::lock_guard lock(all.mutex);
  const auto found = all.live.find(block);
  const Live& live = found->second;
  all.free[live.size].insert(block);
  all.stats.currentBytes -= live.asked;
  all.stats.cachedBytes += live.size;
  all.live.erase(found);
}

} // namespace

Buffer allocateOnDevice(int64_t bytes) {
  const Context& device = context();
  const int64_t size = sizeClass(bytes);
  Books& all = books();
  DevicePtr block = 0;
  {
    const std::lock_guard lock(all.mutex);
    block = take(all, size, bytes);
    all.live[block] = {bytes, size, userText()};
    all.stats.currentBytes += bytes;
    all.stats.highWaterBytes = std::max(all.stats.highWaterBytes, all.stats.currentBytes);
    ++all.stats.allocations;
  }
  // A block used again looks as uninitialised as a new one.
  if (device.driver.isSimulated)
    check(device.driver.fill8(block, 0xFF, static_cast<size_t>(size), currentStream()), "cuMemset");
  auto* data = reinterpret_cast<void*>(static_cast<uintptr_t>(block)); // NOLINT
  return Buffer::onDevice(data, bytes, [block](void*) { give(block); });
}

DeviceMemoryStats deviceMemoryStats() {
  const std::lock_guard lock(books().mutex);
  return books().stats;
}

void resetDeviceHighWater() {
  const std::lock_guard lock(books().mutex);
  books().stats.highWaterBytes = books().stats.currentBytes;
}

void releaseDeviceCache() {
  const std::lock_guard lock(books().mutex);
  releaseLocked(books());
}

std::string liveBlocksText() {
  const std::lock_guard lock(books().mutex);
  return liveText(books());
}

} // namespace diptych::runtime::cuda
