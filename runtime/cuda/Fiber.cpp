// Switching stacks: by hand on x86-64, where ucontext would ask the kernel each time.
#include "runtime/cuda/Fiber.h"

#include <cstdint>
#include <sys/mman.h>
#include <ucontext.h>

#include <diptych/Error.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DIPTYCH_FIBER_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define DIPTYCH_FIBER_ASAN
#endif
#ifdef DIPTYCH_FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace diptych::runtime::cuda {

namespace {
constexpr size_t kStackBytes = 128 << 10;
} // namespace

#if defined(__x86_64__)
extern "C" void diptych_switch_stack(void** save, void* load);
asm(R"(
.text
.globl diptych_switch_stack
.hidden diptych_switch_stack
.type diptych_switch_stack, @function
diptych_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size diptych_switch_stack, .-diptych_switch_stack
)");
#endif

struct Fiber::State {
  std::function<void()> body;
  void* stack = nullptr;
#if defined(__x86_64__)
  void *inside = nullptr, *outside = nullptr;
#else
  ucontext_t inside, outside;
#endif
#ifdef DIPTYCH_FIBER_ASAN
  const void* outsideStack = nullptr;
  size_t outsideBytes = 0;
  void *fakeInside = nullptr, *fakeOutside = nullptr;
#endif
  static thread_local State* entering;

  static void start() {
    State* state = entering;
    state->arrived(nullptr);
    state->body();
    state->leave();
    __builtin_trap(); // a finished fiber is not entered again
  }

  void arrived([[maybe_unused]] void* fake) {
#ifdef DIPTYCH_FIBER_ASAN
    __sanitizer_finish_switch_fiber(fake, &outsideStack, &outsideBytes);
#endif
  }

  void enter() {
    entering = this;
#ifdef DIPTYCH_FIBER_ASAN
    __sanitizer_start_switch_fiber(&fakeOutside, stack, kStackBytes);
#endif
#if defined(__x86_64__)
    diptych_switch_stack(&outside, inside);
#else
    swapcontext(&outside, &inside);
#endif
#ifdef DIPTYCH_FIBER_ASAN
    __sanitizer_finish_switch_fiber(fakeOutside, nullptr, nullptr);
#endif
  }

  void leave() {
#ifdef DIPTYCH_FIBER_ASAN
    __sanitizer_start_switch_fiber(&fakeInside, outsideStack, outsideBytes);
#endif
#if defined(__x86_64__)
    diptych_switch_stack(&inside, outside);
#else
    swapcontext(&inside, &outside);
#endif
#ifdef DIPTYCH_FIBER_ASAN
    arrived(fakeInside);
#endif
  }
};

thread_local Fiber::State* Fiber::State::entering = nullptr;

Fiber::Fiber(std::function<void()> body) : state_(std::make_unique<State>()) {
  state_->body = std::move(body);
  state_->stack =
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (state_->stack == MAP_FAILED)
    throw Error("simulated kernel: no memory for the stack of a thread");
#if defined(__x86_64__)
  // As if it had been left just before `start`: six registers and where to return to. As after a
  // call, the stack is then 8 bytes off a multiple of 16.
  auto** top = reinterpret_cast<void**>(static_cast<char*>(state_->stack) + kStackBytes) - 1;
  *--top = reinterpret_cast<void*>(&State::start);
  top -= 6;
  state_->inside = top;
#else
  getcontext(&state_->inside);
  state_->inside.uc_stack.ss_sp = state_->stack;
  state_->inside.uc_stack.ss_size = kStackBytes;
  makecontext(&state_->inside, &State::start, 0);
#endif
}

Fiber::~Fiber() {
  if (state_->stack != MAP_FAILED)
    munmap(state_->stack, kStackBytes);
}

void Fiber::enter() { state_->enter(); }
void Fiber::leave() { state_->leave(); }

} // namespace diptych::runtime::cuda
