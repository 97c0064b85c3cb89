// The operations that sums of products become: views, pointwise products, products of matrices.
#include "passes/SumsOfProducts.h"

#include <bit>

namespace diptych::passes {

using namespace mlir;

namespace {

TensorType typeOf(Value value) { return ir::tensorTypeOf(value.getType()); }

AxisSet unionOf(ArrayRef<Factor> factors) {
  AxisSet set = 0;
  for (const Factor& factor : factors)
    set |= factor.set();
  return set;
}

SmallVector<int, 4> axesOf(AxisSet set) {
  SmallVector<int, 4> axes;
  for (int axis = 0; set >> axis; ++axis)
    if (set >> axis & 1)
      axes.push_back(axis);
  return axes;
}

Shape shapeOf(ArrayRef<int> axes, ArrayRef<int64_t> extents) {
  Shape shape;
  for (int axis : axes)
    shape.push_back(extents[axis]);
  return shape;
}

bool has(const Factor& factor, int axis) { return llvm::is_contained(factor.axes, axis); }

// Whether the axes of each group that the factor has follow each other in it.
bool keepsGroups(const Factor& factor, ArrayRef<SmallVector<int, 4>> groups) {
  for (const auto& group : groups) {
    const auto* place = llvm::find(factor.axes, group.empty() ? -1 : group[0]);
    if (place == factor.axes.end())
      continue;
    for (int axis : group)
      if (place == factor.axes.end() || *place++ != axis)
        return false;
  }
  return true;
}

// Whether there is a group of which it has some axes and lacks others.
bool hasPartOf(const Factor& factor, ArrayRef<SmallVector<int, 4>> groups) {
  return llvm::any_of(groups, [&](const auto& group) {
    const auto own = llvm::count_if(group, [&](int axis) { return has(factor, axis); });
    return own > 0 && own < static_cast<int64_t>(group.size());
  });
}

} // namespace

//===-- Operations ---------------------------------------------------------------------------===//

Value SumsOfProducts::make(OpCode code, ValueRange operands, const Attrs& attrs) {
  std::vector<int64_t> key{static_cast<int64_t>(code), static_cast<int64_t>(operands.size())};
  for (Value operand : operands)
    key.push_back(reinterpret_cast<intptr_t>(operand.getAsOpaquePointer()));
  for (const Dims& list : {attrs.axes, attrs.shape}) {
    key.push_back(list.size());
    key.insert(key.end(), list.begin(), list.end());
  }
  key.insert(key.end(), {attrs.axis, static_cast<int64_t>(attrs.dtype)});
  key.push_back(std::bit_cast<int64_t>(attrs.value.asDouble()));
  Value& known = made_[key];
  fresh_ = !known;
  if (fresh_)
    known = ir::createOp(builder_, builder_.getInsertionPoint()->getLoc(), code, operands, attrs)
                ->getResult(0);
  return known;
}

Value SumsOfProducts::reshape(Value value, const Shape& shape) {
  Attrs attrs;
  attrs.shape = shape;
  return typeOf(value).shape == shape ? value : make(OpCode::Reshape, value, attrs);
}

Value SumsOfProducts::transpose(Value value, const Dims& axes) {
  Attrs attrs;
  attrs.axes = axes;
  return std::is_sorted(axes.begin(), axes.end()) ? value : make(OpCode::Transpose, value, attrs);
}

Value SumsOfProducts::constant(const TensorType& type, double value) {
  Attrs attrs;
  attrs.dtype = type.dtype;
  attrs.shape = type.shape;
  attrs.value = castTo(type.dtype, Scalar(value));
  return make(OpCode::Constant, {}, attrs);
}

Value SumsOfProducts::inverse(Value value) {
  return make(OpCode::Div, {constant(typeOf(value), 1), value});
}

Value SumsOfProducts::identity(int64_t extent, DType dtype) {
  const auto index = [&](int64_t axis) {
    Attrs attrs;
    attrs.dtype = DType::i64, attrs.shape = {extent, extent}, attrs.axis = axis;
    return make(OpCode::Iota, {}, attrs);
  };
  const Value row = index(0), column = index(1);
  Attrs attrs;
  attrs.dtype = dtype;
  const Value result = make(OpCode::Convert, make(OpCode::Eq, {row, column}), attrs);
  identities_.insert(result);
  return result;
}

Value SumsOfProducts::scaled(Value value, double factor) {
  if (factor == 1)
    return value;
  return factor == -1 ? make(OpCode::Neg, value)
                      : make(OpCode::Mul, {value, constant(typeOf(value), factor)});
}

//===-- Products -----------------------------------------------------------------------------===//

// The factor along the given axes, which include its own.
Value SumsOfProducts::spread(const Factor& factor, ArrayRef<int> axes, ArrayRef<int64_t> extents) {
  Dims order, places;
  for (const auto& [place, axis] : llvm::enumerate(axes))
    if (has(factor, axis)) {
      order.push_back(llvm::find(factor.axes, axis) - factor.axes.begin());
      places.push_back(static_cast<int64_t>(place));
    }
  Value turned = transpose(factor.value, order);
  if (axes.size() == factor.axes.size())
    return turned;
  Attrs attrs;
  attrs.axes = places;
  attrs.shape = shapeOf(axes, extents);
  return make(OpCode::Broadcast, turned, attrs);
}

Factor SumsOfProducts::multiply(Factors factors, ArrayRef<int64_t> extents) {
  const AxisSet set = unionOf(factors);
  Factor result{nullptr, axesOf(set)};
  // Axes are in order but for one that is the first of all: nothing is turned then.
  const int front = factors[0].axes.empty() ? 0 : factors[0].axes[0];
  if (llvm::all_of(factors, [&](const Factor& factor) {
        return !factor.axes.empty() && factor.axes[0] == front;
      }))
    std::stable_partition(result.axes.begin(), result.axes.end(),
                          [&](int axis) { return axis == front; });
  for (const Factor& factor : factors)
    if (factor.set() == set) {
      result.axes = factor.axes;
      break;
    }
  for (const Factor& factor : factors) {
    Value next = spread(factor, result.axes, extents);
    result.value = result.value ? make(OpCode::Mul, {result.value, next}) : next;
  }
  return result;
}

Factor SumsOfProducts::sumOf(const Factor& factor, AxisSet over, double& flops) {
  Factor result;
  Attrs attrs;
  for (const auto& [i, axis] : llvm::enumerate(factor.axes))
    if (over >> axis & 1)
      attrs.axes.push_back(static_cast<int64_t>(i));
    else
      result.axes.push_back(axis);
  result.value = make(OpCode::Sum, factor.value, attrs);
  if (fresh_)
    flops += static_cast<double>(typeOf(factor.value).numel());
  return result;
}

// One dimension for each group; the factor has all axes of a group or none.
Value SumsOfProducts::arrangedOne(const Factor& factor, Groups groups, ArrayRef<int64_t> extents) {
  SmallVector<int, 4> order;
  Shape merged, all;
  Dims places;
  for (const auto& [i, group] : llvm::enumerate(groups)) {
    const int64_t extent = shapeOf(group, extents).product();
    all.push_back(extent);
    if (group.empty() || !has(factor, group[0]))
      continue;
    order.append(group.begin(), group.end());
    merged.push_back(extent);
    places.push_back(static_cast<int64_t>(i));
  }
  Value value = factor.value;
  if (keepsGroups(factor, groups)) {
    // Joined first: the turn of a matrix is what later passes know.
    Shape own;
    Dims turn(places.size(), 0);
    for (int axis : factor.axes)
      for (const auto& [place, which] : llvm::enumerate(places))
        if (groups[which][0] == axis) {
          turn[static_cast<int64_t>(place)] = own.size();
          own.push_back(all[which]);
        }
    value = transpose(reshape(value, own), turn);
  } else {
    value = reshape(spread(factor, order, extents), merged);
  }
  Attrs attrs;
  attrs.axes = places;
  attrs.shape = all;
  return typeOf(value).shape == all ? value : make(OpCode::Broadcast, value, attrs);
}

// The product of all factors as a matrix or a batch of them. What is small is multiplied while it
// is small; the large array comes last, so that the product can be made where it is read.
Value SumsOfProducts::arranged(const Factors& given, Groups groups, ArrayRef<int64_t> extents) {
  const AxisSet all = unionOf(given);
  std::map<AxisSet, Factors> bySet;
  for (const Factor& factor : given)
    bySet[factor.set()].push_back(factor);
  Factors parts, partial;
  for (const auto& [set, factors] : bySet) {
    const Factor part = multiply(factors, extents);
    (hasPartOf(part, groups) ? partial : parts).push_back(part);
  }
  // Nobody can view a group that some axes are missing of.
  if (!partial.empty())
    parts.push_back(multiply(partial, extents));
  llvm::stable_sort(parts,
                    [](const Factor& a, const Factor& b) { return a.axes.size() < b.axes.size(); });
  Value value;
  for (size_t i = 0; i < parts.size(); ++i) {
    auto* wider = std::find_if(parts.begin() + i + 1, parts.end(), [&](const Factor& other) {
      return other.set() != all && (parts[i].set() & ~other.set()) == 0;
    });
    if (wider != parts.end()) {
      *wider = multiply({parts[i], *wider}, extents);
      continue;
    }
    // A group is had as a whole or not at all.
    AxisSet set = parts[i].set();
    for (const auto& group : groups)
      if (llvm::any_of(group, [&](int axis) { return has(parts[i], axis); }))
        for (int axis : group)
          set |= AxisSet{1} << axis;
    if (set != parts[i].set()) {
      const auto axes = axesOf(set);
      parts[i] = {spread(parts[i], axes, extents), axes};
    }
    Value next = arrangedOne(parts[i], groups, extents);
    value = value ? make(OpCode::Mul, {value, next}) : next;
  }
  return value;
}

Factor SumsOfProducts::matmul(const Factors& first, const Factors& second, AxisSet over,
                              ArrayRef<int64_t> extents, double& flops) {
  // The larger one may be computed where it is read; else the result is to have its axes in order.
  const auto size = [](const Factors& factors) { return llvm::popcount(unionOf(factors)); };
  const auto firstAxis = [&](const Factors& own, const Factors& other) {
    return llvm::countr_zero(unionOf(own) & ~unionOf(other));
  };
  const bool exchange = size(first) != size(second)
                            ? size(first) > size(second)
                            : firstAxis(first, second) > firstAxis(second, first);
  const Factors &left = exchange ? second : first, &right = exchange ? first : second;
  const AxisSet a = unionOf(left), b = unionOf(right), batch = a & b & ~over;
  const SmallVector<int, 4> batched = axesOf(batch), rows = axesOf(a & ~batch & ~over),
                            summed = axesOf(over), columns = axesOf(b & ~batch & ~over);
  SmallVector<SmallVector<int, 4>> leftGroups, rightGroups;
  if (batch)
    leftGroups.push_back(batched), rightGroups.push_back(batched);
  leftGroups.append({rows, summed});
  rightGroups.append({summed, columns});
  Value product = make(
      OpCode::Matmul, {arranged(left, leftGroups, extents), arranged(right, rightGroups, extents)});
  if (fresh_)
    flops += 2 * static_cast<double>(shapeOf(axesOf(a | b), extents).product());
  Factor result;
  for (const auto* axes : {&batched, &rows, &columns})
    result.axes.append(axes->begin(), axes->end());
  result.value = reshape(product, shapeOf(result.axes, extents));
  return result;
}

//===-- Whole forms --------------------------------------------------------------------------===//

Value SumsOfProducts::materialise(const Form& form, AxisSet gone, const TensorType& type) {
  const SmallVector<int, 4> axes = axesOf(form.all() & ~gone);
  const TensorType whole{type.dtype, shapeOf(axes, form.extents)};
  Value total;
  for (const Term& term : form.terms) {
    Value value;
    for (const Factor& factor : term.factors) {
      Value next = spread(factor, axes, form.extents);
      value = value ? make(OpCode::Mul, {value, next}) : next;
    }
    if (!value)
      value = constant(whole, term.scale);
    else
      value = scaled(value, total && term.scale < 0 ? -term.scale : term.scale);
    if (!total)
      total = value;
    else
      total =
          make(term.scale < 0 && !term.factors.empty() ? OpCode::Sub : OpCode::Add, {total, value});
  }
  return reshape(total, type.shape);
}

void SumsOfProducts::collect(Form& form) {
  const AxisSet all = form.all();
  std::vector<std::pair<Factor, Form>> sums; // W and W' are two
  SmallVector<Term, 4> others;
  for (const Term& term : form.terms) {
    Form rest{form.extents, {{term.scale, {}}}};
    Factor large;
    for (const Factor& factor : term.factors)
      if (factor.set() == all && !large.value)
        large = factor;
      else
        rest.terms[0].factors.push_back(factor);
    if (!large.value || unionOf(rest.terms[0].factors) == all || rest.terms[0].factors.empty()) {
      others.push_back(term);
      continue;
    }
    auto known = llvm::find_if(sums, [&](const auto& sum) {
      return sum.first.value == large.value && sum.first.axes == large.axes;
    });
    if (known == sums.end())
      known = sums.insert(known, {large, Form()});
    known->second.terms.push_back(rest.terms[0]);
  }
  for (auto& [large, sum] : sums) {
    AxisSet set = 0;
    for (const Term& term : sum.terms)
      set |= unionOf(term.factors);
    sum.extents = form.extents;
    if (sum.terms.size() == 1 || set == all) {
      for (Term& term : sum.terms) {
        term.factors.push_back(large);
        others.push_back(term);
      }
      continue;
    }
    const auto axes = axesOf(set);
    const TensorType type{typeOf(large.value).dtype, shapeOf(axes, form.extents)};
    others.push_back({1, {{materialise(sum, all & ~set, type), axes}, large}});
  }
  form.terms = others;
}

} // namespace diptych::passes
