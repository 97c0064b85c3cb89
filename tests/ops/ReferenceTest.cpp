// Values against the definitions: pointwise operators against C++ functions of long double (or the
// exact integers), all others against plain loops.
#include "Suite.h"

#include <diptych/Tensor.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "ir/TypeRules.h"
#include "tests/unit/ReferenceEmitter.h"
#include "tests/unit/ReferenceFunctions.h"

namespace diptych::suite {
namespace {

//===-- Pointwise ----------------------------------------------------------------------------===//

/// In units in the last place of the result; 0: rounded correctly, signs of zeros and all.
template <class Wide> struct Definition {
  Wide (*function)(const Wide*);
  int ulps = 0;
};

// IEEE 754-2019 maximum and minimum: -0 is below 0, NaN wins.
template <class Wide> bool below(Wide x, Wide y) {
  if constexpr (std::is_floating_point_v<Wide>)
    return x < y || (x == y && std::signbit(x) && !std::signbit(y));
  else
    return x < y;
}
template <class Wide> Wide larger(Wide x, Wide y) { return x != x || below(y, x) ? x : y; }
template <class Wide> Wide lesser(Wide x, Wide y) { return x != x || below(x, y) ? x : y; }

template <class Wide> using Definitions = std::map<std::string, Definition<Wide>>;
#define IS(...) {[](const Wide* x) -> Wide { return __VA_ARGS__; }}
#define NEAR(ULPS, ...) {[](const Wide* x) -> Wide { return __VA_ARGS__; }, ULPS}

// What floats and integers have in common.
template <class Wide> Definitions<Wide> shared() {
  return {{"eq", IS(x[0] == x[1])},
          {"ne", IS(x[0] != x[1])},
          {"lt", IS(x[0] < x[1])},
          {"le", IS(x[0] <= x[1])},
          {"gt", IS(x[0] > x[1])},
          {"ge", IS(x[0] >= x[1])},
          {"maximum", IS(larger(x[0], x[1]))},
          {"minimum", IS(lesser(x[0], x[1]))},
          {"where", IS(x[0] != 0 ? x[1] : x[2])},
          {"stop_gradient", IS(x[0])}};
}

Definitions<long double> floats() {
  using Wide = long double;
  Definitions<Wide> all = shared<Wide>();
  all.insert(
      {{"neg", IS(-x[0])},
       // In double, since long double would round twice.
       {"add", IS(double(x[0]) + double(x[1]))},
       {"sub", IS(double(x[0]) - double(x[1]))},
       {"mul", IS(double(x[0]) * double(x[1]))},
       {"div", NEAR(1, double(x[0]) / double(x[1]))},
       {"pow", NEAR(2, std::pow(x[0], x[1]))},
       {"exp", NEAR(2, std::exp(x[0]))},
       {"expm1", NEAR(2, std::expm1(x[0]))},
       {"log", NEAR(2, std::log(x[0]))},
       {"log1p", NEAR(2, std::log1p(x[0]))},
       {"sqrt", IS(std::sqrt(double(x[0])))},
       {"rsqrt", NEAR(2, 1 / std::sqrt(x[0]))},
       {"tanh", NEAR(2, std::tanh(x[0]))},
       {"sigmoid", NEAR(2, 1 / (1 + std::exp(-x[0])))},
       {"relu", IS(x[0] > 0 || x[0] != x[0] ? x[0] : 0)},
       {"sin", NEAR(2, std::sin(x[0]))},
       {"cos", NEAR(2, std::cos(x[0]))},
       {"erf", NEAR(2, std::erf(x[0]))},
       {"abs", IS(std::fabs(x[0]))},
       {"sign", IS(x[0] > 0   ? 1
                   : x[0] < 0 ? -1
                              : x[0])},
       {"tan", NEAR(2, std::tan(x[0]))},
       {"asin", NEAR(2, std::asin(x[0]))},
       {"acos", NEAR(2, std::acos(x[0]))},
       {"atan", NEAR(2, std::atan(x[0]))},
       {"atan2", NEAR(2, std::atan2(x[0], x[1]))},
       {"sinh", NEAR(2, std::sinh(x[0]))},
       {"cosh", NEAR(2, std::cosh(x[0]))},
       {"erfc", NEAR(2, std::erfc(x[0]))},
       {"erfinv", NEAR(3, reference::erfinv(x[0]))},
       {"normal_cdf", NEAR(2, reference::normalCdf(x[0]))},
       {"softplus", NEAR(3, std::max(x[0], Wide(0)) + std::log1p(std::exp(-std::fabs(x[0]))))},
       {"exp2", NEAR(2, std::exp2(x[0]))},
       {"log2", NEAR(2, std::log2(x[0]))},
       {"log10", NEAR(2, std::log10(x[0]))},
       {"cbrt", NEAR(2, std::cbrt(x[0]))},
       {"fmod", IS(std::fmod(x[0], x[1]))},
       {"floor", IS(std::floor(x[0]))},
       {"ceil", IS(std::ceil(x[0]))},
       {"trunc", IS(std::trunc(x[0]))},
       {"round", IS(std::nearbyint(x[0]))}});
  return all;
}

// Wrapping, in 64 bits: the low bits are those of every narrower integer.
int64_t wrap(uint64_t x) { return static_cast<int64_t>(x); }
uint64_t bits(int64_t x) { return static_cast<uint64_t>(x); }

Definitions<int64_t> integers(DType dtype) {
  using Wide = int64_t;
  Definitions<Wide> all = shared<Wide>();
  all["philox"] = IS(reference::philox(x[0], x[1], x[2]));
  all["shift_right"] =
      dtype == DType::i32 ? Definition<Wide> IS(reference::shiftRight(x[0], x[1], 32))
                          : Definition<Wide>
                                IS(reference::shiftRight(x[0], x[1], 64));
  all.insert({{"neg", IS(wrap(-bits(x[0])))},
              {"add", IS(wrap(bits(x[0]) + bits(x[1])))},
              {"sub", IS(wrap(bits(x[0]) - bits(x[1])))},
              {"mul", IS(wrap(bits(x[0]) * bits(x[1])))},
              {"abs", IS(x[0] < 0 ? wrap(-bits(x[0])) : x[0])},
              {"sign", IS((x[0] > 0) - (x[0] < 0))},
              {"logical_and", IS(x[0] && x[1])},
              {"logical_or", IS(x[0] || x[1])},
              {"logical_xor", IS(x[0] != x[1])},
              {"logical_not", IS(!x[0])}});
  return all;
}

template <class Wide> std::vector<Wide> wideElements(const Value& x) {
  const Tensor tensor{x};
  const auto widened = [](const auto& list) { return std::vector<Wide>(list.begin(), list.end()); };
  switch (x.dtype()) {
  case DType::f32: return widened(tensor.to_vector<float>());
  case DType::f64: return widened(tensor.to_vector<double>());
  case DType::i32: return widened(tensor.to_vector<int32_t>());
  case DType::i64: return widened(tensor.to_vector<int64_t>());
  case DType::boolean: return widened(tensor.to_vector<bool>());
  case DType::bf16: return widened(tensor.to_vector<bfloat16>());
  case DType::f16: return widened(tensor.to_vector<float16>());
  }
  return {};
}

template <std::floating_point T> bool agree(T got, T expected, int ulps) {
  if (std::isnan(expected) || std::isnan(got))
    return std::isnan(expected) && std::isnan(got);
  if (got == expected)
    return ulps || std::signbit(got) == std::signbit(expected);
  for (int step = 0; step < ulps; ++step)
    if (got == (expected = std::nextafter(expected, got)))
      return true;
  return false;
}
template <std::integral T> bool agree(T got, T expected, int) { return got == expected; }

template <class T>
concept Half = isHalf(dtypeOf<T>);

// Where f32 may be off by ulps, what is rounded from it may be the next number.
template <Half T> bool agree(T got, T expected, int ulps) {
  if (std::isnan(expected) || std::isnan(got))
    return std::isnan(expected) && std::isnan(got);
  const int apart = std::abs(static_cast<int>(got.bits) - static_cast<int>(expected.bits));
  return apart <= (ulps ? 1 : 0) || (ulps && got == expected);
}

// What an operator of T makes of an exact result: halves are rounded from f32.
template <class T, class Wide> T rounded(Wide exact) {
  if constexpr (isHalf(dtypeOf<T>))
    return T(static_cast<float>(exact));
  else
    return static_cast<T>(exact);
}

template <class T> std::vector<T> elements(const Value& x) {
  const auto list = Tensor{x}.to_vector<T>();
  return {list.begin(), list.end()};
}

template <class T, class Wide>
void expectDefined(const Case& each, const Definition<Wide>& definition) {
  const Value result = each.program(each.inputs);
  std::vector<std::vector<Wide>> operands;
  for (const Value& input : each.inputs)
    operands.push_back(wideElements<Wide>(input));
  const std::vector<T> got = elements<T>(result);
  for (size_t i = 0; i < got.size(); ++i) {
    Wide x[4] = {};
    for (size_t k = 0; k < operands.size(); ++k)
      x[k] = operands[k][i];
    const T expected = rounded<T>(definition.function(x));
    ASSERT_TRUE(agree(static_cast<T>(got[i]), expected, definition.ulps))
        << each.label << " element " << i << ": f(" << x[0] << ", " << x[1] << ", " << x[2]
        << ") = " << elementText(result, static_cast<int64_t>(i)) << ", expected " << expected;
  }
}

template <class Wide>
void expectDefined(const std::vector<Case>& cases, const Definition<Wide>& definition) {
  for (const Case& each : cases) {
    if (each.label.find(" inside") != std::string::npos)
      continue; // the program moves its operands first
    switch (each.program(each.inputs).dtype()) {
    case DType::f32: expectDefined<float>(each, definition); break;
    case DType::f64: expectDefined<double>(each, definition); break;
    case DType::i32: expectDefined<int32_t>(each, definition); break;
    case DType::i64: expectDefined<int64_t>(each, definition); break;
    case DType::boolean: expectDefined<bool>(each, definition); break;
    case DType::bf16: expectDefined<bfloat16>(each, definition); break;
    case DType::f16: expectDefined<float16>(each, definition); break;
    }
  }
}

using Pointwise = RowTest;

TEST_P(Pointwise, HasTheValueOfItsDefinition) {
  const auto check = [&](const auto& definitions) {
    const auto found = definitions.find(op().name);
    if (found == definitions.end())
      GTEST_SKIP() << op().name << " has no definition in this file yet";
    expectDefined(cases(), found->second);
  };
  isFloat(dtype()) ? check(floats()) : check(integers(dtype()));
}

bool isConvert(const Row& row) { return row.op().typeRule == &typerules::convert; }

// Where these cancel, their error is relative to the terms and not to the result: MathTest measures
// it so.
bool cancels(const Row& row) {
  const std::string_view name = row.op().name;
  return name == "lgamma" || name == "digamma" || name == "polygamma";
}

INSTANTIATE_TEST_SUITE_P(Reference, Pointwise, testing::ValuesIn(rowsWhere([](const Row& row) {
                           return row.op().isPointwise() && !isConvert(row) && !cancels(row);
                         })),
                         rowName);

//===-- Convert ------------------------------------------------------------------------------===//

// The nearest number of the format, the even one of two, by search: every i64 and f64 is a long
// double.
template <Half To> To convertedToHalf(long double x) {
  if (std::isnan(x))
    return To(std::nan(""));
  const long double size = std::fabs(x);
  uint16_t low = 0, high = std::numeric_limits<To>::infinity().bits; // of magnitudes
  while (high - low > 1) {
    const auto middle = static_cast<uint16_t>((low + high) / 2);
    (static_cast<long double>(To::fromBits(middle)) <= size ? low : high) = middle;
  }
  // Infinity stands where the next number would.
  const long double least = To::fromBits(low);
  const auto step = static_cast<long double>(To::fromBits(low)) - To::fromBits(low - 1 + !low);
  const bool last = high == std::numeric_limits<To>::infinity().bits;
  const long double next = last ? least + step : static_cast<long double>(To::fromBits(high));
  const long double down = size - least, up = next - size;
  const bool raise = down > up || (down == up && low % 2 == 1);
  return To::fromBits(static_cast<uint16_t>((raise ? high : low) | (std::signbit(x) ? 0x8000 : 0)));
}

// Truncates towards zero and saturates; NaN gives 0. Integers wrap; everything but 0 is true.
template <class To, class From> To converted(From x) {
  if constexpr (std::is_same_v<To, bool>)
    return x != 0;
  else if constexpr (isHalf(dtypeOf<From>))
    return converted<To>(static_cast<float>(x));
  else if constexpr (isHalf(dtypeOf<To>))
    return convertedToHalf<To>(x);
  else if constexpr (std::is_floating_point_v<To> || !std::is_floating_point_v<From>)
    return static_cast<To>(x);
  else if (std::isnan(x))
    return 0;
  else if (x >= std::ldexp(From(1), 8 * sizeof(To) - 1))
    return std::numeric_limits<To>::max();
  else if (x < -std::ldexp(From(1), 8 * sizeof(To) - 1))
    return std::numeric_limits<To>::min();
  else
    return static_cast<To>(x);
}

template <class From, class To> void expectConverted(const Case& each) {
  const std::vector<From> x = elements<From>(each.inputs[0]);
  const std::vector<To> y = elements<To>(each.program(each.inputs));
  if (x.size() != y.size())
    return;
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_TRUE(agree(static_cast<To>(y[i]), converted<To, From>(x[i]), 0))
        << each.label << ": " << x[i] << " became " << y[i];
}

template <class From> void expectConverted(const Case& each) {
  switch (each.program(each.inputs).dtype()) {
  case DType::f32: return expectConverted<From, float>(each);
  case DType::f64: return expectConverted<From, double>(each);
  case DType::i32: return expectConverted<From, int32_t>(each);
  case DType::i64: return expectConverted<From, int64_t>(each);
  case DType::boolean: return expectConverted<From, bool>(each);
  case DType::bf16: return expectConverted<From, bfloat16>(each);
  case DType::f16: return expectConverted<From, float16>(each);
  }
}

using Conversion = RowTest;

TEST_P(Conversion, HasTheValueOfItsDefinition) {
  for (const Case& each : cases()) {
    if (each.label.find(" inside") != std::string::npos)
      continue; // the program moves its operand first
    switch (dtype()) {
    case DType::f32: expectConverted<float>(each); break;
    case DType::f64: expectConverted<double>(each); break;
    case DType::i32: expectConverted<int32_t>(each); break;
    case DType::i64: expectConverted<int64_t>(each); break;
    case DType::boolean: expectConverted<bool>(each); break;
    case DType::bf16: expectConverted<bfloat16>(each); break;
    case DType::f16: expectConverted<float16>(each); break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, Conversion, testing::ValuesIn(rowsWhere(isConvert)), rowName);

//===-- Everything else ----------------------------------------------------------------------===//

using Structured = RowTest;

// Sums of floats are in another order here.
TEST_P(Structured, HasTheValueOfPlainLoops) {
  for (const Case& each : cases()) {
    if (each.label.find("wild") != std::string::npos)
      continue; // plain loops are in double: not for every integer
    SCOPED_TRACE(each.label);
    Values inputs;
    for (const Value& input : each.inputs)
      inputs.push_back(reference::tensor(input.type(), numbersOf(input)));
    reference::ReferenceEmitter loops;
    const EmitterScope scope(loops);
    const Value expected = each.program(inputs);
    const Value got = [&] {
      const EmitterScope eager(eagerEmitter());
      return each.program(each.inputs);
    }();
    ASSERT_EQ(got.type(), expected.type());
    const std::vector<double>& numbers = reference::dataOf(expected);
    // Integers that wrap in i32 are no matter for doubles.
    const auto tooLarge = [](double number) { return std::abs(number) >= 0x1p31; };
    if (numbers.empty() ||
        (!isFloat(dtype()) && std::any_of(numbers.begin(), numbers.end(), tooLarge)))
      continue;
    const EmitterScope eager(eagerEmitter());
    EXPECT_EQ(nearDifference(Values{got}, Values{fromNumbers(got.type(), numbers)},
                             boundFor(dtype(), each.inputs)),
              "");
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, Structured, testing::ValuesIn(rowsWhere([](const Row& row) {
                           return !row.op().isPointwise() && row.op().operandCount > 0;
                         })),
                         rowName);

} // namespace
} // namespace diptych::suite
