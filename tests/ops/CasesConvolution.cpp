// Convolution, windows and their sum: strides, dilations, groups, one to three axes; both roles of
// the operands in the kernel, tails of panels, and sums of several blocks.
#include "Cases.h"

namespace diptych::suite {

namespace {

Attrs stepsOf(const Dims& strides, const Dims& dilations) {
  Attrs attrs;
  attrs.strides = strides;
  attrs.dilations = dilations;
  return attrs;
}

Attrs windowsOf(const Dims& axes, const Dims& sizes, const Dims& strides, const Dims& dilations) {
  Attrs attrs = stepsOf(strides, dilations);
  attrs.axes = axes;
  attrs.sizes = sizes;
  return attrs;
}

void addConvolution(CaseList& list, const Shape& x, const Shape& w, const Dims& strides,
                    const Dims& dilations, bool views = false) {
  const Attrs attrs = stepsOf(strides, dilations);
  const std::vector<TensorType> types{{list.dtype, x}, {list.dtype, w}};
  const std::string label = "strides " + strides.str() + " dilations " + dilations.str();
  list.add(label, {list.sample(x, 0), list.sample(w, 1)}, attrs).smooth =
      x.product() <= 100 && w.product() <= 100;
  if (x.product() < 400)
    list.add("wild, " + label, {wild(types[0], list.generator), wild(types[1], list.generator)},
             attrs);
  for (View view : kViews)
    for (int which = 1; views && which <= 3; ++which)
      list.addViewed(
          view, types, {(which & 1) != 0, (which & 2) != 0}, attrs,
          [&](const TensorType& type, size_t i) { return list.sample(type, static_cast<int>(i)); });
}

struct WindowsCase {
  Shape from;
  Dims axes, sizes, strides, dilations;
  bool views = false;
};

// Apart, edge to edge, overlapping; rows left over at the end.
std::vector<WindowsCase> windowsList() {
  return {{{5}, {0}, {1}, {1}, {1}},
          {{7}, {0}, {3}, {1}, {1}, true},
          {{9}, {0}, {2}, {4}, {3}},
          {{12}, {0}, {3}, {3}, {1}},
          {{40}, {0}, {5}, {2}, {2}},
          {{3, 8}, {1}, {3}, {2}, {1}, true},
          {{8, 3}, {0}, {4}, {1}, {2}},
          {{2, 6, 7}, {1, 2}, {2, 3}, {2, 1}, {1, 2}, true},
          {{2, 5, 3}, {0, 2}, {2, 2}, {1, 1}, {1, 1}},
          {{0, 5}, {1}, {2}, {1}, {1}},
          {{4, 5, 6}, {0, 1, 2}, {2, 2, 2}, {2, 1, 3}, {1, 2, 1}},
          {{17, 33}, {0, 1}, {4, 9}, {3, 2}, {2, 1}}};
}

} // namespace

void convolutionCases(CaseList& list) {
  // 1d
  addConvolution(list, {1, 1, 1, 1}, {1, 1, 1, 1}, {1}, {1});
  addConvolution(list, {2, 1, 3, 7}, {1, 4, 3, 3}, {1}, {1}, true);
  addConvolution(list, {2, 2, 2, 9}, {2, 3, 2, 2}, {2}, {3});
  addConvolution(list, {1, 1, 2, 50}, {1, 17, 2, 7}, {1}, {4});
  addConvolution(list, {3, 1, 5, 40}, {1, 3, 5, 40}, {1}, {1});
  addConvolution(list, {1, 1, 1, 4100}, {1, 1, 1, 2100}, {7}, {1});
  addConvolution(list, {2, 5, 1, 20}, {5, 1, 1, 3}, {3}, {1});
  // 2d
  addConvolution(list, {2, 1, 2, 4, 5}, {1, 3, 2, 3, 2}, {1, 1}, {1, 1}, true);
  addConvolution(list, {1, 2, 2, 6, 7}, {2, 2, 2, 2, 3}, {2, 3}, {3, 1});
  addConvolution(list, {2, 1, 1, 28, 28}, {1, 33, 1, 3, 3}, {1, 1}, {1, 1});
  addConvolution(list, {1, 1, 9, 13, 35}, {1, 14, 9, 5, 4}, {1, 1}, {2, 1});
  addConvolution(list, {3, 1, 300, 4, 4}, {1, 5, 300, 2, 2}, {1, 1}, {1, 1});
  addConvolution(list, {2, 1, 40, 9, 12}, {1, 40, 40, 1, 1}, {1, 1}, {1, 1});
  addConvolution(list, {4, 1, 5, 40, 36}, {1, 3, 5, 38, 34}, {1, 1}, {1, 1});
  addConvolution(list, {2, 1, 3, 9, 9}, {1, 17, 3, 3, 3}, {2, 2}, {1, 1});
  // Results that run along the rows of a tile; more than one block.
  addConvolution(list, {2, 1, 20, 9, 27}, {1, 37, 20, 3, 3}, {1, 1}, {1, 1});
  addConvolution(list, {1, 1, 130, 4, 15}, {1, 19, 130, 3, 3}, {1, 1}, {1, 1});
  // 3d
  addConvolution(list, {1, 1, 2, 3, 4, 3}, {1, 2, 2, 2, 2, 2}, {1, 1, 1}, {1, 1, 1}, true);
  addConvolution(list, {2, 3, 1, 5, 6, 7}, {3, 2, 1, 2, 1, 3}, {2, 1, 3}, {1, 1, 2});
  // Nothing
  addConvolution(list, {0, 1, 2, 5}, {1, 3, 2, 2}, {1}, {1});
  addConvolution(list, {2, 0, 2, 5}, {0, 3, 2, 2}, {1}, {1});
  addConvolution(list, {2, 1, 2, 5}, {1, 0, 2, 2}, {1}, {1});
  addConvolution(list, {2, 1, 0, 5}, {1, 3, 0, 2}, {1}, {1});
}

void windowsCases(CaseList& list) {
  for (const WindowsCase& c : windowsList()) {
    const Attrs attrs = windowsOf(c.axes, c.sizes, c.strides, c.dilations);
    const std::string label = "sizes " + c.sizes.str() + " strides " + c.strides.str();
    list.add("wild, " + label, {wild({list.dtype, c.from}, list.generator)}, attrs);
    list.add(label, {list.sample(c.from)}, attrs).smooth = c.from.product() <= 60;
    for (View view : kViews)
      if (c.views)
        list.addViewed(view, {{list.dtype, c.from}}, {true}, attrs,
                       [&](const TensorType& type, size_t) { return list.sample(type); });
  }
}

void overlapAddCases(CaseList& list) {
  for (const WindowsCase& c : windowsList()) {
    Attrs attrs = windowsOf(c.axes, c.sizes, c.strides, c.dilations);
    const TensorType from{list.dtype, c.from};
    const TensorType type = inferType(OpCode::Windows, {&from, 1}, attrs);
    attrs.shape = c.from;
    const std::string label = "strides " + c.strides.str() + " into " + c.from.str();
    list.add("wild, " + label, {wild(type, list.generator)}, attrs);
    list.add(label, {list.sample(type)}, attrs).smooth = type.numel() <= 60;
    for (View view : kViews)
      if (c.views)
        list.addViewed(view, {type}, {true}, attrs,
                       [&](const TensorType& viewed, size_t) { return list.sample(viewed); });
  }
}

} // namespace diptych::suite
