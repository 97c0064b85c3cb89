// Memory of the simulated device: address space that the host can't touch but while an operation
// runs, blocks with a pattern on both sides. Internal to the simulated driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace diptych::runtime::cuda {

/// Not synchronised: its user holds a lock.
class SimulatedHeap {
public:
  SimulatedHeap();

  /// Null where nothing is left. Fresh memory holds NaNs in both float types, and -1.
  std::byte* allocate(size_t bytes);
  /// False, with why, for an address that begins no block, or for a block beside which somebody
  /// wrote.
  bool free(std::byte* block, std::string& why);
  /// Whether [address, address + bytes) lies in one block.
  bool holds(const void* address, size_t bytes) const;
  bool reserves(const void* address) const;
  /// False, with why, where somebody wrote beside a block.
  bool intact(std::string& why) const;

  int64_t liveBytes() const { return liveBytes_; }
  int64_t liveBlocks() const { return static_cast<int64_t>(blocks_.size()); }
  void setLimit(int64_t bytes) { limit_ = bytes; }

  /// While one lives, device memory can be read and written.
  class Access {
  public:
    explicit Access(SimulatedHeap& heap) : heap_(heap) { heap_.open(); }
    ~Access() { heap_.close(); }
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

  private:
    SimulatedHeap& heap_;
  };

private:
  static constexpr size_t kSpace = size_t{1} << 36, kGuard = 256, kPage = size_t{1} << 21;
  static constexpr unsigned char kPattern = 0xC5;

  void open();
  void close();
  static bool guarded(const std::byte* block, size_t bytes, std::string& why);

  std::byte* base_;
  size_t top_ = 0; // bytes in use from the base
  std::map<std::byte*, size_t> blocks_;
  int64_t liveBytes_ = 0, limit_ = int64_t{1} << 35;
  int depth_ = 0;
};

} // namespace diptych::runtime::cuda
