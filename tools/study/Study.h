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

/// Yearly covariance [n,n] of the first n stocks' returns, half shrunk to its mean variance, which
/// keeps it positive definite however few the days. Throws BadInput if they never move.
std::vector<double> covarianceOf(const Panel& panel, std::size_t n);

/// The first N stocks' returns [T,N], from the price file (as many days as it gives) or from a
/// generated market of T days. Throws BadInput for a file of fewer than `days` days.
Panel returnsOf(const StudyOptions& options, const StudyData& data, std::size_t T, std::size_t N,
                std::size_t days);

/// Runs everything that was asked for; "passed" is false if any check failed. See docs/study.md for
/// the keys. To be called before the process starts threads (see inFreshProcess).
Json runStudy(StudyOptions options);

} // namespace diptych::study
