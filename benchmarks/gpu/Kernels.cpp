// Pointwise kernels, reductions and rows against a plain copy: what moves memory.
#include "benchmarks/gpu/Bench.h"

namespace diptych::bench {

namespace {

Tensor layerNorm(const Tensor& x) {
  const Tensor centred = x - mean(x, -1, true);
  return centred / sqrt(mean(square(centred), -1, true) + 1e-5);
}

struct Case {
  const char* name;
  DType dtype;
  Shape shape;
  int operands;
  double moved; // arrays of the shape that are read and written
  Tensor (*of)(const Tensors& x);
};

std::vector<Case> cases(bool tiny) {
  const int64_t n = tiny ? 1 << 12 : 1 << 26, side = tiny ? 48 : 8192;
  const Shape flat{n}, square{side, side};
  const Shape rows = tiny ? Shape{6, 128} : Shape{65536, 1024};
  const Shape wide = tiny ? Shape{2, 4500} : Shape{512, 131072};
  const Shape series = tiny ? Shape{700, 3} : Shape{4096, 512}; // along time
  const auto softmaxOf = [](const Tensors& x) { return softmax(x[0], -1); };
  return {
      {"add f32", f32, flat, 2, 3, [](const Tensors& x) { return x[0] + x[1]; }},
      {"add f64", f64, {n / 2}, 2, 3, [](const Tensors& x) { return x[0] + x[1]; }},
      {"five operators f32", f32, flat, 2, 3,
       [](const Tensors& x) { return (x[0] * x[1] + 2.0) * x[0] - x[1] * 0.5; }},
      {"tanh and exp f32", f32, flat, 2, 3,
       [](const Tensors& x) { return tanh(x[0]) * exp(x[1]); }},
      {"tanh and exp f64",
       f64,
       {n / 2},
       2,
       3,
       [](const Tensors& x) { return tanh(x[0]) * exp(x[1]); }},
      {"transpose f32", f32, square, 2, 3, [](const Tensors& x) { return transpose(x[0]) + x[1]; }},
      {"sum all f32", f32, flat, 1, 1, [](const Tensors& x) { return sum(x[0]); }},
      {"sum rows f32", f32, rows, 1, 1, [](const Tensors& x) { return sum(x[0], 1); }},
      {"sum wide rows f32", f32, wide, 1, 1, [](const Tensors& x) { return sum(x[0], 1); }},
      {"sum columns f32", f32, rows, 1, 1, [](const Tensors& x) { return sum(x[0], 0); }},
      {"sum of squares f64", f64, {n / 2}, 1, 1, [](const Tensors& x) { return sum(x[0] * x[0]); }},
      {"softmax f32", f32, rows, 1, 2, softmaxOf},
      {"softmax f64", f64, rows, 1, 2, softmaxOf},
      {"softmax wide f32", f32, wide, 1, 2, softmaxOf},
      {"layer norm f32", f32, rows, 1, 2, [](const Tensors& x) { return layerNorm(x[0]); }},
      {"cumsum rows f32", f32, rows, 1, 2, [](const Tensors& x) { return cumsum(x[0], 1); }},
      {"rolling max of 20 f64", f64, series, 1, 2,
       [](const Tensors& x) { return rolling_max(x[0], 20, 0, {.min_periods = 1}); }},
      {"rolling max of 500 f64", f64, series, 1, 2,
       [](const Tensors& x) { return rolling_max(x[0], 500, 0, {.min_periods = 1}); }},
      {"rolling rank of 60 f64", f64, series, 1, 2,
       [](const Tensors& x) { return rolling_rank(x[0], 60, 0, {.min_periods = 1}); }},
      {"rolling median of 60 f64", f64, series, 1, 2,
       [](const Tensors& x) { return rolling_median(x[0], 60, 0, {.min_periods = 1}); }},
  };
}

} // namespace

void benchKernels(Bench& bench) {
  for (const Case& one : cases(bench.options().tiny)) {
    if (!bench.wants(one.name))
      continue;
    Subject subject;
    subject.name = one.name;
    for (int i = 0; i < one.operands; ++i)
      subject.inputs.push_back(numbers(one.shape, one.dtype, static_cast<uint32_t>(i + 1)));
    if (one.operands == 1) // sums that cancel say little
      subject.inputs[0] = subject.inputs[0] + 1.0;
    subject.program = [of = one.of](const Tensors& x) { return Tensors{of(x)}; };
    subject.bytes = one.moved * static_cast<double>(subject.inputs[0].type().bytes());
    subject.tolerance = one.dtype == f32 ? 1e-5 : 1e-12;
    measure(bench, subject);
  }
}

} // namespace diptych::bench
