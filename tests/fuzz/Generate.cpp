// Programs: inputs, steps, outputs, and how a step finds its operands.
#include "Maker.h"

#include <algorithm>

namespace diptych::fuzz {

Shape Maker::shape() {
  static constexpr int64_t extents[] = {1,  2,  3,  3,   4,   5,    7,    16,
                                        17, 33, 64, 130, 300, 1100, 5000, 70000};
  // Half of them of about the size of the largest.
  const int64_t most = recipe_.largest / 3, least = chance(50) ? most / 20 : 0;
  for (int tries = 0; tries < 20; ++tries) {
    Shape shape;
    for (int64_t rank = below(4); rank > 0; --rank)
      shape.push_back(extents[below(std::size(extents))]);
    if (shape.product() < least || shape.product() > most)
      continue;
    if (chance(3) && !shape.empty())
      shape[below(shape.size())] = 0;
    return shape;
  }
  return {5, 2};
}

DType Maker::dtype() {
  if (recipe_.continuous || chance(50))
    return DType::f64;
  return static_cast<DType>(below(kDTypeCount));
}

int Maker::input(const TensorType& type) {
  if (depth_ > 0)
    return splat(type, static_cast<double>(below(4)) - 1);
  const bool wild = recipe_.wild && chance(60);
  program_.steps.push_back(
      {.type = type,
       .data = wild ? suite::wild(type, generator_)
                    : suite::grid(type, -2, 2, static_cast<int>(below(4)), generator_)});
  return count() - 1;
}

int Maker::choose(const std::function<bool(const TensorType&)>& fits) {
  std::vector<int> found;
  for (int i = 0; i < count(); ++i)
    if (fits(at(i).type))
      found.push_back(i);
  if (found.empty())
    return -1;
  const auto n = static_cast<int64_t>(found.size());
  return found[static_cast<size_t>(chance(60) ? std::max(below(n), below(n)) : below(n))];
}

int Maker::add(OpCode code, std::vector<int> operands, const Attrs& attrs) {
  std::vector<TensorType> types;
  for (int operand : operands) {
    if (operand < 0)
      throw Error("nothing fits");
    types.push_back(at(operand).type);
  }
  const TensorType type = inferType(code, types, attrs);
  if (type.numel() > recipe_.largest)
    throw Error("too large");
  program_.steps.push_back(
      {.type = type, .code = code, .operands = std::move(operands), .attrs = attrs});
  return count() - 1;
}

int Maker::splat(const TensorType& type, double value) {
  Attrs attrs;
  attrs.dtype = type.dtype;
  attrs.shape = type.shape;
  attrs.value = castTo(type.dtype, value);
  return add(OpCode::Constant, {}, attrs);
}

int Maker::ofType(const TensorType& type, int percentFound) {
  const int found = choose([&](const TensorType& other) { return other == type; });
  if (found >= 0 && chance(percentFound))
    return found;
  Attrs attrs;
  attrs.shape = type.shape;
  const int reshaped = choose([&](const TensorType& other) {
    return other.dtype == type.dtype && other.numel() == type.numel() && !(other == type);
  });
  if (reshaped >= 0 && chance(70))
    return add(OpCode::Reshape, {reshaped}, attrs);
  // A suffix or a prefix of the shape, repeated.
  const int repeated = choose([&](const TensorType& other) {
    if (other.dtype != type.dtype || other.rank() >= type.rank())
      return false;
    return std::equal(other.shape.begin(), other.shape.end(), type.shape.end() - other.rank());
  });
  if (repeated >= 0 && chance(70)) {
    for (int i = 0; i < at(repeated).type.rank(); ++i)
      attrs.axes.push_back(type.rank() - at(repeated).type.rank() + i);
    return add(OpCode::Broadcast, {repeated}, attrs);
  }
  if (found >= 0)
    return found;
  return chance(50) ? input(type) : splat(type, static_cast<double>(below(4)) - 1);
}

void Maker::steps(int wanted) {
  const auto operators = allOperators();
  int made = 0;
  for (int tries = 0; made < wanted && tries < 20 * wanted; ++tries) {
    const OpInfo& op =
        operators[static_cast<size_t>(below(static_cast<int64_t>(operators.size())))];
    const bool loop = depth_ < 2 && chance(recipe_.control);
    // Pointwise operators are most of the table and half of a program.
    if (!loop && (!usable(op) || (op.isPointwise() && chance(50))))
      continue;
    const Program before = program_;
    try {
      loop ? control() : step(op);
      made += program_.steps.size() > before.steps.size();
    } catch (const Error&) {
      program_ = before; // the type rule refused
    }
  }
}

Program Maker::make() {
  // Input 0 is what transforms differentiate.
  Shape first = shape();
  if (first.product() == 0 || first.product() > 40)
    first = {3, 2};
  input({DType::f64, first});
  for (int64_t more = 1 + below(3); more > 0; --more)
    input({dtype(), shape()});
  steps(recipe_.operators);
  std::vector<bool> used(program_.steps.size());
  for (const Step& step : program_.steps)
    for (int operand : step.operands)
      used[static_cast<size_t>(operand)] = true;
  for (int i = count() - 1; i >= 0 && program_.outputs.size() < 6; --i)
    if (!used[static_cast<size_t>(i)] && !at(i).data)
      program_.outputs.push_back(i);
  program_.outputs.push_back(static_cast<int>(below(count())));
  return program_.pruned();
}

Program generate(uint64_t seed, const Recipe& recipe) {
  suite::Generator generator(seed);
  Program program = Maker(generator, recipe).make();
  program.seed = seed;
  return program;
}

} // namespace diptych::fuzz
