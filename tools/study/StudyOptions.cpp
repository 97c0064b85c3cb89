// The sizes of the workloads, and which requests make sense.
#include "tools/study/Workloads.h"

#include <algorithm>
#include <cmath>

namespace diptych::study {

const char* name(Numerics numerics) {
  return numerics == Numerics::strict     ? "strict"
         : numerics == Numerics::standard ? "standard"
                                          : "fast";
}

namespace {

void require(bool fits, const std::string& what, const std::string& got) {
  if (!fits)
    throw Error("study: expected " + what + ", got " + got);
}

void requireFinite(const char* what, double value, bool positive) {
  require(std::isfinite(value) && (positive ? value > 0.0 : value >= 0.0),
          std::string("a finite ") + what + (positive ? " above 0" : " of at least 0"),
          std::to_string(value));
}

} // namespace

bool StudyOptions::asks(const std::string& workload) const {
  return std::count(workloads.begin(), workloads.end(), workload) > 0;
}

/// In the order of the table, each once.
static std::vector<std::string> namesOf(const StudyOptions& options) {
  for (const std::string& name : options.workloads)
    if (name != "all")
      workloadNamed(name);
  std::vector<std::string> names;
  for (const Workload& workload : workloads())
    if (options.workloads.empty() ? workload.standard
                                  : options.asks(workload.name) || options.asks("all"))
      names.push_back(workload.name);
  return names;
}

static void requireSizes(const StudyOptions& options) {
  for (std::size_t assets : options.n)
    require(assets >= 2 && assets <= 5000, "2 to 5000 assets", std::to_string(assets));
  const std::size_t T = options.T, N = options.N;
  if (T)
    require(T >= 3, "at least 3 days", std::to_string(T));
  if (N)
    require(N >= 2, "at least 2 stocks", std::to_string(N));
}

void StudyOptions::complete() {
  workloads = namesOf(*this);
  requireSizes(*this);
  for (const std::string& name : workloads)
    for (const Extents& extents : workloadNamed(name).sizes(*this)) {
      const auto at = [&](const char* extent) {
        return extents.count(extent) ? extents.at(extent) : std::size_t(1);
      };
      if (extents.count("window"))
        require(at("T") >= at("window") + at("step"),
                "at least " + std::to_string(at("window") + at("step")) + " days for " + name,
                std::to_string(at("T")));
      if (extents.count("industries"))
        require(at("N") >= 2 * at("industries") + 6,
                "at least " + std::to_string(2 * at("industries") + 6) + " stocks for " + name,
                std::to_string(at("N")));
      require(double(at("T")) * double(at("N")) * double(at("K")) <= double(1 << 29),
              "T x N x K of at most 2^29 values (4 GiB)",
              std::to_string(at("T")) + " x " + std::to_string(at("N")) + " x " +
                  std::to_string(at("K")));
    }
  require(iterations >= 1 && iterations <= 10000000, "1 to 10 million iterations",
          std::to_string(iterations));
  require(threads >= 0 && threads <= 1024, "1 to 1024 threads", std::to_string(threads));
  requireFinite("cost", terms.cost, false);
  requireFinite("temperature", terms.temperature, true);
  requireFinite("ridge", terms.ridge, false);
  requireFinite("tolerance", tolerance, false);
  requireFinite("time budget", sampling.seconds, true);
  requireFinite("limit of the Hessian's memory", hessianLimit, false);
}

Json StudyOptions::json() const {
  return {{"size", size},
          {"workloads", workloads},
          {"numerics", name(numerics)},
          {"seed", seed},
          {"prices", prices},
          {"cost", terms.cost},
          {"temperature", terms.temperature},
          {"ridge", terms.ridge},
          {"iterations", iterations},
          {"tolerance", tolerance},
          {"samples", sampling.samples},
          {"seconds", sampling.seconds}};
}

} // namespace diptych::study
