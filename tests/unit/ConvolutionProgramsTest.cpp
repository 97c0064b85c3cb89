// Eager convolutions as compiled programs: made once they are worth it, for each layout of their
// operands, with the bits of the kernels.
#include "SameBits.h"

#include "runtime/ConvolutionPrograms.h"
#include "runtime/ThreadPool.h"

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace diptych::test {
namespace {

using runtime::ConvolutionPrograms;
using runtime::PatienceScope;

struct Layer {
  Shape x, w;
  ConvolutionOptions options;
};

const Layer layers[] = {
    {{2, 3, 9, 11}, {4, 3, 3, 3}, {.padding = 1}},
    {{3, 1, 28, 28}, {8, 1, 3, 3}, {}},
    {{2, 8, 15, 21}, {8, 1, 3, 3}, {.padding = 1, .groups = 8}},
    {{2, 4, 17, 19}, {4, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 4}},
    {{1, 4, 18, 33}, {1, 4, 3, 5}, {.padding = {2, 4}, .dilation = 2}},
    {{2, 4, 16, 16}, {8, 4, 1, 1}, {}},
    {{2, 130, 6, 7}, {5, 130, 3, 3}, {.padding = 2}}, // more than one block
    {{16, 32, 14, 14}, {32, 32, 3, 3}, {.padding = 1}},
};

Tensor drawn(const Shape& shape, DType dtype) { return randn(shape, dtype); }

// The result and both gradients.
std::vector<Tensor> allOf(const Layer& layer, const Tensor& x, const Tensor& w) {
  const auto run = [&](const Tensor& x, const Tensor& w) { return conv2d(x, w, layer.options); };
  const Tensor y = run(x, w);
  const auto ofX = [&](const Tensor& x) { return run(x, w); };
  const auto ofW = [&](const Tensor& w) { return run(x, w); };
  return {y, vjp(ofX)(x, cos(y)).second, vjp(ofW)(w, cos(y)).second};
}

void expectSame(const std::vector<Tensor>& got, const std::vector<Tensor>& expected) {
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(sameBits(got[i], expected[i])) << "result " << i;
}

std::vector<Tensor> byKernels(const Layer& layer, const Tensor& x, const Tensor& w) {
  const PatienceScope never(HUGE_VAL);
  return allOf(layer, x, w);
}

TEST(ConvolutionPrograms, HaveTheBitsOfKernels) {
  for (const Layer& layer : layers)
    for (const DType dtype : {f64, f32}) {
      manual_seed(7);
      const Tensor x = drawn(layer.x, dtype), w = drawn(layer.w, dtype);
      const std::vector<Tensor> expected = byKernels(layer, x, w);
      const PatienceScope atOnce(0);
      const int64_t before = ConvolutionPrograms::global().count();
      expectSame(allOf(layer, x, w), expected);
      EXPECT_GT(ConvolutionPrograms::global().count(), before);
      expectSame(allOf(layer, x, w), expected);
    }
}

TEST(ConvolutionPrograms, ReadOperandsAsTheyLie) {
  for (const Layer& layer : layers) {
    const Shape &xs = layer.x, &ws = layer.w;
    const Tensor turned = permute(drawn({xs[3], xs[2], xs[1], xs[0]}, f64), {3, 2, 1, 0});
    const Tensor inside = slice(
        slice(drawn({xs[0], xs[1], xs[2] + 2, xs[3] + 5}, f64), 2, 1, xs[2] + 1), 3, 3, xs[3] + 3);
    const Tensor w = flip(transpose(drawn({ws[1], ws[0], ws[2], ws[3]}, f64), 0, 1), {2, 3});
    for (const Tensor& x : {turned, inside, broadcast_to(drawn({xs[2], xs[3]}, f64), xs)}) {
      const std::vector<Tensor> expected = byKernels(layer, x, w);
      const PatienceScope atOnce(0);
      expectSame(allOf(layer, x, w), expected);
    }
  }
}

TEST(ConvolutionPrograms, HaveTheSameBitsOnAnyThreads) {
  const Layer& layer = layers[std::size(layers) - 1];
  const Tensor x = drawn(layer.x, f64), w = drawn(layer.w, f64);
  const std::vector<Tensor> expected = byKernels(layer, x, w);
  const PatienceScope atOnce(0);
  runtime::ThreadPool& pool = runtime::ThreadPool::global();
  const int before = pool.threads();
  for (const int threads : {1, 2, 5}) {
    pool.setThreads(threads);
    expectSame(allOf(layer, x, w), expected);
  }
  pool.setThreads(before);
}

TEST(ConvolutionPrograms, AreMadeOnceWorthIt) {
  const Tensor x = drawn({1, 2, 10, 13}, f64), w = drawn({3, 2, 3, 3}, f64);
  const auto made = [] { return ConvolutionPrograms::global().count(); };
  const int64_t before = made();
  const PatienceScope some(1e6); // of which a call counts for a tenth at least
  conv2d(x, w);
  EXPECT_EQ(made(), before);
  for (int i = 0; i < 10; ++i)
    conv2d(x, w);
  EXPECT_EQ(made(), before + 1);
  conv2d(x, w);
  EXPECT_EQ(made(), before + 1);
  conv2d(x, transpose(transpose(w, 0, 1).contiguous(), 0, 1)); // another layout has its own count
  EXPECT_EQ(made(), before + 1);
}

TEST(ConvolutionPrograms, AreMadeByOneOfSeveralThreads) {
  const Layer layer{{2, 3, 12, 17}, {5, 3, 3, 3}, {.padding = 1}};
  const Tensor x = drawn(layer.x, f64), w = drawn(layer.w, f64);
  Tensor expected;
  {
    const PatienceScope never(HUGE_VAL);
    expected = conv2d(x, w, layer.options);
  }
  const PatienceScope atOnce(0);
  const int64_t before = ConvolutionPrograms::global().count();
  std::vector<std::thread> threads;
  std::atomic<int> different = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn)
        different += !sameBits(conv2d(x, w, layer.options), expected);
    });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(different, 0);
  EXPECT_EQ(ConvolutionPrograms::global().count(), before + 1);
}

// How many a new process makes for two calls.
int madeHere(const char* choice) {
  setenv("DIPTYCH_EAGER_PROGRAMS", choice, 1);
  const Tensor x = drawn({1, 2, 10, 13}, f64), w = drawn({3, 2, 3, 3}, f64);
  try {
    conv2d(x, w);
    conv2d(x, w);
  } catch (const Error& error) {
    std::cerr << error.what();
    return -1;
  }
  return static_cast<int>(ConvolutionPrograms::global().count());
}

TEST(ConvolutionProgramsDeathTest, TheEnvironmentChooses) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto exits = [](int code) { return testing::ExitedWithCode(code); };
  EXPECT_EXIT(exit(madeHere("off")), exits(0), "");
  EXPECT_EXIT(exit(madeHere("always")), exits(1), "");
  EXPECT_EXIT(exit(madeHere("sometimes") == -1 ? 2 : 0), exits(2),
              "ConvolutionProgramsTest.cpp.*expected off or always, got \"sometimes\"");
}

} // namespace
} // namespace diptych::test
