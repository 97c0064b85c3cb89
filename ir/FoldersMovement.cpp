// Folds of operators that move elements, and of constants: compositions, identities, splats.
// All keep every bit, since no element is computed.
#include "ir/Dialect.h"

namespace diptych::ir {

namespace {
using Axes = llvm::ArrayRef<int64_t>;

bool isIota(Axes axes) {
  for (const auto& [index, axis] : llvm::enumerate(axes))
    if (axis != static_cast<int64_t>(index))
      return false;
  return true;
}

// A splat has the same elements under any shape.
mlir::OpFoldResult moveSplat(mlir::Attribute x, mlir::Type type) {
  auto dense = llvm::dyn_cast_or_null<mlir::DenseElementsAttr>(x);
  if (!dense || dense.empty() || !dense.isSplat())
    return {};
  return dense.resizeSplat(llvm::cast<mlir::ShapedType>(type));
}

// outer[inner[i]]
llvm::SmallVector<int64_t> composed(Axes outer, Axes inner) {
  llvm::SmallVector<int64_t> result;
  for (int64_t axis : inner)
    result.push_back(outer[axis]);
  return result;
}
} // namespace

mlir::OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

mlir::OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  if (const auto splat = moveSplat(adaptor.getX(), getType()))
    return splat;
  if (auto inner = getX().getDefiningOp<BroadcastOp>()) {
    setAxes(composed(getAxes(), inner.getAxes()));
    setOperand(inner.getX());
    return getResult();
  }
  return {};
}

mlir::OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  if (auto dense = llvm::dyn_cast_or_null<mlir::DenseElementsAttr>(adaptor.getX()))
    return dense.reshape(getType());
  if (auto inner = getX().getDefiningOp<ReshapeOp>()) {
    setOperand(inner.getX());
    return getResult();
  }
  return {};
}

mlir::OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (isIota(getAxes()))
    return getX();
  if (const auto splat = moveSplat(adaptor.getX(), getType()))
    return splat;
  if (auto inner = getX().getDefiningOp<TransposeOp>()) {
    // Output axis i is axis inner[outer[i]] of the first operand.
    setAxes(composed(inner.getAxes(), getAxes()));
    setOperand(inner.getX());
    return getResult();
  }
  return {};
}

mlir::OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  // What lies in one part of a concatenation is a slice of that part.
  if (auto joined = getX().getDefiningOp<ConcatenateOp>()) {
    const auto axis = static_cast<size_t>(joined.getAxis());
    llvm::SmallVector<int64_t> starts(getStarts()), limits(getLimits());
    for (mlir::Value part : joined.getOperands()) {
      const int64_t extent = llvm::cast<mlir::RankedTensorType>(part.getType()).getShape()[axis];
      if (starts[axis] >= 0 && limits[axis] <= extent) {
        setStarts(starts);
        setLimits(limits);
        setOperand(part);
        return getResult();
      }
      starts[axis] -= extent;
      limits[axis] -= extent;
    }
  }
  return moveSplat(adaptor.getX(), getType());
}

mlir::OpFoldResult PadOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  const auto splat = splatOf(adaptor.getX());
  if (splat && *splat == scalarOf(getValue()))
    return moveSplat(adaptor.getX(), getType());
  return {};
}

// Axes reversed once; turning an axis of one element round does nothing.
static llvm::SmallVector<int64_t> reversedOnce(Axes first, Axes second, Axes shape) {
  llvm::SmallVector<int64_t> result;
  for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis)
    if (shape[axis] > 1 && llvm::is_contained(first, axis) != llvm::is_contained(second, axis))
      result.push_back(axis);
  return result;
}

mlir::OpFoldResult ReverseOp::fold(FoldAdaptor adaptor) {
  const auto type = llvm::cast<mlir::RankedTensorType>(getType());
  if (reversedOnce(getAxes(), {}, type.getShape()).empty())
    return getX();
  if (const auto splat = moveSplat(adaptor.getX(), type))
    return splat;
  if (auto inner = getX().getDefiningOp<ReverseOp>()) {
    setAxes(reversedOnce(getAxes(), inner.getAxes(), type.getShape()));
    setOperand(inner.getX());
    return getResult();
  }
  return {};
}

mlir::OpFoldResult ConcatenateOp::fold(FoldAdaptor adaptor) {
  if (getOperands().size() == 1)
    return getOperands().front();
  const mlir::Attribute first = adaptor.getOperands().front();
  const auto splat = splatOf(first);
  for (mlir::Attribute operand : adaptor.getOperands())
    if (!splat || splatOf(operand) != splat)
      return {};
  return moveSplat(first, getType());
}

} // namespace diptych::ir
