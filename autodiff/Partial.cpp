// How a partial derivative meets a tangent or a cotangent.
#include "autodiff/Rules.h"

namespace diptych::autodiff {

using namespace emitted;

Value Partial::operator()(const Value& t) const {
  switch (kind_) {
  case Kind::none: return {};
  case Kind::one: return t;
  case Kind::minusOne: return -t;
  case Kind::factor: return t * value_;
  case Kind::over: return t / value_;
  case Kind::onlyWhere: return where(value_, t, like(t, 0.0));
  case Kind::exceptWhere: return where(value_, like(t, 0.0), t);
  case Kind::shared: return where(value_, like(t, 0.0), where(tie_, 0.5 * t, t));
  }
  throw Error("internal: unknown kind of partial derivative");
}

Partial over(Value divisor) { return {Partial::Kind::over, std::move(divisor)}; }
Partial onlyWhere(Value mask) { return {Partial::Kind::onlyWhere, std::move(mask)}; }
Partial exceptWhere(Value mask) { return {Partial::Kind::exceptWhere, std::move(mask)}; }
Partial sharedAt(Value tie, Value lost) {
  return {Partial::Kind::shared, std::move(lost), std::move(tie)};
}

} // namespace diptych::autodiff
