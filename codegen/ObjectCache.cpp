// The folder, its files and their checks.
#include "codegen/ObjectCache.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace diptych::codegen {

namespace {

// A file: this header, the sizes of the objects (uint64_t each), the objects.
struct Header {
  char magic[8];
  Digest key;
  Digest checksum; // of all that follows the header
  uint64_t objects;
};
constexpr char kMagic[8] = {'D', 'i', 'p', 't', 'O', 'b', 'j', '1'};

// The code that emits kernels is part of what decides them: the version, and, since versions stand
// still while the code is being worked on, size and time of the file that holds it.
std::string makersText() {
  std::string text = "diptych " DIPTYCH_VERSION " llvm " LLVM_VERSION_STRING;
  Dl_info info = {};
  struct stat status = {};
  if (dladdr(reinterpret_cast<void*>(&makersText), &info) && info.dli_fname &&
      stat(info.dli_fname, &status) == 0)
    text += " " + std::to_string(status.st_size) + " " + std::to_string(status.st_mtim.tv_sec) +
            "." + std::to_string(status.st_mtim.tv_nsec);
  return text;
}

Digest keyDigest(const std::string& key) {
  static const std::string makers = makersText();
  return digestOf(makers + "\n" + key);
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string folderOfEnvironment() {
  if (variable("DIPTYCH_CACHE") == "off")
    return "";
  if (std::string own = variable("DIPTYCH_CACHE_DIR"); !own.empty())
    return own;
  if (std::string caches = variable("XDG_CACHE_HOME"); !caches.empty())
    return caches + "/diptych";
  const std::string home = variable("HOME");
  return home.empty() ? "" : home + "/.cache/diptych";
}

uint64_t limitOfEnvironment() {
  const std::string text = variable("DIPTYCH_CACHE_BYTES");
  char* end = nullptr;
  const uint64_t bytes = std::strtoull(text.c_str(), &end, 10);
  return text.empty() || *end || bytes == 0 ? 256u << 20 : bytes;
}

// Made where it is missing, for its owner alone. Code is run from it: nobody else may write there.
bool isOwnFolder(const std::string& folder) {
  using llvm::sys::fs::perms;
  if (llvm::sys::fs::create_directories(folder, /*IgnoreExisting=*/true, perms::owner_all))
    return false;
  struct stat status = {};
  return stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

} // namespace

Digest digestOf(const std::string& text) {
  return llvm::BLAKE3::hash<32>(llvm::arrayRefFromStringRef(text));
}

std::string hexOf(const Digest& digest) {
  std::string text;
  for (uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

ObjectCache::ObjectCache(std::string folder, uint64_t limitBytes)
    : folder_(std::move(folder)), limit_(limitBytes) {
  if (!folder_.empty() && !isOwnFolder(folder_))
    folder_.clear();
}

ObjectCache& ObjectCache::shared() {
  static ObjectCache cache(folderOfEnvironment(), limitOfEnvironment());
  return cache;
}

// The prefix is the one that llvm::pruneCache keeps to.
std::string ObjectCache::pathOf(const Digest& digest) const {
  return folder_ + "/llvmcache-" + hexOf(digest);
}

std::optional<Objects> ObjectCache::find(const std::string& key) const {
  if (folder_.empty())
    return std::nullopt;
  const Digest digest = keyDigest(key);
  const std::string path = pathOf(digest);
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file || (*file)->getBufferSize() < sizeof(Header))
    return std::nullopt;
  Header header;
  std::memcpy(&header, (*file)->getBufferStart(), sizeof header);
  llvm::StringRef rest = (*file)->getBuffer().drop_front(sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.key != digest ||
      header.checksum != llvm::BLAKE3::hash<32>(llvm::arrayRefFromStringRef(rest)) ||
      header.objects > rest.size() / sizeof(uint64_t))
    return std::nullopt;
  std::vector<uint64_t> sizes(header.objects);
  std::copy_n(rest.data(), sizes.size() * sizeof(uint64_t), reinterpret_cast<char*>(sizes.data()));
  rest = rest.drop_front(sizes.size() * sizeof(uint64_t));
  Objects objects;
  for (uint64_t size : sizes) {
    if (size > rest.size())
      return std::nullopt;
    objects.push_back(llvm::MemoryBuffer::getMemBufferCopy(rest.take_front(size), "kernels"));
    rest = rest.drop_front(size);
  }
  (void)utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // used just now, says pruning's order
  return objects;
}

void ObjectCache::insert(const std::string& key, const Objects& objects) {
  if (folder_.empty())
    return;
  std::string body;
  for (const auto& object : objects) {
    const uint64_t size = object->getBufferSize();
    body.append(reinterpret_cast<const char*>(&size), sizeof size);
  }
  for (const auto& object : objects)
    body.append(object->getBufferStart(), object->getBufferSize());
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.key = keyDigest(key);
  header.checksum = digestOf(body);
  header.objects = objects.size();
  // A full disk or a folder that is gone: then there is no entry.
  llvm::consumeError(llvm::writeToOutput(pathOf(header.key), [&](llvm::raw_ostream& out) {
    out.write(reinterpret_cast<const char*>(&header), sizeof header);
    out << body;
    return llvm::Error::success();
  }));
  // The first entry of a process looks at the whole folder; later ones where they may matter.
  const bool first = written_ == 0;
  written_ += sizeof header + body.size();
  if (first || written_ > limit_ / 8) {
    prune();
    written_ = 1;
  }
}

void ObjectCache::prune() const {
  if (folder_.empty())
    return;
  llvm::CachePruningPolicy policy;
  policy.Interval = std::chrono::seconds(0);
  policy.Expiration = std::chrono::hours(24 * 30);
  policy.MaxSizePercentageOfAvailableSpace = 0;
  policy.MaxSizeBytes = limit_;
  llvm::pruneCache(folder_, policy);
}

} // namespace diptych::codegen
