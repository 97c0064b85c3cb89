// Data, then workloads one after the other, then the verdict.
#include "tools/study/Study.h"

#include "tools/study/Factors.h"

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
    // Without W1 the panel is not looked at: W3 has a generator of its own.
    if (!options.portfolio)
      return {{}, "generated, seed " + std::to_string(options.seed), {}};
    if (options.progress)
      options.progress("generating a market");
    return {makeMarket(options.T, options.N, options.K, options.seed),
            "generated market, seed " + std::to_string(options.seed),
            {}};
  }
  try {
    return loadPrices(options);
  } catch (const Error& error) {
    throw BadInput(error.what());
  }
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
  if (options.portfolio)
    workloads.push_back(studyPortfolio(options, data));
  if (options.riskParity)
    for (std::size_t n : options.n)
      workloads.push_back(studyRiskParity(options, data, n));
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
