// Convolution with derivative rules of the user's own (workload W9): O = W * I + b with the three
// gradients written as three convolutions, beside the built-in rule and what the compiler derives
// from windows and a sum. All give the same numbers, and the forward pass is checked by loops.
#include <diptych/diptych.h>

#include <chrono>
#include <cstdio>
#include <cstring>

namespace dt = diptych;
using dt::Tensor;

namespace {

// W turned round in the plane, its channels exchanged.
Tensor turned(const Tensor& w) { return dt::flip(dt::transpose(w, 0, 1), {2, 3}); }
Tensor exchanged(const Tensor& x) { return dt::transpose(x, 0, 1); }

Tensor builtIn(const Tensor& x, const Tensor& w, const Tensor& b) { return dt::conv2d(x, w, b); }

// dI = full correlation of dO with the turned W; dW = correlation of I with dO, both with their
// first two axes exchanged; db = sum of dO.
Tensor byHand(const Tensor& x, const Tensor& w, const Tensor& b) {
  static const auto convolution = dt::custom_vjp(
      [](const Tensor& x, const Tensor& w, const Tensor& b) { return dt::conv2d(x, w, b); },
      [](const Tensor& x, const Tensor& w, const Tensor&, const Tensor&, const Tensor& cot) {
        const int64_t border = w.shape(2) - 1;
        return std::tuple(dt::conv2d(cot, turned(w), {.padding = border}),
                          exchanged(dt::conv2d(exchanged(x), exchanged(cot))),
                          dt::sum(cot, {0, 2, 3}));
      });
  return convolution(x, w, b);
}

// Without a convolution at all: windows [N,C,H',k,W',k] times W, added up.
Tensor derived(const Tensor& x, const Tensor& w, const Tensor& b) {
  const Tensor seen = dt::windows(x, {2, 3}, {w.shape(2), w.shape(3)});
  return dt::einsum("nchpwq,ocpq->nohw", {seen, w}) + dt::reshape(b, {-1, 1, 1});
}

struct Sizes {
  const char* name;
  dt::Shape x, w;
};

// The forward pass, element by element.
double farthestFromLoops(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& b) {
  const auto in = x.to_vector<double>(), kernel = w.to_vector<double>(),
             out = y.to_vector<double>(), bias = b.to_vector<double>();
  const dt::Shape &a = x.shape(), &k = w.shape(), &r = y.shape();
  double farthest = 0;
  for (int64_t n = 0, at = 0; n < r[0]; ++n)
    for (int64_t o = 0; o < r[1]; ++o)
      for (int64_t i = 0; i < r[2]; ++i)
        for (int64_t j = 0; j < r[3]; ++j, ++at) {
          double sum = bias[o];
          for (int64_t c = 0; c < k[1]; ++c)
            for (int64_t p = 0; p < k[2]; ++p)
              for (int64_t q = 0; q < k[3]; ++q)
                sum += in[((n * a[1] + c) * a[2] + i + p) * a[3] + j + q] *
                       kernel[((o * k[1] + c) * k[2] + p) * k[3] + q];
          farthest = std::max(farthest, std::abs(sum - out[at]));
        }
  return farthest;
}

template <class F> double millisecondsOf(const F& run) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(
        best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                  .count());
  }
  return best;
}

template <class F>
bool report(const char* name, F f, const Tensor& x, const Tensor& w, const Tensor& b,
            const std::vector<Tensor>& expected) {
  const Tensor cot =
      dt::reshape(dt::cos(0.05 * dt::arange(0.0, expected[0].numel())), expected[0].shape());
  const auto backward = [=](const Tensor& x, const Tensor& w, const Tensor& b) {
    return dt::grad([&](const Tensor& x, const Tensor& w,
                        const Tensor& b) { return dt::sum(f(x, w, b) * cot); },
                    {0, 1, 2})(x, w, b);
  };
  const auto forward = dt::jit(f);
  const auto both = dt::jit(backward);
  std::vector<Tensor> got = both(x, w, b);
  got.insert(got.begin(), forward(x, w, b));
  bool same = true;
  for (size_t i = 0; i < expected.size(); ++i)
    same = same && dt::allclose(got[i], expected[i], 1e-9, 1e-9);
  std::printf("  %-9s forward %9.3f ms, with backward %9.3f ms  %s\n", name,
              millisecondsOf([&] { forward(x, w, b); }), millisecondsOf([&] { both(x, w, b); }),
              same ? "agrees" : "DIFFERS");
  return same;
}

} // namespace

int main(int argc, char** argv) {
  const bool real = argc > 1 && std::strcmp(argv[1], "real") == 0;
  std::vector<Sizes> all{{"tiny", {2, 3, 5, 4}, {4, 3, 3, 3}}};
  if (real)
    all = {{"first layer", {64, 1, 28, 28}, {32, 1, 3, 3}},
           {"second layer", {64, 32, 26, 26}, {64, 32, 3, 3}}};
  bool right = true;
  for (const Sizes& sizes : all) {
    dt::manual_seed(1);
    const Tensor x = dt::randn(sizes.x), w = dt::randn(sizes.w), b = dt::randn({sizes.w[0]});
    const Tensor y = builtIn(x, w, b);
    const Tensor cot = dt::reshape(dt::cos(0.05 * dt::arange(0.0, y.numel())), y.shape());
    std::vector<Tensor> expected =
        dt::grad([&](const Tensor& x, const Tensor& w,
                     const Tensor& b) { return dt::sum(builtIn(x, w, b) * cot); },
                 {0, 1, 2})(x, w, b);
    expected.insert(expected.begin(), y);
    const double error = farthestFromLoops(y, x, w, b);
    std::printf("%s: %s by %s, farthest from the loops %.1e\n", sizes.name, sizes.x.str().c_str(),
                sizes.w.str().c_str(), error);
    right = error < 1e-10 && right;
    right = report("built-in", builtIn, x, w, b, expected) && right;
    right = report("by hand", byHand, x, w, b, expected) && right;
    if (!real) // its windows are stored for the product: nine images
      right = report("derived", derived, x, w, b, expected) && right;
  }
  return right ? 0 : 1;
}
