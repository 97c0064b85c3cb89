// What a study is asked to do. Knows no command line: see tools/diptych.
#pragma once

#include "tools/study/Measure.h"
#include "tools/study/Models.h"

#include <cstdint>
#include <map>

namespace diptych::study {

/// The numbers that make a size of a workload, by name: T, N, ...
using Extents = std::map<std::string, std::size_t>;

struct StudyOptions {
  std::string size = "real";       ///< tiny, real or large
  std::size_t T = 0, N = 0, K = 0; ///< of workloads that have such a number; 0: as the size says
  std::vector<std::size_t> n;      ///< likewise; empty: as the size says
  /// By name; "all" stands for every one, none for those of the standard study.
  std::vector<std::string> workloads;
  PortfolioTerms terms;
  int iterations = 1000; ///< of gradient ascent
  Numerics numerics = Numerics::standard;
  std::uint64_t seed = 1;
  std::string prices;        ///< a file; empty: the generated market
  int threads = 0;           ///< 0: the library's choice
  double hessianLimit = 0.0; ///< GiB; 0: half of the memory that is available
  double tolerance = 1e-10;  ///< largest relative difference that is agreement
  SamplingPlan sampling;
  std::string exportTo; ///< a folder for the rows' arguments and results; empty: none
  /// Told the name of what begins; an empty name says that all is done.
  std::function<void(const std::string&)> progress;

  bool asks(const std::string& workload) const;
  /// Names the workloads and fills in T, N and K of W1's market; throws Error for numbers that make
  /// no study.
  void complete();
  Json json() const;
};

const char* name(Numerics numerics);

} // namespace diptych::study
