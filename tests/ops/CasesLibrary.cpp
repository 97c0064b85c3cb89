// Operators of runtime/library, by type rule.
#include "Cases.h"

#include "ir/TypeRules.h"

namespace diptych::suite {

namespace {

// Samples without ties, the wild with many.
void argsortCases(CaseList& list) {
  const auto add = [&](const Shape& shape, int64_t axis, bool descending, bool views = false) {
    Attrs attrs;
    attrs.axis = axis;
    attrs.set(AttrField::descending, descending);
    const std::string label = (descending ? "descending, axis " : "axis ") + std::to_string(axis);
    list.add(label, {list.sample(shape)}, attrs);
    list.add("wild, " + label, {wild({list.dtype, shape}, list.generator)}, attrs);
    for (View view : kViews)
      if (views)
        list.addViewed(view, {{list.dtype, shape}}, {true}, attrs,
                       [&](const TensorType& type, size_t) { return list.sample(type); });
  };
  for (bool descending : {false, true}) {
    for (int64_t n : {0, 1, 2, 17, 1000})
      add({n}, 0, descending);
    for (int64_t axis = 0; axis < 3; ++axis)
      add({4, 5, 7}, axis, descending, axis == 1);
    add({3, 0}, 0, descending);
  }
}

} // namespace

void libraryCases(CaseList& list) {
  if (list.op.typeRule == &typerules::argsort)
    argsortCases(list);
}

} // namespace diptych::suite
