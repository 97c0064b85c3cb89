// Rows taken and rows scattered, of every length beside that of a vector, whole and cut for
// threads: bit for bit what plain loops do, eager and compiled. What an index out of range says
// does not depend on threads.
#include "runtime/IndexPlan.h"
#include "tests/unit/Threads.h"

#include <diptych/diptych.h>

#include <gmock/gmock.h>

namespace dt = diptych;
using dt::test::Threads;

namespace {

struct Sizes {
  int64_t outer, n, m, inner;
  size_t at(int64_t block, int64_t rows, int64_t row, int64_t i) const {
    return static_cast<size_t>((block * rows + row) * inner + i);
  }
};

// Rows shorter than a vector, of whole ones, of some and a rest; blocks that pieces cut.
std::vector<Sizes> allSizes() {
  std::vector<Sizes> all;
  for (const int64_t inner : {1, 2, 7, 8, 16, 19, 64, 200})
    for (const int64_t outer : {1, 3})
      all.push_back({outer, 37, 53, inner});
  all.push_back({1, 600, 2000, 130});
  all.push_back({5, 300, 401, 70});
  all.push_back({40, 3, 5, 1000});
  all.push_back({1, 5, 100000, 1});
  return all;
}

// Repeated, in no order.
std::vector<int64_t> someIndices(const Sizes& s) {
  std::vector<int64_t> indices;
  for (int64_t j = 0; j < s.m; ++j)
    indices.push_back((j * j * 7 + 3 * j) % s.n);
  return indices;
}

template <class T> std::vector<T> numbers(int64_t count, int64_t seed) {
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<T>(static_cast<double>((i * 37 + seed) % 1009) / 7.0));
  return values;
}

template <class T> void expectTaken(const Sizes& s) {
  const auto x = numbers<T>(s.outer * s.n * s.inner, 1);
  const auto indices = someIndices(s);
  std::vector<T> expected(static_cast<size_t>(s.outer * s.m * s.inner));
  for (int64_t o = 0; o < s.outer; ++o)
    for (int64_t j = 0; j < s.m; ++j)
      for (int64_t i = 0; i < s.inner; ++i)
        expected[s.at(o, s.m, j, i)] = x[s.at(o, s.n, indices[static_cast<size_t>(j)], i)];
  const dt::Tensor from = dt::tensor(x, {s.outer, s.n, s.inner}), at = dt::tensor(indices);
  const auto f = [](const dt::Tensor& a, const dt::Tensor& b) { return dt::take(a, b, 1); };
  EXPECT_EQ(f(from, at).template to_vector<T>(), expected);
  EXPECT_EQ(dt::jit(f)(from, at).template to_vector<T>(), expected);
}

template <class T> void expectScattered(const Sizes& s, bool adds) {
  auto expected = numbers<T>(s.outer * s.n * s.inner, 1);
  const dt::Tensor x = dt::tensor(expected, {s.outer, s.n, s.inner});
  const auto updates = numbers<T>(s.outer * s.m * s.inner, 5);
  const auto indices = someIndices(s);
  for (int64_t o = 0; o < s.outer; ++o)
    for (int64_t j = 0; j < s.m; ++j)
      for (int64_t i = 0; i < s.inner; ++i) {
        T& to = expected[s.at(o, s.n, indices[static_cast<size_t>(j)], i)];
        const T update = updates[s.at(o, s.m, j, i)];
        to = adds ? to + update : update;
      }
  const dt::Tensor from = dt::tensor(updates, {s.outer, s.m, s.inner}), at = dt::tensor(indices);
  const auto f = [=](const dt::Tensor& a, const dt::Tensor& b, const dt::Tensor& c) {
    return adds ? dt::scatter_add(a, b, c, 1) : dt::scatter(a, b, c, 1);
  };
  EXPECT_EQ(f(x, at, from).template to_vector<T>(), expected);
  EXPECT_EQ(dt::jit(f)(x, at, from).template to_vector<T>(), expected);
}

class IndexedRows : public testing::TestWithParam<int> {};

TEST_P(IndexedRows, AreThoseOfPlainLoops) {
  const Threads threads(GetParam());
  for (const Sizes& s : allSizes()) {
    SCOPED_TRACE(testing::Message() << s.outer << " " << s.n << " " << s.m << " " << s.inner);
    expectTaken<double>(s);
    expectTaken<float>(s);
    expectTaken<int64_t>(s);
    expectScattered<double>(s, true);
    expectScattered<float>(s, true);
    expectScattered<double>(s, false);
    expectScattered<int32_t>(s, false);
  }
}

TEST_P(IndexedRows, AnErrorNamesTheFirstBadIndex) {
  const Threads threads(GetParam());
  std::vector<int64_t> indices(2000, 1);
  indices[700] = -1;
  indices[1900] = 30;
  const dt::Tensor x = dt::ones({30, 100}), at = dt::tensor(indices);
  const auto expectNamed = [](const auto& f, const auto&... arguments) {
    try {
      f(arguments...);
      FAIL() << "expected an error";
    } catch (const dt::Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("index -1 at position 700 is out of range"));
    }
  };
  const auto take = [](const dt::Tensor& a, const dt::Tensor& b) { return dt::take(a, b); };
  const auto add = [](const dt::Tensor& a, const dt::Tensor& b, const dt::Tensor& c) {
    return dt::scatter_add(a, b, c);
  };
  expectNamed(take, x, at);
  expectNamed(dt::jit(take), x, at);
  expectNamed(add, x, at, dt::ones({2000, 100}));
  expectNamed(dt::jit(add), x, at, dt::ones({2000, 100}));
}

INSTANTIATE_TEST_SUITE_P(Threads, IndexedRows, testing::Values(1, 2, 5));

// An axis without elements has none to point at, and all indices are refused.
TEST(IndexedRowsOfNone, AreRefused) {
  const dt::Tensor none = dt::zeros({0, 3}), at = dt::tensor({int64_t{0}});
  const auto take = [](const dt::Tensor& a, const dt::Tensor& b) { return dt::take(a, b); };
  const auto add = [](const dt::Tensor& a, const dt::Tensor& b) {
    return dt::scatter_add(a, b, dt::ones({1, 3}));
  };
  EXPECT_THROW(take(none, at), dt::Error);
  EXPECT_THROW(dt::jit(take)(none, at), dt::Error);
  EXPECT_THROW(add(none, at), dt::Error);
  EXPECT_THROW(dt::jit(add)(none, at), dt::Error);
}

// Pieces look through all indices: short rows are not worth a second look.
TEST(IndexPlan, CutsRowsThatAreLong) {
  using namespace dt::runtime;
  EXPECT_EQ(gatherPlan(2, 1000, 64).range, 2000);
  EXPECT_EQ(gatherPlan(2, 1000, 64).grain, 256);
  EXPECT_EQ(gatherPlan(1, 10, 100000).grain, 1);
  EXPECT_EQ(scatterPlan(1, 1000, 100000, 1).grain, 1000);
  EXPECT_EQ(scatterPlan(1, 1000, 100000, 320).grain, 100);
  EXPECT_EQ(scatterPlan(1, 0, 10, 3).range, 1);
}

} // namespace
