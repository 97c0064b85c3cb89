// What the study is at, for whoever waits: one line on a terminal, rewritten. Writes to stderr
// only.
#pragma once

#include <string>

namespace diptych::study {

class StudyProgress {
public:
  StudyProgress();
  ~StudyProgress() { begin(""); }
  StudyProgress(const StudyProgress&) = delete;

  /// Ends what was going on and says what begins; an empty name only ends.
  void begin(const std::string& name);

private:
  bool terminal_, colour_;
  double start_;
};

} // namespace diptych::study
