// Numbers that a program has because of its sizes: N itself, 1/N of a mean, 1/(N - 1) of a
// variance, and what folding made of them. A guess counts if it has the bits of every sample.
#include "aot/OpenPlan.h"

#include <cmath>

namespace diptych::aot {

using Op = SizedNumber::Op;

bool NumberFinder::agrees(const SizedNumber& number, std::span<const double> values,
                          double tolerance) const {
  for (size_t i = 0; i < values.size(); ++i) {
    const double got = number.at(at_.at(i));
    if (got != values[i] && !(std::abs(got - values[i]) <= tolerance * std::abs(values[i])))
      return false;
  }
  return true;
}

// The factor follows from the first sample, but for rounding: its neighbours are tried too.
std::optional<SizedNumber> NumberFinder::withSteps(DType dtype, std::span<const double> values,
                                                   const Steps& steps) const {
  const bool narrow = dtype == DType::f32;
  const double epsilon = narrow ? 0x1p-23 : 0x1p-52;
  SizedNumber number{dtype, 1, steps};
  const double scale = number.at(at_.at(0));
  if (!std::isfinite(scale) || scale == 0)
    return std::nullopt;
  number.factor = values[0] / scale;
  if (!agrees(number, values, 16 * epsilon))
    return std::nullopt;
  const auto neighbour = [&](double x, double towards) {
    return narrow ? static_cast<double>(
                        std::nextafter(static_cast<float>(x), static_cast<float>(towards)))
                  : std::nextafter(x, towards);
  };
  const double rough =
      narrow ? static_cast<double>(static_cast<float>(number.factor)) : number.factor;
  double below = rough, above = rough;
  for (int away = 0; away <= 8; ++away) {
    for (const double factor : {below, above}) {
      number.factor = factor;
      if (agrees(number, values, 0))
        return number;
    }
    below = neighbour(below, -INFINITY), above = neighbour(above, INFINITY);
  }
  number.factor = rough;
  return exact_ ? std::nullopt : std::optional(number);
}

std::optional<Formula> NumberFinder::find(DType dtype, std::span<const Scalar> values) const {
  std::vector<int64_t> integers, inverses;
  std::vector<double> numbers;
  for (const Scalar& value : values) {
    const double number = value.asDouble();
    const bool whole =
        value.isInteger || (std::abs(number) < 0x1p53 && number == std::floor(number));
    if (whole)
      integers.push_back(value.asInteger());
    if (number != 0 && std::abs(1 / number) < 0x1p53)
      inverses.push_back(std::llround(1 / number));
    numbers.push_back(number);
  }
  std::optional<Extent> extent;
  if (integers.size() == values.size())
    extent = at_.fit(integers);
  if (!isFloat(dtype))
    return extent ? std::optional(Formula(*extent)) : std::nullopt;
  if (extent)
    if (auto found = withSteps(dtype, numbers, {{Op::times, *extent}}))
      return Formula(*found);
  if (inverses.size() == values.size())
    if (const auto inverse = at_.fit(inverses))
      if (auto found = withSteps(dtype, numbers, {{Op::over, *inverse}}))
        return Formula(*found);
  std::vector<SizedNumber::Step> steps;
  for (const bool root : {false, true})
    for (const Extent& candidate : candidates_)
      for (const Op op : {Op::over, Op::timesInverse, Op::times})
        steps.push_back({op, candidate, root});
  for (const auto& step : steps)
    if (auto found = withSteps(dtype, numbers, {step}))
      return Formula(*found);
  for (const auto& first : steps)
    for (const auto& second : steps)
      if (auto found = withSteps(dtype, numbers, {first, second}))
        return Formula(*found);
  return std::nullopt;
}

} // namespace diptych::aot
