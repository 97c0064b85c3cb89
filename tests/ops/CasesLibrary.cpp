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

//===-- Matrices -----------------------------------------------------------------------------===//

/// Numbers of a matrix [m, n]: noise, and a diagonal of different numbers well above it.
Value matrix(CaseList& list, const Shape& batch, int64_t m, int64_t n, bool symmetric = false) {
  Shape shape = batch;
  shape.push_back(m);
  shape.push_back(n);
  const TensorType type{list.dtype, shape};
  std::vector<double> numbers = numbersOf(grid({DType::f64, shape}, -0.4, 0.4, 0, list.generator));
  const auto count = static_cast<int64_t>(numbers.size());
  for (int64_t at = 0; at < count; ++at) {
    const int64_t start = at - at % (m * n), i = at % (m * n) / n, j = at % n;
    if (i == j)
      numbers[static_cast<size_t>(at)] += 1.2 * static_cast<double>(i + 1);
    else if (symmetric && i > j)
      numbers[static_cast<size_t>(at)] = numbers[static_cast<size_t>(start + j * n + i)];
  }
  return fromNumbers(type, numbers);
}

// What is not regular, on numbers of every kind: NaN is asked for, errors are tested elsewhere.
void addWild(CaseList& list, const std::vector<TensorType>& types, Attrs attrs) {
  attrs.set(AttrField::check, false);
  Values inputs;
  for (const TensorType& type : types)
    inputs.push_back(wild(type, list.generator));
  list.add("wild", inputs, attrs);
  for (Value& input : inputs)
    input = fromNumbers(input.type(), {0});
  list.add("zeros", inputs, attrs);
}

void unaryMatrixCases(CaseList& list) {
  const bool square = list.op.typeRule != &typerules::qr && list.op.typeRule != &typerules::svd &&
                      list.op.typeRule != &typerules::pinv;
  const bool symmetric =
      list.op.typeRule == &typerules::squareMatrix || list.op.typeRule == &typerules::eigh;
  Attrs attrs;
  attrs.set(AttrField::check);
  if (list.op.has(AttrField::value))
    attrs.value = castTo(list.dtype, 1e-6);
  const auto add = [&](const Shape& batch, int64_t m, int64_t n, bool smooth) {
    const Value x = matrix(list, batch, m, n, symmetric);
    list.add("sampled", {x}, attrs).smooth = smooth;
    addWild(list, {x.type()}, attrs);
  };
  for (int64_t n : {0, 1, 2, 3, 4, 20})
    add({}, n, n, n > 0 && n < 5);
  add({2, 2}, 3, 3, true);
  add({0}, 2, 2, false);
  if (square)
    return;
  add({}, 5, 3, true);
  add({2}, 4, 1, true);
  add({}, 3, 0, false);
  if (list.op.typeRule == &typerules::pinv) {
    add({}, 2, 4, true);
    add({}, 0, 3, false);
  }
}

void solveCases(CaseList& list) {
  const auto add = [&](const Shape& batch, int64_t n, int64_t k, const Attrs& attrs, bool smooth) {
    const Value a = matrix(list, batch, n, n), b = matrix(list, batch, n, k);
    list.add("sampled", {a, b}, attrs).smooth = smooth;
    addWild(list, {a.type(), b.type()}, attrs);
  };
  const std::vector<AttrField> own = {AttrField::transposed, AttrField::lower, AttrField::unit};
  for (int bits = 0; bits < 8; ++bits) {
    Attrs attrs;
    attrs.set(AttrField::check);
    bool exists = true;
    for (size_t i = 0; i < own.size(); ++i)
      if (bits >> i & 1) {
        exists &= list.op.has(own[i]);
        attrs.set(own[i]);
      }
    if (!exists)
      continue;
    add({}, 3, 2, attrs, true);
    add({2}, 4, 1, attrs, true);
  }
  Attrs attrs;
  attrs.set(AttrField::check);
  for (int64_t n : {0, 1, 30})
    add({}, n, 3, attrs, n == 1);
  add({}, 3, 0, attrs, false);
  add({0}, 3, 2, attrs, false);
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
  else if (list.op.has(AttrField::window))
    rollingCases(list);
  else if (list.op.typeRule == &typerules::argsort)
    argsortCases(list);
  else if (list.op.typeRule == &typerules::solve)
    solveCases(list);
  else
    unaryMatrixCases(list);
}

} // namespace diptych::suite
