// Writes beside the name, and renames what is complete.
#include "runtime/NewFile.h"

#include <diptych/Error.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace diptych::runtime {

void NewFile::failed(int reason) const {
  throw Error(who_ + ": cannot write " + path_ + ": " + std::strerror(reason));
}

NewFile::NewFile(std::string who, std::string path)
    : who_(std::move(who)), path_(std::move(path)), place_(path_) {
  struct stat there{};
  const bool exists = ::stat(path_.c_str(), &there) == 0;
  if (exists && S_ISDIR(there.st_mode))
    failed(EISDIR);
  int flags = O_WRONLY | O_CLOEXEC;
  if (!exists || S_ISREG(there.st_mode)) {
    static std::atomic<uint64_t> counter{0};
    place_ += "." + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp";
    flags |= O_CREAT | O_EXCL;
  }
  descriptor_ = ::open(place_.c_str(), flags, 0666);
  if (descriptor_ < 0)
    failed(errno);
}

NewFile::~NewFile() {
  if (descriptor_ < 0)
    return;
  ::close(descriptor_);
  if (isBeside())
    ::unlink(place_.c_str());
}

void NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR)
      failed(errno);
    bytes.remove_prefix(count < 0 ? 0 : static_cast<size_t>(count));
  }
}

void NewFile::keep(bool executable) {
  if (isBeside()) {
    struct stat made{};
    if (executable && ::stat(place_.c_str(), &made) == 0)
      // Whoever may read it may run it.
      ::chmod(place_.c_str(), made.st_mode | ((made.st_mode & 0444) >> 2));
    if (::fsync(descriptor_) != 0 || ::rename(place_.c_str(), path_.c_str()) != 0)
      failed(errno);
  }
  ::close(descriptor_);
  descriptor_ = -1;
}

} // namespace diptych::runtime
