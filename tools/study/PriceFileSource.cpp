// Streams a file through libcsv, line by line, so that every row knows its line.
#include "tools/study/PriceFileSource.h"

#include "tools/study/GzipSource.h"

#include <diptych/Error.h>

#include <csv.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

namespace diptych::study {

namespace {

constexpr std::size_t chunkBytes = std::size_t(1) << 20;
constexpr std::uint64_t progressBytes = std::uint64_t(4) << 20;
// A quote that is never closed would swallow the rest of the file into one field.
constexpr std::size_t longestField = std::size_t(1) << 20;

/// libcsv with its rows gathered: fields are copied into one buffer, then seen as string views.
class RowParser {
public:
  RowParser(const std::string& path, const CsvFile::RowHandler& onRow)
      : path_(path), onRow_(onRow) {
    if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) != 0)
      throw Error("internal: libcsv cannot be initialised");
    csv_set_blk_size(&parser_, 4096);
  }
  ~RowParser() { csv_free(&parser_); }
  RowParser(const RowParser&) = delete;
  RowParser& operator=(const RowParser&) = delete;

  void feed(const char* text, std::size_t size) {
    const char* end = text + size;
    while (text != end) {
      const void* newline = std::memchr(text, '\n', std::size_t(end - text));
      const char* stop = newline ? static_cast<const char*>(newline) + 1 : end;
      parse(text, std::size_t(stop - text));
      // "\r\n" is one end of line, and libcsv has already reported it at '\r'.
      if (newline && !(endedByReturn_ && previous(text, stop) == '\r'))
        ++line_;
      endedByReturn_ = endedByReturn_ && !newline;
      last_ = stop[-1];
      text = stop;
    }
  }

  void finish() {
    int rc = csv_fini(&parser_, &RowParser::onField, &RowParser::onRow, this);
    rethrow();
    if (rc != 0)
      failQuote();
  }

private:
  static bool isBlank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  }
  char previous(const char* text, const char* stop) const {
    return stop - text >= 2 ? stop[-2] : last_;
  }

  void parse(const char* text, std::size_t size) {
    if (!midRow_)
      startLine_ = line_;
    rowEnded_ = fieldEnded_ = false;
    std::size_t done =
        csv_parse(&parser_, text, size, &RowParser::onField, &RowParser::onRow, this);
    rethrow();
    if (done != size)
      failSyntax();
    midRow_ = !rowEnded_ && (midRow_ || !isBlank({text, size}));
    unfinished_ = midRow_ && !fieldEnded_ ? unfinished_ + size : 0;
    if (unfinished_ > longestField)
      failQuote();
  }

  [[noreturn]] void failSyntax() {
    int code = csv_error(&parser_);
    if (code == CSV_EPARSE)
      failAt(path_, {line_, ends_.size() + 1},
             "a quotation mark stands inside a field; expected quotes around a whole field, with "
             "any quote "
             "inside doubled, as in \"a \"\"b\"\" c\"");
    failAt(path_, {line_, 0}, std::string("the CSV reader stopped: ") + csv_strerror(code));
  }

  [[noreturn]] void failQuote() const {
    failAt(path_, {rowLine(), ends_.size() + 1},
           "a quoted field that begins here is not closed; add the closing quotation mark");
  }

  std::uint64_t rowLine() const { return ends_.empty() ? startLine_ : rowLine_; }

  static void onField(void* field, std::size_t size, void* self) {
    static_cast<RowParser*>(self)->addField(static_cast<const char*>(field), size);
  }
  static void onRow(int terminator, void* self) {
    static_cast<RowParser*>(self)->endRow(terminator);
  }

  // No exception may pass through libcsv, which is C: it waits in error_.
  void addField(const char* field, std::size_t size) noexcept {
    if (error_)
      return;
    try {
      if (ends_.empty())
        rowLine_ = line_;
      text_.append(field, size);
      ends_.push_back(text_.size());
      fieldEnded_ = true;
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  void endRow(int terminator) noexcept {
    if (error_)
      return;
    try {
      fields_.clear();
      std::size_t begin = 0;
      for (std::size_t end : ends_) {
        fields_.emplace_back(text_.data() + begin, end - begin);
        begin = end;
      }
      onRow_(fields_, rowLine_);
    } catch (...) {
      error_ = std::current_exception();
    }
    text_.clear();
    ends_.clear();
    rowEnded_ = true;
    endedByReturn_ = terminator == '\r';
    if (endedByReturn_)
      ++line_;
  }

  void rethrow() {
    if (error_)
      std::rethrow_exception(std::exchange(error_, nullptr));
  }

  std::string path_;
  const CsvFile::RowHandler& onRow_;
  csv_parser parser_;
  std::uint64_t line_ = 1, rowLine_ = 1, startLine_ = 1;
  bool endedByReturn_ = false, rowEnded_ = false, fieldEnded_ = false, midRow_ = false;
  char last_ = 0;
  std::size_t unfinished_ = 0;
  std::string text_;
  std::vector<std::size_t> ends_;
  std::vector<std::string_view> fields_;
  std::exception_ptr error_;
};

bool startsWith(std::string_view text, std::string_view magic) {
  return text.substr(0, magic.size()) == magic;
}

void refuseOtherFormats(const std::string& path, std::string_view start) {
  using namespace std::string_view_literals;
  struct Format {
    std::string_view magic;
    const char* name;
  };
  static constexpr Format formats[] = {{"PK\x03\x04"sv, "a ZIP archive or spreadsheet"},
                                       {"\xfd"
                                        "7zXZ"sv,
                                        "xz data"},
                                       {"BZh"sv, "bzip2 data"},
                                       {"\x28\xb5\x2f\xfd"sv, "zstd data"},
                                       {"PAR1"sv, "a Parquet file"},
                                       {"\x1f\x8b"sv, "damaged or doubly compressed gzip data"},
                                       {"\xff\xfe"sv, "UTF-16 text"},
                                       {"\xfe\xff"sv, "UTF-16 text"}};
  for (const Format& format : formats)
    if (startsWith(start, format.magic))
      throw Error(path + ": expected CSV text in UTF-8, plain or gzip, got " + format.name +
                  "; convert it to .csv or .csv.gz");
}

} // namespace

void failAt(const std::string& path, CsvPlace place, const std::string& message) {
  std::string where = path;
  if (place.line != 0)
    where += ":" + std::to_string(place.line);
  if (place.field != 0)
    where += ":" + std::to_string(place.field);
  throw Error(where + ": " + message);
}

std::string quoted(std::string_view cell) {
  std::string result = "'";
  for (char c : cell.substr(0, 40)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escaped[5];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
      result += escaped;
    } else {
      result += c;
    }
  }
  return result + (cell.size() > 40 ? "...'" : "'");
}

void CsvFile::read(const RowHandler& onRow,
                   const std::function<void(const CsvProgress&)>& onProgress) {
  GzipSource reader(path_);
  const auto progress = [&] { return CsvProgress{reader.bytesRead(), reader.bytesTotal()}; };
  RowParser parser(path_, onRow);
  std::vector<char> buffer(chunkBytes);
  std::uint64_t sinceReport = 0;
  for (bool first = true;; first = false) {
    std::size_t size = reader.read(buffer.data(), buffer.size());
    std::string_view text(buffer.data(), size);
    if (first) {
      gzip_ = reader.gzip();
      refuseOtherFormats(path_, text);
      if (startsWith(text, "\xef\xbb\xbf")) // a byte order mark belongs to no cell
        text.remove_prefix(3);
    }
    if (size == 0)
      break;
    parser.feed(text.data(), text.size());
    sinceReport += size;
    if (onProgress && sinceReport >= progressBytes) {
      onProgress(progress());
      sinceReport = 0;
    }
  }
  parser.finish();
  if (onProgress)
    onProgress(progress());
}

} // namespace diptych::study
