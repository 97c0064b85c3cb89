// Chooses operators by family and attributes by type rule; what the type rules refuse is not taken.
#include "Generate.h"

#include <algorithm>

#include "ir/TypeRules.h"
#include "tests/ops/Samples.h"

namespace diptych::fuzz {

namespace {

class Maker {
public:
  Maker(uint64_t seed, const Recipe& recipe) : recipe_(recipe), generator_(seed) {}
  Program make();

private:
  int64_t below(int64_t n) { return static_cast<int64_t>(generator_() % static_cast<uint64_t>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  const Step& at(int i) const { return program_.steps[static_cast<size_t>(i)]; }
  int count() const { return static_cast<int>(program_.steps.size()); }

  Shape shape();
  DType dtype();
  int input(const TensorType& type);
  /// A step for which `fits` holds, recent ones more often; -1: there is none.
  int choose(const std::function<bool(const TensorType&)>& fits);
  /// A step of exactly this type: found, or made by moving or filling.
  int ofType(const TensorType& type, int percentFound = 80);
  /// Adds an operator; throws Error where the type rule refuses or the result is too large.
  int add(OpCode code, std::vector<int> operands, const Attrs& attrs = {});
  int splat(const TensorType& type, double value);
  int indicesBelow(int64_t extent);

  void step(const OpInfo& op);
  void pointwise(const OpInfo& op);
  void creation(const OpInfo& op);
  void movement(const OpInfo& op);
  void reduction(const OpInfo& op);
  void windows(const OpInfo& op);
  void convolution(const OpInfo& op);
  void matmul(const OpInfo& op);
  void indexing(const OpInfo& op);
  bool usable(const OpInfo& op) const;

  const Recipe recipe_;
  suite::Generator generator_;
  Program program_;
};

Shape Maker::shape() {
  static constexpr int64_t extents[] = {1, 2, 3, 3, 4, 5, 7, 16, 17, 33, 64, 130, 1100, 5000};
  Shape shape;
  for (int64_t rank = below(4); rank > 0; --rank)
    shape.push_back(extents[below(std::size(extents))]);
  if (chance(3) && !shape.empty())
    shape[below(shape.size())] = 0;
  return shape.product() <= recipe_.largest / 3 ? shape : Shape{5, 2};
}

DType Maker::dtype() {
  if (recipe_.continuous || chance(50))
    return DType::f64;
  return static_cast<DType>(below(kDTypeCount));
}

int Maker::input(const TensorType& type) {
  const bool wild = recipe_.wild && chance(60);
  program_.steps.push_back({type,
                            wild ? suite::wild(type, generator_)
                                 : suite::grid(type, -2, 2, static_cast<int>(below(4)), generator_),
                            {},
                            {},
                            {}});
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
  program_.steps.push_back({type, {}, code, std::move(operands), attrs});
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

bool jumps(const OpInfo& op) {
  return op.derivative == DerivativeKind::Zero && op.family != Family::Creation;
}

bool Maker::usable(const OpInfo& op) const {
  if (!recipe_.continuous)
    return true;
  return !jumps(op) && op.typeRule != &typerules::convert && op.typeRule != &typerules::where;
}

void Maker::pointwise(const OpInfo& op) {
  const int x = choose([&](const TensorType& type) { return op.takes(type.dtype); });
  if (x < 0)
    return;
  Attrs attrs;
  attrs.dtype = static_cast<DType>(below(kDTypeCount));
  const TensorType type = at(x).type;
  std::vector<int> operands{x};
  while (static_cast<int>(operands.size()) < op.operandCount)
    operands.push_back(ofType(type));
  if (chance(30))
    std::reverse(operands.begin(), operands.end());
  // Where numbers shall stay numbers: into [0.5, 1.5], which every domain holds.
  if (!recipe_.wild && op.domainLow > -1 && op.domainLow < op.domainHigh)
    for (int& operand : operands)
      operand = add(OpCode::Add, {add(OpCode::Sigmoid, {operand}), splat(type, 0.5)});
  if (op.typeRule == &typerules::where) {
    operands[0] = choose([&](const TensorType& other) {
      return other.dtype == DType::boolean && other.shape == type.shape;
    });
    if (operands[0] < 0)
      operands[0] = isFloat(type.dtype) || isInteger(type.dtype)
                        ? add(chance(50) ? OpCode::Lt : OpCode::Ge, {operands[1], operands[2]})
                        : input({DType::boolean, type.shape});
  }
  add(op.code, operands, attrs);
}

void Maker::creation(const OpInfo& op) {
  Attrs attrs;
  attrs.dtype = dtype();
  attrs.shape = shape();
  if (op.has(AttrField::axis)) {
    attrs.axis = below(std::max(1, attrs.shape.size()));
    add(op.code, {}, attrs);
  } else {
    splat({attrs.dtype, attrs.shape}, static_cast<double>(below(7)) - 3);
  }
}

void Maker::movement(const OpInfo& op) {
  const int x = choose([](const TensorType&) { return true; });
  const TensorType type = at(x).type;
  const int rank = type.rank();
  Attrs attrs;
  std::vector<int> operands{x};
  Dims order;
  for (int i = 0; i < rank; ++i)
    order.push_back(i);
  std::shuffle(order.begin(), order.end(), generator_);
  if (op.typeRule == &typerules::broadcast) {
    attrs.shape = type.shape;
    const int64_t place = below(rank + 1);
    attrs.shape.insert(place, 1 + below(4));
    for (int i = 0; i < rank; ++i)
      attrs.axes.push_back(i < place ? i : i + 1);
  } else if (op.typeRule == &typerules::reshape) {
    attrs.shape = chance(30) ? Shape{type.numel()} : type.shape;
    for (int i = 0; i < rank; ++i)
      if (attrs.shape.size() == rank)
        attrs.shape[i] = type.shape[order[i]];
    if (chance(40) && rank < 5)
      attrs.shape.insert(below(attrs.shape.size() + 1), 1);
  } else if (op.typeRule == &typerules::transpose) {
    attrs.axes = order;
  } else if (op.typeRule == &typerules::reverse) {
    for (int i = 0; i < rank; ++i)
      if (chance(60))
        attrs.axes.push_back(i);
  } else if (op.typeRule == &typerules::concatenate) {
    attrs.axis = below(std::max(1, rank));
    for (int64_t more = below(3); more > 0; --more)
      operands.push_back(ofType(type));
  }
  for (int i = 0; i < rank; ++i) {
    const int64_t start = below(type.shape[i] + 1);
    attrs.starts.push_back(chance(50) ? 0 : start);
    attrs.limits.push_back(chance(50) ? type.shape[i] : std::max(start, below(type.shape[i] + 1)));
    attrs.strides.push_back(1 + (chance(40) ? below(3) : 0));
    attrs.low.push_back(below(3));
    attrs.high.push_back(below(3));
    attrs.interior.push_back(chance(30) ? below(3) : 0);
  }
  attrs.value = castTo(type.dtype, isFloat(type.dtype) ? 0.5 : 1.0);
  add(op.code, operands, attrs);
}

// Windows on some of the axes that have elements.
void Maker::windows(const OpInfo& op) {
  const int x = choose([](const TensorType& type) { return type.rank() >= 1 && type.rank() <= 4; });
  if (x < 0)
    return;
  Attrs attrs;
  const TensorType type = at(x).type;
  for (int i = 0; i < type.rank(); ++i) {
    if (type.shape[i] == 0 || chance(50))
      continue;
    attrs.axes.push_back(i);
    attrs.sizes.push_back(1 + below(std::min<int64_t>(3, type.shape[i])));
    attrs.strides.push_back(1 + below(3));
    attrs.dilations.push_back(attrs.sizes.back() * 2 <= type.shape[i] ? 1 + below(2) : 1);
  }
  const TensorType result = inferType(OpCode::Windows, {&type, 1}, attrs);
  if (result.numel() > recipe_.largest)
    return;
  if (op.code == OpCode::Windows) {
    add(op.code, {x}, attrs);
    return;
  }
  attrs.shape = type.shape;
  if (op.takes(type.dtype))
    add(op.code, {ofType(result)}, attrs);
}

void Maker::convolution(const OpInfo& op) {
  const int x = choose([&](const TensorType& type) {
    return op.takes(type.dtype) && type.rank() >= 1 && type.rank() <= 4 && type.numel() > 0;
  });
  if (x < 0)
    return;
  const TensorType type = at(x).type;
  Attrs attrs;
  TensorType images{type.dtype, {1, 1, 1}}, kernels{type.dtype, {1, 1 + below(3), 1}};
  for (int i = 0; i < type.rank(); ++i) {
    const bool spatial = i + 3 >= type.rank();
    const int64_t extent = type.shape[i];
    if (!spatial) {
      images.shape[2] = kernels.shape[2] = extent;
      continue;
    }
    images.shape.push_back(extent);
    kernels.shape.push_back(1 + below(std::min<int64_t>(3, extent)));
    attrs.strides.push_back(1 + below(2));
    attrs.dilations.push_back(kernels.shape.back() * 2 <= extent ? 1 + below(2) : 1);
  }
  Attrs reshaped;
  reshaped.shape = images.shape;
  add(op.code, {add(OpCode::Reshape, {x}, reshaped), ofType(kernels)}, attrs);
}

void Maker::reduction(const OpInfo& op) {
  const int x = choose([&](const TensorType& type) { return op.takes(type.dtype); });
  if (x < 0)
    return;
  Attrs attrs;
  const int rank = at(x).type.rank();
  attrs.axis = below(std::max(1, rank));
  for (int i = 0; i < rank; ++i)
    if (chance(50))
      attrs.axes.push_back(i);
  attrs.set(AttrField::descending, op.has(AttrField::descending) && chance(50));
  add(op.code, {x}, attrs);
}

void Maker::matmul(const OpInfo& op) {
  const int x =
      choose([&](const TensorType& type) { return op.takes(type.dtype) && type.rank() >= 2; });
  if (x < 0)
    return;
  const TensorType type = at(x).type;
  const int rank = type.rank();
  int y = choose([&](const TensorType& other) {
    return other.dtype == type.dtype && other.rank() == rank &&
           other.shape[rank - 2] == type.shape[rank - 1] &&
           std::equal(type.shape.begin(), type.shape.end() - 2, other.shape.begin());
  });
  if (y < 0 || chance(30)) {
    Attrs attrs;
    for (int i = 0; i < rank; ++i)
      attrs.axes.push_back(i);
    std::swap(attrs.axes[rank - 1], attrs.axes[rank - 2]);
    y = add(OpCode::Transpose, {ofType(type)}, attrs);
  }
  add(op.code, {x, y});
}

// Any integers, brought into range.
int Maker::indicesBelow(int64_t extent) {
  int indices = choose([](const TensorType& type) { return isInteger(type.dtype); });
  if (indices < 0)
    indices = input({DType::i64, {1 + below(5)}});
  const TensorType type = at(indices).type;
  const int above = add(OpCode::Maximum, {indices, splat(type, 0)});
  return add(OpCode::Minimum, {above, splat(type, static_cast<double>(extent - 1))});
}

void Maker::indexing(const OpInfo& op) {
  const int x =
      choose([&](const TensorType& type) { return op.takes(type.dtype) && type.rank() >= 1; });
  if (x < 0)
    return;
  Attrs attrs;
  attrs.axis = below(at(x).type.rank());
  const int64_t extent = at(x).type.shape[attrs.axis];
  if (extent == 0)
    return;
  const int indices = indicesBelow(extent);
  if (op.family == Family::Gather) {
    add(op.code, {x, indices}, attrs);
    return;
  }
  const TensorType types[] = {at(x).type, at(indices).type};
  const TensorType updates = inferType(OpCode::Gather, types, attrs);
  if (updates.numel() <= recipe_.largest)
    add(op.code, {x, indices, ofType(updates)}, attrs);
}

void Maker::step(const OpInfo& op) {
  switch (op.family) {
  case Family::Pointwise: return pointwise(op);
  case Family::Creation: return creation(op);
  case Family::Movement: return op.has(AttrField::sizes) ? windows(op) : movement(op);
  case Family::OverlapAdd: return windows(op);
  case Family::Convolution: return convolution(op);
  case Family::Reduction:
  case Family::ArgReduction: return reduction(op);
  case Family::Matmul: return matmul(op);
  case Family::Gather:
  case Family::ScatterAdd: return indexing(op);
  case Family::Library:
    if (op.has(AttrField::axis)) // one operand, any numbers
      return reduction(op);
    return;
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
  const auto operators = allOperators();
  int made = 0;
  for (int tries = 0; made < recipe_.operators && tries < 20 * recipe_.operators; ++tries) {
    const OpInfo& op =
        operators[static_cast<size_t>(below(static_cast<int64_t>(operators.size())))];
    // Pointwise operators are most of the table and half of a program.
    if (!usable(op) || (op.isPointwise() && chance(50)))
      continue;
    const Program before = program_;
    try {
      step(op);
      made += program_.steps.size() > before.steps.size();
    } catch (const Error&) {
      program_ = before; // the type rule refused
    }
  }
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

} // namespace

Program generate(uint64_t seed, const Recipe& recipe) { return Maker(seed, recipe).make(); }

} // namespace diptych::fuzz
