// Data, then workloads one after the other, then the verdict.
#include "tools/study/Study.h"

#include "tools/study/Factors.h"
#include "tools/study/Workloads.h"

#include <cmath>
#include <thread>

namespace diptych::study {

namespace {

std::vector<std::string> linesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
  }
  return lines;
}

// What makes every workload meaningless, found before minutes are spent on it.
void checkReturns(const Panel& panel, const std::string& path) {
  std::vector<double> together(panel.T, 0.0);
  double mean = 0.0, squares = 0.0;
  for (std::size_t t = 0; t < panel.T; ++t) {
    for (std::size_t n = 0; n < panel.N; ++n)
      together[t] += panel.Y[t * panel.N + n] / double(panel.N);
    mean += together[t] / double(panel.T);
  }
  for (double day : together)
    squares += (day - mean) * (day - mean);
  if (!std::isfinite(squares))
    throw Error(path + ": the returns are too large to be squared; check the prices for values of "
                       "another unit");
  if (!(squares > 0.0))
    throw Error(path + ": the returns of all stocks together are the same on every day, so there "
                       "is no risk to weigh; give prices that move");
}

StudyData loadPrices(const StudyOptions& options) {
  PriceReadOptions reading;
  if (options.progress)
    reading.progress = [&](const PriceProgress& at) {
      options.progress("reading " + options.prices + ": " + std::to_string(at.rows) + " rows");
    };
  const PriceTable table = readPrices(options.prices, reading);
  if (options.progress)
    options.progress("computing factors");
  FactorPanel made = computeFactors(table, {.T = options.T, .N = options.N, .K = options.K});
  checkReturns(made.panel, options.prices);
  StudyData data{std::move(made.panel), options.prices, linesOf(table.report.text())};
  for (std::string& line : linesOf(made.report.text(data.panel)))
    data.notes.push_back(std::move(line));
  return data;
}

} // namespace

StudyData loadData(const StudyOptions& options) {
  if (options.prices.empty()) {
    // Each workload generates what it needs.
    return {{}, "generated market, seed " + std::to_string(options.seed), {}};
  }
  try {
    return loadPrices(options);
  } catch (const Error& error) {
    throw BadInput(error.what());
  }
}

Panel returnsOf(const StudyOptions& options, const StudyData& data, std::size_t T, std::size_t N,
                std::size_t days) {
  if (options.prices.empty())
    return makeMarket(T, N, 5, options.seed);
  const Panel& given = data.panel;
  if (given.T < days)
    throw BadInput(options.prices + ": expected at least " + std::to_string(days) +
                   " days after the factors' look-back, got " + std::to_string(given.T) +
                   "; give a longer history or choose a smaller --size");
  Panel panel{given.T, std::min(N, given.N), 0, {}, {}, {}, {}, {}, given.dates};
  for (std::size_t t = 0; t < panel.T; ++t)
    for (std::size_t n = 0; n < panel.N; ++n)
      panel.Y.push_back(given.Y[t * given.N + n]);
  return panel;
}

std::vector<double> covarianceOf(const Panel& panel, std::size_t n) {
  std::vector<double> S(n * n), mean(n, 0.0);
  for (std::size_t t = 0; t < panel.T; ++t)
    for (std::size_t i = 0; i < n; ++i)
      mean[i] += panel.Y[t * panel.N + i] / double(panel.T);
  for (std::size_t t = 0; t < panel.T; ++t)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        S[i * n + j] += 252.0 / double(panel.T - 1) * (panel.Y[t * panel.N + i] - mean[i]) *
                        (panel.Y[t * panel.N + j] - mean[j]);
  double trace = 0.0;
  for (std::size_t i = 0; i < n; ++i)
    trace += S[i * n + i] / double(n);
  if (!(trace > 0.0))
    throw BadInput("the prices of the first " + std::to_string(n) +
                   " stocks never move, so they have no covariance; raise --n or give others");
  for (std::size_t i = 0; i < n * n; ++i)
    S[i] = 0.5 * S[i] + (i % (n + 1) == 0 ? 0.5 * trace : 0.0);
  return S;
}

static bool passed(const Json& workload) {
  for (const Json& row : workload["rows"])
    if (!row["failure"].get<std::string>().empty())
      return false;
  for (const Json& run : workload["optimisation"])
    if (!run["failure"].get<std::string>().empty())
      return false;
  return true;
}

Json runStudy(StudyOptions options) {
  options.complete();
  const double begin = now();
  const StudyData data = loadData(options);
  Json report = {{"diptych", DIPTYCH_VERSION}, {"options", options.json()}};
  report["machine"] = {{"cpu", cpuName()},
                       {"hardware_threads", std::thread::hardware_concurrency()},
                       {"load", loadAverage()},
                       {"threads", options.threads ? Json(options.threads) : Json(nullptr)}};
  report["data"] = {{"source", data.source}, {"notes", data.notes}};
  Json& workloads = report["workloads"] = Json::array();
  for (const std::string& name : options.workloads) {
    const Workload& workload = workloadNamed(name);
    for (const Extents& size : workload.sizes(options)) {
      Json record = {{"workload", name}, {"title", workload.title}, {"size", size}};
      record.update(workload.run(options, data, size));
      workloads.push_back(std::move(record));
    }
  }
  bool all = true;
  for (const Json& workload : workloads)
    all = all && passed(workload);
  report["passed"] = all;
  report["seconds"] = now() - begin;
  if (options.progress)
    options.progress("");
  return report;
}

} // namespace diptych::study
