// bf16 and f16 are storage: what computes with them becomes f32 between conversions. So nothing
// behind this pass but loads, stores and conversions knows these types.
#include "passes/Passes.h"

namespace diptych::passes {

#define GEN_PASS_DEF_WIDENHALVES
#include "passes/Passes.h.inc"

using namespace mlir;

static bool isHalfTensor(Value value) { return isHalf(ir::tensorTypeOf(value.getType()).dtype); }

static Value converted(OpBuilder& builder, Location location, Value value, DType dtype) {
  Attrs attrs;
  attrs.dtype = dtype;
  return ir::createOp(builder, location, OpCode::Convert, value, attrs)->getResult(0);
}

static void widen(Operation* op, OpCode code) {
  OpBuilder builder(op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(isHalfTensor(operand) ? converted(builder, op->getLoc(), operand, DType::f32)
                                             : operand);
  Value result = ir::createOp(builder, op->getLoc(), code, operands, ir::attrsOf(op))->getResult(0);
  if (isHalfTensor(op->getResult(0))) {
    const DType dtype = ir::tensorTypeOf(op->getResult(0).getType()).dtype;
    result = converted(builder, op->getLoc(), result, dtype);
    ir::markRounding(result.getDefiningOp());
  }
  op->getResult(0).replaceAllUsesWith(result);
  op->erase();
}

void widenHalves(func::FuncOp function) {
  SmallVector<std::pair<Operation*, OpCode>> found;
  function.walk([&](Operation* op) {
    const std::optional<OpCode> code = ir::opCodeOf(op);
    if (code && info(*code).widensHalves() && llvm::any_of(op->getOperands(), isHalfTensor))
      found.emplace_back(op, *code);
  });
  for (auto [op, code] : found)
    widen(op, code);
}

namespace {
struct WidenHalves : impl::WidenHalvesBase<WidenHalves> {
  void runOnOperation() override { widenHalves(getOperation()); }
};
} // namespace

} // namespace diptych::passes
