// The table of workloads: what a study can run, at which sizes. A workload is a file and a row
// here.
#pragma once

#include "tools/study/Study.h"

namespace diptych::study {

/// One number of a size under each name of a size; several values make several sizes.
struct Extent {
  const char* name;
  std::vector<std::size_t> tiny, real, large;
};

struct Workload {
  const char* name; ///< "w1"
  const char* title;
  bool standard; ///< part of a study that asks for none
  std::vector<Extent> extents;
  /// {"heading", "functions", "rows", "optimisation", ...}; see docs/study.md.
  Json (*run)(const StudyOptions& options, const StudyData& data, const Extents& size);

  /// The sizes that the options ask for: what `size` says, but for what T, N, K and n say.
  std::vector<Extents> sizes(const StudyOptions& options) const;
};

/// In the order in which they run.
const std::vector<Workload>& workloads();
/// Throws Error for a name that no workload has.
const Workload& workloadNamed(const std::string& name);
/// A line for each workload: name, title, sizes.
std::string workloadList();

Json studyPortfolio(const StudyOptions& options, const StudyData& data, const Extents& size);
Json studyMeanVariance(const StudyOptions& options, const StudyData& data, const Extents& size);
Json studyRiskParity(const StudyOptions& options, const StudyData& data, const Extents& size);
Json studyBarra(const StudyOptions& options, const StudyData& data, const Extents& size);
Json studyBacktest(const StudyOptions& options, const StudyData& data, const Extents& size);
Json studyTraining(const StudyOptions& options, const StudyData& data, const Extents& size);

} // namespace diptych::study
