// Reference-counted storage of one or more tensors. Knows bytes; knows no shape and no element
// type.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "runtime/Allocator.h"

namespace diptych::runtime {

/// Shared handle on storage; copying shares. What is freed returns to the caching allocator.
class Buffer {
public:
  Buffer() = default;
  /// 64-byte aligned; the contents are undefined. `bytes` may be 0.
  static Buffer allocate(int64_t bytes);
  /// Somebody else's memory; `deleter` is called when the last handle goes (it may be empty).
  static Buffer external(void* data, int64_t bytes, std::function<void(void*)> deleter);
  /// Memory of the device, likewise: an address that the host must not follow.
  static Buffer onDevice(void* data, int64_t bytes, std::function<void(void*)> deleter);

  Buffer(const Buffer& other) : block_(other.block_) {
    if (block_)
      block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  // Who holds the last handle sees 1: nobody can add another, so no locked instruction is needed.
  ~Buffer() {
    if (block_ && (block_->references.load(std::memory_order_acquire) == 1 ||
                   block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1))
      destroy(block_);
  }

  explicit operator bool() const { return block_ != nullptr; }
  std::byte* data() const { return block_ ? block_->data : nullptr; }
  int64_t bytes() const { return block_ ? block_->bytes : 0; }
  bool isExternal() const { return block_ && block_->isExternal; }
  bool isOnDevice() const { return block_ && block_->isOnDevice; }
  /// How many handles share the storage.
  int32_t useCount() const {
    return block_ ? block_->references.load(std::memory_order_relaxed) : 0;
  }

private:
  /// Of our own storage it stands in the room in front of the payload.
  struct Block {
    std::byte* data;
    int64_t bytes;
    std::atomic<int32_t> references{1};
    bool isExternal = false, isOnDevice = false;
  };
  struct ExternalBlock;

  explicit Buffer(Block* block) : block_(block) {}
  static void destroy(Block* block) noexcept;

  Block* block_ = nullptr;
};

} // namespace diptych::runtime
