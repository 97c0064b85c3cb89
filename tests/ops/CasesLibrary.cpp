// Operators of runtime/library, by type rule.
#include "Cases.h"

#include "ir/TypeRules.h"

#include <algorithm>

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

// Rows in order, and values among which some stand in them.
void searchsortedCases(CaseList& list) {
  const auto sorted = [&](const TensorType& type) {
    std::vector<double> numbers = numbersOf(list.sample(type));
    const auto n = static_cast<size_t>(std::max<int64_t>(1, type.shape.back()));
    for (size_t row = 0; row + n <= numbers.size(); row += n)
      std::sort(numbers.begin() + static_cast<ptrdiff_t>(row),
                numbers.begin() + static_cast<ptrdiff_t>(row + n));
    return numbers.empty() ? list.sample(type) : fromNumbers(type, numbers);
  };
  const auto add = [&](Shape rows, Shape values, bool right) {
    const TensorType type{list.dtype, rows};
    Attrs attrs;
    attrs.set(AttrField::right, right);
    const std::string label = right ? "right" : "left";
    list.add(label, {sorted(type), list.sample(values, 1)}, attrs);
    list.add("wild, " + label, {sorted(type), wild({list.dtype, values}, list.generator)}, attrs);
    for (View view : kViews)
      if (rows.size() == 2)
        list.addViewed(view, {type, {list.dtype, values}}, {false, true}, attrs,
                       [&](const TensorType& type, size_t i) {
                         return i == 0 ? sorted(type) : list.sample(type, 1);
                       });
  };
  for (bool right : {false, true}) {
    add({9}, {4}, right);
    add({1000}, {70}, right);
    add({0}, {3}, right);
    add({3}, {0}, right);
    add({3, 8}, {3, 5}, right);
    add({2, 3, 4}, {2, 3, 1}, right);
  }
}

// Windows smaller and larger than the axis.
void rollingCases(CaseList& list) {
  const auto add = [&](const Shape& shape, int64_t axis, int64_t window, bool views = false) {
    Attrs attrs;
    attrs.axis = axis;
    attrs.window = {window};
    std::vector<TensorType> types{{list.dtype, shape}};
    Values sampled{list.sample(shape)}, anything{wild(types[0], list.generator)};
    if (list.op.operandCount == 2) {
      Shape several = shape;
      several.push_back(2);
      types.push_back({DType::i64, several});
      sampled.push_back(indices(DType::i64, several, window + 2, list.generator));
      anything.push_back(sampled[1]);
    }
    const std::string label = "axis " + std::to_string(axis) + ", window " + std::to_string(window);
    list.add(label, sampled, attrs).smooth = shape.product() <= 60;
    list.add("wild, " + label, anything, attrs);
    for (View view : kViews)
      if (views)
        list.addViewed(view, types, {true, false}, attrs, [&](const TensorType& type, size_t i) {
          return i == 0 ? list.sample(type) : sampled[1];
        });
  };
  for (int64_t window : {1, 3, 60}) {
    add({40}, 0, window);
    for (int64_t axis = 0; axis < 3; ++axis)
      add({4, 5, 7}, axis, window, axis == 1 && window == 3);
    add({3, 0}, 1, window);
    add({0, 3}, 1, window);
  }
}

} // namespace

void libraryCases(CaseList& list) {
  if (list.op.typeRule == &typerules::searchsorted)
    searchsortedCases(list);
  if (list.op.has(AttrField::window))
    rollingCases(list);
  if (list.op.typeRule == &typerules::argsort)
    argsortCases(list);
}

} // namespace diptych::suite
