// The study as a whole: workloads in, one JSON record out. Prints nothing.
#pragma once

#include "tools/study/Market.h"
#include "tools/study/StudyCell.h"

namespace diptych::study {

/// The price file could not be read or gives no panel: the input's fault, not the study's.
class BadInput : public Error {
public:
  using Error::Error;
};

struct StudyData {
  Panel panel;
  std::string source;             ///< one line: where it comes from
  std::vector<std::string> notes; ///< how a file's gaps were treated
};

/// From the price file, or else generated. Throws BadInput for a file that gives none.
StudyData loadData(const StudyOptions& options);

/// Runs everything that was asked for; "passed" is false if any check failed. See docs/study.md for
/// the keys. To be called before the process starts threads (see inFreshProcess).
Json runStudy(StudyOptions options);

Json studyPortfolio(const StudyOptions& options, const StudyData& data);
Json studyRiskParity(const StudyOptions& options, const StudyData& data, std::size_t n);

} // namespace diptych::study
