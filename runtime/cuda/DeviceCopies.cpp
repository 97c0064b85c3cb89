// Copies through a few pinned chunks, each with an event that says when it may be used again.
#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace diptych::runtime::cuda {

namespace {

constexpr int64_t kChunkBytes = int64_t{4} << 20;

DevicePtr addressOf(const std::byte* at) { return reinterpret_cast<uintptr_t>(at); }

struct Chunk {
  std::byte* memory = nullptr;
  DriverEvent* done = nullptr; // the last copy from or to it
  int64_t used = 0;
};

/// Room in a chunk, for one copy.
struct Room {
  const Chunk* chunk = nullptr;
  std::byte* at = nullptr;
};

/// Chunks in turn, each filled before the next is asked for. One thread at a time copies.
struct Staging {
  std::mutex mutex;
  std::array<Chunk, 4> chunks;
  size_t current = 0;

  Room take(int64_t bytes) {
    Chunk* chunk = &chunks[current];
    if (!chunk->memory || chunk->used + bytes > kChunkBytes) {
      current = (current + 1) % chunks.size();
      chunk = &chunks[current];
      renew(*chunk);
    }
    std::byte* at = chunk->memory + chunk->used;
    chunk->used += (bytes + 15) / 16 * 16;
    return {chunk, at};
  }

private:
  static void renew(Chunk& chunk) {
    const Driver& driver = context().driver;
    chunk.used = 0;
    if (!chunk.memory) {
      void* memory = nullptr;
      check(driver.memHostAlloc(&memory, kChunkBytes, 0), "cuMemHostAlloc");
      chunk.memory = static_cast<std::byte*>(memory);
      check(driver.eventCreate(&chunk.done, api::kEventDisableTiming), "cuEventCreate");
    } else if (driver.eventQuery(chunk.done) != api::kSuccess) {
      check(driver.eventSynchronize(chunk.done), "cuEventSynchronize");
    }
  }
};

Staging& staging() {
  static auto* made = new Staging;
  return *made;
}

} // namespace

void copyToDevice(std::byte* to, const void* from, int64_t bytes) {
  if (bytes == 0)
    return;
  const Context& device = context();
  const std::lock_guard lock(staging().mutex);
  ++counters().copiesToDevice;
  counters().bytesToDevice += bytes;
  for (int64_t begin = 0; begin < bytes; begin += kChunkBytes) {
    const auto count = static_cast<size_t>(std::min(kChunkBytes, bytes - begin));
    const Room room = staging().take(static_cast<int64_t>(count));
    std::memcpy(room.at, static_cast<const std::byte*>(from) + begin, count);
    check(device.driver.copyToDevice(addressOf(to + begin), room.at, count, currentStream()),
          "cuMemcpyHtoDAsync");
    check(device.driver.eventRecord(room.chunk->done, currentStream()), "cuEventRecord");
  }
}

// While one chunk is on its way the one before is copied out; the last wait is a synchronisation.
void copyToHost(void* to, const std::byte* from, int64_t bytes) {
  if (bytes == 0)
    return;
  const Context& device = context();
  const std::lock_guard lock(staging().mutex);
  ++counters().copiesToHost;
  counters().bytesToHost += bytes;
  auto* out = static_cast<std::byte*>(to);
  struct Part {
    Room room;
    int64_t begin = 0;
    size_t count = 0;
  } waiting;
  const auto finish = [&](bool last) {
    if (!waiting.room.at)
      return;
    if (last)
      synchronise();
    else
      check(device.driver.eventSynchronize(waiting.room.chunk->done), "cuEventSynchronize");
    std::memcpy(out + waiting.begin, waiting.room.at, waiting.count);
  };
  for (int64_t begin = 0; begin < bytes; begin += kChunkBytes) {
    const auto count = static_cast<size_t>(std::min(kChunkBytes, bytes - begin));
    const Room room = staging().take(static_cast<int64_t>(count));
    check(device.driver.copyToHost(room.at, addressOf(from + begin), count, currentStream()),
          "cuMemcpyDtoHAsync");
    check(device.driver.eventRecord(room.chunk->done, currentStream()), "cuEventRecord");
    finish(false);
    waiting = {room, begin, count};
  }
  finish(true);
}

void copyOnDevice(std::byte* to, const std::byte* from, int64_t bytes) {
  if (bytes == 0 || to == from)
    return;
  const Context& device = context();
  check(device.driver.copyOnDevice(addressOf(to), addressOf(from), static_cast<size_t>(bytes),
                                   currentStream()),
        "cuMemcpyDtoDAsync");
}

bool fillOnDevice(std::byte* to, const std::byte* element, int64_t itemSize, int64_t count) {
  if (count == 0)
    return true;
  const Context& device = context();
  const auto bytes = static_cast<size_t>(itemSize * count);
  const bool oneByte = std::all_of(element, element + itemSize,
                                   [&](std::byte value) { return value == element[0]; });
  if (oneByte) {
    const auto value = std::to_integer<unsigned char>(element[0]);
    check(device.driver.fill8(addressOf(to), value, bytes, currentStream()), "cuMemsetD8Async");
    return true;
  }
  uint32_t word = 0;
  if (itemSize % 4 != 0)
    return false;
  std::memcpy(&word, element, sizeof word);
  if (itemSize == 8 && std::memcmp(element, element + 4, 4) != 0)
    return false;
  check(device.driver.fill32(addressOf(to), word, bytes / 4, currentStream()), "cuMemsetD32Async");
  return true;
}

void writeOnDevice(std::byte* to, const std::byte* element, int64_t itemSize) {
  for (int64_t begin = 0, step = itemSize % 4 == 0 ? 4 : 1; begin < itemSize; begin += step)
    fillOnDevice(to + begin, element + begin, step, 1);
}

} // namespace diptych::runtime::cuda
