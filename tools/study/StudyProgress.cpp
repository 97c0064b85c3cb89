// A line is rewritten in place, on a terminal that knows how; elsewhere nothing is said.
#include "tools/study/StudyProgress.h"

#include "tools/study/Measure.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace diptych::study {

static bool isSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

StudyProgress::StudyProgress()
    : terminal_(isatty(STDERR_FILENO) && isSet("TERM") &&
                std::strcmp(std::getenv("TERM"), "dumb") != 0),
      colour_(!isSet("NO_COLOR")), start_(now()) {}

void StudyProgress::begin(const std::string& name) {
  if (!terminal_)
    return;
  const std::string elapsed = std::to_string(static_cast<int>(now() - start_)) + " s  ";
  const std::string text = name.empty() ? ""
                           : colour_    ? "\x1b[2m" + elapsed + "\x1b[0m" + name
                                        : elapsed + name;
  std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
  std::fflush(stderr);
}

} // namespace diptych::study
