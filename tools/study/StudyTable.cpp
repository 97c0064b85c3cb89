// Widths are counted in code points: µ is one column wide.
#include "tools/study/StudyTable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace diptych::study {

std::string formatNumber(double value) {
  if (!std::isfinite(value))
    return "-";
  if (value == 0.0)
    return "0";
  const int digits = 2 - static_cast<int>(std::floor(std::log10(std::fabs(value)) + 1e-12));
  return fmt::format("{:.{}f}", value, std::clamp(digits, 0, 6));
}

std::string formatSeconds(double seconds) {
  if (seconds < 0.9995e-6)
    return formatNumber(1e9 * seconds) + " ns";
  if (seconds < 0.9995e-3)
    return formatNumber(1e6 * seconds) + " µs";
  if (seconds < 0.9995)
    return formatNumber(1e3 * seconds) + " ms";
  return formatNumber(seconds) + " s";
}

std::string formatBytes(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1023.5 && unit < 4; ++unit)
    bytes /= 1024.0;
  return (unit ? formatNumber(bytes) : fmt::format("{:.0f}", bytes)) + " " + units[unit];
}

std::string formatDifference(double value) {
  return value == 0.0 ? "0" : fmt::format("{:.0e}", value);
}

std::string cutInside(const std::string& text, std::size_t most) {
  const std::size_t end = most / 2, begin = most - end - 3;
  return text.size() <= most ? text
                             : text.substr(0, begin) + "..." + text.substr(text.size() - end);
}

namespace {

std::size_t widthOf(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string spaces(std::size_t count) { return std::string(count, ' '); }

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

} // namespace

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths(rows_[0].size(), 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], widthOf(row[i]));
  return widths;
}

std::string Table::text(bool bold) const {
  const std::vector<std::size_t> width = widths();
  std::vector<std::size_t> begin{2};
  for (std::size_t i = 0; i < width.size(); ++i)
    begin.push_back(begin.back() + width[i] + 3);
  std::string text;
  if (!groups_.empty()) {
    std::string line;
    for (const Group& group : groups_) {
      const std::size_t from = begin[group.first], to = begin[group.last] + width[group.last];
      const std::size_t bars = to - from - std::min(to - from, widthOf(group.name) + 2);
      line += spaces(from - std::min(from, widthOf(line)));
      line +=
          std::string(bars / 2, '-') + " " + group.name + " " + std::string(bars - bars / 2, '-');
    }
    text += trimmed(line);
  }
  for (const auto& row : rows_) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap = spaces(width[i] - std::min(width[i], widthOf(row[i])));
      line += (i ? "   " : "") + (i ? gap + row[i] : row[i] + gap);
    }
    line = trimmed(line);
    const bool header = &row == &rows_[0];
    text += header && bold ? "\x1b[1m" + line.substr(0, line.size() - 1) + "\x1b[0m\n" : line;
  }
  return text;
}

} // namespace diptych::study
