// What reads sums from an axis' end goes in the order of these sums, so that it joins their kernel:
// f(reverse(s), x) is reverse(f(s, reverse(x))). Moves elements only; no bit changes.
#include "passes/TurnScans.h"

#include "passes/FusionRoles.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

namespace diptych::passes {

using namespace mlir;

namespace {

/// In which order of an axis a value comes out of a kernel, and how many kernels of other orders
/// have to come before it.
struct Course {
  enum class Order { any, forwards, backwards };
  Order order = Order::any;
  int64_t axis = -1;
  int level = 0;

  bool isBackwards() const { return order == Order::backwards; }
};

class Turning {
public:
  Turning(Block& block, const FusionOptions& options) : block_(block) {
    for (Operation& op : block)
      if (isScan(&op, options.choices))
        scans_.insert(&op);
  }

  void run() {
    if (scans_.empty())
      return;
    for (Operation& op : llvm::make_early_inc_range(block_.without_terminator()))
      if (op.getNumResults() == 1)
        visit(&op);
    for (Operation* op : llvm::reverse(replaced_)) // users before what they read
      if (op->use_empty())
        op->erase();
  }

private:
  using Order = Course::Order;

  void visit(Operation* op) {
    const Course operands = courseOfOperands(op);
    Course& course = courses_[op->getResult(0)];
    course = {.level = operands.level + (operands.order != Order::any)};
    if (scans_.contains(op)) {
      const int64_t axis = ir::attrsOf(op).axis;
      const bool inStep = operands.order == Order::any ||
                          (operands.order == Order::forwards && operands.axis == axis);
      course = {Order::forwards, axis, operands.level + !inStep};
    } else if (const std::optional<int64_t> axis = reversedAxis(op)) {
      visitReverse(op, *axis);
    } else if (roleOf(op) == Role::Pointwise) {
      course = operands;
      if (operands.isBackwards())
        turn(op, operands);
    }
  }

  // Of operands that take the most kernels those that go forwards decide.
  Course courseOfOperands(Operation* op) {
    Course found;
    for (Value operand : op->getOperands()) {
      const Course course = courses_.lookup(operand);
      found.level = std::max(found.level, course.level);
    }
    int deepest = -1;
    for (Value operand : op->getOperands()) {
      const Course course = courses_.lookup(operand);
      if (course.order == Order::any || course.level < deepest)
        continue;
      if (course.level > deepest || !course.isBackwards())
        found.order = course.order, found.axis = course.axis;
      deepest = course.level;
    }
    return found;
  }

  void visitReverse(Operation* op, int64_t axis) {
    Value operand = op->getOperand(0);
    Operation* source = operand.getDefiningOp();
    if (source && reversedAxis(source) == axis) {
      replaced_.insert(source);
      op->getResult(0).replaceAllUsesWith(source->getOperand(0));
      replaced_.insert(op);
      return;
    }
    Course course = courses_.lookup(operand);
    if (course.axis == axis)
      course.order = course.isBackwards() ? Order::forwards : Order::backwards;
    courses_[op->getResult(0)] = course;
  }

  // The axis that alone is reversed.
  static std::optional<int64_t> reversedAxis(Operation* op) {
    if (ir::opCodeOf(op) != OpCode::Reverse)
      return std::nullopt;
    const Attrs attrs = ir::attrsOf(op);
    return attrs.axes.size() == 1 ? std::optional(attrs.axes[0]) : std::nullopt;
  }

  void turn(Operation* op, const Course& course) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(reversed(operand, course.axis));
    OpBuilder builder(op);
    Operation* along = builder.clone(*op);
    along->setOperands(operands);
    courses_[along->getResult(0)] = {Order::forwards, course.axis, course.level};
    const Value back = reversed(along->getResult(0), course.axis);
    courses_[back] = course;
    op->getResult(0).replaceAllUsesWith(back);
    replaced_.insert(op);
  }

  Value reversed(Value value, int64_t axis) {
    Operation* source = value.getDefiningOp();
    if (source && reversedAxis(source) == axis) {
      replaced_.insert(source);
      return source->getOperand(0);
    }
    if (source && isConstantAlong(source, axis))
      return value;
    if (const Value made = reversed_.lookup({value, axis}))
      return made;
    if (source && value.hasOneUse() && (isa<ir::PadOp>(source) || readsPads(source)))
      return reversed_[{value, axis}] = computedBackwards(source, axis);
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    Attrs attrs;
    attrs.axes = {axis};
    Operation* reverse = ir::createOp(builder, value.getLoc(), OpCode::Reverse, value, attrs);
    replaced_.insert(reverse);
    return reversed_[{value, axis}] = reverse->getResult(0);
  }

  static bool readsPads(Operation* op) {
    return roleOf(op) == Role::Pointwise && llvm::any_of(op->getOperands(), [](Value operand) {
             return operand.getDefiningOp<ir::PadOp>() && operand.hasOneUse();
           });
  }

  // From its end a pad is one of the other end, which can still join the kernel that reads it.
  Value computedBackwards(Operation* op, int64_t axis) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(reversed(operand, axis));
    Attrs attrs = ir::attrsOf(op);
    if (isa<ir::PadOp>(op))
      std::swap(attrs.low[axis], attrs.high[axis]);
    replaced_.insert(op);
    OpBuilder builder(op);
    return ir::createOp(builder, op->getLoc(), *ir::opCodeOf(op), operands, attrs)->getResult(0);
  }

  static bool isConstantAlong(Operation* op, int64_t axis) {
    if (ir::opCodeOf(op) == OpCode::Constant)
      return roleOf(op) == Role::Creation;
    auto wide = dyn_cast<ir::BroadcastOp>(op);
    return wide && !llvm::is_contained(wide.getAxes(), axis);
  }

  Block& block_;
  llvm::DenseSet<Operation*> scans_;
  llvm::DenseMap<Value, Course> courses_;
  llvm::DenseMap<std::pair<Value, int64_t>, Value> reversed_;
  llvm::SetVector<Operation*> replaced_; // which may lose their uses
};

} // namespace

void turnScans(Block& block, const FusionOptions& options) { Turning(block, options).run(); }

} // namespace diptych::passes
