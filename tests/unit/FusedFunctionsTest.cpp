// Fused functions run as kernels give the bits of their operators run one by one.
#include "ir/FusedTable.h"

#include <gtest/gtest.h>

#include "SameBits.h"
#include "Threads.h"
#include "ir/Emitter.h"

namespace dt = diptych;

namespace {

// NaN and zeros of both signs among them.
dt::Tensor numbers(const dt::Shape& shape, uint64_t key) {
  const auto x = dt::random::normal(dt::random::key(key), shape);
  const auto kind = dt::random::uniform(dt::random::key(key + 100), shape);
  const auto some = dt::where(kind < 0.1, -0.0, dt::where(kind < 0.2, 0.0, x));
  return dt::where(kind > 0.8, std::numeric_limits<double>::quiet_NaN(), some);
}

enum class Layout { rowMajor, columnsApart, backwards };

dt::Tensor laidOut(const dt::Tensor& x, Layout layout) {
  switch (layout) {
  case Layout::rowMajor: return x;
  case Layout::columnsApart: return dt::transpose(dt::transpose(x, -1, -2).contiguous(), -1, -2);
  case Layout::backwards: return dt::flip(dt::flip(x, {-2}).contiguous(), {-2});
  }
  return {};
}

struct FusedFunctions : testing::TestWithParam<std::tuple<dt::FusedFunction, dt::Shape, Layout>> {};

// The last but one, or of four the second: columns then are two axes.
int axisOf(const dt::Shape& shape) { return shape.size() == 4 ? 1 : shape.size() - 2; }

dt::Values operandsOf(const dt::FusedPass& pass, const dt::Shape& shape, Layout layout) {
  const int axis = axisOf(shape);
  dt::Values operands;
  for (int i = 0; i < pass.columns; ++i)
    operands.push_back(laidOut(numbers(shape, static_cast<uint64_t>(i)), layout).value());
  for (int i = 0; i < pass.numbers; ++i) {
    dt::Shape places(shape.size(), 1);
    places[axis] = i == 0 ? shape[axis] : 1;
    operands.push_back(dt::broadcast_to(numbers(places, 50), shape).value());
  }
  return operands;
}

TEST_P(FusedFunctions, AsKernelsHaveTheBitsOfOperators) {
  const auto& [function, shape, layout] = GetParam();
  const int64_t axis = axisOf(shape);
  dt::Values operands = operandsOf(function.back, shape, layout);
  for (const dt::Value& operand : operandsOf(function.forth, shape, layout))
    operands.push_back(operand);
  const dt::NoGradGuard constants;
  const dt::Values expected = dt::eagerEmitter().Emitter::fused(function.code, operands, axis);
  for (const int threads : {1, 2}) {
    dt::test::Threads pool(threads);
    const dt::Values got = dt::eagerEmitter().fused(function.code, operands, axis);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(dt::test::sameTensor(dt::Tensor(got[i]), dt::Tensor(expected[i])))
          << "result " << i;
  }
}

std::string nameOf(const testing::TestParamInfo<FusedFunctions::ParamType>& info) {
  const auto& [function, shape, layout] = info.param;
  std::string name = function.forth.name;
  for (const int64_t extent : shape)
    name += "_" + std::to_string(extent);
  return name + "_" + std::to_string(static_cast<int>(layout));
}

// Few columns, strips of many, rows that threads share, rows that leave the nearest caches.
INSTANTIATE_TEST_SUITE_P(
    All, FusedFunctions,
    testing::Combine(testing::ValuesIn(dt::allFused().begin(), dt::allFused().end()),
                     testing::Values(dt::Shape{5, 1}, dt::Shape{3, 7, 5}, dt::Shape{60, 11, 67},
                                     dt::Shape{2, 90, 1100}, dt::Shape{0, 3, 4}, dt::Shape{1, 4},
                                     dt::Shape{2, 9, 3, 5}),
                     testing::Values(Layout::rowMajor, Layout::columnsApart, Layout::backwards)),
    nameOf);

} // namespace
