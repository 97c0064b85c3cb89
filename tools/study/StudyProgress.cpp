// A line is rewritten in place only where it can be: on a terminal that knows how.
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
  const double at = now();
  if (terminal_) {
    const std::string elapsed = std::to_string(static_cast<int>(at - start_)) + " s  ";
    const std::string text = name.empty() ? ""
                             : colour_    ? "\x1b[2m" + elapsed + "\x1b[0m" + name
                                          : elapsed + name;
    std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
  } else if (!name_.empty() && at - nameStart_ > 1.0) {
    std::fprintf(stderr, "%s: %.1f s\n", name_.c_str(), at - nameStart_);
  }
  std::fflush(stderr);
  name_ = name;
  nameStart_ = at;
}

} // namespace diptych::study
