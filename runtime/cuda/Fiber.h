// A stack of its own that runs until it gives way: what the simulator makes threads of.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace diptych::runtime::cuda {

class Fiber {
public:
  /// Runs `body` when first entered. A body that has returned leaves the fiber finished.
  explicit Fiber(std::function<void()> body);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// From outside: runs it until it leaves or returns.
  void enter();
  /// From inside: back to who entered.
  void leave();

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace diptych::runtime::cuda
