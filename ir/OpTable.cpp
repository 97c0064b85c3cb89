// The rows generated from Ops.td, and look-ups in them.
#include "ir/OpTable.h"

#include "ir/TypeRules.h"

namespace diptych {

namespace {
#define DIPTYCH_OPTABLE_ATTRIBUTES
#include "ir/OpTable.cpp.inc"
#undef DIPTYCH_OPTABLE_ATTRIBUTES

const OpInfo table[] = {
#define DIPTYCH_OPTABLE_ROWS
#include "ir/OpTable.cpp.inc"
#undef DIPTYCH_OPTABLE_ROWS
};
} // namespace

const OpInfo& info(OpCode code) { return table[static_cast<size_t>(code)]; }

std::span<const OpInfo> allOperators() { return table; }

const OpInfo* findOperator(std::string_view name) {
  for (const OpInfo& row : table)
    if (name == row.name)
      return &row;
  return nullptr;
}

const char* name(AttrField field) {
  constexpr const char* names[] = {"axes",  "starts",     "limits",     "strides",   "low",
                                   "high",  "interior",   "sizes",      "dilations", "window",
                                   "axis",  "value",      "descending", "right",     "check",
                                   "lower", "transposed", "unit",       "regular"};
  return names[static_cast<size_t>(field)];
}

bool OpInfo::has(AttrField field) const {
  for (AttrField own : attributes)
    if (own == field)
      return true;
  return false;
}

Dims& listOf(Attrs& attrs, AttrField field) {
  switch (field) {
  case AttrField::axes: return attrs.axes;
  case AttrField::starts: return attrs.starts;
  case AttrField::limits: return attrs.limits;
  case AttrField::strides: return attrs.strides;
  case AttrField::low: return attrs.low;
  case AttrField::high: return attrs.high;
  case AttrField::interior: return attrs.interior;
  case AttrField::sizes: return attrs.sizes;
  case AttrField::dilations: return attrs.dilations;
  case AttrField::window: return attrs.window;
  default: throw Error(std::string("internal: attribute ") + name(field) + " is not a list");
  }
}

const Dims& listOf(const Attrs& attrs, AttrField field) {
  return listOf(const_cast<Attrs&>(attrs), field);
}

} // namespace diptych
