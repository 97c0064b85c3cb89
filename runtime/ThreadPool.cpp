// Regions, workers and their sleep. A region is open to whichever workers are awake: the caller
// never waits for one to wake up, only for those that already entered.
#include "runtime/ThreadPool.h"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <string>
#include <system_error>

#include <diptych/Error.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace diptych::runtime {

namespace {

constexpr int kSpins = 2000;
constexpr uint32_t kOpen = uint32_t{1} << 31;

thread_local bool insideRegion = false;

void pauseOnce() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Sleeps while `word` holds `value`; may return early.
void sleepOn(std::atomic<uint32_t>& word, uint32_t value) {
#ifdef __linux__
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  word.wait(value);
#endif
}

void wakeUp(std::atomic<uint32_t>& word, int count) {
#ifdef __linux__
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
#else
  (void)count;
  word.notify_all();
#endif
}

int threadsByDefault() {
  if (const char* text = std::getenv("DIPTYCH_THREADS")) {
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (end == text || *end || n < 1 || n > 1024)
      throw Error(std::string("DIPTYCH_THREADS: expected a number from 1 to 1024, got \"") + text +
                  "\"; unset it to use every core");
    return static_cast<int>(n);
  }
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

} // namespace

// Each piece is half of a thread's share of what is left, so that threads end together however
// unequal they or the pieces are; but none is so small that to begin it costs more than that wins.
struct ThreadPool::Region {
  static constexpr int64_t kMostPieces = 32; // of a thread

  RangeFunction fn;
  int64_t n, grain, threads;
  int64_t least = wholeGrains(n / (kMostPieces * threads));
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error{};

  int64_t wholeGrains(int64_t count) const { return std::max(grain, count / grain * grain); }

  /// The next piece begins at `lo`; false where none is left.
  bool take(int64_t& lo, int64_t& hi) {
    lo = next.load(std::memory_order_relaxed);
    do {
      if (lo >= n)
        return false;
      hi = std::min(n, lo + std::max(least, wholeGrains((n - lo) / (2 * threads))));
    } while (!next.compare_exchange_weak(lo, hi, std::memory_order_relaxed));
    return true;
  }
};

ThreadPool& ThreadPool::global() {
  // Never destroyed: destructors of static objects may compute. The workers end with the program.
  static auto* pool = new ThreadPool(threadsByDefault());
  static const struct Guard {
    ~Guard() { pool->stop(); }
  } guard;
  return *pool;
}

ThreadPool::ThreadPool(int threads) : threads_(threads) {}
ThreadPool::~ThreadPool() { stop(); }

bool ThreadPool::inRegion() { return insideRegion; }

void ThreadPool::setThreads(int n) {
  if (n < 1 || n > 1024)
    throw Error("set_threads: expected a number from 1 to 1024, got " + std::to_string(n));
  if (insideRegion)
    throw Error("set_threads: called inside a parallel region; call it between operators");
  std::lock_guard lock(owner_);
  stop();
  threads_.store(n, std::memory_order_relaxed);
}

void ThreadPool::start() {
  const size_t wanted = static_cast<size_t>(threads()) - 1;
  try {
    while (workers_.size() < wanted)
      workers_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    throw Error("the system starts only " + std::to_string(workers_.size() + 1) + " of " +
                std::to_string(threads()) + " threads; set DIPTYCH_THREADS to fewer");
  }
}

void ThreadPool::stop() {
  stopping_.store(true);
  wake_.fetch_add(1);
  wakeUp(wake_, INT_MAX);
  for (std::thread& worker : workers_)
    worker.join();
  workers_.clear();
  stopping_.store(false);
}

void ThreadPool::run(Region& region) {
  insideRegion = true;
  for (int64_t lo, hi; region.take(lo, hi);) {
    try {
      region.fn(lo, hi);
    } catch (...) {
      if (!region.failed.exchange(true))
        region.error = std::current_exception();
      region.next.store(region.n, std::memory_order_relaxed);
    }
  }
  insideRegion = false;
}

void ThreadPool::work() {
  uint32_t seen = wake_.load();
  while (!stopping_.load()) {
    uint32_t gate = gate_.load(std::memory_order_relaxed);
    while ((gate & kOpen) &&
           !gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire)) {
    }
    if (gate & kOpen) {
      run(*region_);
      // Sequentially consistent with the caller's callerSleeps_, so that one of us sees the other.
      if (gate_.fetch_sub(1) == 1 && callerSleeps_.load())
        wakeUp(gate_, 1);
    }
    for (int spin = 0; spin < kSpins && wake_.load(std::memory_order_acquire) == seen; ++spin)
      pauseOnce();
    if (wake_.load(std::memory_order_acquire) == seen) {
      sleeping_.fetch_add(1);
      while (wake_.load() == seen)
        sleepOn(wake_, seen);
      sleeping_.fetch_sub(1);
    }
    seen = wake_.load();
  }
}

void ThreadPool::parallelFor(int64_t n, int64_t grain, RangeFunction fn) {
  if (n <= 0)
    return;
  const int64_t threads = this->threads();
  if (threads == 1 || n <= grain || insideRegion)
    return fn(0, n);
  std::unique_lock lock(owner_, std::try_to_lock);
  if (!lock)
    return fn(0, n);
  if (static_cast<int64_t>(workers_.size()) + 1 < threads)
    start();
  Region region{fn, n, grain, threads};
  region_ = &region;
  gate_.store(kOpen, std::memory_order_release);
  wake_.fetch_add(1);
  if (sleeping_.load() > 0)
    wakeUp(wake_, static_cast<int>(std::min<int64_t>(threads, (n - 1) / grain)));
  run(region);
  uint32_t gate = gate_.fetch_and(~kOpen) & ~kOpen;
  for (int spin = 0; gate && spin < kSpins; ++spin) {
    pauseOnce();
    gate = gate_.load(std::memory_order_acquire);
  }
  if (gate) {
    callerSleeps_.store(true);
    while ((gate = gate_.load()))
      sleepOn(gate_, gate);
    callerSleeps_.store(false);
  }
  if (region.error)
    std::rethrow_exception(region.error);
}

} // namespace diptych::runtime
