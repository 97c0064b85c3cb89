// Size classes and caches. A block that is freed goes to the freeing thread's bin; a full bin hands
// half of itself to the common cache; what exceeds the common cache's bound goes to the system.
#include "runtime/Allocator.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <string>

#include <diptych/Error.h>

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace diptych::runtime {

namespace {

// Under a sanitizer every block comes from the system, so that its red zones guard our blocks.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaching = false;
#elif defined(__has_feature)
constexpr bool kCaching = !__has_feature(address_sanitizer);
#else
constexpr bool kCaching = true;
#endif

constexpr int kLinearClasses = 16;                  // multiples of 64 up to 1 KiB
constexpr int kThreadClasses = kLinearClasses + 24; // up to 64 KiB: kept by threads
constexpr int kClasses = kLinearClasses + 4 * 38;
constexpr int64_t kBinBytes = 256 << 10;
constexpr int64_t kPendingBytes = 64 << 10;
constexpr int64_t kHugePage = 2 << 20;

// Class 0 holds up to 64 bytes; above 1 KiB a power of two has four classes (at most 25 % unused).
int classOf(int64_t bytes) {
  if (bytes <= 64)
    return 0;
  if (bytes <= 64 * kLinearClasses)
    return static_cast<int>((bytes - 1) >> 6);
  const auto last = static_cast<uint64_t>(bytes - 1);
  const int log = std::bit_width(last) - 1;
  const int quarter = static_cast<int>(last >> (log - 2)) & 3;
  return kLinearClasses + (log - 10) * 4 + quarter;
}

int64_t sizeOfClass(int index) {
  if (index < kLinearClasses)
    return 64 * (index + 1);
  const int log = 10 + (index - kLinearClasses) / 4, quarter = (index - kLinearClasses) % 4;
  return (int64_t{1} << (log - 2)) * (5 + quarter);
}

int32_t binLimit(int index) {
  const int64_t fit = kBinBytes / sizeOfClass(index);
  return static_cast<int32_t>(fit < 4 ? 4 : fit > 256 ? 256 : fit);
}

struct FreeBlock {
  FreeBlock* next;
};

struct Bin {
  FreeBlock* head = nullptr;
  int32_t count = 0;

  void push(void* block) {
    head = new (block) FreeBlock{head};
    ++count;
  }
  void* pop() {
    FreeBlock* block = head;
    head = block->next;
    --count;
    return block;
  }
};

struct ThreadCache;

/// Never destroyed: tensors of static storage outlive everything else.
struct Common {
  std::mutex mutex;
  Bin bins[kClasses];
  int64_t bytes = 0; // in bins, guarded by mutex
  int64_t limit;
  ThreadCache* threads = nullptr; // guarded by mutex
  int64_t retiredAllocations = 0; // of threads that ended, guarded by mutex
  std::atomic<int64_t> lateAllocations{0};
  alignas(64) std::atomic<int64_t> current{0};
  std::atomic<int64_t> highWater{0};

  Common() {
    limit = int64_t{1} << 30;
#ifdef __linux__
    limit = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / 4;
#endif
  }
};

Common& common() {
  static Common& instance = *new Common;
  return instance;
}

struct ThreadCache {
  Bin bins[kThreadClasses];
  std::atomic<int64_t> allocations{0}; // written by its thread only
  std::atomic<int64_t> bytes{0};       // cached; written by its thread only
  std::atomic<int64_t> pending{0};     // of Common::current; written by its thread only
  ThreadCache *next = nullptr, **link = nullptr;

  ThreadCache();
  ~ThreadCache();
  void flush(int index, int32_t keep);
  void flushAll() {
    for (int i = 0; i < kThreadClasses; ++i)
      flush(i, 0);
  }
  // Of counters that one thread writes and others read: no locked instruction.
  static void add(std::atomic<int64_t>& counter, int64_t delta) {
    counter.store(counter.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
  }
};

enum class ThreadState : uint8_t { Fresh, Live, Ended };
thread_local ThreadState threadState = ThreadState::Fresh;
thread_local ThreadCache* threadCache = nullptr;

// Small blocks come from malloc, several times as fast as aligned ones; where malloc's memory
// begins is kept at the end of the header.
void* systemAllocate(int index, int64_t size) {
  if (index < kLinearClasses) {
    void* memory = std::malloc(static_cast<size_t>(size + 63));
    const uintptr_t block = (reinterpret_cast<uintptr_t>(memory) + 63) & ~uintptr_t{63};
    if (memory)
      *reinterpret_cast<void**>(block + kOwnerBytes) = memory;
    return memory ? reinterpret_cast<void*>(block) : nullptr;
  }
  // Who goes down a matrix of 2 MB meets another page at each step. What is left of it behind whole
  // huge pages, a header's length perhaps, has small ones.
  const bool huge = size >= kHugePage;
  const int64_t alignment = huge ? kHugePage : 64;
  const int64_t unit = size >= 2 * kHugePage ? kHugePage : 64;
  const int64_t rounded = (size + unit - 1) / unit * unit;
  // Unlike aligned_alloc it takes any size.
  void* block = nullptr;
  if (posix_memalign(&block, static_cast<size_t>(alignment), static_cast<size_t>(rounded)) != 0)
    return nullptr;
#ifdef __linux__
  if (huge)
    madvise(block, static_cast<size_t>(rounded), MADV_HUGEPAGE);
#endif
  return block;
}

void systemFree(int index, void* block) noexcept {
  if (index < kLinearClasses)
    block = *reinterpret_cast<void**>(static_cast<char*>(block) + kOwnerBytes);
  std::free(block);
}

// The common cache keeps the block, or the system gets it. `mutex` is held.
void keepOrFree(Common& shared, int index, void* block) {
  if (shared.bytes + sizeOfClass(index) > shared.limit)
    return systemFree(index, block);
  shared.bins[index].push(block);
  shared.bytes += sizeOfClass(index);
}

ThreadCache::ThreadCache() {
  Common& shared = common();
  std::lock_guard lock(shared.mutex);
  next = shared.threads;
  link = &shared.threads;
  if (next)
    next->link = &next;
  shared.threads = this;
}

ThreadCache::~ThreadCache() {
  flushAll();
  Common& shared = common();
  std::lock_guard lock(shared.mutex);
  *link = next;
  if (next)
    next->link = link;
  shared.retiredAllocations += allocations.load(std::memory_order_relaxed);
  shared.current.fetch_add(pending.load(std::memory_order_relaxed), std::memory_order_relaxed);
  threadState = ThreadState::Ended;
  threadCache = nullptr;
}

void ThreadCache::flush(int index, int32_t keep) {
  if (bins[index].count <= keep)
    return;
  Common& shared = common();
  std::lock_guard lock(shared.mutex);
  while (bins[index].count > keep) {
    keepOrFree(shared, index, bins[index].pop());
    add(bytes, -sizeOfClass(index));
  }
}

ThreadCache* makeThreadCache() {
  if (threadState == ThreadState::Ended)
    return nullptr;
  static thread_local const auto instance = std::make_unique<ThreadCache>();
  threadState = ThreadState::Live;
  return threadCache = instance.get();
}

inline ThreadCache* cacheOfThread() {
  ThreadCache* cache = threadCache;
  return cache ? cache : makeThreadCache();
}

// Moves up to half a bin from the common cache; null where it has none.
void* refill(ThreadCache* cache, int index) {
  Common& shared = common();
  std::lock_guard lock(shared.mutex);
  Bin& source = shared.bins[index];
  if (!source.head)
    return nullptr;
  void* block = source.pop();
  int32_t moved = 1;
  if (cache && index < kThreadClasses) {
    for (const int32_t most = binLimit(index) / 2; source.head && moved < most; ++moved)
      cache->bins[index].push(source.pop());
    ThreadCache::add(cache->bytes, (moved - 1) * sizeOfClass(index));
  }
  shared.bytes -= moved * sizeOfClass(index);
  return block;
}

void* allocateSlow(ThreadCache* cache, int index, int64_t bytes) {
  if (kCaching)
    if (void* block = refill(cache, index))
      return block;
  // Without a cache the block is as long as was asked for, so that a sanitizer sees its end.
  const int64_t size = (kCaching ? sizeOfClass(index) : bytes) + kBlockHeader;
  void* block = systemAllocate(index, size);
  if (!block) {
    releaseCached();
    block = systemAllocate(index, size);
  }
  if (!block)
    throw Error("out of memory: " + std::to_string(bytes) + " bytes were asked for while " +
                std::to_string(memoryStats().currentBytes) +
                " are in use; use smaller tensors or free some");
  return block;
}

void raiseHighWater(Common& shared, int64_t now) {
  int64_t high = shared.highWater.load(std::memory_order_relaxed);
  while (now > high &&
         !shared.highWater.compare_exchange_weak(high, now, std::memory_order_relaxed)) {
  }
}

// A thread publishes what it has in use in steps of kPendingBytes; the high-water mark counts its
// own rest exactly and may miss that much of every other thread.
void countInUse(ThreadCache* cache, int64_t delta) {
  Common& shared = common();
  if (!cache) {
    const int64_t now = shared.current.fetch_add(delta, std::memory_order_relaxed) + delta;
    return raiseHighWater(shared, now);
  }
  ThreadCache::add(cache->pending, delta);
  int64_t rest = cache->pending.load(std::memory_order_relaxed);
  int64_t published = shared.current.load(std::memory_order_relaxed);
  if (rest > kPendingBytes || rest < -kPendingBytes) {
    published = shared.current.fetch_add(rest, std::memory_order_relaxed) + rest;
    cache->pending.store(0, std::memory_order_relaxed);
    rest = 0;
  }
  if (delta > 0)
    raiseHighWater(shared, published + rest);
}

// `mutex` is held.
int64_t bytesInUse(Common& shared) {
  int64_t bytes = shared.current.load();
  for (const ThreadCache* cache = shared.threads; cache; cache = cache->next)
    bytes += cache->pending.load(std::memory_order_relaxed);
  return bytes;
}

} // namespace

void* allocateBlock(int64_t bytes) {
  if (bytes < 0 || bytes > int64_t{1} << 47)
    throw Error("out of memory: a tensor of " + std::to_string(bytes) + " bytes; check its shape");
  ThreadCache* cache = cacheOfThread();
  const int index = classOf(bytes);
  void* block;
  if (kCaching && cache && index < kThreadClasses && cache->bins[index].head) {
    block = cache->bins[index].pop();
    ThreadCache::add(cache->bytes, -sizeOfClass(index));
  } else {
    block = allocateSlow(cache, index, bytes);
  }
  countInUse(cache, bytes);
  if (cache)
    ThreadCache::add(cache->allocations, 1);
  else
    common().lateAllocations.fetch_add(1, std::memory_order_relaxed);
  return static_cast<char*>(block) + kBlockHeader;
}

void freeBlock(void* payload, int64_t bytes) noexcept {
  void* block = static_cast<char*>(payload) - kBlockHeader;
  ThreadCache* cache = cacheOfThread();
  countInUse(cache, -bytes);
  const int index = classOf(bytes);
  if (!kCaching)
    return systemFree(index, block);
  if (!cache || index >= kThreadClasses) {
    Common& shared = common();
    std::lock_guard lock(shared.mutex);
    return keepOrFree(shared, index, block);
  }
  cache->bins[index].push(block);
  ThreadCache::add(cache->bytes, sizeOfClass(index));
  if (cache->bins[index].count > binLimit(index))
    cache->flush(index, binLimit(index) / 2);
}

MemoryStats memoryStats() {
  Common& shared = common();
  std::lock_guard lock(shared.mutex);
  const int64_t inUse = bytesInUse(shared);
  MemoryStats stats{inUse, std::max(inUse, shared.highWater.load()), shared.bytes,
                    shared.retiredAllocations + shared.lateAllocations.load()};
  for (const ThreadCache* cache = shared.threads; cache; cache = cache->next) {
    stats.cachedBytes += cache->bytes.load(std::memory_order_relaxed);
    stats.allocations += cache->allocations.load(std::memory_order_relaxed);
  }
  return stats;
}

void resetHighWater() {
  Common& shared = common();
  std::lock_guard lock(shared.mutex);
  shared.highWater.store(bytesInUse(shared));
}

void releaseCached() {
  if (ThreadCache* cache = cacheOfThread())
    cache->flushAll();
  Common& shared = common();
  std::lock_guard lock(shared.mutex);
  for (int index = 0; index < kClasses; ++index)
    while (shared.bins[index].head)
      systemFree(index, shared.bins[index].pop());
  shared.bytes = 0;
}

void setCacheLimit(int64_t bytes) {
  Common& shared = common();
  std::lock_guard lock(shared.mutex);
  shared.limit = bytes;
}

} // namespace diptych::runtime
