// Values so far along the innermost loop, in the order of the axis: vectors run along the loop
// around it, so that each lane is a chain of its own.
#include "codegen/Lowerings.h"
#include "codegen/NestEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen {

using namespace mlir;

// f32 is carried in f64 and rounded where it is used, as CumulativeEmitter does.
static DType carriedType(const Line& line) {
  return line.dtype == DType::f32 ? DType::f64 : line.dtype;
}

// -0.0 + x is x, whatever x is.
static Scalar nothingYet(DType dtype) { return isFloat(dtype) ? Scalar(-0.0) : Scalar(0); }

void NestEmitter::alongAxis() {
  SmallVector<const Line*> scans;
  Values start;
  for (size_t i = 0; i < spec_.lines.size(); ++i) {
    const Line& line = spec_.lines[i];
    if (!line.isScan())
      continue;
    scans.push_back(&line);
    const DType dtype = carriedType(line);
    Value first = ScalarBuilder(k_.builder(), k_.loc(), dtype).literal(nothingYet(dtype));
    start.push_back(isVector_[i] ? k_.broadcast(first, lanes_) : first);
  }
  k_.loop(k_.i64(0), k_.size(spec_.extents[last_]), 1, start, [&](Value i, ValueRange soFar) {
    index_[last_] = i;
    for (auto [line, value] : llvm::zip(scans, soFar))
      carried_[line] = value;
    emitLines(last_);
    emitStores();
    Values next;
    for (const Line* line : scans)
      next.push_back(carried_[line]);
    return next;
  });
}

// A sum, or a y + b, which begins with b.
Value NestEmitter::scan(const Line& line, ArrayRef<Value> operands) {
  const DType dtype = carriedType(line);
  ScalarBuilder b(k_.builder(), k_.loc(), dtype, contract_);
  const bool isWide = dtype != line.dtype;
  const auto like = [&](Value x, Type element) {
    return isa<VectorType>(x.getType()) ? Type(k_.vectorOf(element, lanes_)) : element;
  };
  Values wide;
  for (Value x : operands)
    wide.push_back(isWide ? b.create<arith::ExtFOp>(like(x, k_.builder().getF64Type()), x) : x);
  Value& soFar = carried_[&line];
  if (wide.size() == 1) {
    soFar = lowerPointwise(OpCode::Add, b, {soFar, wide[0]});
  } else {
    Value none = b.constant(wide[0], 0);
    Value isFirst = k_.less(index_[last_], k_.i64(1));
    Value a = b.create<arith::SelectOp>(isFirst, none, wide[0]);
    soFar = ScalarBuilder::isFloatLike(a)
                ? Value(b.create<math::FmaOp>(a, soFar, wide[1]))
                : b.create<arith::AddIOp>(b.create<arith::MulIOp>(a, soFar), wide[1]);
  }
  return isWide ? b.create<arith::TruncFOp>(like(soFar, k_.builder().getF32Type()), soFar) : soFar;
}

} // namespace diptych::codegen
