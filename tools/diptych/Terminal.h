// What a command may do to the terminal, if there is one. Knows no command.
#pragma once

#include <memory>
#include <string>

namespace diptych::cli {

/// Whether the stream is a terminal that may get colours: NO_COLOR is not set.
bool isStyled(int descriptor);

/// One line on stderr for what takes over a second, with the seconds so far; gone when the object
/// is. Silent where stderr is no terminal.
class Progress {
public:
  explicit Progress(const std::string& name);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

private:
  struct Line;
  std::unique_ptr<Line> line_;
};

} // namespace diptych::cli
