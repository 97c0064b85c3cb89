// Pooling on one thread, as a share of a plain copy of as many bytes as are read and written.
#include "benchmarks/Machine.h"

namespace dt = diptych;
using dt::Tensor;
using namespace dt::bench;

namespace {

struct Layer {
  const char* name;
  int64_t size;
  dt::PoolOptions options;
};

const Layer layers[] = {
    {"2x2", 2, {}},
    {"3x3_stride_2", 3, {.stride = 2, .padding = 1}},
    {"3x3_stride_1", 3, {.stride = 1, .padding = 1}},
    {"7x7", 7, {}},
};

void pooled(benchmark::State& state, const Layer& layer, bool max, bool jitted) {
  const OneThread scope;
  const Tensor x = dt::randn({4, 16, 56, 56});
  const auto run = [=, size = layer.size, options = layer.options](const Tensor& x) {
    return max ? dt::max_pool2d(x, size, options) : dt::avg_pool2d(x, size, options);
  };
  const auto compiled = dt::jit(run);
  const Tensor expected = run(x);
  if (!agree(state, compiled(x), expected, 1e-12))
    return;
  const int64_t bytes = x.type().bytes() + expected.type().bytes();
  timed(state, "B/s", static_cast<double>(bytes), copyRate(x.type().bytes()),
        [&] { return jitted ? compiled(x) : run(x); });
}

[[maybe_unused]] const bool added = [] {
  for (const Layer& layer : layers)
    for (const bool max : {true, false})
      for (const bool jitted : {false, true})
        benchmark::RegisterBenchmark(
            (std::string("one_thread/pool/") + (max ? "max_" : "avg_") + layer.name +
             (jitted ? "/jit" : "/eager"))
                .c_str(),
            [=](benchmark::State& state) { pooled(state, layer, max, jitted); })
            ->UseRealTime();
  return true;
}();

} // namespace
