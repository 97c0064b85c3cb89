// Movements as arithmetic on indices: the operand's index from the result's.
#include "codegen/Storage.h"

namespace diptych::codegen {

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
    map.axes.push_back({i, 1, 0});
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
      const IndexMap::Axis& axis = result.axes[i];
      map.axes[i] = {axis.loop, axis.scale * attrs.strides[i],
                     axis.offset * attrs.strides[i] + attrs.starts[i]};
    }
    return map;
  case OpCode::Reverse:
    map = result;
    for (int64_t i : attrs.axes) {
      IndexMap::Axis& axis = map.axes[i];
      axis = {axis.loop, -axis.scale, operand[i] - 1 - axis.offset};
    }
    return map;
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
  if (code == OpCode::Reshape) {
    if (!operand.isContiguous())
      return std::nullopt;
    view.strides = contiguousStrides(result.shape);
    return view;
  }
  const IndexMap map =
      throughMovement(code, attrs, operand.type.shape, IndexMap::identity(result.rank()));
  view.strides = Dims(result.rank(), 0);
  for (int i = 0; i < operand.type.rank(); ++i) {
    const IndexMap::Axis& axis = map.axes[i];
    view.offset += operand.strides[i] * axis.offset;
    if (axis.loop >= 0)
      view.strides[axis.loop] += operand.strides[i] * axis.scale;
  }
  return view;
}

} // namespace diptych::codegen
