// What the pointwise functions should give: to any number of bits by MPFR, and near it by long
// double, to tell cheaply which values deserve the former.
#pragma once

#include <string_view>
#include <vector>

#include <mpfr.h>

namespace diptych::accuracy {

/// A number of MPFR with as many bits as references need.
class Number {
public:
  static constexpr mpfr_prec_t kBits = 200;
  Number() { mpfr_init2(value_, kBits); }
  Number(double value) : Number() { mpfr_set_d(value_, value, MPFR_RNDN); }
  ~Number() { mpfr_clear(value_); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  operator mpfr_ptr() { return value_; }

private:
  mpfr_t value_;
};

struct Reference {
  std::string_view name;
  int arity;
  /// out = f(x, y), correct to far more bits than f64 has.
  void (*exact)(mpfr_ptr out, mpfr_ptr x, mpfr_ptr y);
  /// The same to about 60 bits.
  long double (*near)(long double x, long double y);
  /// Of an f32, by a few ulp of f64: quick enough for every one of them. Null: the type is sampled.
  double (*ofNarrow)(double x) = nullptr;
  /// By how many ulp of f64 `near` may be off: values so near the worst are decided by `exact`.
  double slack = 0.01;
  /// Where the function is a difference that cancels: the size of what cancels, else 0. Errors are
  /// in ulp of the larger of this and the value.
  double (*scale)(double x, double y) = nullptr;
  /// Of how many samples one is taken, for references that are slow.
  int thinned = 1;
  /// False where the reference does not go, as docs/operators.md says.
  bool (*covers)(double x, double y) = nullptr;
};

/// By family; references() joins them.
std::vector<Reference> arithmeticReferences();
std::vector<Reference> elementaryReferences();
std::vector<Reference> specialReferences();
const std::vector<Reference>& references();
/// Null where there is none.
const Reference* referenceFor(std::string_view name);

} // namespace diptych::accuracy
