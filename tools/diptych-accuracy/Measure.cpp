// Runs a function on its samples in pieces, compares with the reference: long double everywhere,
// MPFR where that is near the worst so far or further off.
#include "Measure.h"
#include "Samples.h"

#include <diptych/Autograd.h>
#include <diptych/Tensor.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <future>
#include <limits>
#include <sstream>

#include "ir/Emitted.h"
#include "ir/TypeRules.h"

namespace diptych::accuracy {

namespace {

constexpr double kWrong = std::numeric_limits<double>::infinity();

// The last place of T at a number of this size.
template <class T> int lastPlace(int exponent) {
  using Limits = std::numeric_limits<T>;
  return std::max(exponent - Limits::digits + 1, Limits::min_exponent - Limits::digits);
}

// An infinity stands for the first number that does not fit.
template <class T> long double numberOf(T got) {
  return std::isinf(got) ? std::copysign(std::ldexp(1.0L, std::numeric_limits<T>::max_exponent),
                                         static_cast<long double>(got))
                         : static_cast<long double>(got);
}

// By long double, roughly where `exact` is not finite.
template <class T> double roughError(T got, long double exact, double scale) {
  if (std::isnan(got) || std::isnan(exact))
    return std::isnan(got) == std::isnan(exact) ? 0 : kWrong;
  if (static_cast<long double>(got) == exact)
    return std::signbit(got) == std::signbit(exact) ? 0 : kWrong;
  if (std::isinf(exact) || exact == 0)
    return kWrong; // the exact reference decides
  const long double size = std::max<long double>(std::fabs(exact), scale);
  return static_cast<double>(
      std::ldexp(std::fabs(numberOf(got) - exact), -lastPlace<T>(std::ilogb(size))));
}

template <class T> double exactError(T got, mpfr_ptr exact, double scale) {
  if (mpfr_nan_p(exact) || std::isnan(got))
    return std::isnan(got) && mpfr_nan_p(exact) ? 0 : kWrong;
  if (mpfr_inf_p(exact))
    return std::isinf(got) && std::signbit(got) == (mpfr_signbit(exact) != 0) ? 0 : kWrong;
  if (mpfr_zero_p(exact) && got == 0)
    return std::signbit(got) == (mpfr_signbit(exact) != 0) ? 0 : kWrong;
  using Limits = std::numeric_limits<T>;
  if (mpfr_cmp_ld(exact, std::ldexp(1.0L, Limits::max_exponent)) >= 0 && std::isinf(got) && got > 0)
    return 0;
  if (mpfr_cmp_ld(exact, -std::ldexp(1.0L, Limits::max_exponent)) <= 0 && std::isinf(got) &&
      got < 0)
    return 0;
  long place = mpfr_zero_p(exact) ? -10000 : mpfr_get_exp(exact) - 1;
  if (scale > 0)
    place = std::max<long>(place, std::ilogb(scale));
  Number difference;
  mpfr_set_ld(difference, numberOf(got), MPFR_RNDN);
  mpfr_sub(difference, difference, exact, MPFR_RNDN);
  const int last = lastPlace<T>(static_cast<int>(std::clamp<long>(place, -20000, 20000)));
  mpfr_mul_2si(difference, difference, -last, MPFR_RNDN);
  return std::fabs(mpfr_get_d(difference, MPFR_RNDN));
}

template <class T> Value tensorOf(const T* elements, int64_t count) {
  auto literal = std::make_shared<Literal>();
  literal->type = {dtypeOf<T>, {count}};
  const auto* bytes = reinterpret_cast<const std::byte*>(elements);
  literal->bytes.assign(bytes, bytes + literal->type.bytes());
  Attrs attrs;
  attrs.dtype = dtypeOf<T>;
  attrs.shape = {count};
  attrs.literal = literal;
  return emitted::emit(OpCode::Constant, {}, attrs);
}

template <class T> class Measurement {
public:
  Measurement(const OpInfo& op, const Reference& reference) : op_(op), reference_(reference) {}

  void run(const Points<T>& points) {
    constexpr size_t piece = 65536;
    for (size_t begin = 0; begin < points.x.size(); begin += piece) {
      const size_t count = std::min(piece, points.x.size() - begin);
      const T* x = points.x.data() + begin;
      const T* y = points.y.empty() ? nullptr : points.y.data() + begin;
      const auto length = static_cast<int64_t>(count);
      const NoGradGuard guard;
      const Value result = y ? emitted::emit(op_.code, {tensorOf(x, length), tensorOf(y, length)})
                             : emitted::emit(op_.code, {tensorOf(x, length)});
      const std::vector<T> got = Tensor(result).to_vector<T>();
      for (size_t i = 0; i < count; ++i)
        compare(x[i], y ? y[i] : T(0), got[i]);
    }
  }

  Worst worst;

private:
  using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

  void compare(T x, T y, T got) {
    if (reference_.covers && !reference_.covers(x, y))
      return;
    ++worst.samples;
    long double near;
    if (sizeof(T) == 4 && reference_.ofNarrow) {
      near = reference_.ofNarrow(x);
      // The nearest number is off by half a place at most.
      if (worst.ulp >= 0.5 && std::bit_cast<Bits>(static_cast<T>(near)) == std::bit_cast<Bits>(got))
        return;
    } else {
      near = reference_.near(x, y);
    }
    const double scale = reference_.scale ? reference_.scale(x, y) : 0;
    if (!(scale < HUGE_VAL))
      return; // of a difference of infinities nothing is promised
    const double slack = sizeof(T) == 8 ? reference_.slack : 1e-6;
    if (roughError<T>(got, near, scale) <= worst.ulp - slack)
      return;
    mpfr_set_d(first_, x, MPFR_RNDN);
    mpfr_set_d(second_, y, MPFR_RNDN);
    reference_.exact(exact_, first_, second_);
    const double error = exactError<T>(got, exact_, scale);
    if (error > worst.ulp) {
      worst.ulp = error;
      worst.x = x;
      worst.y = y;
    }
  }

  const OpInfo& op_;
  const Reference& reference_;
  Number first_, second_, exact_;
};

template <class T>
Worst measured(const OpInfo& op, const Reference& reference, const Points<T>& points) {
  Measurement<T> measurement(op, reference);
  measurement.run(points);
  return measurement.worst;
}

} // namespace

std::vector<const OpInfo*> measuredOperators() {
  static constexpr OpCode codes[] = {
#define DIPTYCH_OPCODE(CODE) OpCode::CODE,
#include "ir/OpCodes.h.inc"
  };
  std::vector<const OpInfo*> list;
  for (OpCode code : codes) {
    const OpInfo& op = info(code);
    if (op.isPointwise() && op.typeRule == &typerules::sameType && op.takes(DType::f64) &&
        code != OpCode::StopGradient)
      list.push_back(&op);
  }
  return list;
}

Worst measure(const OpInfo& op, const Reference& reference, DType dtype, int64_t samples,
              uint64_t seed) {
  const int64_t count = std::max<int64_t>(1, samples / reference.thinned);
  return dtype == DType::f32
             ? measured(op, reference, pointsOf<float>(reference.arity, count, seed))
             : measured(op, reference, pointsOf<double>(reference.arity, count, seed));
}

static Worst measureEvery(const OpInfo& op, const Reference& reference, int64_t first,
                          int64_t step) {
  constexpr int64_t piece = 65536;
  Measurement<float> measurement(op, reference);
  // An error to begin with: what is below it needs no exact reference.
  Points<float> points = pointsOf<float>(1, piece, 1);
  measurement.run(points);
  measurement.worst.samples = 0;
  points.x.resize(piece);
  for (int64_t begin = first * piece; begin < int64_t{1} << 32; begin += step * piece) {
    for (int64_t i = 0; i < piece; ++i)
      points.x[static_cast<size_t>(i)] = std::bit_cast<float>(static_cast<uint32_t>(begin + i));
    measurement.run(points);
  }
  return measurement.worst;
}

Worst measureAll(const OpInfo& op, const Reference& reference, int threads) {
  std::vector<std::future<Worst>> parts;
  for (int i = 0; i < threads; ++i)
    parts.push_back(std::async(std::launch::async, measureEvery, std::cref(op),
                               std::cref(reference), i, threads));
  Worst all;
  for (std::future<Worst>& part : parts) {
    const Worst worst = part.get();
    const int64_t samples = all.samples + worst.samples;
    if (worst.ulp > all.ulp)
      all = worst;
    all.samples = samples;
  }
  return all;
}

template <class T> static Points<T> at(const Reference& reference, double x, double y) {
  Points<T> points{{static_cast<T>(x)}, {}};
  if (reference.arity == 2)
    points.y.push_back(static_cast<T>(y));
  return points;
}

Worst measureAt(const OpInfo& op, const Reference& reference, DType dtype, double x, double y) {
  return dtype == DType::f32 ? measured(op, reference, at<float>(reference, x, y))
                             : measured(op, reference, at<double>(reference, x, y));
}

std::string text(const Row& row) {
  const double up = std::ceil(row.worst.ulp * 1e4) / 1e4; // 0.50001 is no 0.5
  char line[200];
  std::snprintf(line, sizeof line, "%s %s %.4f %a %a %lld", row.op.c_str(), row.dtype.c_str(), up,
                row.worst.x, row.worst.y, static_cast<long long>(row.worst.samples));
  return line;
}

std::vector<Row> readTable(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    throw Error(path + ": cannot be read");
  std::vector<Row> rows;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#')
      continue;
    Row row;
    std::string ulp, x, y;
    std::istringstream fields(line);
    if (!(fields >> row.op >> row.dtype >> ulp >> x >> y >> row.worst.samples))
      throw Error(path + ":" + std::to_string(number) +
                  ": expected operator, dtype, ulp, x, y, samples");
    row.worst.ulp = std::strtod(ulp.c_str(), nullptr);
    row.worst.x = std::strtod(x.c_str(), nullptr);
    row.worst.y = std::strtod(y.c_str(), nullptr);
    rows.push_back(std::move(row));
  }
  return rows;
}

} // namespace diptych::accuracy
