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

/// The polynomial that `of` makes of the values, if it comes near integers.
template <class Of>
static std::optional<Extent> nearest(const Samples& at, std::span<const double> values,
                                     const Of& of) {
  std::vector<int64_t> integers;
  for (const double value : values) {
    const double number = of(value);
    if (!(std::abs(number) < 0x1p53) || std::abs(number - std::round(number)) > 1e-3)
      return std::nullopt;
    integers.push_back(std::llround(number));
  }
  return at.fit(integers);
}

std::optional<Formula> NumberFinder::find(DType dtype, std::span<const Scalar> values) const {
  if (!isFloat(dtype)) {
    std::vector<int64_t> integers;
    for (const Scalar& value : values)
      integers.push_back(value.asInteger());
    const auto extent = at_.fit(integers);
    return extent ? std::optional(Formula(*extent)) : std::nullopt;
  }
  // Formulas round to f32 or f64. Operators on bf16 and f16 are f32 here, so that few numbers are
  // neither: those that are handed on and not computed with.
  if (isHalf(dtype))
    return std::nullopt;
  std::vector<double> numbers;
  for (const Scalar& value : values)
    numbers.push_back(value.asDouble());
  // N, 1/N and their roots say what N is.
  const auto guess = [&](Op op, bool root, const auto& of) -> std::optional<Formula> {
    if (const auto extent = nearest(at_, numbers, of))
      if (auto found = withSteps(dtype, numbers, {{op, *extent, root}}))
        return Formula(*found);
    return std::nullopt;
  };
  if (auto found = guess(Op::times, false, [](double x) { return x; }))
    return found;
  if (auto found = guess(Op::over, false, [](double x) { return 1 / x; }))
    return found;
  if (auto found = guess(Op::times, true, [](double x) { return x * x; }))
    return found;
  if (auto found = guess(Op::over, true, [](double x) { return 1 / (x * x); }))
    return found;
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
