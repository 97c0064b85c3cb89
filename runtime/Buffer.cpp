// Making and destroying storage.
#include "runtime/Buffer.h"

#include <new>

namespace diptych::runtime {

struct Buffer::ExternalBlock : Block {
  ExternalBlock(void* data, int64_t bytes, std::function<void(void*)> deleter)
      : Block{static_cast<std::byte*>(data), bytes, 1, true}, deleter(std::move(deleter)) {}
  std::function<void(void*)> deleter;
};

Buffer Buffer::allocate(int64_t bytes) {
  static_assert(sizeof(Block) <= kOwnerBytes);
  auto* payload = static_cast<std::byte*>(allocateBlock(bytes));
  return Buffer(new (payload - kBlockHeader) Block{payload, bytes});
}

Buffer Buffer::external(void* data, int64_t bytes, std::function<void(void*)> deleter) {
  return Buffer(new ExternalBlock(data, bytes, std::move(deleter)));
}

Buffer Buffer::onDevice(void* data, int64_t bytes, std::function<void(void*)> deleter) {
  Buffer result = external(data, bytes, std::move(deleter));
  result.block_->isOnDevice = true;
  return result;
}

void Buffer::destroy(Block* block) noexcept {
  if (!block->isExternal)
    return freeBlock(block->data, block->bytes);
  auto* external = static_cast<ExternalBlock*>(block);
  if (external->deleter)
    external->deleter(external->data);
  delete external;
}

} // namespace diptych::runtime
