// Operators by family, attributes by type rule; what the type rules refuse is not taken.
#include "Maker.h"

#include <algorithm>

#include "ir/TypeRules.h"

namespace diptych::fuzz {

static bool jumps(const OpInfo& op) {
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
    attrs.shape.insert(place, upTo(100, 4));
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
    attrs.strides.push_back(chance(40) ? upTo(type.shape[i] + 1, 3) : 1);
    attrs.low.push_back(upTo(50, 3) - 1);
    attrs.high.push_back(upTo(50, 3) - 1);
    attrs.interior.push_back(chance(30) ? upTo(6, 3) - 1 : 0);
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
    attrs.sizes.push_back(upTo(type.shape[i], 3));
    attrs.strides.push_back(upTo(type.shape[i] + 2, 3));
    attrs.dilations.push_back(dilation(attrs.sizes.back(), type.shape[i]));
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
  TensorType images{type.dtype, {1, 1, 1}}, kernels{type.dtype, {1, upTo(20, 3), 1}};
  // In front of the spatial axes: the batch, the groups or the channels.
  const int64_t front = below(3), spatial = 1 + below(std::min(3, type.rank()));
  for (int i = 0; i < type.rank(); ++i) {
    const int64_t extent = type.shape[i];
    if (i + spatial < type.rank()) {
      images.shape[front] *= extent;
      if (front > 0)
        kernels.shape[front == 1 ? 0 : 2] *= extent;
      continue;
    }
    images.shape.push_back(extent);
    kernels.shape.push_back(upTo(extent, 3));
    attrs.strides.push_back(upTo(extent + 1, 2));
    attrs.dilations.push_back(dilation(kernels.shape.back(), extent));
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
  add(op.code, {x}, attrs);
}

void Maker::cumulative(const OpInfo& op) {
  const int x =
      choose([&](const TensorType& type) { return op.takes(type.dtype) && type.rank() >= 1; });
  if (x < 0)
    return;
  Attrs attrs;
  attrs.axis = below(at(x).type.rank());
  std::vector<int> operands{x};
  if (op.operandCount == 2)
    operands.insert(operands.begin(), ofType(at(x).type));
  add(op.code, operands, attrs);
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
    indices = input({chance(70) ? DType::i64 : DType::i32, {1 + below(5)}});
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
#pragma clang diagnostic push
#pragma clang diagnostic error "-Wswitch" // a family without a generator ends the build
  switch (op.family) {
  case Family::Pointwise: return pointwise(op);
  case Family::Creation: return creation(op);
  case Family::Movement: return op.has(AttrField::sizes) ? windows(op) : movement(op);
  case Family::OverlapAdd: return windows(op);
  case Family::Convolution: return convolution(op);
  case Family::Reduction:
  case Family::ArgReduction: return reduction(op);
  case Family::Cumulative: return cumulative(op);
  case Family::Matmul: return matmul(op);
  case Family::Gather:
  case Family::ScatterAdd: return indexing(op);
  case Family::Library: return library(op);
  }
#pragma clang diagnostic pop
}

} // namespace diptych::fuzz
