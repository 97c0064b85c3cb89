// The steps of the cumulative family, told from the operators' table.
#include "codegen/Scans.h"

#include "codegen/Emit.h"
#include "ir/TypeRules.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen {

using namespace mlir;

bool givesPlaces(OpCode code) { return info(code).typeRule == &typerules::argCumulative; }

DType carriedType(OpCode code, DType operand) {
  return operand == DType::f32 && !givesPlaces(code) ? DType::f64 : operand;
}

static Type typeLike(Value x, Type element) {
  auto vector = dyn_cast<VectorType>(x.getType());
  return vector ? Type(VectorType::get(vector.getShape(), element)) : element;
}

Value carried(ScalarBuilder& b, OpCode code, Value x) {
  if (givesPlaces(code) || !getElementTypeOrSelf(x.getType()).isF32())
    return x;
  return b.create<arith::ExtFOp>(typeLike(x, Float64Type::get(x.getContext())), x);
}

SmallVector<Value> scanStep(ScalarBuilder& b, OpCode code, ArrayRef<Value> x, ValueRange before,
                            Value place) {
  const OpInfo& op = info(code);
  if (givesPlaces(code)) {
    Value won = extremumWins(b, op.combiner == OpCode::Maximum, x[0], before[0]);
    return {b.select(won, x[0], before[0]), b.select(won, place, before[1])};
  }
  if (x.size() == 1)
    return {lowerPointwise(op.combiner, b, {before[0], x[0]})};
  if (ScalarBuilder::isFloatLike(x[0]))
    return {b.create<math::FmaOp>(x[0], before[0], x[1])};
  return {b.create<arith::AddIOp>(b.create<arith::MulIOp>(x[0], before[0]), x[1])};
}

Value scanResult(ScalarBuilder& b, OpCode code, DType operand, ValueRange state) {
  Value y = state.back();
  if (carriedType(code, operand) == operand)
    return y;
  return b.create<arith::TruncFOp>(typeLike(y, Float32Type::get(y.getContext())), y);
}

} // namespace diptych::codegen
