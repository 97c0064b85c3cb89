// The one exception type of the library, and the source position it carries.
#pragma once

#include <source_location>
#include <stdexcept>
#include <string>

namespace diptych {

/// A line of the user's program. `file` is empty where it is unknown.
struct SourceLocation {
  const char* file = "";
  int line = 0;
  int column = 0;

  SourceLocation() = default;
  SourceLocation(const char* file, int line, int column) : file(file), line(line), column(column) {}
  SourceLocation(const std::source_location& where)
      : file(where.file_name()), line(static_cast<int>(where.line())),
        column(static_cast<int>(where.column())) {}

  bool known() const { return line != 0; }
};

/// Thrown for every misuse and every failure of the library. The message names the operator, what
/// was expected, what came, the line of the user's program where one is known, and the remedy.
class Error : public std::runtime_error {
public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}

  /// "file.cpp:41: message"; the directory of the file is left out.
  Error(const SourceLocation& where, const std::string& message);

  const SourceLocation& where() const { return where_; }

private:
  SourceLocation where_;
};

} // namespace diptych
