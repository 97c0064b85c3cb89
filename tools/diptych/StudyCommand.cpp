// diptych study: options to StudyOptions, the record to a page or a file.
#include "tools/diptych/Commands.h"

#include "runtime/NewFile.h"
#include "tools/diptych/CommandLine.h"
#include "tools/diptych/Terminal.h"
#include "tools/study/Study.h"
#include "tools/study/StudyProgress.h"
#include "tools/study/StudyReport.h"
#include "tools/study/Workloads.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

namespace diptych::cli {

namespace {

using namespace study;

struct Request {
  StudyOptions options;
  std::string numerics = "standard", json;
  bool quiet = false;
};

const char* const kFooter = R"(
Each function of a workload is run eagerly and jitted, each in a process of its own, and
its results are checked against the other mode and a closed form first: a row whose check
fails has no times, and the exit code is 1. Whole runs are judged by where they end.
docs/study.md describes every workload.

Exit codes: 0 every check passed, 1 a check failed, 2 wrong usage, 3 the price file or the
JSON file can't be used, 4 internal error.

Examples:
  diptych study                                 generated market, real sizes
  diptych study --size tiny --json -            the record instead of the tables
  diptych study --workload w1 --cost 0.001      with trading costs
  diptych study --prices prices.csv.gz --K 6    factors computed from a file
  diptych study --workload w3 --n 20,95,200     risk parity at three sizes
  diptych study --workload all --size tiny      every workload, in seconds)";

/// A range whose bounds are named when they are broken, not in --help.
template <class Number> CLI::Validator within(Number low, Number high) {
  return CLI::Range(low, high).description("");
}

void addSizes(CLI::App& app, Request& request) {
  StudyOptions& options = request.options;
  app.add_option("--size", options.size, "Sizes of all workloads: tiny, real or large")
      ->check(CLI::IsMember({"tiny", "real", "large"}))
      ->capture_default_str();
  std::string names, standard;
  for (const Workload& workload : workloads()) {
    names += std::string(workload.name) + ", ";
    standard += workload.standard ? (standard.empty() ? "" : ",") + std::string(workload.name) : "";
  }
  app.add_option("--workload", options.workloads, "One or several of " + names + "or all")
      ->delimiter(',')
      ->type_name("NAME,...")
      ->default_str(standard);
  app.add_option("--T,--days", options.T, "Days, of workloads that have a T (see below)")
      ->check(within(3, 1000000));
  app.add_option("--N,--stocks", options.N, "Stocks, likewise")->check(within(2, 1000000));
  app.add_option("--K,--factors", options.K, "Factors, likewise")->check(within(1, 100000));
  app.add_option("--n,--assets", options.n, "Assets, likewise; one size or several: 20,95")
      ->delimiter(',')
      ->check(within(2, 5000));
  app.add_option("--prices", options.prices,
                 "Prices of your own, CSV or gzip, in place of the generated market (see "
                 "docs/study.md)")
      ->type_name("FILE");
  app.add_option("--seed", options.seed, "Seed of the generated market")
      ->check(wholeNumber())
      ->capture_default_str();
}

void addModel(CLI::App& app, Request& request) {
  StudyOptions& options = request.options;
  app.add_option("--cost", options.terms.cost, "Cost of a unit of trading in W1")
      ->check(within(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--temperature", options.terms.temperature,
                 "Temperature of the softmax in W1; small picks few stocks")
      ->check(within(1e-6, 1e6))
      ->capture_default_str();
  app.add_option("--ridge", options.terms.ridge, "Weight of |w|^2 in W1")
      ->check(within(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--iterations", options.iterations, "Steps of gradient ascent in W1")
      ->check(within(1, 10000000))
      ->capture_default_str();
  app.add_option("--numerics", request.numerics,
                 "Of the jit: strict (eager's bits) or standard (sums may be reassociated)")
      ->check(CLI::IsMember({"strict", "standard"}))
      ->capture_default_str();
}

void addMeasuring(CLI::App& app, Request& request) {
  StudyOptions& options = request.options;
  app.add_option("--samples", options.sampling.samples, "Samples of a latency, at least")
      ->check(within(3, 1000000))
      ->capture_default_str();
  app.add_option("--seconds", options.sampling.seconds,
                 "Budget of a latency; ten times that for gradient ascent")
      ->check(within(0.001, 86400.0))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of the library; default: all")
      ->check(within(1, 1024));
  app.add_option("--hessian-limit", options.hessianLimit,
                 "GiB a Hessian of W1 may need, else it is skipped; default: half of what is free")
      ->check(within(0.001, 1e6));
  app.add_option("--tolerance", options.tolerance,
                 "Largest relative difference that counts as agreement")
      ->check(within(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--json", request.json, "Write the record there; - for stdout, without the tables")
      ->type_name("FILE");
  app.add_option("--export", options.exportTo,
                 "Also write the arguments and results of every row to this folder, as npz: what "
                 "benchmarks/peers measures other systems on")
      ->type_name("DIR");
  app.add_flag("-q,--quiet", request.quiet, "No progress on stderr");
}

bool isFile(const std::string& path) { return !path.empty() && path != "-"; }

/// Tried before the study, so that a wrong path doesn't cost its minutes; what the file holds stays
/// until there is a record to replace it.
void checkWritable(const std::string& path) try {
  if (isFile(path))
    const runtime::NewFile unused("study", path);
} catch (const Error& error) {
  throw BadInput(error.what());
}

void writeRecord(const std::string& path, const std::string& record) try {
  runtime::NewFile file("study", path);
  file.write(record);
  file.keep();
} catch (const Error& error) {
  throw BadInput(error.what());
}

/// Likewise; a folder that is not there is made.
void checkFolder(const std::string& path) {
  std::error_code failed;
  if (!path.empty())
    std::filesystem::create_directories(path, failed);
  if (failed)
    throw BadInput(path + ": the folder can't be made: " + failed.message());
}

int study(Request request) {
  setenv("DIPTYCH_CACHE", "off", 1); // compile times are of compiling
  StudyOptions& options = request.options;
  options.numerics = request.numerics == "strict" ? Numerics::strict : Numerics::standard;
  StudyProgress progress;
  if (!request.quiet)
    options.progress = [&](const std::string& name) { progress.begin(name); };
  try {
    options.complete();
  } catch (const Error& error) {
    return complain(usage, error.what());
  }
  try {
    checkWritable(request.json);
    checkFolder(options.exportTo);
    const Json report = runStudy(options);
    const std::string record = report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    std::cout << (request.json == "-" ? record : studyText(report, isStyled(STDOUT_FILENO)))
              << std::flush;
    if (isFile(request.json))
      writeRecord(request.json, record);
    return report["passed"].get<bool>() ? success : checkFailed;
  } catch (const BadInput& error) {
    progress.begin("");
    return complain(badInput, error.what());
  }
}

} // namespace

void addStudy(CLI::App& app, Command& command) {
  auto request = std::make_shared<Request>();
  CLI::App* sub = app.add_subcommand("study", "Compare eager and jit on portfolios, regressions "
                                              "and training");
  addSizes(*sub, *request);
  addModel(*sub, *request);
  addMeasuring(*sub, *request);
  sub->footer("\nWorkloads, and their sizes tiny / real / large:\n" + workloadList() + kFooter);
  sub->callback([request, &command] { command = [request] { return study(*request); }; });
}

} // namespace diptych::cli
