// Gather and scatter-add: every axis, indices of every rank and dtype, repeated ones.
#include "Cases.h"

namespace diptych::suite {

namespace {

Shape gathered(const Shape& x, const Shape& indices, int64_t axis) {
  Shape shape;
  for (int64_t i = 0; i < axis; ++i)
    shape.push_back(x[i]);
  for (int64_t extent : indices)
    shape.push_back(extent);
  for (int64_t i = axis + 1; i < x.size(); ++i)
    shape.push_back(x[i]);
  return shape;
}

void addIndexed(CaseList& list, const Shape& x, const Shape& chosen, int64_t axis, bool views) {
  Attrs attrs;
  attrs.axis = axis;
  const bool scatters = list.op.family == Family::ScatterAdd;
  const Shape rows = gathered(x, chosen, axis);
  for (DType indexType : {DType::i32, DType::i64}) {
    const auto make = [&](const TensorType& type, size_t i) {
      return i == 1 ? indices(indexType, type.shape, x[axis], list.generator)
                    : list.sample(type, static_cast<int>(i));
    };
    std::vector<TensorType> types{{list.dtype, x}, {indexType, chosen}};
    if (scatters)
      types.push_back({list.dtype, rows});
    Values inputs, anything;
    for (size_t i = 0; i < types.size(); ++i) {
      inputs.push_back(make(types[i], i));
      anything.push_back(i == 1 ? inputs[1] : wild(types[i], list.generator));
    }
    const std::string label = "axis " + std::to_string(axis);
    list.add(label, inputs, attrs).smooth = x.product() <= 64;
    list.add("wild, " + label, anything, attrs);
    for (View view : kViews)
      for (size_t only = 0; views && only < types.size(); ++only) {
        std::vector<bool> viewed(types.size());
        viewed[only] = true;
        list.addViewed(view, types, viewed, attrs, make);
      }
  }
}

} // namespace

void indexingCases(CaseList& list) {
  for (const Shape& x : {Shape{7}, Shape{5, 3}, Shape{2, 5, 17}})
    for (int64_t axis = 0; axis < x.size(); ++axis)
      for (const Shape& chosen : {Shape{}, Shape{4}, Shape{2, 3}, Shape{0}, Shape{40}})
        addIndexed(list, x, chosen, axis, x.size() == 2 && chosen.size() == 2 && axis == 1);
  addIndexed(list, {4, 0}, {3}, 0, false);
  addIndexed(list, {0, 4}, {0}, 0, false);
}

} // namespace diptych::suite
