// Reductions, indices of extremes, and contractions.
#include "Cases.h"

namespace diptych::suite {

namespace {

void addAxes(CaseList& list, const Shape& shape, const Dims& axes, bool views = false) {
  Attrs attrs;
  if (list.op.has(AttrField::axis)) {
    if (axes.size() != 1)
      return;
    attrs.axis = axes[0];
  } else {
    attrs.axes = axes;
  }
  const std::string label = "axes " + axes.str();
  list.add(label, {list.sample(shape)}, attrs).smooth = shape.product() <= 60;
  list.add("wild, " + label, {wild({list.dtype, shape}, list.generator)}, attrs);
  if (views)
    for (View view : kViews)
      list.addViewed(view, {{list.dtype, shape}}, {true}, attrs,
                     [&](const TensorType& type, size_t) { return list.sample(type); });
}

bool takesNothing(const OpInfo& op) {
  return op.isReduction() && (op.combiner == OpCode::Add || op.combiner == OpCode::Mul);
}

} // namespace

void reductionCases(CaseList& list) {
  addAxes(list, {}, {});
  addAxes(list, {5}, {});
  for (int64_t n : {1, 2, 7, 16, 17, 40, 4096, 4100, 9001})
    addAxes(list, {n}, {0}, n == 40);
  for (int64_t n : {1, 7, 16, 17, 40, 4100}) {
    addAxes(list, {3, n}, {1}, n == 17);
    addAxes(list, {n, 3}, {0}, n == 17);
  }
  addAxes(list, {17, 40}, {0});
  addAxes(list, {17, 40}, {0, 1});
  addAxes(list, {3, 0}, {0});
  if (takesNothing(list.op)) {
    addAxes(list, {0}, {0});
    addAxes(list, {3, 0}, {1});
    addAxes(list, {2, 0, 3}, {0, 1});
  }
  for (const Dims& axes :
       {Dims{0}, Dims{1}, Dims{2}, Dims{0, 1}, Dims{0, 2}, Dims{1, 2}, Dims{0, 1, 2}, Dims{2, 0}})
    addAxes(list, {2, 3, 7}, axes, axes == Dims{1} || axes == Dims{0, 2});
  addAxes(list, {2, 17, 40}, {1});
}

void matmulCases(CaseList& list) {
  const auto add = [&](Shape batch, int64_t m, int64_t k, int64_t n, bool views = false) {
    Shape x = batch, y = batch;
    x.push_back(m);
    x.push_back(k);
    y.push_back(k);
    y.push_back(n);
    const std::vector<TensorType> types{{list.dtype, x}, {list.dtype, y}};
    list.add("sampled", {list.sample(x, 0), list.sample(y, 1)}).smooth = x.product() <= 300;
    if (m * k * n < 1000)
      list.add("wild", {wild(types[0], list.generator), wild(types[1], list.generator)});
    for (View view : kViews)
      for (int which = 1; views && which <= 3; ++which)
        list.addViewed(view, types, {(which & 1) != 0, (which & 2) != 0}, {},
                       [&](const TensorType& type, size_t i) {
                         return list.sample(type, static_cast<int>(i));
                       });
    // Either operand as a transposed matrix, the batch in place.
    for (int which = 1; which <= 3; ++which) {
      const bool left = which & 1, right = which & 2;
      Shape a = x, b = y;
      if (left)
        std::swap(a[a.size() - 1], a[a.size() - 2]);
      if (right)
        std::swap(b[b.size() - 1], b[b.size() - 2]);
      Case& made = list.add("matrices transposed, " + std::to_string(which),
                            {list.sample(a, 0), list.sample(b, 1)});
      made.smooth = x.product() <= 64;
      made.program = [apply = made.program, left, right](ValueSpan in) {
        const Value operands[] = {left ? emitted::matrixTranspose(in[0]) : in[0],
                                  right ? emitted::matrixTranspose(in[1]) : in[1]};
        return apply(operands);
      };
    }
  };
  add({}, 1, 1, 1);
  add({}, 7, 17, 5);
  add({}, 16, 40, 33);
  add({}, 3, 1100, 4);
  add({}, 1, 40, 17);
  add({}, 17, 40, 1);
  add({}, 1, 4100, 1);
  add({}, 4, 0, 3);
  add({}, 0, 3, 4);
  add({}, 3, 4, 0);
  add({}, 3, 4, 5, true);
  add({}, 61, 70, 67);
  add({2, 3}, 4, 5, 6);
  add({3}, 2, 4, 5, true);
  add({0}, 2, 3, 4);
}

} // namespace diptych::suite
