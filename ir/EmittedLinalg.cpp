// Operators of linear algebra, and the small matrix work that their rules share.
#include "ir/EmittedLinalg.h"

namespace diptych::emitted {

Value cholesky(const Value& x, bool check) {
  Attrs attrs;
  attrs.set(AttrField::check, check);
  return emit(OpCode::Cholesky, {x}, attrs);
}

Value triangularSolve(const Value& a, const Value& b, const Triangle& triangle, bool check) {
  Attrs attrs;
  attrs.set(AttrField::lower, triangle.lower);
  attrs.set(AttrField::transposed, triangle.transposed);
  attrs.set(AttrField::unit, triangle.unit);
  attrs.set(AttrField::check, check);
  return emit(OpCode::TriangularSolve, {a, b}, attrs);
}

Value solve(const Value& a, const Value& b, bool transposed, bool check) {
  Attrs attrs;
  attrs.set(AttrField::transposed, transposed);
  attrs.set(AttrField::check, check);
  return emit(OpCode::Solve, {a, b}, attrs);
}

Value det(const Value& x, bool regular) {
  Attrs attrs;
  attrs.set(AttrField::regular, regular);
  return emit(OpCode::Det, {x}, attrs);
}

Value slogdet(const Value& x) { return emit(OpCode::Slogdet, {x}); }
Value qr(const Value& x) { return emit(OpCode::Qr, {x}); }
Value eigh(const Value& x) { return emit(OpCode::Eigh, {x}); }
Value svd(const Value& x) { return emit(OpCode::Svd, {x}); }

Value pinv(const Value& x, double cutoff) {
  Attrs attrs;
  attrs.value = castTo(x.dtype(), cutoff);
  return emit(OpCode::Pinv, {x}, attrs);
}

static Value part(const Value& x, int64_t axis, int64_t begin, int64_t end) {
  Dims starts(x.rank(), 0), limits = x.shape();
  starts[axis] = begin;
  limits[axis] = end;
  return slice(x, starts, limits, Dims(x.rank(), 1));
}

Value rows(const Value& x, int64_t begin, int64_t end) { return part(x, x.rank() - 2, begin, end); }
Value columns(const Value& x, int64_t begin, int64_t end) {
  return part(x, x.rank() - 1, begin, end);
}

Value row(const Value& x, int64_t index) {
  Shape shape = x.shape();
  shape.erase(x.rank() - 2);
  return reshape(rows(x, index, index + 1), shape);
}

Value whereIndices(OpCode code, const Value& x) {
  const TensorType index{DType::i64, x.shape()};
  return emit(code, {iota(index, x.rank() - 2), iota(index, x.rank() - 1)});
}

Value masked(OpCode code, const Value& x) { return where(whereIndices(code, x), x, like(x, 0.0)); }

Value identityLike(const Value& x) { return convert(whereIndices(OpCode::Eq, x), x.dtype()); }

Value diagonalOf(const Value& x) { return sum(masked(OpCode::Eq, x), {x.rank() - 1}); }

Value diagonalMatrix(const Value& diagonal) {
  Shape shape = diagonal.shape();
  shape.push_back(shape.back());
  return masked(OpCode::Eq, expand(diagonal, shape, {diagonal.rank()}));
}

Value scaleColumns(const Value& x, const Value& v) {
  return x * expand(v, x.shape(), {x.rank() - 2});
}
Value scaleRows(const Value& x, const Value& v) { return x * expand(v, x.shape(), {x.rank() - 1}); }

Value symmetricPart(const Value& x) { return 0.5 * (x + matrixTranspose(x)); }

Value overMatrix(const Value& v, const Value& x) {
  return expand(v, x.shape(), {x.rank() - 2, x.rank() - 1});
}

} // namespace diptych::emitted
