// Memory of the device: a caching allocator in the order of the stream, and copies between the
// device and the host through pinned memory. Knows bytes; knows no tensor.
#pragma once

#include "runtime/Buffer.h"

#include <string>

namespace diptych::runtime::cuda {

/// Aligned to 512 bytes. A block that is freed goes to the free ones of its size, of which the
/// lowest serves the next request, at once: whoever used it was enqueued before. Throws Error where
/// memory runs out even with these given back, with the largest blocks in use: their operators and
/// lines.
Buffer allocateOnDevice(int64_t bytes);

struct DeviceMemoryStats {
  int64_t currentBytes;   // asked for and not yet given back
  int64_t highWaterBytes; // largest currentBytes since the last reset
  int64_t cachedBytes;    // free, kept for later
  int64_t reservedBytes;  // taken from the driver
  int64_t allocations, driverAllocations;
};
DeviceMemoryStats deviceMemoryStats();
void resetDeviceHighWater();
/// Gives what is cached back to the driver; waits for the stream.
void releaseDeviceCache();
/// "12 blocks in use, the largest: 8388608 bytes by matmul (model.cpp:12), ..."
std::string liveBlocksText();

/// `from` may be reused when it returns; the copy itself is enqueued.
void copyToDevice(std::byte* to, const void* from, int64_t bytes);
/// Waits: the one synchronisation of a read.
void copyToHost(void* to, const std::byte* from, int64_t bytes);
void copyOnDevice(std::byte* to, const std::byte* from, int64_t bytes);
/// `count` elements of `itemSize` bytes, all as *element. False where the device fills no such
/// pattern.
bool fillOnDevice(std::byte* to, const std::byte* element, int64_t itemSize, int64_t count);

/// One element, as fills: it needs no pinned memory, so that a number never waits for the device.
void writeOnDevice(std::byte* to, const std::byte* element, int64_t itemSize);

} // namespace diptych::runtime::cuda
