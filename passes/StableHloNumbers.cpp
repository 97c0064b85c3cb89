// Pointwise operators that take several operations, and matrices, as StableHLO.
#include "passes/StableHloWriter.h"

#include <cmath>

namespace diptych::passes::hlo {

std::optional<Term> Writer::composite(mlir::Operation* op, OpCode code) {
  if (!info(code).isPointwise())
    return {};
  const Term& x = operand(op, 0);
  const auto number = [&](double value) { return splat(x.type, Scalar(value)); };
  switch (code) {
  case OpCode::Relu: return binary("maximum", x, number(0));
  case OpCode::Atan: return binary("atan2", x, number(1));
  case OpCode::Softplus: return softplus(x);
  case OpCode::Exp2: return binary("power", number(2), x);
  case OpCode::Log2: return binary("divide", unary("log", x), number(std::log(2.0)));
  case OpCode::Log10: return binary("divide", unary("log", x), number(std::log(10.0)));
  case OpCode::Trunc:
    return select(compare("LT", x, number(0)), unary("ceil", x), unary("floor", x));
  case OpCode::NormalCdf: {
    const Term scaled = binary("multiply", x, number(-std::sqrt(0.5)));
    const Term tail =
        line("chlo.erfc " + scaled.name + " : " + text(x.type) + " -> " + text(x.type), x.type);
    return binary("multiply", tail, number(0.5));
  }
  case OpCode::ShiftRight: return shiftRight(x, operand(op, 1));
  case OpCode::Philox: return philox(x, operand(op, 1), operand(op, 2));
  default: return {};
  }
}

// log(1 + exp(-|x|)) + max(x, 0): no overflow.
Term Writer::softplus(const Term& x) {
  const Term tail = unary("log_plus_one", unary("exponential", unary("negate", unary("abs", x))));
  return binary("add", tail, binary("maximum", x, splat(x.type, Scalar(0.0))));
}

// By a number of places that the type does not have, nothing is left.
Term Writer::shiftRight(const Term& x, const Term& places) {
  const Term zero = splat(x.type, Scalar(int64_t{0}));
  const Term width = splat(x.type, Scalar(int64_t{x.element().getIntOrFloatBitWidth()}));
  const Term fits = binary("and", compare("GE", places, zero), compare("LT", places, width));
  const Term moved = binary("shift_right_logical", x, select(fits, places, zero));
  return select(fits, moved, zero);
}

// As codegen/Philox.cpp: words in the lower halves of i64.
Term Writer::philox(const Term& key, const Term& counter, const Term& stream) {
  const auto of = [&](int64_t value) { return splat(key.type, Scalar(value)); };
  const Term mask = of(0xffffffff), half = of(32);
  const auto low = [&](const Term& x) { return binary("and", x, mask); };
  const auto high = [&](const Term& x) { return binary("shift_right_logical", x, half); };
  const auto mixed = [&](const Term& x, const Term& y, const Term& z) {
    return binary("xor", binary("xor", x, y), z);
  };
  const Term left = of(0xD2511F53), right = of(0xCD9E8D57);
  const Term step0 = of(0x9E3779B9), step1 = of(0xBB67AE85);
  Term key0 = low(key), key1 = high(key), c0 = low(counter), c1 = high(counter), c2 = low(stream),
       c3 = high(stream);
  for (int round = 0; round < 10; ++round) {
    if (round > 0) {
      key0 = low(binary("add", key0, step0));
      key1 = low(binary("add", key1, step1));
    }
    const Term p0 = binary("multiply", c0, left), p1 = binary("multiply", c2, right);
    c0 = mixed(high(p1), c1, key0);
    c2 = mixed(high(p0), c3, key1);
    c1 = low(p1);
    c3 = low(p0);
  }
  return binary("or", c0, binary("shift_left", c1, half));
}

//===-- Matrices -----------------------------------------------------------------------------===//

// Of (x + x^T) / 2, in f64; what is above the diagonal is up to who computes it there.
Term Writer::cholesky(const Term& x) {
  const Term wide = convert(x, f64());
  llvm::SmallVector<int64_t> axes = counted(0, x.rank());
  std::swap(axes[x.rank() - 1], axes[x.rank() - 2]);
  const Term half = splat(wide.type, Scalar(0.5));
  const Term symmetric = binary("add", binary("multiply", wide, half),
                                binary("multiply", transpose(wide, axes), half));
  const Term factor = line(
      "stablehlo.cholesky " + symmetric.name + ", lower = true : " + text(wide.type), wide.type);
  const Term below =
      compare("GE", iota(x.type.getShape(), x.rank() - 2), iota(x.type.getShape(), x.rank() - 1));
  return convert(select(below, factor, splat(wide.type, Scalar(0.0))), x.element());
}

Term Writer::triangularSolve(mlir::Operation* op, const Attrs& attrs) {
  const Term &a = operand(op, 0), &b = operand(op, 1);
  const Term wideA = convert(a, f64()), wideB = convert(b, f64());
  const auto truth = [&](AttrField field) { return attrs.flag(field) ? "true" : "false"; };
  const Term x = line("\"stablehlo.triangular_solve\"(" + wideA.name + ", " + wideB.name +
                          ") <{left_side = true, lower = " + truth(AttrField::lower) +
                          ", transpose_a = #stablehlo<transpose " +
                          (attrs.flag(AttrField::transposed) ? "TRANSPOSE" : "NO_TRANSPOSE") +
                          ">, unit_diagonal = " + truth(AttrField::unit) + "}> : (" +
                          text(wideA.type) + ", " + text(wideB.type) + ") -> " + text(wideB.type),
                      wideB.type);
  return convert(x, b.element());
}

} // namespace diptych::passes::hlo
