// The caching allocator of tensor storage: size classes, a front cache for each thread, one bounded
// cache behind them. Hands out raw 64-byte aligned blocks; who shares a block is Buffer's business.
#pragma once

#include <cstdint>

namespace diptych::runtime {

struct MemoryStats {
  int64_t currentBytes;   // asked for and not yet given back
  int64_t highWaterBytes; // largest currentBytes since the last resetHighWater(); with several
                          // threads it may miss up to 64 KiB of each
  int64_t cachedBytes;    // free, kept for later
  int64_t allocations;    // since the start of the program
};

/// In front of every block lie this many bytes; the first kOwnerBytes of them are the caller's.
constexpr int64_t kBlockHeader = 64;
constexpr int64_t kOwnerBytes = 56;

/// A block of at least `bytes`, 64-byte aligned, behind its header.
/// Throws Error where memory runs out even with the cache given back.
void* allocateBlock(int64_t bytes);
/// `bytes` as it was asked for.
void freeBlock(void* block, int64_t bytes) noexcept;

MemoryStats memoryStats();
void resetHighWater();
/// Gives this thread's cache and the common cache back to the system.
void releaseCached();
/// Bound of the common cache; a quarter of the machine's memory by default.
void setCacheLimit(int64_t bytes);

} // namespace diptych::runtime
