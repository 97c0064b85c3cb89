// Order matters here: the first call and the memory are read before anything else has run in the
// process, and results are compared last.
#include "tools/study/StudyCell.h"

#include "tools/study/StudyExport.h"

#include "runtime/Allocator.h"
#include "runtime/ThreadPool.h"

#include <cmath>
#include <cstring>

namespace diptych::study {

std::vector<std::pair<const char*, double>> compileStages(const JitStats& stats) {
  return {{"trace", stats.trace},       {"differentiate", stats.differentiate},
          {"simplify", stats.simplify}, {"fuse", stats.fuse},
          {"schedule", stats.schedule}, {"emit", stats.emit},
          {"lower", stats.lower},       {"translate", stats.translate},
          {"codegen", stats.codegen},   {"link", stats.link}};
}

void beginCell(const StudyOptions& options) {
  if (options.threads)
    runtime::ThreadPool::global().setThreads(options.threads);
}

double startCompiler() {
  const double start = now();
  jit([](const Tensor& x) { return x + 1.0; })(tensor(1.0));
  return now() - start;
}

namespace {

/// max |a - b| / max |b| over the worst of the results; NaN where they can't be compared.
double difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size())
    return std::nan("");
  double apart = 0.0, scale = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i]))
      return std::nan("");
    apart = std::max(apart, std::fabs(a[i] - b[i]));
    scale = std::max(scale, std::fabs(b[i]));
  }
  return scale > 0.0 ? apart / scale : apart;
}

std::vector<std::vector<double>> numbersOf(const Tensors& tensors) {
  std::vector<std::vector<double>> numbers;
  for (const Tensor& tensor : tensors)
    numbers.push_back(tensor.astype(DType::f64).to_vector<double>());
  return numbers;
}

double difference(const std::vector<std::vector<double>>& a,
                  const std::vector<std::vector<double>>& b) {
  double worst = a.size() < b.size() ? std::nan("") : 0.0;
  // Results beyond those that are expected have no closed form.
  for (std::size_t i = 0; i < b.size() && !std::isnan(worst); ++i) {
    const double apart = difference(a[i], b[i]);
    worst = std::isnan(apart) ? apart : std::max(worst, apart);
  }
  return worst;
}

bool sameBits(const std::vector<std::vector<double>>& a,
              const std::vector<std::vector<double>>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].size() != b[i].size() ||
        std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(double)) != 0)
      return false;
  return a.size() == b.size();
}

Json statsJson(const JitStats& stats) {
  Json stages;
  for (const auto& [stage, milliseconds] : compileStages(stats))
    stages[stage] = 1e-3 * milliseconds;
  return {{"compile", 1e-3 * stats.compile()},     {"stages", stages},
          {"kernel_calls", stats.kernelCalls},     {"kernels_compiled", stats.kernelsCompiled},
          {"kernels_reused", stats.kernelsReused}, {"object_bytes", stats.objectBytes},
          {"arena_bytes", stats.arenaBytes},       {"flops", stats.flops}};
}

Json profileJson(const JitProfile& profile) {
  Json kernels = Json::array();
  for (const KernelProfile& kernel : profile.kernels)
    kernels.push_back({{"name", kernel.name},
                       {"flops", kernel.flops},
                       {"bytes", kernel.bytes},
                       {"least", kernel.least},
                       {"took", kernel.took}});
  return {{"flop_rate", profile.flopRate}, {"byte_rate", profile.byteRate}, {"kernels", kernels}};
}

/// Null where the program fails on made-up numbers.
Json profileOf(const Compiled& compiled) {
  try {
    return profileJson(compiled.profile());
  } catch (const Error&) {
    return nullptr;
  }
}

/// First call, memory, latency, allocations of a warm call.
Json measureCalls(const std::function<Tensors()>& call, const Job& job,
                  const StudyOptions& options) {
  auto work = [&] {
    const Tensors results = call();
    if (job.finish)
      job.finish(results);
  };
  Json cell;
  const std::int64_t before = runtime::memoryStats().currentBytes;
  runtime::resetHighWater();
  const double start = now();
  work();
  cell["first_call"] = now() - start;
  cell["high_water_bytes"] = runtime::memoryStats().highWaterBytes - before;
  cell["latency"] = measureLatency(work, options.sampling);
  const std::int64_t allocations = runtime::memoryStats().allocations;
  work();
  cell["allocations"] = runtime::memoryStats().allocations - allocations;
  cell["process_peak_bytes"] = processPeakBytes();
  return cell;
}

Json eagerCell(const Job& job, const StudyOptions& options) {
  beginCell(options);
  Json cell = measureCalls(job.eager, job, options);
  if (!job.expected.empty())
    cell["closed_form"] = difference(numbersOf(job.eager()), job.expected);
  return cell;
}

Json jitCell(const Job& job, const StudyOptions& options) {
  beginCell(options);
  const double startup = startCompiler();
  const Compiled compiled = job.compile(options.numerics);
  Json cell = measureCalls(compiled.call, job, options);
  cell["compiler_startup"] = startup;
  cell.update(statsJson(compiled.stats()));
  cell["profile"] = profileOf(compiled);
  const auto results = numbersOf(compiled.call()), eager = numbersOf(job.eager());
  cell["eager"] = difference(results, eager);
  if (!job.expected.empty())
    cell["closed_form"] = difference(results, job.expected);
  const bool strict = options.numerics == Numerics::strict;
  cell["strict_bitwise"] =
      sameBits(strict ? results : numbersOf(job.compile(Numerics::strict).call()), eager);
  return cell;
}

/// Empty where the difference (null: not comparable) is within the tolerance.
std::string judge(const Json& difference, double tolerance, const std::string& what) {
  if (difference.is_number() && difference.get<double>() <= tolerance)
    return "";
  char text[160];
  if (!difference.is_number())
    std::snprintf(text, sizeof text, "%s: not comparable (NaN or infinity)", what.c_str());
  else
    std::snprintf(text, sizeof text, "%s: relative difference %.1e, allowed %.1e", what.c_str(),
                  difference.get<double>(), tolerance);
  return text;
}

std::string failureOf(const Json& eager, const Json& jit, double tolerance) {
  for (const auto& [cell, mode] : {std::pair(&eager, "eager"), std::pair(&jit, "jit")})
    if (cell->contains("error"))
      return std::string(mode) + ": " + (*cell)["error"].get<std::string>();
  std::string failure = judge(jit["eager"], tolerance, "jit against eager");
  if (failure.empty() && eager.contains("closed_form"))
    failure = judge(eager["closed_form"], tolerance, "eager against closed form");
  if (failure.empty() && jit.contains("closed_form"))
    failure = judge(jit["closed_form"], tolerance, "jit against closed form");
  if (failure.empty() && !jit["strict_bitwise"].get<bool>())
    failure = "strict jit against eager: the bits differ";
  return failure;
}

} // namespace

Json measureRow(const Job& job, const StudyOptions& options, const std::string& workload) {
  Json row = {{"name", job.name}, {"failure", ""}};
  if (!job.skip.empty()) {
    row["skipped"] = job.skip;
    return row;
  }
  if (!options.exportTo.empty()) {
    row["exported"] = inFreshProcess([&] { return exportRow(job, options.exportTo); });
    if (row["exported"].contains("error")) {
      row["failure"] = "export: " + row["exported"]["error"].get<std::string>();
      return row;
    }
  }
  auto cell = [&](const char* mode, Json (*measure)(const Job&, const StudyOptions&)) {
    if (options.progress)
      options.progress(workload + ": " + job.name + ", " + mode);
    return inFreshProcess([&] { return measure(job, options); });
  };
  Json eager = cell("eager", eagerCell), jit = cell("jit", jitCell);
  const std::string failure = failureOf(eager, jit, options.tolerance);
  row["failure"] = failure;
  Json agreement;
  for (const char* key : {"eager", "closed_form", "strict_bitwise"})
    if (jit.contains(key))
      agreement[std::string("jit_") + key] = jit[key];
  if (eager.contains("closed_form"))
    agreement["eager_closed_form"] = eager["closed_form"];
  row["agreement"] = agreement;
  if (!failure.empty())
    return row;
  for (const char* key : {"eager", "closed_form", "strict_bitwise"})
    jit.erase(key);
  eager.erase("closed_form");
  const double slow = eager["latency"]["median"], fast = jit["latency"]["median"];
  row["speedup"] = slow / fast;
  // Iterations after which compiling has paid for itself; null: never.
  if (slow > fast)
    row["break_even"] = std::ceil(jit["compile"].get<double>() / (slow - fast));
  else
    row["break_even"] = nullptr;
  row["eager"] = eager;
  row["jit"] = jit;
  return row;
}

} // namespace diptych::study
