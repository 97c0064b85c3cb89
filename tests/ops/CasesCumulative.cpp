// Cumulative operators: every axis, rows and columns longer and shorter than a vector.
#include "Cases.h"

namespace diptych::suite {

namespace {

void addAxis(CaseList& list, const Shape& shape, int64_t axis, bool views = false) {
  Attrs attrs;
  attrs.axis = axis;
  const auto count = static_cast<size_t>(list.op.operandCount);
  const std::vector<TensorType> types(count, {list.dtype, shape});
  Values sampled, anything;
  for (size_t i = 0; i < count; ++i) {
    sampled.push_back(list.sample(shape, static_cast<int>(i)));
    anything.push_back(wild(types[i], list.generator));
  }
  const std::string label = "axis " + std::to_string(axis);
  list.add(label, sampled, attrs).smooth = shape.product() <= 60;
  list.add("wild, " + label, anything, attrs);
  for (View view : kViews)
    for (size_t which = 1; views && which < (size_t{1} << count); ++which) {
      std::vector<bool> viewed;
      for (size_t i = 0; i < count; ++i)
        viewed.push_back(which >> i & 1);
      list.addViewed(view, types, viewed, attrs, [&](const TensorType& type, size_t i) {
        return list.sample(type, static_cast<int>(i));
      });
    }
}

} // namespace

void cumulativeCases(CaseList& list) {
  for (int64_t n : {1, 2, 7, 40, 4100})
    addAxis(list, {n}, 0, n == 7);
  for (int64_t rows : {1, 3, 4, 7, 40}) {
    addAxis(list, {rows, 9}, 1, rows == 3);
    addAxis(list, {9, rows}, 0, rows == 3);
  }
  for (int64_t axis = 0; axis < 3; ++axis) {
    addAxis(list, {2, 5, 3}, axis, axis == 1);
    addAxis(list, {3, 17, 40}, axis);
  }
  addAxis(list, {3, 0}, 0);
  addAxis(list, {3, 0}, 1);
  addAxis(list, {0}, 0);
}

} // namespace diptych::suite
