// Products of matrices as they may lie, in every path that a shape takes: read where they lie,
// turned, copied in panels, exchanged, summed in parts. Held to loops over single numbers, bit for
// bit, for one thread and several.
#include "tests/unit/SameBits.h"
#include "tests/unit/Threads.h"

#include <bit>

namespace dt = diptych;
using namespace diptych::test;

namespace {

// Blocks of 1024, in a block by fma in order; blocks in order.
template <class T> T inOrder(const T* x, const T* y, int64_t k, int64_t stride) {
  T total = 0;
  for (int64_t block = 0; block < k; block += 1024) {
    T sum = 0;
    for (int64_t i = block; i < std::min(k, block + 1024); ++i)
      sum = std::fma(x[i], y[i * stride], sum);
    total = block == 0 ? sum : total + sum;
  }
  return total;
}

// Blocks of 4096, in a block 16 sums, added by halving; blocks in order.
template <class T> T inParts(const T* x, const T* y, int64_t k, int64_t stride) {
  T total = 0;
  for (int64_t block = 0; block < k; block += 4096) {
    T part[16] = {};
    for (int64_t i = block; i < std::min(k, block + 4096); ++i)
      part[(i - block) % 16] = std::fma(x[i], y[i * stride], part[(i - block) % 16]);
    for (int64_t half = 8; half > 0; half /= 2)
      for (int64_t i = 0; i < half; ++i)
        part[i] += part[i + half];
    total = block == 0 ? part[0] : total + part[0];
  }
  return total;
}

struct Product {
  int64_t m, k, n;
};

template <class T>
dt::Tensor byLoops(const dt::Tensor& x, const dt::Tensor& y,
                   T (*sum)(const T*, const T*, int64_t, int64_t)) {
  const int64_t m = x.shape()[0], k = x.shape()[1], n = y.shape()[1];
  const auto a = x.to_vector<T>(), b = y.to_vector<T>();
  std::vector<T> c;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      c.push_back(sum(a.data() + i * k, b.data() + j, k, n));
  return dt::tensor(c, {m, n});
}

// The same numbers as a slice of something wider that begins elsewhere, or as a transpose.
dt::Tensor wide(const dt::Tensor& x) {
  const int64_t rows = x.shape()[0], columns = x.shape()[1];
  const auto around = dt::pad(x, {{1, 0}, {3, 2}});
  return dt::slice(dt::slice(around, 0, 1, rows + 1), 1, 3, columns + 3);
}
dt::Tensor turned(const dt::Tensor& x) { return dt::transpose(dt::transpose(x).contiguous()); }

template <class T> void expectOrder(const Product& size, dt::DType dtype) {
  dt::manual_seed(static_cast<uint64_t>(size.m + size.k + size.n));
  const auto x = dt::randn({size.m, size.k}, dtype), y = dt::randn({size.k, size.n}, dtype);
  const dt::Tensor expected = byLoops<T>(x, y, inOrder<T>);
  const auto f = [](const dt::Tensor& x, const dt::Tensor& y) { return dt::matmul(x, y); };
  const auto across = [](const dt::Tensor& x, const dt::Tensor& y) {
    return dt::matmul(x, dt::transpose(y));
  };
  const auto compiled = strictJit(f);
  const auto compiledAcross = strictJit(across);
  const dt::Tensor z = dt::transpose(y).contiguous();
  for (const int threads : {1, 3}) {
    SCOPED_TRACE(std::to_string(threads) + " threads");
    const Threads scope(threads);
    EXPECT_TRUE(sameBits(f(x, y), expected));
    EXPECT_TRUE(sameBits(f(x, turned(y)), expected));
    EXPECT_TRUE(sameBits(f(turned(x), wide(y)), expected));
    EXPECT_TRUE(sameBits(f(wide(x), dt::transpose(wide(z))), expected));
    EXPECT_TRUE(sameBits(compiled(x, y), expected));
    EXPECT_TRUE(sameBits(compiledAcross(x, z), expected));
  }
}

class ProductLayouts : public testing::TestWithParam<Product> {};

TEST_P(ProductLayouts, SumInOrder) {
  expectOrder<double>(GetParam(), dt::f64);
  expectOrder<float>(GetParam(), dt::f32);
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, ProductLayouts,
    testing::Values(
        Product{1, 70, 45}, Product{45, 70, 1}, Product{150, 1100, 1}, Product{1, 1, 1},
        Product{13, 9, 17}, Product{29, 33, 40}, Product{65, 77, 37}, Product{300, 40, 3},
        Product{130, 45, 8}, Product{201, 37, 7}, Product{1000, 70, 2}, Product{65, 64, 65},
        Product{27, 2100, 21}, Product{250, 130, 512}, Product{245, 129, 1024},
        Product{970, 140, 520}, Product{1, 700, 450}, Product{450, 700, 1}, Product{41, 1024, 40},
        Product{170, 512, 512}, Product{1700, 130, 512}, Product{20, 70, 45}, Product{22, 1100, 33},
        Product{14, 100, 70}, Product{17, 83, 14}, Product{77, 64, 77}, Product{170, 1024, 1},
        Product{2101, 2103, 1}, Product{1, 70001, 33}, Product{1, 9000, 1}, Product{40, 20011, 41},
        Product{20, 9001, 200}, Product{12, 83, 40}, Product{23, 65, 50}, Product{100, 130, 70},
        Product{128, 70, 33}, Product{4, 1030, 19}, Product{250, 1024, 264}),
    [](const auto& info) {
      const Product& p = info.param;
      return std::to_string(p.m) + "x" + std::to_string(p.k) + "x" + std::to_string(p.n);
    });

// One row in each batch: all columns at once, of several batches where they are few.
template <class T> void expectRows(int64_t batches, int64_t k, int64_t n, dt::DType dtype) {
  SCOPED_TRACE(std::to_string(batches) + " times 1 x " + std::to_string(k) + " x " +
               std::to_string(n) + " of " + dt::name(dtype));
  const auto x = dt::randn({batches, 1, k}, dtype), y = dt::randn({batches, k, n}, dtype);
  std::vector<dt::Tensor> rows;
  for (int64_t i = 0; i < batches; ++i)
    rows.push_back(byLoops<T>(dt::select(x, 0, i), dt::select(y, 0, i), inOrder<T>));
  const dt::Tensor expected = dt::stack(rows);
  const auto f = [](const dt::Tensor& x, const dt::Tensor& y) { return dt::matmul(x, y); };
  const auto reversed = [](const dt::Tensor& x, const dt::Tensor& y) {
    return dt::transpose(dt::transpose(dt::matmul(x, y), 0, 2).contiguous(), 0, 2);
  };
  const auto compiled = strictJit(f);
  const auto strided = strictJit(reversed);
  for (const int threads : {1, 3}) {
    const Threads scope(threads);
    EXPECT_TRUE(sameBits(f(x, y), expected));
    EXPECT_TRUE(sameBits(compiled(x, y), expected));
    EXPECT_TRUE(sameBits(strided(x, y), expected));
  }
}

TEST(ProductLayouts, BatchesOfOneRow) {
  for (const int64_t batches : {1, 2, 5, 11})
    for (const int64_t n : {1, 3, 8, 13, 24, 47, 158, 449}) {
      expectRows<double>(batches, 9, n, dt::f64);
      expectRows<float>(batches, 9, n, dt::f32);
    }
  expectRows<double>(6, 2100, 5, dt::f64);
  expectRows<float>(3, 1030, 40, dt::f32);
}

// Every number of vectors whose sums registers hold, and more.
template <class T> void expectAnyWidth(dt::DType dtype) {
  const auto x = dt::randn({1, 1040}, dtype), y = dt::randn({1040, 530}, dtype);
  const dt::Tensor expected = byLoops<T>(x, y, inOrder<T>);
  for (const int threads : {1, 3}) {
    const Threads scope(threads);
    for (int64_t n = 1; n <= 530; n += 3)
      EXPECT_TRUE(sameBits(dt::matmul(x, dt::slice(y, 1, 0, n)), dt::slice(expected, 1, 0, n)))
          << n << " of " << dt::name(dtype);
  }
}

TEST(ProductLayouts, OneRowOfAnyWidth) {
  expectAnyWidth<double>(dt::f64);
  expectAnyWidth<float>(dt::f32);
}

// In standard numerics a row along k is summed as an axis is.
template <class T> void expectParts(const Product& size, dt::DType dtype) {
  const auto x = dt::randn({size.m, size.k}, dtype), y = dt::randn({size.k, size.n}, dtype);
  const auto f = dt::jit([](const dt::Tensor& x, const dt::Tensor& y) { return dt::matmul(x, y); });
  const dt::Tensor expected = byLoops<T>(x, y, inParts<T>);
  for (const int threads : {1, 3}) {
    const Threads scope(threads);
    EXPECT_TRUE(sameBits(f(x, y), expected)) << size.m << " x " << size.k << " x " << size.n;
    if (size.k >= 16) // shorter rows only where they lie together
      EXPECT_TRUE(sameBits(f(wide(x), y), expected)) << size.m << " x " << size.k << ", wide";
  }
}

TEST(ProductLayouts, MatrixTimesVectorIsSummedInParts) {
  for (const Product& size :
       {Product{37, 64, 1}, Product{150, 1111, 1}, Product{9, 5000, 1}, Product{5, 9001, 1},
        Product{1, 300, 1}, Product{3000, 158, 1}, Product{37, 65, 1}, Product{10, 160, 1},
        Product{11, 161, 1}, Product{9, 319, 1}, Product{13, 321, 1}, Product{43, 16, 1},
        Product{37, 17, 1}, Product{301, 24, 1}, Product{50, 40, 1}}) {
    expectParts<double>(size, dt::f64);
    expectParts<float>(size, dt::f32);
  }
}

// Whole rows in 64 bytes.
TEST(ProductLayouts, ShortRowsAreSummedInParts) {
  for (const int64_t rows : {1, 5, 16, 37, 3001})
    for (const int64_t k : {2, 4, 8}) {
      expectParts<double>({rows, k, 1}, dt::f64);
      expectParts<float>({rows, k, 1}, dt::f32);
    }
}

// Columns behind whole vectors of 64 bytes, at most half of one: as many sums to an element as 128
// bytes hold for all of them, and 64 for one, by turns, added by halving. Blocks of 1024, as for
// other columns. Sums of fewer than eight terms have no parts.
template <class T> T inTail(const T* x, const T* y, int64_t k, int64_t stride, int64_t parts) {
  T total = 0;
  for (int64_t block = 0; block < k; block += 1024) {
    T part[16] = {};
    for (int64_t i = block; i < std::min(k, block + 1024); ++i)
      part[(i - block) % parts] = std::fma(x[i], y[i * stride], part[(i - block) % parts]);
    for (int64_t half = parts / 2; half > 0; half /= 2)
      for (int64_t i = 0; i < half; ++i)
        part[i] += part[i + half];
    total = block == 0 ? part[0] : total + part[0];
  }
  return total;
}

template <class T> void expectTail(const Product& size, dt::DType dtype) {
  const auto [m, k, n] = size;
  const int64_t lanes = 64 / dt::sizeOf(dtype), tail = n % lanes;
  const auto width = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(tail)));
  const int64_t parts = std::min(lanes, 2 * lanes / width);
  const auto x = dt::randn({m, k}, dtype), y = dt::randn({k, n}, dtype);
  const auto a = x.to_vector<T>(), b = y.to_vector<T>();
  std::vector<T> expected;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      expected.push_back(j < n - tail || 2 * tail > lanes || k < 8
                             ? inOrder(a.data() + i * k, b.data() + j, k, n)
                             : inTail(a.data() + i * k, b.data() + j, k, n, parts));
  const auto f = [](const dt::Tensor& x, const dt::Tensor& y) { return dt::matmul(x, y); };
  const auto compiled = dt::jit(f);
  for (const int threads : {1, 3}) {
    SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(k) + " x " + std::to_string(n));
    const Threads scope(threads);
    EXPECT_TRUE(sameBits(compiled(x, y), dt::tensor(expected, {m, n})));
    EXPECT_TRUE(sameBits(compiled(wide(x), wide(y)), dt::tensor(expected, {m, n})));
  }
}

TEST(ProductLayouts, LastColumnsAreSummedInParts) {
  for (const Product& size : {Product{65, 64, 65},   Product{16, 32, 17},    Product{19, 33, 2},
                              Product{300, 41, 3},   Product{130, 45, 4},    Product{201, 37, 7},
                              Product{150, 70, 8},   Product{65, 77, 37},    Product{27, 2100, 19},
                              Product{41, 1025, 33}, Product{250, 130, 513}, Product{970, 140, 521},
                              Product{40, 50, 201},  Product{29, 1100, 8},   Product{30, 7, 3},
                              Product{50, 8, 2},     Product{33, 9, 4},      Product{70, 15, 17},
                              Product{41, 20, 3},    Product{13, 31, 8}}) {
    expectTail<double>(size, dt::f64);
    expectTail<float>(size, dt::f32);
  }
}

} // namespace
