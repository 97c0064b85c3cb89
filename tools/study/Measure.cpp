// Sampling, /proc, fork and a pipe.
#include "tools/study/Measure.h"

#include <diptych/Error.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>

namespace diptych::study {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processorTime() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

double loadAverage() {
  double load = 0.0;
  return getloadavg(&load, 1) == 1 ? load : 0.0;
}

double quantile(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Json measureLatency(const std::function<void()>& work, const SamplingPlan& plan) {
  work();
  const double begin = now(), processor = processorTime();
  std::vector<double> samples;
  auto enough = [&] {
    const double elapsed = now() - begin;
    const auto count = static_cast<int>(samples.size());
    if (elapsed >= plan.seconds)
      return count >= 3;
    return count >= plan.samples && (elapsed >= plan.atLeast || count >= 5000);
  };
  while (!enough()) {
    const double start = now();
    work();
    samples.push_back(now() - start);
  }
  const double cpu = (processorTime() - processor) / double(samples.size());
  std::sort(samples.begin(), samples.end());
  return {{"median", quantile(samples, 0.5)},
          {"p5", quantile(samples, 0.05)},
          {"p95", quantile(samples, 0.95)},
          {"samples", samples.size()},
          {"cpu", cpu},
          {"budget_hit", static_cast<int>(samples.size()) < plan.samples}};
}

namespace {

/// Kilobytes after `key` in a file of "Key:   123 kB" lines, as bytes.
std::int64_t procBytes(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.compare(0, key.size(), key) == 0)
      return std::atoll(line.c_str() + key.size()) * 1024;
  return 0;
}

void writeAll(int descriptor, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t wrote = write(descriptor, text.data() + done, text.size() - done);
    if (wrote < 0 && errno != EINTR)
      return;
    done += wrote > 0 ? static_cast<std::size_t>(wrote) : 0;
  }
}

std::string readAll(int descriptor) {
  std::string text;
  char piece[65536];
  for (;;) {
    const ssize_t got = read(descriptor, piece, sizeof piece);
    if (got == 0 || (got < 0 && errno != EINTR))
      return text;
    text.append(piece, got > 0 ? static_cast<std::size_t>(got) : 0);
  }
}

[[noreturn]] void runChild(const std::function<Json()>& work, int descriptor) {
  Json result;
  try {
    result = work();
  } catch (const std::exception& error) {
    result = {{"error", error.what()}};
  }
  writeAll(descriptor, result.dump(-1, ' ', false, Json::error_handler_t::replace));
  _exit(0); // not exit: what the parent has to flush or to destroy stays the parent's
}

std::string causeOf(int status) {
  if (WIFSIGNALED(status))
    return std::string("the measuring process was ended by signal ") +
           std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")" +
           (WTERMSIG(status) == 9 ? "; out of memory? choose a smaller size" : "");
  return "the measuring process ended with status " + std::to_string(WEXITSTATUS(status)) +
         " and no result";
}

} // namespace

std::int64_t processPeakBytes() { return procBytes("/proc/self/status", "VmHWM:"); }
std::int64_t availableBytes() { return procBytes("/proc/meminfo", "MemAvailable:"); }

std::string cpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.compare(0, 10, "model name") == 0)
      if (const std::size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "unknown CPU";
}

Json inFreshProcess(const std::function<Json()>& work) {
  int ends[2];
  if (pipe(ends) != 0)
    throw Error(std::string("study: no pipe to a measuring process: ") + std::strerror(errno));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0)
    throw Error(std::string("study: no measuring process: ") + std::strerror(errno) +
                "; choose a smaller size");
  if (child == 0) {
    close(ends[0]);
    runChild(work, ends[1]);
  }
  close(ends[1]);
  const std::string text = readAll(ends[0]);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || text.empty())
    return {{"error", causeOf(status)}};
  return Json::parse(text);
}

} // namespace diptych::study
