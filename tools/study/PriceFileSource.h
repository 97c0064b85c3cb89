// Bytes of a file, gzip or not, and the rows of its CSV. Knows lines and fields; knows no prices.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace diptych::study {

/// Where a cell stands: line from 1, field from 1 (0: the whole line).
struct CsvPlace {
  std::uint64_t line = 0;
  std::size_t field = 0;
};

/// Throws Error "path:line:field: message", leaving out what is 0.
[[noreturn]] void failAt(const std::string& path, CsvPlace place, const std::string& message);

/// A cell as it may stand in a message: quoted, cut at 40 characters, unprintable bytes as \xNN.
std::string quoted(std::string_view cell);

struct CsvProgress {
  std::uint64_t bytesRead = 0, bytesTotal = 0;
};

class CsvFile {
public:
  using RowHandler =
      std::function<void(std::span<const std::string_view> fields, std::uint64_t line)>;

  explicit CsvFile(std::string path) : path_(std::move(path)) {}

  /// Hands every row that is not blank to `onRow`, `onProgress` every 4 MiB of text.
  void read(const RowHandler& onRow, const std::function<void(const CsvProgress&)>& onProgress);

  bool gzip() const { return gzip_; }

private:
  std::string path_;
  bool gzip_ = false;
};

} // namespace diptych::study
