// Blocks one after the other; threads of a block as fibers that give way where they must meet.
#include "runtime/cuda/Simulator.h"

#include "runtime/Buffer.h"
#include "runtime/cuda/Fiber.h"

#include <cstring>
#include <memory>

#include <diptych/Error.h>

namespace diptych::runtime::cuda {

namespace {

constexpr int kWarp = 32;
constexpr int64_t kSharedLimit = 48 << 10, kSharedAtLaunch = 227 << 10;
constexpr int kMostOfCluster = 8;

enum class Wait : uint8_t { none, warp, block, cluster, done };

// A block, or the blocks of a cluster, being simulated on this thread of the host.
class Block {
public:
  Block(SimulatedFn kernel, const Launch& launch, int64_t blocks, void** params)
      : kernel_(kernel), params_(params), blocks_(blocks), blockThreads_(launch.block),
        threads_(launch.block * launch.cluster), cluster_(launch.cluster),
        sharedBytes_(launch.sharedBytes), wait_(static_cast<size_t>(threads_)),
        turn_(static_cast<size_t>(threads_)), slots_(2 * static_cast<size_t>(threads_)) {
    const bool fits = cluster_ == 1 || (blocks % cluster_ == 0 && launch.block % kWarp == 0 &&
                                        cluster_ <= kMostOfCluster);
    if (!fits || sharedBytes_ > kSharedAtLaunch)
      throw Error("internal: a device does not launch " + std::to_string(blocks) +
                  " blocks in clusters of " + std::to_string(cluster_) + " with " +
                  std::to_string(sharedBytes_) + " bytes of shared memory each");
  }

  void runAlone(int64_t block) {
    first_ = block;
    for (current_ = 0; current_ < threads_; ++current_)
      kernel_(params_);
  }

  // The blocks of a cluster.
  void runTogether(int64_t first) {
    first_ = first;
    // Nothing may be left over from the block before.
    shared_.assign(static_cast<size_t>(cluster_ * sharedPitch()), std::byte{0xff});
    if (fibers_.empty())
      for (int i = 0; i < threads_; ++i)
        fibers_.push_back(std::make_unique<Fiber>([this, i] { threadBody(i); }));
    std::fill(wait_.begin(), wait_.end(), Wait::none);
    while (step()) {
    }
  }

  void meet(Wait what) {
    const auto self = static_cast<size_t>(current_);
    if (!cooperative())
      throw Error("internal: a simulated kernel meets without being declared cooperative");
    wait_[self] = what;
    fibers_[self]->leave();
  }

  // Of two turns, so that a quick lane does not overwrite what a slow one has yet to read.
  uint32_t exchange(uint32_t value, int lane) {
    const auto self = static_cast<size_t>(current_);
    const size_t base = (turn_[self] ^= 1) * wait_.size();
    slots_[base + self] = value;
    meet(Wait::warp);
    const int other = current_ / kWarp * kWarp + lane;
    return lane >= 0 && lane < kWarp && other < threads_ ? slots_[base + static_cast<size_t>(other)]
                                                         : value;
  }
  uint32_t ballot(bool predicate) {
    const auto self = static_cast<size_t>(current_);
    const size_t base = (turn_[self] ^= 1) * wait_.size();
    slots_[base + self] = predicate;
    meet(Wait::warp);
    uint32_t bits = 0;
    const int first = current_ / kWarp * kWarp;
    for (int lane = 0; lane < kWarp && first + lane < threads_; ++lane)
      bits |= slots_[base + static_cast<size_t>(first + lane)] << lane;
    return bits;
  }

  void* shared(int64_t bytes) {
    if (bytes > sharedSize() || sharedSize() == 0)
      throw Error("internal: a kernel wants " + std::to_string(bytes) +
                  " bytes of shared memory, a block has " + std::to_string(sharedSize()));
    return sharedOf(current_ / blockThreads_);
  }
  void* peer(void* address, int rank) {
    const auto offset = static_cast<std::byte*>(address) - sharedOf(current_ / blockThreads_);
    if (offset < 0 || offset >= sharedSize() || rank < 0 || rank >= cluster_)
      throw Error("internal: a simulated kernel asks block " + std::to_string(rank) +
                  " of its cluster for what is no shared memory");
    return sharedOf(rank) + offset;
  }

  int lane() const { return current_ % kWarp; }
  int thread() const { return current_ % blockThreads_; }
  int64_t block() const { return first_ + current_ / blockThreads_; }
  int64_t blocks() const { return blocks_; }
  int threads() const { return blockThreads_; }

private:
  bool cooperative() const { return !fibers_.empty(); }
  int64_t sharedSize() const { return sharedBytes_ > 0 ? sharedBytes_ : kSharedLimit; }
  // Each begins where 16 bytes do, as malloc's memory does.
  int64_t sharedPitch() const { return (sharedSize() + 15) / 16 * 16; }
  std::byte* sharedOf(int64_t rank) { return shared_.data() + rank * sharedPitch(); }

  void threadBody(int i) {
    for (;;) {
      kernel_(params_);
      wait_[static_cast<size_t>(i)] = Wait::done;
      fibers_[static_cast<size_t>(i)]->leave();
    }
  }

  // Lets every thread run that may; false when all are done.
  bool step() {
    bool ran = false;
    for (current_ = 0; current_ < threads_; ++current_) {
      if (wait_[static_cast<size_t>(current_)] != Wait::none)
        continue;
      ran = true;
      fibers_[static_cast<size_t>(current_)]->enter();
    }
    const bool warps = release(Wait::warp, kWarp), all = release(Wait::block, blockThreads_);
    if (release(Wait::cluster, threads_) || ran || warps || all)
      return true;
    if (count(Wait::done) == threads_)
      return false;
    throw Error("internal: in block " + std::to_string(first_) + " of a simulated kernel " +
                std::to_string(count(Wait::block) + count(Wait::cluster)) +
                " threads wait at a barrier and " + std::to_string(count(Wait::warp)) +
                " in a warp for threads that never come; " + std::to_string(count(Wait::done)) +
                " of " + std::to_string(threads_) + " have returned");
  }

  int count(Wait what) const {
    return static_cast<int>(std::count(wait_.begin(), wait_.end(), what));
  }

  // Groups of `size` threads that all wait for the same thing go on.
  bool release(Wait what, int size) {
    bool any = false;
    for (auto first = wait_.begin(); first != wait_.end();) {
      const auto last = first + std::min<ptrdiff_t>(size, wait_.end() - first);
      if (std::all_of(first, last, [&](Wait wait) { return wait == what; })) {
        std::fill(first, last, Wait::none);
        any = true;
      }
      first = last;
    }
    return any;
  }

  SimulatedFn kernel_;
  void** params_;
  int64_t blocks_, first_ = 0;
  int blockThreads_, threads_; // of one, of all
  int64_t cluster_, sharedBytes_;
  int current_ = 0;
  std::vector<Wait> wait_;
  std::vector<uint8_t> turn_;
  std::vector<uint32_t> slots_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<std::byte> shared_;
};

thread_local Block* running = nullptr;

Block& here() {
  if (!running)
    throw Error("internal: a simulated kernel was called outside a launch");
  return *running;
}

} // namespace

void simulateLaunch(SimulatedFn kernel, const Launch& launch, int64_t grid, void** params) {
  auto simulated = std::make_unique<Block>(kernel, launch, grid, params);
  struct Scope {
    explicit Scope(Block* block) { running = block; }
    ~Scope() { running = nullptr; }
  } scope(simulated.get());
  for (int64_t i = 0; i < grid; i += launch.cluster)
    launch.cooperative ? simulated->runTogether(i) : simulated->runAlone(i);
}

void simulate(const LaunchSpec& spec, std::span<const SimulatedFn> functions, void* const* args,
              std::span<const int64_t> params) {
  std::vector<void*> pointers(args, args + spec.pointers);
  const Buffer scratch = Buffer::allocate(spec.scratchBytes(params));
  if (spec.takesScratch()) {
    std::memset(scratch.data(), 0xff, static_cast<size_t>(spec.scratchBytes(params)));
    pointers.push_back(scratch.data());
  }
  std::vector<int64_t> numbers(params.begin(), params.end());
  std::vector<void*> places;
  for (void*& pointer : pointers)
    places.push_back(&pointer);
  for (int64_t& number : numbers)
    places.push_back(&number);
  for (size_t i = 0; i < spec.launches.size(); ++i)
    if (const int64_t blocks = spec.launches[i].blocks(params); blocks > 0)
      simulateLaunch(functions[i], spec.launches[i], blocks, places.data());
}

} // namespace diptych::runtime::cuda

using diptych::runtime::cuda::here;

extern "C" {
int32_t diptych_sim_thread() { return here().thread(); }
int32_t diptych_sim_block() { return static_cast<int32_t>(here().block()); }
int32_t diptych_sim_threads() { return here().threads(); }
int32_t diptych_sim_blocks() { return static_cast<int32_t>(here().blocks()); }
void diptych_sim_barrier() { here().meet(diptych::runtime::cuda::Wait::block); }
void diptych_sim_cluster_barrier() { here().meet(diptych::runtime::cuda::Wait::cluster); }
void* diptych_sim_shared(int64_t bytes) { return here().shared(bytes); }
void* diptych_sim_peer(void* address, int32_t rank) { return here().peer(address, rank); }
int32_t diptych_sim_shuffle_xor(int32_t value, int32_t offset) {
  auto& block = here();
  return static_cast<int32_t>(block.exchange(static_cast<uint32_t>(value), block.lane() ^ offset));
}
int32_t diptych_sim_shuffle_down(int32_t value, int32_t offset) {
  auto& block = here();
  return static_cast<int32_t>(block.exchange(static_cast<uint32_t>(value), block.lane() + offset));
}
int32_t diptych_sim_ballot(bool predicate) {
  return static_cast<int32_t>(here().ballot(predicate));
}
}
