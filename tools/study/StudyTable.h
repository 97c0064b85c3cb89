// Aligned text tables, and numbers with units in three digits. Knows nothing of studies.
#pragma once

#include <string>
#include <vector>

namespace diptych::study {

/// "812 ns", "12.3 µs", "4.56 ms", "78.9 s".
std::string formatSeconds(double seconds);
/// "0 B", "640 B", "18.3 MiB".
std::string formatBytes(double bytes);
/// Three significant digits: "0.123", "12.3", "1230".
std::string formatNumber(double value);
/// "2e-16", "0".
std::string formatDifference(double value);
/// At most so many characters: "matmul | ma...at Models.cpp:10".
std::string cutInside(const std::string& text, std::size_t most);

class Table {
public:
  /// The first column is aligned to the left, the others to the right.
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  /// A line above the header: each name is centred over the columns [first, last].
  struct Group {
    std::string name;
    std::size_t first, last;
  };
  void group(std::string name, std::size_t first, std::size_t last) {
    groups_.push_back({std::move(name), first, last});
  }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// Two spaces in front of each line; the header in bold where asked.
  std::string text(bool bold) const;

private:
  std::vector<std::size_t> widths() const;
  std::vector<std::vector<std::string>> rows_;
  std::vector<Group> groups_;
};

} // namespace diptych::study
