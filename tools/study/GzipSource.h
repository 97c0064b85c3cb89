// A file's bytes, inflated where it is gzip. Every byte of the file is accounted for: what follows
// the gzip data must be gzip data again, or zeros.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace diptych::study {

class GzipSource {
public:
  /// Throws Error naming the path where it can't be opened.
  explicit GzipSource(const std::string& path);
  ~GzipSource();
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  /// Fills the buffer as far as the file goes; 0 at its end.
  std::size_t read(char* buffer, std::size_t size);

  /// Known after the first read.
  bool gzip() const { return gzip_; }
  /// Bytes of the file so far, and in all; 0 where unknown, as for a pipe.
  std::uint64_t bytesRead() const { return taken_ - stream_.avail_in; }
  std::uint64_t bytesTotal() const { return total_; }

private:
  void start();
  void fill();
  bool nextMember();
  std::size_t inflateInto(char* buffer, std::size_t size);
  std::size_t copyInto(char* buffer, std::size_t size);
  [[noreturn]] void unreadable(const char* reason) const;

  std::string path_;
  int file_ = -1;
  std::vector<unsigned char> bytes_;
  z_stream stream_{};
  bool started_ = false, gzip_ = false, betweenMembers_ = false, ended_ = false;
  std::uint64_t taken_ = 0, total_ = 0, text_ = 0;
};

} // namespace diptych::study
