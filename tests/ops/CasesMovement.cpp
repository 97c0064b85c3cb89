// Movement operators: attributes by type rule, operands plain and seen through views.
#include "Cases.h"

#include <algorithm>

#include "ir/TypeRules.h"

namespace diptych::suite {

namespace {

// One operand of `shape`, as it is and through every view.
void addAll(CaseList& list, const std::string& label, const Shape& shape, const Attrs& attrs,
            bool views) {
  list.add(label + " wild", {wild({list.dtype, shape}, list.generator)}, attrs);
  list.add(label, {list.sample(shape)}, attrs).smooth = shape.product() <= 64;
  if (views)
    for (View view : kViews)
      list.addViewed(view, {{list.dtype, shape}}, {true}, attrs,
                     [&](const TensorType& type, size_t) { return list.sample(type); });
}

void broadcastCases(CaseList& list) {
  const auto add = [&](const Shape& from, const Shape& to, const Dims& axes, bool views = false) {
    Attrs attrs;
    attrs.shape = to;
    attrs.axes = axes;
    addAll(list, "to " + to.str() + " at " + axes.str(), from, attrs, views);
  };
  add({}, {}, {});
  add({}, {17}, {});
  add({}, {2, 0}, {});
  add({5}, {5}, {0});
  add({5}, {3, 5}, {1});
  add({5}, {5, 3}, {0});
  add({3}, {0, 3}, {1});
  add({0}, {0, 4}, {0});
  add({1}, {1, 6}, {0});
  add({40}, {2, 40, 3}, {1});
  add({2, 5}, {2, 3, 5}, {0, 2}, true);
  add({2, 5}, {2, 5, 17}, {0, 1});
}

void reshapeCases(CaseList& list) {
  const auto add = [&](const Shape& from, const Shape& to, bool views = false) {
    Attrs attrs;
    attrs.shape = to;
    addAll(list, "to " + to.str(), from, attrs, views);
  };
  add({}, {1, 1});
  add({1}, {});
  add({12}, {3, 4});
  add({0}, {5, 0, 2});
  add({2, 3, 4}, {4, 3, 2}, true);
  add({2, 6}, {2, 2, 3}, true);
  add({3, 1, 5}, {1, 15, 1}, true);
  add({17, 40}, {40, 17});
}

void permutationCases(CaseList& list) {
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{3, 0}, Shape{5, 7}, Shape{2, 3, 5},
                             Shape{17, 40}, Shape{2, 1, 3, 2}}) {
    Dims axes;
    for (int i = 0; i < shape.size(); ++i)
      axes.push_back(i);
    do {
      Attrs attrs;
      attrs.axes = axes;
      const bool odd = shape.size() == 3 && axes[0] == 1;
      addAll(list, "axes " + axes.str(), shape, attrs, odd);
    } while (std::next_permutation(axes.begin(), axes.end()) && shape.size() < 4);
  }
}

void sliceCases(CaseList& list) {
  const auto add = [&](const Shape& from, const Dims& starts, const Dims& limits,
                       const Dims& strides, bool views = false) {
    Attrs attrs;
    attrs.starts = starts;
    attrs.limits = limits;
    attrs.strides = strides;
    addAll(list, starts.str() + " to " + limits.str() + " by " + strides.str(), from, attrs, views);
  };
  add({}, {}, {}, {});
  add({7}, {0}, {7}, {1});
  add({7}, {2}, {2}, {1});
  add({7}, {7}, {7}, {3});
  add({40}, {3}, {40}, {1});
  add({40}, {1}, {39}, {5});
  add({40}, {0}, {40}, {100});
  add({5, 6}, {1, 2}, {4, 6}, {2, 3}, true);
  add({2, 3, 17}, {1, 0, 3}, {2, 3, 16}, {1, 2, 1}, true);
  add({3, 0}, {1, 0}, {3, 0}, {1, 2});
}

void padCases(CaseList& list) {
  const auto add = [&](const Shape& from, const Dims& low, const Dims& high, const Dims& interior,
                       double value, bool views = false) {
    Attrs attrs;
    attrs.low = low;
    attrs.high = high;
    attrs.interior = interior;
    attrs.value = isFloat(list.dtype) ? Scalar(value) : Scalar(static_cast<int64_t>(value));
    addAll(list, "by " + low.str() + high.str() + interior.str(), from, attrs, views);
  };
  add({}, {}, {}, {}, 1);
  add({5}, {0}, {0}, {0}, 1);
  add({5}, {2}, {3}, {0}, 0);
  add({5}, {0}, {1}, {3}, 1);
  add({0}, {2}, {1}, {4}, 1);
  add({1}, {0}, {0}, {5}, 1);
  add({40}, {16}, {1}, {1}, -0.0);
  add({3, 0}, {1, 1}, {0, 2}, {1, 1}, 1);
  add({3, 5}, {1, 0}, {0, 2}, {1, 2}, 1, true);
  add({2, 3, 4}, {0, 1, 0}, {2, 0, 1}, {1, 0, 1}, 1, true);
}

void reverseCases(CaseList& list) {
  for (const Shape& shape :
       {Shape{}, Shape{1}, Shape{17}, Shape{0, 3}, Shape{3, 40}, Shape{2, 3, 5}})
    for (unsigned mask = 0; mask < 1U << shape.size(); ++mask) {
      Attrs attrs;
      for (int i = 0; i < shape.size(); ++i)
        if (mask >> i & 1)
          attrs.axes.push_back(i);
      addAll(list, "axes " + attrs.axes.str(), shape, attrs, shape.size() == 3 && mask == 6);
    }
}

void concatenateCases(CaseList& list) {
  const auto add = [&](const std::vector<Shape>& shapes, int64_t axis, bool views = false) {
    Attrs attrs;
    attrs.axis = axis;
    std::vector<TensorType> types;
    Values operands, anything;
    for (const Shape& shape : shapes) {
      types.push_back({list.dtype, shape});
      operands.push_back(list.sample(shape, static_cast<int>(operands.size())));
      anything.push_back(wild(types.back(), list.generator));
    }
    list.add("axis " + std::to_string(axis), operands, attrs).smooth = true;
    list.add("wild, axis " + std::to_string(axis), anything, attrs);
    for (View view : kViews)
      if (views)
        list.addViewed(view, types, std::vector<bool>(shapes.size(), true), attrs,
                       [&](const TensorType& type, size_t i) {
                         return list.sample(type, static_cast<int>(i));
                       });
  };
  add({{5}}, 0);
  add({{0}}, 0);
  add({{3}, {0}, {4}}, 0);
  add({{17}, {16}, {1}, {40}}, 0);
  add({{2, 3}, {2, 4}}, 1, true);
  add({{2, 3}, {1, 3}, {2, 3}}, 0, true);
  add({{2, 3, 5}, {2, 1, 5}}, 1, true);
  add({{2, 3, 1}, {2, 3, 7}, {2, 3, 0}}, 2);
}

} // namespace

void movementCases(CaseList& list) {
  constexpr std::pair<TypeRule, void (*)(CaseList&)> samplers[] = {
      {&typerules::broadcast, broadcastCases},
      {&typerules::reshape, reshapeCases},
      {&typerules::transpose, permutationCases},
      {&typerules::slice, sliceCases},
      {&typerules::pad, padCases},
      {&typerules::reverse, reverseCases},
      {&typerules::concatenate, concatenateCases},
      {&typerules::windows, windowsCases}};
  for (const auto& [rule, sampler] : samplers)
    if (list.op.typeRule == rule)
      sampler(list);
}

} // namespace diptych::suite
