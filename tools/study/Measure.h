// Clocks and memory gauges of the study, and fresh processes to read them in. Knows no model.
#pragma once

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <vector>

namespace diptych::study {

using Json = nlohmann::json;

/// Monotonic seconds.
double now();
/// CPU seconds of all threads of this process.
double processorTime();
/// How many processes wanted to run in the last minute, on average; 0 where the system doesn't
/// tell.
double loadAverage();

struct SamplingPlan {
  int samples = 200;    ///< at least so many, if the budget allows
  double seconds = 3.0; ///< budget of one measurement
  double atLeast = 0.2; ///< fast work is sampled for so long, up to 5000 samples
};

/// Calls `work` again and again; the first call is not counted. {"median", "p5", "p95"} in seconds,
/// "samples", "cpu" (seconds of processor a call, all threads), "budget_hit": the budget ended it
/// before plan.samples (never below 3).
Json measureLatency(const std::function<void()>& work, const SamplingPlan& plan);

/// Value below which the share q of the sorted samples lies, interpolated.
double quantile(const std::vector<double>& sorted, double q);

/// Largest resident size of this process so far, in bytes; 0 where the system doesn't tell.
std::int64_t processPeakBytes();
/// Memory that can be had without swapping, in bytes; 0 where the system doesn't tell.
std::int64_t availableBytes();
/// Model name of the CPU, such as /proc/cpuinfo has it.
std::string cpuName();

/// What `work` returns when run in a forked copy of this process: its allocator, its compiler and
/// its resident size are then its own. Call it before this process starts threads. What work
/// throws, or a crash, is returned as {"error": text}.
Json inFreshProcess(const std::function<Json()>& work);

} // namespace diptych::study
