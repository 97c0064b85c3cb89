// Launchers against plain loops: any strides, every variant, the numerics contract bit for bit, the
// same bits for any number of threads.
#include "runtime/Launch.h"

#include "runtime/KernelRegistry.h"
#include "runtime/ThreadPool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>

using namespace diptych;
using namespace diptych::runtime;

namespace {

/// An array with its own memory; index order is row-major whatever the strides.
template <class T> struct Array {
  TensorType type;
  Dims strides;
  int64_t first = 0;
  std::vector<T> memory;

  Array(const Shape& shape, const Dims& strides, int64_t first, int64_t size)
      : type{dtypeOf<T>, shape}, strides(strides), first(first),
        memory(static_cast<size_t>(std::max(size, first + 1))) {}
  explicit Array(const Shape& shape)
      : Array(shape, contiguousStrides(shape), 0, std::max<int64_t>(1, shape.product())) {}

  Strided strided() {
    return {reinterpret_cast<std::byte*>(memory.data() + first), &type, &strides,
            isContiguous(type.shape, strides)};
  }
  int64_t place(int64_t index) const {
    int64_t offset = first;
    for (int a = type.rank() - 1; a >= 0; --a) {
      offset += index % type.shape[a] * strides[a];
      index /= type.shape[a];
    }
    return offset;
  }
  T& operator[](int64_t index) { return memory[static_cast<size_t>(place(index))]; }
  Array& random(int seed) {
    std::mt19937 engine(static_cast<unsigned>(seed));
    std::uniform_real_distribution<double> draw(-2, 2);
    for (T& element : memory)
      element = static_cast<T>(draw(engine));
    return *this;
  }
};

/// Views of a shape: plain, permuted, gapped, reversed, repeated along an axis, one element
/// repeated.
template <class T> std::vector<Array<T>> views(const Shape& shape) {
  std::vector<Array<T>> list{Array<T>(shape)};
  const int rank = shape.size();
  if (rank == 0)
    return list;
  Shape turned;
  for (int a = rank - 1; a >= 0; --a)
    turned.push_back(shape[a]);
  const Dims back = contiguousStrides(turned);
  Dims permuted, gapped = contiguousStrides(shape), reversed = gapped, repeated = gapped;
  for (int a = 0; a < rank; ++a) {
    permuted.push_back(back[rank - 1 - a]);
    gapped[a] *= 3;
  }
  const int64_t n = shape.product();
  const int64_t lastRow = n ? (shape[rank - 1] - 1) * reversed[rank - 1] : 0;
  reversed[rank - 1] *= -1;
  repeated[0] = 0;
  list.emplace_back(shape, permuted, 0, n);
  list.emplace_back(shape, gapped, 1, 3 * n + 1);
  list.emplace_back(shape, reversed, lastRow, n);
  list.emplace_back(shape, repeated, 0, n);
  list.emplace_back(shape, Dims(rank, 0), 0, 1);
  return list;
}

template <class T> bool sameBits(T a, T b) { return std::memcmp(&a, &b, sizeof(T)) == 0; }

/// Runs a launch on 1 and on 3 threads; the results have to agree bit for bit.
void onThreads(const std::function<void()>& check) {
  for (int threads : {1, 3}) {
    ThreadPool::global().setThreads(threads);
    check();
  }
}

const Shape shapes[] = {{},          {1},          {7},         {3, 5},          {1, 9, 1},
                        {2, 3, 4},   {4, 1, 3, 2}, {3, 300, 5}, {2, 3, 2, 3, 2}, {70, 700},
                        {2, 50, 67}, {40, 3, 45}};

TEST(LaunchPointwise, AddsAnyViews) {
  onThreads([] {
    for (const Shape& shape : shapes)
      for (auto& x : views<double>(shape))
        for (auto& y : views<double>(shape)) {
          x.random(1), y.random(2);
          Array<double> out(shape);
          const Strided inputs[] = {x.strided(), y.strided()};
          launchPointwise(OpCode::Add, inputs, out.strided());
          for (int64_t i = 0; i < shape.product(); ++i)
            ASSERT_TRUE(sameBits(out[i], x[i] + y[i])) << shape << " at " << i;
        }
  });
}

TEST(LaunchPointwise, MixesElementTypes) {
  for (const Shape& shape : shapes)
    for (auto& x : views<float>(shape)) {
      x.random(3);
      Array<float> y(shape), zero(shape);
      y.random(4);
      std::vector<uint8_t> flags(static_cast<size_t>(shape.product()));
      const TensorType boolean{DType::boolean, shape};
      const Dims strides = contiguousStrides(shape);
      const Strided condition{reinterpret_cast<std::byte*>(flags.data()), &boolean, &strides, true};
      const Strided compared[] = {x.strided(), y.strided()};
      launchPointwise(OpCode::Lt, compared, condition);
      Array<float> out(shape);
      const Strided chosen[] = {condition, x.strided(), y.strided()};
      launchPointwise(OpCode::Where, chosen, out.strided());
      for (int64_t i = 0; i < shape.product(); ++i)
        ASSERT_TRUE(sameBits(out[i], x[i] < y[i] ? x[i] : y[i])) << shape;
    }
}

TEST(LaunchPointwise, RepeatsElementsOfAnyInputs) {
  const Shape shape{3, 37};
  const std::vector<Dims> strides{contiguousStrides(shape), {0, 0}, {1, 0}};
  for (const Dims& of : strides)
    for (const Dims& ofX : strides)
      for (const Dims& ofY : strides) {
        Array<double> x(shape, ofX, 0, 111), y(shape, ofY, 0, 111), out(shape);
        x.random(5), y.random(6);
        std::vector<uint8_t> flags(111);
        for (size_t i = 0; i < flags.size(); ++i)
          flags[i] = i % 3 == 0;
        const TensorType boolean{DType::boolean, shape};
        const Strided condition{reinterpret_cast<std::byte*>(flags.data()), &boolean, &of,
                                isContiguous(shape, of)};
        const Strided inputs[] = {condition, x.strided(), y.strided()};
        launchPointwise(OpCode::Where, inputs, out.strided());
        for (int64_t i = 0; i < shape.product(); ++i) {
          const bool chosen = flags[static_cast<size_t>(i / 37 * of[0] + i % 37 * of[1])];
          ASSERT_TRUE(sameBits(out[i], chosen ? x[i] : y[i])) << of << ofX << ofY << " at " << i;
        }
      }
}

TEST(LaunchPointwise, LargeArraysAreCutOverThreads) {
  Array<double> x({1000003}), y({1000003}), out({1000003});
  x.random(1), y.random(2);
  onThreads([&] {
    std::fill(out.memory.begin(), out.memory.end(), 0.0);
    const Strided inputs[] = {x.strided(), y.strided()};
    launchPointwise(OpCode::Mul, inputs, out.strided());
    for (int64_t i = 0; i < 1000003; ++i)
      ASSERT_EQ(out[i], x[i] * y[i]);
  });
}

TEST(LaunchCopy, CopiesBetweenAnyViews) {
  for (const Shape& shape : shapes)
    for (auto& x : views<int64_t>(shape))
      for (int target = 0; target < 4 && target < static_cast<int>(views<int64_t>(shape).size());
           ++target) {
        auto out = views<int64_t>(shape)[static_cast<size_t>(target)];
        for (size_t i = 0; i < x.memory.size(); ++i)
          x.memory[i] = static_cast<int64_t>(i);
        launchCopy(x.strided(), out.strided());
        for (int64_t i = 0; i < shape.product(); ++i)
          ASSERT_EQ(out[i], x[i]) << shape << " target " << target;
      }
}

TEST(LaunchPad, FillsAroundAndBetween) {
  Array<float> x({2, 3}), out({6, 5});
  x.random(1);
  Attrs attrs;
  attrs.low = {1, 0}, attrs.high = {2, 2}, attrs.interior = {1, 0};
  attrs.value = Scalar(7.0);
  launchPad(x.strided(), attrs, out.strided());
  for (int64_t i = 0; i < 6; ++i)
    for (int64_t j = 0; j < 5; ++j) {
      const bool inside = (i == 1 || i == 3) && j < 3;
      EXPECT_EQ(out[i * 5 + j], inside ? x[(i - 1) / 2 * 3 + j] : 7.0f);
    }
}

TEST(LaunchConcatenate, PutsOperandsSideBySide) {
  Array<double> a({2, 2}), b({2, 0}), c({2, 3}), out({2, 5});
  a.random(1), c.random(2);
  const Strided inputs[] = {a.strided(), b.strided(), c.strided()};
  launchConcatenate(inputs, 1, out.strided());
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 5; ++j)
      EXPECT_EQ(out[i * 5 + j], j < 2 ? a[i * 2 + j] : c[i * 3 + j - 2]);
}

TEST(LaunchIota, CountsInEveryNumber) {
  Array<float> f({300});
  Array<int64_t> i({300});
  launchIota(f.strided());
  launchIota(i.strided());
  for (int64_t k = 0; k < 300; ++k) {
    EXPECT_EQ(f[k], static_cast<float>(k));
    EXPECT_EQ(i[k], k);
  }
}

//===-- Reductions ---------------------------------------------------------------------------===//

// The contract: blocks of 4096, element r to partial r mod 16, a tree over partials; totals of 64
// blocks in order, totals of these groups in order.
template <class T, class Op>
T contractFold(int64_t n, T identity, Op op, std::function<T(int64_t)> at) {
  constexpr int64_t block = 4096, group = 64 * block;
  T all = identity, total = identity;
  for (int64_t begin = 0; begin < n; begin += block) {
    T partial[16];
    std::fill(std::begin(partial), std::end(partial), identity);
    for (int64_t r = begin; r < std::min(n, begin + block); ++r)
      partial[r % 16] = op(partial[r % 16], at(r));
    for (int s = 8; s > 0; s /= 2)
      for (int i = 0; i < s; ++i)
        partial[i] = op(partial[i], partial[i + s]);
    total = op(total, partial[0]);
    if ((begin + block) % group == 0 || begin + block >= n) {
      all = op(all, total);
      total = identity;
    }
  }
  return all;
}

template <class T> void checkSum(const Shape& shape, int64_t axis) {
  int64_t inner = 1;
  for (int64_t a = axis + 1; a < shape.size(); ++a)
    inner *= shape[a];
  Shape kept = shape;
  kept.erase(axis);
  for (auto& x : views<T>(shape)) {
    x.random(5);
    Array<T> out(kept);
    launchReduction(OpCode::Sum, x.strided(), {axis}, out.strided());
    for (int64_t o = 0; o < kept.product(); ++o) {
      const int64_t base = o / inner * inner * shape[axis] + o % inner;
      const T expected = contractFold<T>(shape[axis], T(0), std::plus<T>(),
                                         [&](int64_t r) { return x[base + r * inner]; });
      ASSERT_TRUE(sameBits(out[o], expected)) << shape << " axis " << axis << " at " << o;
    }
  }
}

TEST(LaunchReduction, SumsOneAxisByTheContract) {
  onThreads([] {
    for (const Shape& shape : shapes)
      for (int64_t axis = 0; axis < shape.size(); ++axis) {
        checkSum<double>(shape, axis);
        checkSum<float>(shape, axis);
      }
    checkSum<float>({10000}, 0);
    checkSum<float>({600000}, 0);
    checkSum<double>({524288}, 0);
    checkSum<double>({9000, 3}, 0);
    checkSum<double>({530000, 2}, 0);
    checkSum<double>({3, 9001}, 1);
    checkSum<double>({20, 50, 30}, 1);
  });
}

// Block totals are grouped, so that rounding does not grow with the number of blocks.
TEST(LaunchReduction, LongSumsOfFloatsDoNotDrift) {
  const int64_t n = 10'000'000;
  Array<float> x({n}), sum({});
  double exact = 0;
  for (int64_t i = 0; i < n; ++i) {
    x[i] = static_cast<float>((i * 2654435761u % 1000003) / 1000003.0);
    exact += x[i];
  }
  launchReduction(OpCode::Sum, x.strided(), {0}, sum.strided());
  EXPECT_NEAR(sum[0] / exact, 1.0, 1e-6);
}

TEST(LaunchReduction, SeveralAxesGoInnermostFirst) {
  Array<double> x({5, 40, 3, 50});
  x.random(1);
  Array<double> at3({5, 40, 3}), at1({5, 3}), all({5, 3});
  launchReduction(OpCode::Sum, x.strided(), {3}, at3.strided());
  launchReduction(OpCode::Sum, at3.strided(), {1}, at1.strided());
  launchReduction(OpCode::Sum, x.strided(), {1, 3}, all.strided());
  for (int64_t i = 0; i < 15; ++i)
    EXPECT_TRUE(sameBits(at1[i], all[i]));
}

TEST(LaunchReduction, EmptyAxesGiveTheIdentity) {
  Array<double> x({3, 0}), sum({3}), prod({3}), none({0});
  launchReduction(OpCode::Sum, x.strided(), {1}, sum.strided());
  launchReduction(OpCode::Prod, x.strided(), {1}, prod.strided());
  launchReduction(OpCode::Sum, x.strided(), {0}, none.strided());
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(sum[i], 0.0);
    EXPECT_EQ(prod[i], 1.0);
  }
}

TEST(LaunchArgReduction, FindsTheFirstOfTiesInAnyView) {
  const Shape shape{4, 6, 5};
  for (auto& x : views<double>(shape)) {
    x.random(8);
    for (double& element : x.memory)
      element = std::round(element);
    for (int64_t axis = 0; axis < 3; ++axis) {
      Shape kept = shape;
      kept.erase(axis);
      Array<int64_t> out(kept);
      launchArgReduction(OpCode::Argmax, x.strided(), axis, out.strided());
      const int64_t inner = contiguousStrides(shape)[axis];
      for (int64_t o = 0; o < kept.product(); ++o) {
        const int64_t base = o / inner * inner * shape[axis] + o % inner;
        int64_t best = 0;
        for (int64_t r = 1; r < shape[axis]; ++r)
          if (x[base + r * inner] > x[base + best * inner])
            best = r;
        ASSERT_EQ(out[o], best);
      }
    }
  }
}

//===-- Matmul -------------------------------------------------------------------------------===//

// The contract: k in blocks of 1024, fma in k order from 0 in a block, block totals in order.
template <class T>
T contractDot(int64_t k, std::function<T(int64_t)> a, std::function<T(int64_t)> b) {
  T total{};
  for (int64_t begin = 0; begin < k; begin += 1024) {
    T block{};
    for (int64_t i = begin; i < std::min(k, begin + 1024); ++i)
      block = std::fma(a(i), b(i), block);
    total = begin ? total + block : block;
  }
  return total;
}

template <class T> void checkMatmul(const Shape& batch, int64_t m, int64_t k, int64_t n) {
  Shape xs = batch, ys = batch, os = batch;
  xs.push_back(m), xs.push_back(k), ys.push_back(k), ys.push_back(n), os.push_back(m),
      os.push_back(n);
  for (auto& x : views<T>(xs))
    for (auto& y : views<T>(ys)) {
      x.random(1), y.random(2);
      Array<T> out(os);
      launchMatmul(x.strided(), y.strided(), out.strided());
      for (int64_t o = 0; o < os.product(); ++o) {
        const int64_t b = o / (m * n), i = o / n % m, j = o % n;
        const T expected = contractDot<T>(
            k, [&](int64_t l) { return x[(b * m + i) * k + l]; },
            [&](int64_t l) { return y[(b * k + l) * n + j]; });
        ASSERT_TRUE(sameBits(out[o], expected))
            << xs << ys << " strides " << x.strides << y.strides << " at " << o;
      }
    }
}

TEST(LaunchMatmul, FollowsTheContractForAnyViews) {
  onThreads([] {
    checkMatmul<double>({}, 3, 4, 5);
    checkMatmul<double>({}, 1, 7, 1);
    checkMatmul<double>({}, 33, 17, 1);
    checkMatmul<double>({}, 1, 17, 33);
    checkMatmul<float>({}, 29, 13, 37);
    checkMatmul<float>({3}, 5, 2, 6);
    checkMatmul<double>({2, 3}, 4, 5, 1);
    checkMatmul<double>({2, 3}, 1, 5, 4);
    checkMatmul<double>({4}, 1, 3, 1);
    checkMatmul<double>({}, 5, 2500, 3);
    checkMatmul<double>({}, 2, 0, 3);
    checkMatmul<double>({}, 100, 50, 90);
    checkMatmul<double>({50}, 30, 20, 1);
  });
}

//===-- Gather and scatter-add ---------------------------------------------------------------===//

TEST(LaunchGather, TakesRowsAlongAnyAxis) {
  const Shape shape{4, 5, 3};
  for (auto& x : views<double>(shape)) {
    x.random(1);
    Array<int32_t> indices({2, 2});
    indices.memory = {2, 0, 1, 2};
    for (int64_t axis = 0; axis < 3; ++axis) {
      Shape result = shape;
      result[axis] = 2;
      result.insert(axis, 2);
      Array<double> out(result);
      launchGather(x.strided(), indices.strided(), axis, out.strided());
      const int64_t inner = contiguousStrides(shape)[axis];
      for (int64_t o = 0; o < result.product(); ++o) {
        const int64_t row = indices.memory[static_cast<size_t>(o / inner % 4)];
        ASSERT_EQ(out[o], x[(o / (inner * 4) * shape[axis] + row) * inner + o % inner]);
      }
    }
  }
}

std::string messageOf(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(LaunchGather, NamesAnIndexOutOfRange) {
  Array<double> x({5}), out({4}), empty({5, 0}), none({4, 0});
  Array<int64_t> indices({4});
  indices.memory = {0, 4, 1, 7};
  const std::string message =
      messageOf([&] { launchGather(x.strided(), indices.strided(), 0, out.strided()); });
  EXPECT_EQ(message.find("gather: index 7 at position 3 is out of range for axis 0 of f64[5]"), 0u)
      << message;
  EXPECT_NE(messageOf([&] { launchGather(empty.strided(), indices.strided(), 0, none.strided()); }),
            "");
  indices.memory = {0, -1, 1, 2};
  EXPECT_NE(messageOf([&] { launchGather(x.strided(), indices.strided(), 0, out.strided()); }), "");
}

TEST(LaunchScatterAdd, AddsInOrderOfTheUpdates) {
  Array<float> x({3, 2}), updates({4, 2}), out({3, 2});
  x.random(1), updates.random(2);
  Array<int64_t> indices({4});
  indices.memory = {1, 1, 0, 1};
  launchScatter(OpCode::ScatterAdd, x.strided(), indices.strided(), updates.strided(), 0,
                out.strided());
  for (int64_t j = 0; j < 2; ++j) {
    EXPECT_EQ(out[j], x[j] + updates[4 + j]);
    EXPECT_EQ(out[2 + j], x[2 + j] + updates[j] + updates[2 + j] + updates[6 + j]);
    EXPECT_EQ(out[4 + j], x[4 + j]);
  }
}

//===-- Registry -----------------------------------------------------------------------------===//

int64_t calls = 0;
void countingKernel(void* const*, const int64_t*, int64_t, int64_t) { ++calls; }

TEST(KernelRegistry, NamesAMissingKernelAndTakesInjectedOnes) {
  const KernelEntry entry{static_cast<uint16_t>(OpCode::Neg), static_cast<uint8_t>(DType::f64),
                          static_cast<uint8_t>(DType::f64), kContiguous, countingKernel};
  const KernelRegistry registry({&entry, 1});
  const KernelRegistryOverride scope(registry);
  Array<double> x({4}), out({4});
  const Strided input = x.strided();
  calls = 0;
  launchPointwise(OpCode::Neg, {&input, 1}, out.strided());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(messageOf([&] { launchPointwise(OpCode::Exp, {&input, 1}, out.strided()); }),
            "internal: no kernel for exp from f64 to f64, variant 0");
}

} // namespace
