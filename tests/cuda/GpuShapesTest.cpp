// Shapes that take every path of the GPU's kernels: long axes, tails, transposed tiles, deep and
// odd products, rows that collide. In simulation, against eager, bit for bit.
#include "Simulated.h"

#include <diptych/diptych.h>
#include <gtest/gtest.h>

namespace diptych::suite {
namespace {

using F = std::function<Tensor(const std::vector<Tensor>&)>;

Tensor numbers(const Shape& shape, DType dtype = f64) {
  return reshape(sin(arange(shape.product()).astype(f64) * 0.7) * 3, shape).astype(dtype);
}

void expectSame(const F& f, const std::vector<Tensor>& inputs,
                Numerics numerics = Numerics::strict) {
  const Function program = [&](ValueSpan values) {
    std::vector<Tensor> arguments;
    for (const Value& value : values)
      arguments.emplace_back(value);
    return Values{f(arguments).value()};
  };
  Values values;
  for (const Tensor& input : inputs)
    values.push_back(input.contiguous().value());
  EXPECT_EQ(bitDifference(runSimulated(program, values, numerics), runEager(program, values)), "");
}

TEST(GpuShapes, ElementsThatFillNoVector) {
  for (int64_t n : {1, 3, 4, 255, 1003, 1024})
    for (DType dtype : {f32, f64})
      expectSame([](auto& x) { return x[0] * x[0] + 1; }, {numbers({n}, dtype)});
  expectSame([](auto& x) { return x[0] > 0; }, {numbers({1003}, f32)});
  expectSame([](auto& x) { return slice(x[0], 0, 1, 101) * 2; }, {numbers({200}, f32)});
  expectSame([](auto& x) { return x[0] + x[1]; }, {numbers({33, 64}, f32), numbers({64}, f32)});
}

TEST(GpuShapes, TransposedTiles) {
  const auto turned = [](auto& x) { return transpose(x[0]) * 2 + x[1]; };
  for (DType dtype : {f32, f64})
    for (const auto& [m, n] : {std::pair{64, 64}, {33, 100}, {100, 17}})
      expectSame(turned, {numbers({m, n}, dtype), numbers({n, m}, dtype)});
  expectSame([](auto& x) { return transpose(x[0], {2, 1, 0}).contiguous(); },
             {numbers({40, 3, 50})});
}

TEST(GpuShapes, LongRows) {
  for (int64_t n : {17, 4095, 4096, 4097, 9000, 64 * 4096 + 5})
    for (DType dtype : {f32, f64})
      expectSame([](auto& x) { return sum(x[0], 1); }, {numbers({2, n}, dtype)});
  expectSame([](auto& x) { return sum(exp(x[0]) * x[0], 1); }, {numbers({37, 300}, f32)});
  expectSame([](auto& x) { return max(x[0], 1); }, {numbers({3, 5000})});
  expectSame([](auto& x) { return sum(x[0], 0); }, {numbers({5000}).astype(i64)});
}

TEST(GpuShapes, LongColumns) {
  for (int64_t n : {5, 16, 17, 4096, 4097, 9000})
    for (int64_t columns : {3, 32, 45})
      expectSame([](auto& x) { return sum(x[0], 0); }, {numbers({n, columns}, f32)});
  expectSame([](auto& x) { return sum(x[0], 1); }, {numbers({7, 300, 40})});
}

// A fold and what it folds are both wanted.
TEST(GpuShapes, FoldsThatStore) {
  const auto f = [](auto& x) {
    const Tensor e = exp(x[0]);
    return concatenate({e, unsqueeze(sum(e, 1), 1)}, 1);
  };
  expectSame(f, {numbers({20, 100})});
  expectSame([](auto& x) { return softmax(x[0], 1); }, {numbers({20, 1000}, f32)});
}

TEST(GpuShapes, Products) {
  const auto product = [](auto& x) { return matmul(x[0], x[1]); };
  for (DType dtype : {f32, f64})
    for (const auto& [m, k, n] : {std::tuple{1, 50, 300},
                                  {300, 50, 1},
                                  {7, 5, 9},
                                  {70, 33, 65},
                                  {20, 1030, 40},
                                  {65, 2100, 3},
                                  {3, 9000, 2},
                                  {130, 16, 140}})
      expectSame(product, {numbers({m, k}, dtype), numbers({k, n}, dtype)});
  expectSame(product, {numbers({5, 8, 8}), numbers({5, 8, 8})});
  expectSame([](auto& x) { return matmul(transpose(x[0]), x[1]); },
             {numbers({40, 50}), numbers({40, 60})});
  expectSame([](auto& x) { return matmul(x[0], transpose(x[1])); },
             {numbers({50, 40}), numbers({60, 40})});
  expectSame(product, {numbers({4, 0}), numbers({0, 3})});
}

TEST(GpuShapes, IndicesThatCollide) {
  const Tensor i = remainder(arange(200).astype(f64) * 7.0, 11.0).astype(i64),
               u = numbers({200, 5}, f32);
  expectSame([](auto& x) { return scatter_add(x[0], x[1], x[2], 0); },
             {numbers({50, 5}, f32), i, u});
  expectSame([](auto& x) { return gather(x[0], x[1], 1); }, {numbers({3, 50, 4}), i});
}

TEST(GpuShapes, AlongTheAxis) {
  expectSame([](auto& x) { return cumsum(x[0], 1); }, {numbers({150, 70}, f32)});
  expectSame([](auto& x) { return cumsum(x[0], 0); }, {numbers({70, 150})});
  expectSame([](auto& x) { return argmax(x[0], 1); }, {numbers({20, 333})});
  expectSame([](auto& x) { return argmin(x[0], 0); }, {numbers({333, 20}, f32)});
  // All equal: the first wins, whichever lane saw it.
  expectSame([](auto& x) { return argmax(x[0], 1); }, {zeros({3, 100}, f32)});
}

TEST(GpuShapes, Loops) {
  expectSame(
      [](auto& x) {
        return scan([](const Tensor& c, const Tensor& r) { return std::pair(tanh(c + r), c * r); },
                    x[0], x[1])
            .second;
      },
      {numbers({6}), numbers({9, 6})});
}

// Gradients are programs like any other.
TEST(GpuShapes, Gradients) {
  expectSame(
      [](auto& x) {
        return grad([&](const Tensor& w) { return sum(tanh(matmul(x[1], w)) * x[2]); })(x[0]);
      },
      {numbers({20}), numbers({300, 20}), numbers({300})});
}

} // namespace
} // namespace diptych::suite
