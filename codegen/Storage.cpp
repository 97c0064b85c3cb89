// Movements as arithmetic on indices: the operand's index from the result's.
#include "codegen/Storage.h"

#include "ir/DialectMovements.h"
#include "ir/Steps.h"

namespace diptych::codegen {

Dims stridesInOrder(const Shape& shape, llvm::ArrayRef<int64_t> axes) {
  Dims strides = contiguousStrides(shape);
  int64_t stride = 1;
  for (int64_t axis : llvm::reverse(axes)) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

bool Storage::isContiguous() const {
  int64_t expected = 1;
  for (int i = type.rank() - 1; i >= 0; --i) {
    if (type.shape[i] != 1 && strides[i] != expected)
      return false;
    expected *= type.shape[i];
  }
  return !splat;
}

IndexMap IndexMap::identity(int rank) {
  IndexMap map;
  for (int i = 0; i < rank; ++i)
    map.axes.push_back(Axis::of(i));
  return map;
}

IndexMap::Axis IndexMap::Axis::scaled(int64_t factor) const {
  Axis result = *this;
  result.offset *= factor;
  for (Term& term : result.terms)
    term.scale *= factor;
  return result;
}

IndexMap::Axis IndexMap::Axis::plus(const Axis& other) const {
  Axis result = *this;
  result.offset += other.offset;
  result.terms.append(other.terms);
  return result;
}

// Axis [o, k] of the result is o * stride + k * dilation of the operand.
static IndexMap throughWindows(const Attrs& attrs, const IndexMap& result, int rank) {
  IndexMap map;
  for (int i = 0, from = 0; i < rank; ++i, ++from) {
    const int which = from - i;
    if (which == attrs.axes.size() || attrs.axes[which] != i) {
      map.axes.push_back(result.axes[from]);
      continue;
    }
    map.axes.push_back(result.axes[from]
                           .scaled(attrs.strides[which])
                           .plus(result.axes[from + 1].scaled(attrs.dilations[which])));
    ++from;
  }
  return map;
}

// Axes of size 1 come and go; the others keep their order.
static IndexMap throughUnitReshape(const Shape& operand, const Shape& result, const IndexMap& map) {
  IndexMap through;
  int from = 0;
  for (int64_t extent : operand) {
    if (extent == 1) {
      through.axes.push_back({});
      continue;
    }
    while (result[from] == 1)
      ++from;
    through.axes.push_back(map.axes[from++]);
  }
  return through;
}

IndexMap throughMovement(OpCode code, const Attrs& attrs, const Shape& operand,
                         const IndexMap& result) {
  IndexMap map;
  map.axes.resize(operand.size());
  switch (code) {
  case OpCode::Broadcast:
    for (int i = 0; i < operand.size(); ++i)
      map.axes[i] = result.axes[attrs.axes[i]];
    return map;
  case OpCode::Transpose:
    for (int i = 0; i < operand.size(); ++i)
      map.axes[attrs.axes[i]] = result.axes[i];
    return map;
  case OpCode::Slice:
    for (int i = 0; i < operand.size(); ++i) {
      map.axes[i] = result.axes[i].scaled(stepWithin(attrs.strides[i], operand[i]));
      map.axes[i].offset += attrs.starts[i];
    }
    return map;
  case OpCode::Reverse:
    map = result;
    for (int64_t i : attrs.axes) {
      IndexMap::Axis& axis = map.axes[i];
      axis = axis.scaled(-1);
      axis.offset += operand[i] - 1;
    }
    return map;
  case OpCode::Windows: return throughWindows(attrs, result, operand.size());
  case OpCode::Reshape: return throughUnitReshape(operand, attrs.shape, result);
  default: throw Error(std::string("internal: ") + info(code).name + " is no index map");
  }
}

std::optional<Storage> viewOf(OpCode code, const Attrs& attrs, const Storage& operand,
                              const TensorType& result) {
  Storage view = operand;
  view.type = result;
  if (code == OpCode::Pad || code == OpCode::Concatenate)
    return std::nullopt;
  if (operand.splat)
    return view;
  if (code == OpCode::Reshape && operand.isContiguous()) {
    view.strides = contiguousStrides(result.shape);
    return view;
  }
  if (code == OpCode::Reshape && !ir::addsOnlyUnits(operand.type.shape, result.shape))
    return std::nullopt;
  const IndexMap map =
      throughMovement(code, attrs, operand.type.shape, IndexMap::identity(result.rank()));
  view.strides = Dims(result.rank(), 0);
  for (int i = 0; i < operand.type.rank(); ++i) {
    const IndexMap::Axis& axis = map.axes[i];
    view.offset += operand.strides[i] * axis.offset;
    for (const IndexMap::Term& term : axis.terms)
      view.strides[term.loop] += operand.strides[i] * term.scale;
  }
  return view;
}

} // namespace diptych::codegen
