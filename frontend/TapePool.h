// Memory for objects that come and go by the million: tensors' records and tape nodes. One list of
// free blocks for each thread and size; knows nothing of what lies in a block.
#pragma once

#include <cstddef>
#include <new>

namespace diptych {

template <size_t Size> class TapePool {
public:
  static void* take() {
    List& list = mine();
    if (!list.head)
      return ::operator new(Size);
    Block* block = list.head;
    list.head = block->next;
    --list.count;
    return block;
  }

  static void give(void* memory) noexcept {
    List& list = mine();
    if (!kPooling || list.count >= kMost || list.state == State::Ended)
      return ::operator delete(memory, Size);
    if (list.state == State::Fresh)
      arm(list);
    list.head = new (memory) Block{list.head};
    ++list.count;
  }

private:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr bool kPooling = false;
#elif defined(__has_feature)
  static constexpr bool kPooling = !__has_feature(address_sanitizer);
#else
  static constexpr bool kPooling = true;
#endif
  static constexpr int kMost = 1 << 14;

  struct Block {
    Block* next;
  };
  enum class State : unsigned char { Fresh, Armed, Ended };
  struct List {
    Block* head;
    int count;
    State state;
  };
  // Without constructor or destructor, so that access costs no check; Guard empties it in time.
  static List& mine() {
    static thread_local constinit List list{nullptr, 0, State::Fresh};
    return list;
  }
  struct Guard {
    List* list;
    ~Guard() {
      list->state = State::Ended;
      while (Block* block = list->head) {
        list->head = block->next;
        ::operator delete(block, Size);
      }
    }
  };
  static void arm(List& list) {
    static thread_local Guard guard{&list};
    guard.list->state = State::Armed;
  }
};

} // namespace diptych
