// The pool every kernel runs on: workers spin briefly for the next region, then sleep in the
// kernel. Cuts ranges into pieces; knows nothing of what a piece computes.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace diptych::runtime {

/// A borrowed callable fn(lo, hi): no allocation, and valid only during the call it is passed to.
class RangeFunction {
public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, RangeFunction>)
  RangeFunction(F&& fn)
      : object_(const_cast<void*>(static_cast<const void*>(&fn))),
        call_([](void* object, int64_t lo, int64_t hi) {
          (*static_cast<std::remove_reference_t<F>*>(object))(lo, hi);
        }) {}
  void operator()(int64_t lo, int64_t hi) const { call_(object_, lo, hi); }

private:
  void* object_;
  void (*call_)(void*, int64_t, int64_t);
};

class ThreadPool {
public:
  /// The pool of the library: env DIPTYCH_THREADS threads, or one for each hardware thread.
  static ThreadPool& global();

  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;

  int threads() const { return threads_.load(std::memory_order_relaxed); }
  /// Throws Error where n < 1, or inside a parallel region.
  void setThreads(int n);

  /// fn over [0,n) in disjoint pieces, each a multiple of `grain` (but the last); the calling
  /// thread takes part. Runs as one piece inside another region, or while another thread has the
  /// pool. The first exception of a piece is thrown here; pieces not yet begun are dropped then.
  void parallelFor(int64_t n, int64_t grain, RangeFunction fn);

  /// Whether this thread is inside a region.
  static bool inRegion();

private:
  struct Region;
  void run(Region& region);
  void work();
  void start();
  void stop();

  std::mutex owner_; // held by the caller whose region is running
  std::atomic<int> threads_;
  std::vector<std::thread> workers_;
  Region* region_ = nullptr;
  // Top bit: a region is open; below: how many workers are inside. Its caller sleeps on it.
  alignas(64) std::atomic<uint32_t> gate_{0};
  std::atomic<bool> callerSleeps_{false};
  // Bumped for every region; workers sleep on it.
  alignas(64) std::atomic<uint32_t> wake_{0};
  std::atomic<int32_t> sleeping_{0};
  std::atomic<bool> stopping_{false};
};

} // namespace diptych::runtime
