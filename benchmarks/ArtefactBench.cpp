// Artefacts against jit: the gradient of W1 at its real size, the first call after loading, and a
// batch whose size is chosen at the call against the same batch compiled for its size.
#include "benchmarks/Check.h"
#include "benchmarks/Portfolio.h"

#include <diptych/Aot.h>
#include <diptych/Jit.h>

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

namespace dt = diptych;
using namespace dt::bench;

namespace {

/// diptych_threads of the header.
struct Threads {
  int count;
  void (*run)(void*, int, void (*)(void*, int), void*);
  void* pool;
};

/// A shared library that is loaded, and memory for its calls.
class Library {
public:
  explicit Library(const dt::aot::Artefact& artefact)
      : handle_(dlopen(artefact.library.c_str(), RTLD_NOW)),
        workspace_(std::aligned_alloc(64, bytesOf(artefact))) {}
  Library(const Library&) = delete;
  ~Library() {
    std::free(workspace_);
    if (handle_)
      dlclose(handle_);
  }
  template <class F> F* function(const std::string& name) const {
    return handle_ ? reinterpret_cast<F*>(dlsym(handle_, name.c_str())) : nullptr;
  }
  void* workspace() const { return workspace_; }

private:
  static size_t bytesOf(const dt::aot::Artefact& artefact) {
    return static_cast<size_t>(artefact.entries.at(0).workspaceBytes + 127) / 64 * 64;
  }
  void* handle_;
  void* workspace_;
};

/// The model's data, and where an artefact writes.
struct Called : Portfolio {
  dt::Tensor gradient = dt::zeros({8});
  double value = 0;
};

dt::aot::Artefact portfolioArtefact(const Portfolio& p, int threads) {
  return dt::aot::compile({{"gradient", dt::value_and_grad(objective)}}, std::tuple(p.w, p.X, p.r),
                          {.name = "w1_" + std::to_string(threads),
                           .directory = temporaryFolder(),
                           .kind = dt::aot::Kind::shared,
                           .threads = threads});
}

using Alone = int(const double*, const double*, const double*, double*, double*, void*);
using Together = int(const double*, const double*, const double*, double*, double*, void*,
                     const Threads*);

int call(Alone* f, const Library& library, Called& p) {
  return f(p.w.data<double>(), p.X.data<double>(), p.r.data<double>(), &p.value,
           const_cast<double*>(p.gradient.data<double>()), library.workspace());
}

void artefactGradient(benchmark::State& state) {
  Called p;
  const Library library(portfolioArtefact(p, 1));
  auto* f = library.function<Alone>("w1_1_gradient");
  if (!f || call(f, library, p) != 0)
    return state.SkipWithError("the artefact does not run");
  if (!agree(state, p.gradient, dt::value_and_grad(objective)(p.w, p.X, p.r).second))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(call(f, library, p));
}
BENCHMARK(artefactGradient)->Name("artefact/w1/gradient/1_thread")->Apply(milliseconds);

/// With threads that every call makes, or with some that last.
void artefactGradientOnThreads(benchmark::State& state, bool lasting) {
  Called p;
  const Library library(portfolioArtefact(p, 2));
  auto* f = library.function<Together>("w1_2_gradient");
  if (!f)
    return state.SkipWithError("the artefact does not run");
  Threads threads{2, nullptr, nullptr};
  const std::unique_ptr<void, decltype(&std::free)> pool(
      std::aligned_alloc(64, library.function<size_t(int)>("w1_2_pool_bytes")(2)), &std::free);
  if (lasting &&
      library.function<int(void*, int, Threads*)>("w1_2_start_pool")(pool.get(), 2, &threads))
    return state.SkipWithError("the pool does not start");
  const auto run = [&] {
    return f(p.w.data<double>(), p.X.data<double>(), p.r.data<double>(), &p.value,
             const_cast<double*>(p.gradient.data<double>()), library.workspace(), &threads);
  };
  if (run() == 0 && agree(state, p.gradient, dt::value_and_grad(objective)(p.w, p.X, p.r).second))
    for (auto _ : state)
      benchmark::DoNotOptimize(run());
  library.function<void(Threads*)>("w1_2_stop_pool")(&threads);
}
BENCHMARK_CAPTURE(artefactGradientOnThreads, own, false)
    ->Name("artefact/w1/gradient/2_threads")
    ->Apply(milliseconds);
BENCHMARK_CAPTURE(artefactGradientOnThreads, pool, true)
    ->Name("artefact/w1/gradient/2_threads_that_last")
    ->Apply(milliseconds);

// The number of days is chosen at the call.
void artefactGradientOfAnyDays(benchmark::State& state) {
  Called p;
  const dt::Dim days = dt::dim("days", 1);
  const Library library(dt::aot::compile({{"gradient", dt::value_and_grad(objective)}},
                                         std::tuple(p.w, p.X, p.r),
                                         {.name = "w1_days",
                                          .directory = temporaryFolder(),
                                          .kind = dt::aot::Kind::shared,
                                          .arguments = {"w", "X", "r"},
                                          .shapes = {{"X", {days, 300, 8}}, {"r", {days, 300}}}}));
  auto* f = library.function<int(int64_t, const double*, const double*, const double*, double*,
                                 double*, void*)>("w1_days_gradient");
  if (!f)
    return state.SkipWithError("the artefact does not run");
  const auto run = [&] {
    return f(p.X.shape()[0], p.w.data<double>(), p.X.data<double>(), p.r.data<double>(), &p.value,
             const_cast<double*>(p.gradient.data<double>()), library.workspace());
  };
  if (run() != 0 || !agree(state, p.gradient, dt::value_and_grad(objective)(p.w, p.X, p.r).second))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(run());
}
BENCHMARK(artefactGradientOfAnyDays)
    ->Name("artefact/w1/gradient/days_chosen_at_the_call")
    ->Apply(milliseconds);

// DIPTYCH_THREADS=1 makes it the counterpart of the artefact on one thread.
void jitGradient(benchmark::State& state) {
  const Portfolio p;
  auto f = dt::jit(dt::value_and_grad(objective));
  if (!agree(state, f(p.w, p.X, p.r).second, dt::value_and_grad(objective)(p.w, p.X, p.r).second))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(f(p.w, p.X, p.r));
}
BENCHMARK(jitGradient)->Name("artefact/w1/gradient/jit")->Apply(milliseconds);

// Opening the library and the first call, on data that is in cache.
void firstCall(benchmark::State& state) {
  Called p;
  const auto artefact = portfolioArtefact(p, 1);
  for (auto _ : state) {
    const Library library(artefact);
    auto* f = library.function<Alone>("w1_1_gradient");
    if (!f || call(f, library, p) != 0)
      return state.SkipWithError("the artefact does not run");
  }
  state.counters["KB"] = static_cast<double>(artefact.bytes) / 1024;
}
BENCHMARK(firstCall)->Name("artefact/w1/load_and_first_call")->Apply(milliseconds);

//===-- A batch ------------------------------------------------------------------------------===//

struct Layers {
  dt::Tensor first = 0.1 * dt::randn({64, 128}), second = 0.1 * dt::randn({128, 10});
  auto predict() const {
    return [*this](const dt::Tensor& x) {
      return dt::softmax(dt::matmul(dt::tanh(dt::matmul(x, first)), second), -1);
    };
  }
};

void batch(benchmark::State& state, bool chosenAtTheCall) {
  const int64_t size = state.range(0);
  const Layers layers;
  const dt::Tensor x = dt::randn({size, 64});
  dt::Tensor y = dt::zeros({size, 10});
  const dt::aot::Options options{
      .name = "layers", .directory = temporaryFolder(), .kind = dt::aot::Kind::shared};
  const auto artefact =
      chosenAtTheCall
          ? dt::aot::compile({{"predict", dt::aot::each(dt::dim("batch"), layers.predict())}},
                             std::tuple(dt::randn({64})), options)
          : dt::aot::compile({{"predict", dt::vmap(layers.predict())}}, std::tuple(x), options);
  const Library library(artefact);
  auto* output = const_cast<double*>(y.data<double>());
  auto* dynamic = library.function<int(int64_t, const double*, double*, void*)>("layers_predict");
  auto* fixed = library.function<int(const double*, double*, void*)>("layers_predict");
  const auto run = [&] {
    return chosenAtTheCall ? dynamic(size, x.data<double>(), output, library.workspace())
                           : fixed(x.data<double>(), output, library.workspace());
  };
  if (!fixed || run() != 0)
    return state.SkipWithError("the artefact does not run");
  if (!agree(state, y, dt::vmap(layers.predict())(x)))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(run());
}
BENCHMARK_CAPTURE(batch, fixed, false)
    ->Name("artefact/batch/fixed")
    ->Arg(1)
    ->Arg(100)
    ->Arg(1000)
    ->Arg(10000)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(batch, chosen, true)
    ->Name("artefact/batch/chosen_at_the_call")
    ->Arg(1)
    ->Arg(100)
    ->Arg(1000)
    ->Arg(10000)
    ->Unit(benchmark::kMicrosecond);

} // namespace
