// The rows, and how a request chooses among their sizes.
#include "tools/study/Workloads.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace diptych::study {

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> table{
      {"w1",
       "softmax factor portfolio",
       true,
       {{"T", {16}, {1000}, {1000}}, {"N", {8}, {300}, {468}}, {"K", {3}, {8}, {158}}},
       studyPortfolio},
      {"w2", "mean-variance with costs", false, {{"n", {5}, {20}, {468}}}, studyMeanVariance},
      {"w3", "risk parity", true, {{"n", {8}, {20, 95}, {468}}}, studyRiskParity},
      {"w4",
       "Barra factor returns",
       false,
       {{"T", {20}, {1000}, {1132}}, {"N", {30}, {300}, {468}}, {"industries", {3}, {11}, {30}}},
       studyBarra},
      {"w5",
       "rolling backtest",
       false,
       {{"T", {60}, {1000}, {1000}},
        {"N", {5}, {50}, {400}},
        {"window", {20}, {250}, {250}},
        {"step", {5}, {21}, {1}},
        {"updates", {20}, {50}, {50}}},
       studyBacktest},
      {"w10",
       "FC against DQN regression",
       false,
       {{"states", {100}, {10000}, {1000000}}},
       studyTraining},
  };
  return table;
}

const Workload& workloadNamed(const std::string& name) {
  std::string known;
  for (const Workload& workload : workloads()) {
    if (name == workload.name)
      return workload;
    known += std::string(workload.name) + ", ";
  }
  throw Error("study: expected workloads among " + known + "or all, got '" + name + "'");
}

static const std::vector<std::size_t>& valuesOf(const Extent& extent, const std::string& size) {
  if (size != "tiny" && size != "real" && size != "large")
    throw Error("study: expected size tiny, real or large, got '" + size + "'");
  return size == "tiny" ? extent.tiny : size == "real" ? extent.real : extent.large;
}

std::vector<Extents> Workload::sizes(const StudyOptions& options) const {
  const auto asked = [&](const std::string& extent) -> std::vector<std::size_t> {
    if (extent == "n")
      return options.n;
    const std::size_t value = extent == "T"   ? options.T
                              : extent == "N" ? options.N
                              : extent == "K" ? options.K
                                              : 0;
    return value ? std::vector{value} : std::vector<std::size_t>();
  };
  std::vector<Extents> sizes{{}};
  for (const Extent& extent : extents) {
    std::vector<std::size_t> values = asked(extent.name);
    if (values.empty())
      values = valuesOf(extent, options.size);
    std::vector<Extents> longer;
    for (const Extents& size : sizes)
      for (std::size_t value : values) {
        longer.push_back(size);
        longer.back()[extent.name] = value;
      }
    sizes = std::move(longer);
  }
  return sizes;
}

std::string workloadList() {
  std::string list;
  for (const Workload& workload : workloads()) {
    list += fmt::format("  {:<4} {}:", workload.name, workload.title);
    const char* separator = " ";
    for (const Extent& extent : workload.extents) {
      list +=
          fmt::format("{}{} = {} / {} / {}", separator, extent.name, fmt::join(extent.tiny, ", "),
                      fmt::join(extent.real, ", "), fmt::join(extent.large, ", "));
      separator = "; ";
    }
    list += "\n";
  }
  return list;
}

} // namespace diptych::study
