// What a call costs where there is hardly any work: a chain of small reductions, which no fusion
// joins, replayed as a graph, launched one by one, and eager.
#include "benchmarks/gpu/Bench.h"

#include "runtime/cuda/DeviceProgram.h"

#include <chrono>

namespace diptych::bench {

namespace {

constexpr int kLinks = 20;

Tensor chain(Tensor x) {
  for (int i = 0; i < kLinks; ++i)
    x = x / (1.0 + sum(x * x));
  return x;
}

/// Seconds that the host needs for a call it does not wait for, and until a result could be read.
struct HostTime {
  double call = 0, answer = 0;
};

HostTime hostTime(int repeats, const std::function<void()>& run) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::vector<double> calls, answers;
  for (int i = 0; i < 10 * repeats; ++i) {
    synchronize();
    const auto start = Clock::now();
    run();
    calls.push_back(since(start));
    synchronize();
    answers.push_back(since(start));
  }
  std::sort(calls.begin(), calls.end());
  std::sort(answers.begin(), answers.end());
  return {calls[calls.size() / 2], answers[answers.size() / 2]};
}

void row(Bench& bench, const std::string& name, const std::function<void()>& run) {
  const Timing timing = bench.time(run);
  const HostTime host = hostTime(bench.options().repeats, run);
  bench.add({{"name", name},
             {"seconds", timing.median},
             {"spread", timing.most / timing.least},
             {"host_seconds", host.call},
             {"answer_seconds", host.answer},
             {"launches", timing.launches},
             {"graphs", timing.graphs}});
}

} // namespace

void benchLatency(Bench& bench) {
  if (!bench.wants("latency"))
    return;
  try {
    const Tensor x = numbers({64}, f64, 1), there = x.to("cuda");
    const auto compiled = jit(chain);
    if (!allclose(compiled(there).to("cpu"), chain(x), 1e-12, 1e-12) ||
        !allclose(chain(there).to("cpu"), chain(x), 1e-12, 1e-12))
      return bench.fail("latency", "results differ from the CPU's");
    row(bench, "latency of a graph", [&] { compiled(there); });
    runtime::cuda::setAllowsGraphs(false);
    row(bench, "latency of launches", [&] { compiled(there); });
    runtime::cuda::setAllowsGraphs(true);
    row(bench, "latency eager", [&] { chain(there); });
  } catch (const std::exception& error) {
    runtime::cuda::setAllowsGraphs(true);
    bench.fail("latency", error.what());
  }
}

} // namespace diptych::bench
