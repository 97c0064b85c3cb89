// Pointwise operators and creation.
#include "Cases.h"

#include <diptych/Tensor.h>

#include <cmath>

#include "ir/TypeRules.h"

namespace diptych::suite {

namespace {

// Dtypes of the operands: the row's, but for the condition of a selection.
std::vector<TensorType> operandTypes(const CaseList& list, const Shape& shape) {
  std::vector<TensorType> types(static_cast<size_t>(list.op.operandCount), {list.dtype, shape});
  if (list.op.typeRule == &typerules::where)
    types[0].dtype = DType::boolean;
  return types;
}

// Every combination of special values.
void addSpecials(CaseList& list, const Attrs& attrs) {
  const std::vector<TensorType> types = operandTypes(list, {});
  int64_t count = 1;
  for (const TensorType& type : types)
    count *= specials(type.dtype).type().numel();
  Values inputs;
  int64_t period = 1;
  for (const TensorType& type : types) {
    inputs.push_back(specialsEvery(type.dtype, count, period));
    period *= specials(type.dtype).type().numel();
  }
  list.add("specials", inputs, attrs);
}

void addCases(CaseList& list, const Attrs& attrs) {
  addSpecials(list, attrs);
  Values anything;
  for (const TensorType& type : operandTypes(list, {4100}))
    anything.push_back(wild(type, list.generator));
  list.add("wild", anything, attrs);
  const auto make = [&](const TensorType& type, size_t i) {
    return list.sample(type, static_cast<int>(i));
  };
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{7}, Shape{16}, Shape{17}, Shape{40},
                             Shape{4100}, Shape{0}, Shape{3, 0}, Shape{7, 17}, Shape{2, 3, 17}}) {
    const std::vector<TensorType> types = operandTypes(list, shape);
    Values inputs;
    for (size_t i = 0; i < types.size(); ++i)
      inputs.push_back(make(types[i], i));
    list.add("sampled", inputs, attrs).smooth = shape.product() <= 64;
  }
  const std::vector<TensorType> types = operandTypes(list, {3, 4, 5});
  for (View view : kViews) {
    for (size_t only = 0; only < types.size() && types.size() > 1; ++only) {
      std::vector<bool> viewed(types.size());
      viewed[only] = true;
      list.addViewed(view, types, viewed, attrs, make);
    }
    list.addViewed(view, types, std::vector<bool>(types.size(), true), attrs, make);
  }
}

} // namespace

void pointwiseCases(CaseList& list) {
  if (!list.op.attributes.empty())
    throw Error(std::string(list.op.name) + ": the suite cannot sample attributes of a pointwise "
                                            "operator; teach tests/ops/CasesPointwise.cpp");
  if (list.op.typeRule != &typerules::convert)
    return addCases(list, {});
  for (int to = 0; to < kDTypeCount; ++to) {
    Attrs attrs;
    attrs.dtype = static_cast<DType>(to);
    addCases(list, attrs);
  }
}

void creationCases(CaseList& list) {
  for (const Shape& shape :
       {Shape{}, Shape{1}, Shape{17}, Shape{0}, Shape{3, 40}, Shape{2, 3, 5}}) {
    Attrs attrs;
    attrs.dtype = list.dtype;
    attrs.shape = shape;
    if (list.op.has(AttrField::axis)) {
      for (attrs.axis = 0; attrs.axis < shape.size() && list.dtype != DType::boolean; ++attrs.axis)
        list.add("axis " + std::to_string(attrs.axis) + " of " + shape.str(), {}, attrs);
      continue;
    }
    for (double number : numbersOf(specials(list.dtype))) {
      if (!isFloat(list.dtype) && std::abs(number) > 9e18)
        continue;
      attrs.value = isFloat(list.dtype) ? Scalar(number) : Scalar(static_cast<int64_t>(number));
      list.add("splat " + std::to_string(number) + " of " + shape.str(), {}, attrs);
      if (shape.product() > 1)
        break;
    }
    auto literal = std::make_shared<Literal>();
    literal->type = {list.dtype, shape};
    const Tensor numbers{wild(literal->type, list.generator)};
    const auto* bytes = static_cast<const std::byte*>(detail::data(numbers, list.dtype, {}));
    literal->bytes.assign(bytes, bytes + literal->type.bytes());
    attrs.literal = literal;
    list.add("literal of " + shape.str(), {}, attrs);
  }
}

} // namespace diptych::suite
