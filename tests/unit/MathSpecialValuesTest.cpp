// The math expansions where a value is exact: poles, zeros, infinities, signs.
#include "MathKernels.h"

#include <bit>
#include <cmath>
#include <limits>

namespace diptych::mathtest {
namespace {

template <typename T> using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T> void checkPowSpecialCases() {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  struct Row {
    T x, y, expected;
  };
  const Row rows[] = {
      {0, -1, inf},        {T(-0.0), -1, -inf}, {T(-0.0), -2, inf},  {0, T(-2.5), inf},
      {0, -inf, inf},      {T(-0.0), 3, -0.0},  {T(-0.0), 2, 0},     {T(-0.0), T(0.5), 0},
      {-1, inf, 1},        {-1, -inf, 1},       {1, nan, 1},         {nan, 0, 1},
      {nan, T(-0.0), 1},   {-2, T(0.5), nan},   {T(0.5), -inf, inf}, {2, -inf, 0},
      {T(-0.5), inf, 0},   {2, inf, inf},       {-inf, -3, -0.0},    {-inf, -2, 0},
      {-inf, 3, -inf},     {-inf, 2, inf},      {-inf, T(0.5), inf}, {inf, -1, 0},
      {inf, T(0.5), inf},  {nan, 1, nan},       {2, nan, nan},       {-2, 3, -8},
      {-2, -3, T(-0.125)}, {-inf, T(-0.5), 0},  {-3, inf, inf},      {0, inf, 0},
  };
  for (const Row& row : rows) {
    T got = evaluate<T>("pow", row.x, row.y);
    EXPECT_TRUE(std::isnan(row.expected)
                    ? std::isnan(got)
                    : std::bit_cast<Bits<T>>(got) == std::bit_cast<Bits<T>>(row.expected))
        << "pow(" << row.x << ", " << row.y << ") = " << got << ", expected " << row.expected;
  }
}

TEST(MathSpecialCases, PowFollowsAnnexF) {
  checkPowSpecialCases<double>();
  checkPowSpecialCases<float>();
}

template <typename T> void checkPolesAndZeros() {
  const T inf = std::numeric_limits<T>::infinity();
  EXPECT_EQ(evaluate<T>("exp", -inf), 0);
  EXPECT_EQ(evaluate<T>("exp", 0), 1);
  EXPECT_EQ(evaluate<T>("expm1", -inf), -1);
  EXPECT_EQ(evaluate<T>("log", T(-0.0)), -inf);
  EXPECT_TRUE(std::isnan(evaluate<T>("log", -1)));
  EXPECT_EQ(evaluate<T>("log", 1), 0);
  EXPECT_EQ(evaluate<T>("log1p", -1), -inf);
  EXPECT_TRUE(std::isnan(evaluate<T>("log1p", -2)));
  EXPECT_EQ(evaluate<T>("tanh", -inf), -1);
  EXPECT_EQ(evaluate<T>("sigmoid", -inf), 0);
  EXPECT_EQ(evaluate<T>("sigmoid", inf), 1);
  EXPECT_EQ(evaluate<T>("erf", inf), 1);
  EXPECT_EQ(evaluate<T>("cos", 0), 1);
  EXPECT_TRUE(std::isnan(evaluate<T>("sin", inf)));
  for (const char* name : {"expm1", "log1p", "tanh", "sin", "erf", "sqrt"})
    EXPECT_TRUE(std::signbit(evaluate<T>(name, T(-0.0)))) << name << " loses the sign of zero";
}

TEST(MathSpecialCases, PolesZerosAndInfinitiesAreExact) {
  checkPolesAndZeros<double>();
  checkPolesAndZeros<float>();
}

} // namespace
} // namespace diptych::mathtest
