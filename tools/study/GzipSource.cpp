// zlib's own file reader drops whatever follows the gzip data in silence; this one does not.
#include "tools/study/GzipSource.h"

#include <diptych/Error.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace diptych::study {

constexpr std::size_t kChunk = 256 << 10;
constexpr unsigned char kMagic[] = {0x1f, 0x8b};

GzipSource::GzipSource(const std::string& path) : path_(path), bytes_(kChunk) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0)
    throw Error(path + ": cannot open the price file: " + std::strerror(errno) +
                "; check the path");
  if (S_ISDIR(status.st_mode))
    throw Error(path +
                ": expected a price file, got a directory; name the .csv or .csv.gz file in it");
  total_ = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0)
    throw Error(path + ": cannot open the price file: " + std::strerror(errno) +
                "; check its permissions");
}

GzipSource::~GzipSource() {
  if (gzip_)
    inflateEnd(&stream_);
  ::close(file_);
}

void GzipSource::unreadable(const char* reason) const {
  throw Error(path_ + ": the file cannot be read: " + reason + "; copy or download it again");
}

/// More of the file behind what is left; nothing at its end.
void GzipSource::fill() {
  if (stream_.avail_in > 0 && stream_.next_in != bytes_.data())
    std::memmove(bytes_.data(), stream_.next_in, stream_.avail_in);
  stream_.next_in = bytes_.data();
  while (stream_.avail_in < bytes_.size() && !ended_) {
    const ssize_t got =
        ::read(file_, bytes_.data() + stream_.avail_in, bytes_.size() - stream_.avail_in);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      unreadable(std::strerror(errno));
    ended_ = got == 0;
    stream_.avail_in += static_cast<uInt>(got);
    taken_ += static_cast<std::uint64_t>(got);
  }
}

void GzipSource::start() {
  started_ = true;
  fill();
  if (stream_.avail_in < 2 || !std::equal(std::begin(kMagic), std::end(kMagic), stream_.next_in))
    return;
  if (inflateInit2(&stream_, 15 + 16) != Z_OK)
    unreadable("zlib does not start");
  gzip_ = true;
}

std::size_t GzipSource::read(char* buffer, std::size_t size) {
  if (!started_)
    start();
  return gzip_ ? inflateInto(buffer, size) : copyInto(buffer, size);
}

std::size_t GzipSource::copyInto(char* buffer, std::size_t size) {
  if (stream_.avail_in == 0)
    fill();
  const std::size_t count = std::min<std::size_t>(size, stream_.avail_in);
  std::memcpy(buffer, stream_.next_in, count);
  stream_.next_in += count;
  stream_.avail_in -= static_cast<uInt>(count);
  return count;
}

/// Whether the file goes on behind a member; zeros are padding, as for gzip itself.
bool GzipSource::nextMember() {
  for (;;) {
    while (stream_.avail_in > 0 && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
    }
    if (stream_.avail_in >= 2)
      break;
    const uInt before = stream_.avail_in;
    fill();
    if (stream_.avail_in == before)
      break;
  }
  if (stream_.avail_in == 0)
    return false;
  if (stream_.avail_in < 2 || !std::equal(std::begin(kMagic), std::end(kMagic), stream_.next_in))
    throw Error(path_ + ": the gzip data end after " + std::to_string(text_) +
                " bytes of text, but the file goes on with something else at byte " +
                std::to_string(bytesRead()) + "; copy or download it again");
  inflateReset(&stream_);
  betweenMembers_ = false;
  return true;
}

std::size_t GzipSource::inflateInto(char* buffer, std::size_t size) {
  stream_.next_out = reinterpret_cast<Bytef*>(buffer);
  stream_.avail_out = static_cast<uInt>(size);
  const auto made = [&] { return size - stream_.avail_out; };
  const std::uint64_t before = text_;
  while (stream_.avail_out > 0) {
    if (betweenMembers_ && !nextMember())
      break;
    if (stream_.avail_in == 0)
      fill();
    const bool noMore = stream_.avail_in == 0;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    text_ = before + made();
    betweenMembers_ = code == Z_STREAM_END;
    if (noMore && code == Z_BUF_ERROR)
      throw Error(path_ + ": the gzip data end too early, after " + std::to_string(text_) +
                  " bytes of text; the file is incomplete, so copy or download it again");
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      unreadable(stream_.msg ? stream_.msg : "zlib gives no reason");
  }
  return made();
}

} // namespace diptych::study
