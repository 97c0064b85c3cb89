// Convolutions of workload W9: forward and with all gradients, built in and by rules of the user's;
// results are compared first. Rates are in floating-point operations, of one thread also as a share
// of what its multipliers do at that moment.
#include "benchmarks/Machine.h"

#include "runtime/ConvolutionPrograms.h"

namespace dt = diptych;
using dt::Tensor;
using dt::bench::agree;
using dt::bench::rate;

namespace {

struct Layer {
  dt::Shape x, w;
};

Layer layerOf(int64_t number) {
  if (number == 0)
    return {{64, 1, 28, 28}, {32, 1, 3, 3}};
  return number == 1 ? Layer{{64, 32, 26, 26}, {64, 32, 3, 3}}
                     : Layer{{1, 512, 32, 32}, {1024, 512, 3, 3}};
}

Tensor builtIn(const Tensor& x, const Tensor& w) { return dt::conv2d(x, w); }

Tensor byHand(const Tensor& x, const Tensor& w) {
  static const auto convolution = dt::custom_vjp(builtIn, [](const Tensor& x, const Tensor& w,
                                                             const Tensor&, const Tensor& cot) {
    const auto exchanged = [](const Tensor& t) { return dt::transpose(t, 0, 1); };
    return std::tuple(dt::conv2d(cot, dt::flip(exchanged(w), {2, 3}), {.padding = w.shape(2) - 1}),
                      exchanged(dt::conv2d(exchanged(x), exchanged(cot))));
  });
  return convolution(x, w);
}

using Model = Tensor (*)(const Tensor&, const Tensor&);

auto gradientsOf(Model model) {
  return [model](const Tensor& x, const Tensor& w, const Tensor& cot) {
    return dt::grad([&](const Tensor& x, const Tensor& w) { return dt::sum(model(x, w) * cot); },
                    {0, 1})(x, w);
  };
}

// Elements of a long sum may be small by chance: errors are measured by the largest.
bool nearTheLargest(benchmark::State& state, const Tensor& got, const Tensor& expected) {
  const Tensor most = dt::max(dt::abs(expected));
  return agree(state, 2.0 + got / most, 2.0 + expected / most, 1e-5);
}

struct Operands {
  Tensor x, w, cot;
  double flops; // of one product

  explicit Operands(const Layer& layer, dt::DType dtype) {
    dt::manual_seed(1);
    x = dt::randn(layer.x, dtype);
    w = dt::randn(layer.w, dtype);
    const dt::Shape shape = builtIn(x, w).shape();
    cot = dt::reshape(dt::cos(0.05 * dt::arange(0.0, static_cast<double>(shape.product()))), shape)
              .astype(dtype);
    flops = 2.0 * static_cast<double>(shape.product() * layer.w[1] * 9);
  }
};

void forward(benchmark::State& state, dt::DType dtype, bool jitted) {
  const Operands o(layerOf(state.range(0)), dtype);
  const auto compiled = dt::jit(builtIn);
  if (!agree(state, compiled(o.x, o.w), builtIn(o.x, o.w), 1e-5))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(jitted ? compiled(o.x, o.w) : builtIn(o.x, o.w));
  rate(state, "FLOP/s", o.flops);
}

void gradients(benchmark::State& state, Model model, dt::DType dtype) {
  const Operands o(layerOf(state.range(0)), dtype);
  const auto compiled = dt::jit(gradientsOf(model));
  const auto got = compiled(o.x, o.w, o.cot), expected = gradientsOf(builtIn)(o.x, o.w, o.cot);
  for (size_t i = 0; i < 2; ++i)
    if (!nearTheLargest(state, got[i], expected[i]))
      return;
  for (auto _ : state)
    benchmark::DoNotOptimize(compiled(o.x, o.w, o.cot));
  rate(state, "FLOP/s", 2 * o.flops);
}

// The same by the tape, which has only the gradient to compute.
dt::Tensor swept(const Tensor& leaf, const Tensor& result, const Tensor& cot) {
  leaf.zero_grad_();
  result.backward(cot, {.retain_graph = true});
  return leaf.grad();
}

// Which of the three products: forward, the gradient in x, the one in w.
void share(benchmark::State& state, int which, dt::DType dtype, bool jitted) {
  Operands o(layerOf(state.range(0)), dtype);
  const auto run = [which](const Tensor& x, const Tensor& w, const Tensor& cot) {
    const auto ofX = [&](const Tensor& x) { return dt::sum(builtIn(x, w) * cot); };
    const auto ofW = [&](const Tensor& w) { return dt::sum(builtIn(x, w) * cot); };
    return which == 0 ? builtIn(x, w) : which == 1 ? dt::grad(ofX)(x) : dt::grad(ofW)(w);
  };
  const auto compiled = dt::jit(run);
  const Tensor expected = run(o.x, o.w, o.cot);
  if (!nearTheLargest(state, compiled(o.x, o.w, o.cot), expected))
    return;
  const dt::bench::OneThread one;
  if (which > 0 && !jitted)
    (which == 1 ? o.x : o.w).requires_grad_();
  const Tensor result = builtIn(o.x, o.w);
  dt::bench::timed(state, "FLOP/s", o.flops, dt::bench::peak(dtype), [&] {
    return jitted       ? compiled(o.x, o.w, o.cot)
           : which == 0 ? builtIn(o.x, o.w)
                        : swept(which == 1 ? o.x : o.w, result, o.cot);
  });
}

[[maybe_unused]] const bool added = [] {
  const char* const products[] = {"forward", "gradient_in_x", "gradient_in_w"};
  for (int which = 0; which < 3; ++which)
    for (const dt::DType dtype : {dt::f64, dt::f32})
      for (const bool jitted : {true, false})
        benchmark::RegisterBenchmark(
            (std::string("one_thread/convolution/") + (jitted ? "" : "eager_") + products[which] +
             (dtype == dt::f64 ? "_f64" : "_f32"))
                .c_str(),
            [=](benchmark::State& state) { share(state, which, dtype, jitted); })
            ->DenseRange(0, 2)
            ->UseRealTime();
  return true;
}();

/// Layers that fill no tile of outputs: few of them, one channel, strides, short sums.
struct Narrow {
  const char* name;
  dt::Shape x, w;
  dt::ConvolutionOptions options;
};

const Narrow narrow[] = {
    {"1_output_3x3", {1, 16, 64, 64}, {1, 16, 3, 3}, {}},
    {"2_outputs_3x3", {1, 16, 64, 64}, {2, 16, 3, 3}, {}},
    {"3_outputs_3x3", {1, 16, 64, 64}, {3, 16, 3, 3}, {}},
    {"1_output_5x5", {4, 1, 64, 64}, {1, 1, 5, 5}, {}},
    {"1_output_7x7", {4, 1, 64, 64}, {1, 1, 7, 7}, {}},
    {"1_output_3x3_stride_2", {1, 16, 65, 65}, {1, 16, 3, 3}, {.stride = 2}},
    {"depthwise_3x3", {1, 16, 58, 58}, {16, 1, 3, 3}, {.groups = 16}},
    {"depthwise_3x3_padded", {1, 16, 56, 56}, {16, 1, 3, 3}, {.padding = 1, .groups = 16}},
    {"depthwise_3x3_stride_2",
     {1, 16, 56, 56},
     {16, 1, 3, 3},
     {.stride = 2, .padding = 1, .groups = 16}},
    {"depthwise_3x3_dilation_2",
     {1, 16, 56, 56},
     {16, 1, 3, 3},
     {.padding = 2, .dilation = 2, .groups = 16}},
    {"depthwise_7x7_rows_of_14", {1, 64, 14, 14}, {64, 1, 7, 7}, {.padding = 3, .groups = 64}},
    {"1x1_of_4_channels", {2, 4, 64, 64}, {8, 4, 1, 1}, {}},
    {"1x1_of_4_channels_1_output", {2, 4, 64, 64}, {1, 4, 1, 1}, {}},
    {"3_channels_stride_2", {2, 3, 65, 65}, {16, 3, 3, 3}, {.stride = 2}},
    {"stem_7x7_stride_2", {1, 3, 112, 112}, {64, 3, 7, 7}, {.stride = 2, .padding = 3}},
    {"1d_20x32_7_dilation_4", {4, 20, 256}, {32, 20, 7}, {.padding = 12, .dilation = 4}},
    {"1d_1x16_2", {8, 1, 256}, {16, 1, 2}, {.dilation = 2}},
    {"1d_16x1_3", {4, 16, 256}, {1, 16, 3}, {}},
    {"1d_depthwise_5", {2, 32, 256}, {32, 1, 5}, {.groups = 32}},
};

void narrowLayer(benchmark::State& state, const Narrow& layer, dt::DType dtype, bool jitted) {
  dt::manual_seed(1);
  const Tensor x = dt::randn(layer.x, dtype), w = dt::randn(layer.w, dtype);
  const auto run = [options = layer.options, flat = layer.x.size() == 3](const Tensor& x,
                                                                         const Tensor& w) {
    return flat ? dt::conv1d(x, w, options) : dt::conv2d(x, w, options);
  };
  const auto compiled = dt::jit(run);
  const Tensor expected = run(x, w);
  if (!nearTheLargest(state, compiled(x, w), expected))
    return;
  const auto flops =
      2.0 * static_cast<double>(expected.shape().product() * layer.w.product() / layer.w[0]);
  const dt::bench::OneThread one;
  dt::bench::timed(state, "FLOP/s", flops, dt::bench::peak(dtype),
                   [&] { return jitted ? compiled(x, w) : run(x, w); });
}

[[maybe_unused]] const bool narrowAdded = [] {
  for (const Narrow& layer : narrow)
    for (const dt::DType dtype : {dt::f64, dt::f32})
      for (const bool jitted : {false, true})
        benchmark::RegisterBenchmark(
            (std::string("one_thread/narrow/") + layer.name + (jitted ? "/jit" : "/eager") +
             (dtype == dt::f64 ? "_f64" : "_f32"))
                .c_str(),
            [=](benchmark::State& state) { narrowLayer(state, layer, dtype, jitted); })
            ->UseRealTime();
  return true;
}();

// What whoever calls an eager convolution waits for when it is compiled, at a new size each time.
void firstCall(benchmark::State& state) {
  const dt::runtime::PatienceScope atOnce(0);
  const Tensor w = dt::randn({32, 16, 3, 3});
  int64_t columns = 40;
  for (auto _ : state)
    benchmark::DoNotOptimize(dt::conv2d(dt::randn({1, 16, 30, columns++}), w, {.padding = 1}));
}
BENCHMARK(firstCall)
    ->Name("compile/eager_convolution")
    ->Unit(benchmark::kMillisecond)
    ->Iterations(8);

BENCHMARK_CAPTURE(forward, eager_f64, dt::f64, false)->DenseRange(0, 2)->UseRealTime();
BENCHMARK_CAPTURE(forward, jit_f64, dt::f64, true)->DenseRange(0, 2)->UseRealTime();
BENCHMARK_CAPTURE(forward, jit_f32, dt::f32, true)->DenseRange(0, 2)->UseRealTime();
BENCHMARK_CAPTURE(gradients, builtIn_f64, builtIn, dt::f64)->DenseRange(0, 2)->UseRealTime();
BENCHMARK_CAPTURE(gradients, byHand_f64, byHand, dt::f64)->DenseRange(0, 2)->UseRealTime();
BENCHMARK_CAPTURE(gradients, builtIn_f32, builtIn, dt::f32)->DenseRange(0, 2)->UseRealTime();

} // namespace
