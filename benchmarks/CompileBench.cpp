// What compiling costs in a warm process: a new graph each time, so that no kernel is known yet;
// and what is left of it where another process has compiled the graph before.
#include "benchmarks/Check.h"

#include <algorithm>
#include <iterator>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dt = diptych;

namespace {

// A number no kernel has seen: its constant makes the kernel's text, and so its code, new.
double fresh() {
  static int64_t count = 0;
  return 1.0 + 1e-9 * static_cast<double>(++count);
}

const dt::JitOptions cold{.diskCache = false};

dt::Tensor oneKernel(const dt::Tensor& x, double c) { return dt::tanh(x * c) + x; }

// About `operators` operators: products, row reductions, pointwise ones, 10 to a layer.
dt::Tensor layers(const dt::Tensor& w, const dt::Tensor& x, int operators, double c) {
  dt::Tensor h = x;
  for (int i = 0; i < operators; i += 10)
    h = dt::tanh(dt::matmul(h, w) * c) + dt::softmax(h, -1) * 0.5;
  return dt::sum(h * h);
}

void report(benchmark::State& state, const dt::JitStats& total, double trees) {
  auto mean = [&](double value) { return value / trees; };
  state.counters["trace_ms"] = mean(total.trace);
  state.counters["differentiate_ms"] = mean(total.differentiate);
  state.counters["simplify_ms"] = mean(total.simplify);
  state.counters["fuse_ms"] = mean(total.fuse);
  state.counters["schedule_ms"] = mean(total.schedule);
  state.counters["emit_ms"] = mean(total.emit + total.lower + total.translate);
  state.counters["codegen_ms"] = mean(total.codegen);
  state.counters["link_ms"] = mean(total.link);
  state.counters["kernels"] = mean(static_cast<double>(total.kernelsCompiled));
  state.counters["calls"] = static_cast<double>(total.kernelCalls);
}

void add(dt::JitStats& total, const dt::JitStats& one) {
  total.trace += one.trace, total.differentiate += one.differentiate;
  total.simplify += one.simplify, total.fuse += one.fuse, total.schedule += one.schedule;
  total.emit += one.emit, total.lower += one.lower, total.translate += one.translate;
  total.codegen += one.codegen, total.link += one.link;
  total.kernelsCompiled += one.kernelsCompiled, total.kernelCalls = one.kernelCalls;
}

// Compiles (and runs once) a new jitted function in every iteration.
template <class Make, class... Args>
void compileEach(benchmark::State& state, Make make, const Args&... arguments) {
  make(fresh())(arguments...); // the process is warm from here on
  dt::JitStats total;
  for (auto _ : state) {
    auto f = make(fresh());
    benchmark::DoNotOptimize(f(arguments...));
    state.PauseTiming();
    add(total, f.stats());
    state.ResumeTiming();
  }
  report(state, total, static_cast<double>(state.iterations()));
}

void compileOneKernel(benchmark::State& state) {
  compileEach(
      state,
      [](double c) { return dt::jit([=](const dt::Tensor& x) { return oneKernel(x, c); }, cold); },
      dt::randn({1000}));
}
BENCHMARK(compileOneKernel)->Name("compile/1_kernel")->Unit(benchmark::kMillisecond);

void compileLayers(benchmark::State& state) {
  const int operators = static_cast<int>(state.range(0));
  compileEach(
      state,
      [=](double c) {
        return dt::jit(
            [=](const dt::Tensor& w, const dt::Tensor& x) { return layers(w, x, operators, c); },
            cold);
      },
      0.2 * dt::randn({24, 24}), dt::randn({40, 24}));
}
BENCHMARK(compileLayers)
    ->Name("compile/layers")
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);

// Every operator of its own shape and constants: nothing to share.
dt::Tensor distinct(const dt::Tensor& x, int operators, double c) {
  dt::Tensor total = dt::sum(x);
  for (int i = 0; i < operators; i += 5) {
    auto part = dt::slice(x, 0, 0, 20 + i);
    total = total + dt::sum(dt::exp(part * (c + i)) - part);
  }
  return total;
}

void compileDistinct(benchmark::State& state, int operators) {
  compileEach(
      state,
      [=](double c) {
        return dt::jit([=](const dt::Tensor& x) { return distinct(x, operators, c); }, cold);
      },
      0.001 * dt::rand({int64_t{30} + operators}));
}
void compileDistinctOnAll(benchmark::State& state) {
  compileDistinct(state, static_cast<int>(state.range(0)));
}
BENCHMARK(compileDistinctOnAll)
    ->Name("compile/distinct")
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);

// By a thread that is bound to one CPU, and so compiles alone.
void compileDistinctAlone(benchmark::State& state) {
  cpu_set_t all, one;
  sched_getaffinity(0, sizeof all, &all);
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
  compileDistinct(state, static_cast<int>(state.range(0)));
  sched_setaffinity(0, sizeof all, &all);
}
BENCHMARK(compileDistinctAlone)
    ->Name("compile/one_thread/distinct")
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);

void compileGradient(benchmark::State& state) {
  const int operators = static_cast<int>(state.range(0));
  compileEach(
      state,
      [=](double c) {
        return dt::jit(dt::value_and_grad([=](const dt::Tensor& w, const dt::Tensor& x) {
                         return layers(w, x, operators, c);
                       }),
                       cold);
      },
      0.2 * dt::randn({24, 24}), dt::randn({40, 24}));
}
BENCHMARK(compileGradient)
    ->Name("compile/gradient_of_layers")
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);

//===-- From disk ----------------------------------------------------------------------------===//

constexpr int kWarm = 3, kLoads = 12;

// What happens in a child of this process is unknown to it but for what lies on disk then.
template <class F> bool inChild(F f) {
  const pid_t child = fork();
  if (child == 0) {
    f();
    _exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

// Graphs are compiled by a child, then loaded by this process, which is warm after a few of them.
// compile(c) calls a new function for the first time.
template <class Compile> void loadEach(benchmark::State& state, Compile compile) {
  setenv("DIPTYCH_CACHE_DIR", dt::bench::temporaryFolder().c_str(), 1);
  setenv("DIPTYCH_CACHE", "on", 1);
  double constants[kWarm + kLoads];
  std::generate(std::begin(constants), std::end(constants), fresh);
  compile(fresh());
  if (!inChild([&] { std::for_each(std::begin(constants), std::end(constants), compile); }))
    return state.SkipWithError("the child that compiles did not end well");
  std::for_each_n(constants, kWarm, compile);
  const double* next = constants + kWarm;
  for (auto _ : state)
    if (compile(*next++).kernelsCompiled != 0)
      return state.SkipWithError("the kernels were not found on disk");
}

void loadOneKernel(benchmark::State& state) {
  const dt::Tensor x = dt::ones({1000});
  loadEach(state, [=](double c) {
    auto f = dt::jit([=](const dt::Tensor& x) { return oneKernel(x, c); });
    f(x);
    return f.stats();
  });
}
BENCHMARK(loadOneKernel)
    ->Name("compile/1_kernel/from_disk")
    ->Iterations(kLoads)
    ->Unit(benchmark::kMillisecond);

void loadDistinct(benchmark::State& state) {
  const int operators = static_cast<int>(state.range(0));
  const dt::Tensor x = dt::full({int64_t{30} + operators}, 0.001);
  loadEach(state, [=](double c) {
    auto f = dt::jit([=](const dt::Tensor& x) { return distinct(x, operators, c); });
    f(x);
    return f.stats();
  });
}
BENCHMARK(loadDistinct)
    ->Name("compile/distinct/from_disk")
    ->Arg(100)
    ->Arg(1000)
    ->Iterations(kLoads)
    ->Unit(benchmark::kMillisecond);

} // namespace
