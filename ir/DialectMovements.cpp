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

// Of a transpose, or a reshape by axes of one element: the operand's axis for each of the result's;
// for new ones any.
static std::optional<llvm::SmallVector<int64_t>> renamedAxes(mlir::Operation* op) {
  if (auto turned = llvm::dyn_cast_or_null<TransposeOp>(op))
    return llvm::to_vector(turned.getAxes());
  auto same = llvm::dyn_cast_or_null<ReshapeOp>(op);
  if (!same)
    return std::nullopt;
  const Shape from = shapeOf(same.getX()), to = shapeOf(same.getResult());
  if (!addsOnlyUnits(from, to))
    return std::nullopt;
  llvm::SmallVector<int64_t> axes(static_cast<size_t>(to.size()));
  for (const auto [before, after] : llvm::zip_equal(properAxes(from), properAxes(to)))
    axes[after] = before;
  return axes;
}

bool Origin::step() {
  mlir::Operation* op = value_.getDefiningOp();
  const auto renamed = renamedAxes(op);
  if (!renamed)
    return false;
  for (int64_t& axis : axes_)
    axis = (*renamed)[axis];
  value_ = op->getOperand(0);
  return true;
}

using Orders = llvm::SmallVector<llvm::SmallVector<int64_t>>;

// How readers see a value whose proper axes are these of what it is made of.
static void findOrders(mlir::Value value, const llvm::SmallVector<int64_t>& axes, Orders& orders) {
  const auto proper = properAxes(shapeOf(value));
  for (mlir::OpOperand& use : value.getUses()) {
    mlir::Operation* user = use.getOwner();
    if (auto fusion = llvm::dyn_cast<FusionOp>(user)) {
      findOrders(fusion.getBody().getArgument(use.getOperandNumber()), axes, orders);
    } else if (const auto renamed = renamedAxes(user)) {
      llvm::SmallVector<int64_t> seen;
      for (int64_t axis : properAxes(shapeOf(user->getResult(0))))
        seen.push_back(axes[llvm::find(proper, (*renamed)[axis]) - proper.begin()]);
      findOrders(user->getResult(0), seen, orders);
    } else {
      orders.push_back(axes);
    }
  }
}

llvm::SmallVector<int64_t> orderOfReaders(mlir::Value value) {
  Orders orders;
  findOrders(value, properAxes(shapeOf(value)), orders);
  return orders.empty() || !llvm::all_equal(orders) ? llvm::SmallVector<int64_t>() : orders.front();
}

} // namespace diptych::ir
