// Chains of movements, followed from the result to what they begin with.
#include "ir/DialectMovements.h"

#include "llvm/ADT/STLExtras.h"

namespace diptych::ir {

static Shape shapeOf(mlir::Value value) { return tensorTypeOf(value.getType()).shape; }

llvm::SmallVector<int64_t> properAxes(const Shape& shape) {
  llvm::SmallVector<int64_t> axes;
  for (int axis = 0; axis < shape.size(); ++axis)
    if (shape[axis] != 1)
      axes.push_back(axis);
  return axes;
}

bool addsOnlyUnits(const Shape& from, const Shape& to) {
  return llvm::equal(properAxes(from), properAxes(to),
                     [&](int64_t a, int64_t b) { return from[a] == to[b]; });
}

static std::optional<Pieces> paddedPieces(PadOp pad) {
  const Attrs attrs = attrsOf(pad);
  const Shape shape = shapeOf(pad.getX());
  std::optional<Pieces> pieces;
  for (int axis = 0; axis < shape.size(); ++axis) {
    const int64_t low = attrs.low[axis], high = attrs.high[axis];
    if (low < 0 || high < 0 || attrs.interior[axis] != 0 || (pieces && (low || high)))
      return std::nullopt;
    if (low || high)
      pieces = {axis, {low, low + shape[axis]}};
  }
  return pieces;
}

std::optional<Pieces> piecesOf(mlir::Operation* op) {
  if (auto pad = llvm::dyn_cast<PadOp>(op))
    return paddedPieces(pad);
  auto joined = llvm::dyn_cast<ConcatenateOp>(op);
  if (!joined)
    return std::nullopt;
  Pieces pieces{attrsOf(joined).axis, {}};
  int64_t begin = 0;
  for (mlir::Value operand : joined->getOperands().drop_back())
    pieces.cuts.push_back(begin += shapeOf(operand)[pieces.axis]);
  return pieces;
}

Origin::Origin(mlir::Value value)
    : value_(value), axes_(properAxes(shapeOf(value))), own_(value.hasOneUse()) {
  while (step()) {
    ++steps_;
    own_ = own_ && value_.hasOneUse();
  }
}

bool Origin::step() {
  if (auto turned = value_.getDefiningOp<TransposeOp>()) {
    for (int64_t& axis : axes_)
      axis = turned.getAxes()[axis];
    value_ = turned.getX();
    return true;
  }
  auto same = value_.getDefiningOp<ReshapeOp>();
  if (!same)
    return false;
  const Shape from = shapeOf(same.getX()), to = shapeOf(value_);
  if (!addsOnlyUnits(from, to))
    return false;
  const auto before = properAxes(from), after = properAxes(to);
  for (int64_t& axis : axes_)
    axis = before[llvm::find(after, axis) - after.begin()];
  value_ = same.getX();
  return true;
}

} // namespace diptych::ir
