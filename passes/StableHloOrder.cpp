// Operators that look for something, or go along an axis in order, as StableHLO.
#include "passes/StableHloWriter.h"

namespace diptych::passes::hlo {

// The least index of those equal to the extreme; NaN is the extreme where there is one.
Term Writer::argReduction(const Term& x, int64_t axis, bool largest) {
  const llvm::SmallVector<int64_t> others = allBut(axis, x.rank());
  const Term extreme = reduce(x, largest ? OpCode::Maximum : OpCode::Minimum, {axis});
  Term found = compare("EQ", x, broadcast(extreme, others, x.type.getShape()));
  if (x.isFloat())
    found = binary("or", found, isNan(x));
  const Term index = iota(x.type.getShape(), axis);
  return reduce(select(found, index, splat(index.type, Scalar(INT64_MAX))), OpCode::Minimum,
                {axis});
}

// Sums over 1, 2, 4, ... elements: log n additions of the whole.
Term Writer::cumulativeSum(const Term& x, int64_t axis) {
  Term sum = x.element().isF32() ? convert(x, f64()) : x;
  for (int64_t step = 1; step < x.dim(axis); step *= 2)
    sum = binary("add", sum, shifted(sum, axis, step));
  return convert(sum, x.element());
}

// y[i] = a[i] y[i-1] + b[i], in order: products of many a would leave the range.
Term Writer::recurrence(const Term& a, const Term& b, int64_t axis) {
  const int64_t n = b.dim(axis);
  if (n < 2)
    return b;
  const mlir::Type element = b.element().isF32() ? f64() : b.element();
  const Term wideA = convert(a, element), wideB = convert(b, element);
  llvm::SmallVector<int64_t> none(b.rank(), 0), limits = b.shape();
  limits[axis] = 1;
  const Terms last =
      repeat(1, n, {slice(wideB, none, limits), wideB, wideA, wideB},
             [&](const Term& step, const Terms& state) -> Terms {
               const Term product =
                   binary("multiply", dynamicSlice(state[2], step, axis), state[0]);
               const Term next = binary("add", product, dynamicSlice(state[3], step, axis));
               return {next, dynamicUpdate(state[1], next, step, axis), state[2], state[3]};
             });
  return convert(last[1], b.element());
}

// The best of 1, 2, 4, ... elements: the earlier one stays unless the later one is better.
Term Writer::argCumulative(const Term& x, int64_t axis, bool largest) {
  Term value = x, at = iota(x.type.getShape(), axis);
  const Term place = at;
  for (int64_t step = 1; step < x.dim(axis); step *= 2) {
    const Term before = shifted(value, axis, step), beforeAt = shifted(at, axis, step);
    Term better = compare(largest ? "GT" : "LT", value, before);
    if (x.isFloat())
      better = binary("or", better, binary("and", isNan(value), compare("EQ", before, before)));
    const Term exists = compare("GE", place, splat(place.type, Scalar(step)));
    const Term takes = binary("and", exists, unary("not", better));
    value = select(takes, before, value);
    at = select(takes, beforeAt, at);
  }
  return at;
}

Terms Writer::sorted(const Term& x, const Term& positions, int64_t axis, bool descending) {
  const mlir::RankedTensorType each = typeWith(x.element(), {}), place = typeWith(i64(), {});
  return withRegions(
      "sort", {x, positions},
      " <{dimension = " + std::to_string(axis) + " : i64, is_stable = true}>",
      {each, each, place, place}, {[&](const Terms& of) -> Terms {
        const Term less = compare(descending ? "GT" : "LT", of[0], of[1]);
        if (!x.isFloat())
          return {less};
        return {binary("or", less, binary("and", compare("EQ", of[0], of[0]), isNan(of[1])))};
      }},
      {x.type, positions.type});
}

// How many of a row come before each value: all are compared.
Term Writer::searchsorted(mlir::Operation* op, const Attrs& attrs) {
  const Term &sorted = operand(op, 0), &values = operand(op, 1);
  const int64_t last = sorted.rank() - 1;
  llvm::SmallVector<int64_t> shape = values.shape();
  shape.push_back(sorted.dim(last));
  llvm::SmallVector<int64_t> rows = counted(0, last), all = counted(0, last + 1);
  rows.push_back(last + 1);
  const Term element = broadcast(sorted, rows, shape), value = broadcast(values, all, shape);
  const auto before = [&](const Term& x, const Term& y) {
    const Term less = compare("LT", x, y);
    return x.isFloat() ? binary("or", less, binary("and", compare("EQ", x, x), isNan(y))) : less;
  };
  const Term counts =
      attrs.flag(AttrField::right) ? unary("not", before(value, element)) : before(element, value);
  return reduce(convert(counts, i64()), OpCode::Add, {last + 1});
}

} // namespace diptych::passes::hlo
