// Machine code of earlier processes, on disk. A file holds the objects of kernels that were
// compiled together, and is named by everything that decides them. What cannot be read, or was made
// by another version or for another CPU, is as if it were not there: a cache never makes an error.
//
// Folder: $DIPTYCH_CACHE_DIR, else $XDG_CACHE_HOME/diptych, else ~/.cache/diptych; used only if it
// is the user's own and nobody else may write there, since what it holds is run.
// $DIPTYCH_CACHE=off turns it off; $DIPTYCH_CACHE_BYTES is its limit (256 MiB): what was not used
// for longest goes first.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class MemoryBuffer;
} // namespace llvm

namespace diptych::codegen {

using Objects = std::vector<std::unique_ptr<llvm::MemoryBuffer>>;
using Digest = std::array<uint8_t, 32>;

/// BLAKE3.
Digest digestOf(const std::string& text);
std::string hexOf(const Digest& digest);

class ObjectCache {
public:
  /// By the environment, as above.
  static ObjectCache& shared();
  /// An empty folder: off.
  explicit ObjectCache(std::string folder, uint64_t limitBytes = 256u << 20);

  /// Empty where the cache is off.
  const std::string& folder() const { return folder_; }
  /// `key`: target, options and the kernels' texts; the version of Diptych and of LLVM are added.
  /// Null where there is no sound entry.
  std::optional<Objects> find(const std::string& key) const;
  /// Written beside and then renamed: readers see all of an entry or none.
  void insert(const std::string& key, const Objects& objects);
  /// Removes what is over the limit, least recently used first.
  void prune() const;

private:
  std::string pathOf(const Digest& digest) const;

  std::string folder_;
  uint64_t limit_;
  uint64_t written_ = 0; // since the last pruning
};

} // namespace diptych::codegen
