// Type rules of linear algebra: the last two axes are a matrix, those in front of them a batch.
#include "ir/TypeRules.h"

namespace diptych::typerules {

// c1: floats; c2: at least two axes.
static const Shape& checkMatrix(const OpInfo& op, const TensorType& x) {
  if (!op.takes(x.dtype))
    fail(op, "a matrix of f32 or f64", x.str(), "convert it with astype");
  if (x.rank() < 2)
    fail(op, "a matrix [..., m, n]", x.str(), "add an axis with unsqueeze");
  return x.shape;
}

// c3: as many rows as columns.
static int64_t checkSquare(const OpInfo& op, const TensorType& x) {
  const Shape& shape = checkMatrix(op, x);
  if (shape[x.rank() - 1] != shape[x.rank() - 2])
    fail(op, "a square matrix [..., n, n]", x.str(), "see pinv and lstsq for others");
  return shape.back();
}

// c4: no fewer rows than columns. The DSL takes wide matrices apart.
static void checkTall(const OpInfo& op, const TensorType& x) {
  const Shape& shape = checkMatrix(op, x);
  if (shape[x.rank() - 2] < shape.back())
    fail(op, "a matrix [..., m, n] with m >= n", x.str(), "transpose it");
}

static TensorType withMatrix(const TensorType& x, int64_t rows, int64_t columns) {
  TensorType result = x;
  result.shape[x.rank() - 2] = rows;
  result.shape[x.rank() - 1] = columns;
  return result;
}

TensorType squareMatrix(const OpInfo& op, Types operands, const Attrs&) {
  checkSquare(op, operands[0]);
  return operands[0];
}

// c5: one dtype; c6: equal batch axes; c7: as many rows on the right as columns on the left.
TensorType solve(const OpInfo& op, Types operands, const Attrs&) {
  const TensorType &a = operands[0], &b = operands[1];
  const int64_t n = checkSquare(op, a);
  checkMatrix(op, b);
  if (a.dtype != b.dtype)
    fail(op, "operands of one dtype", a.str() + " and " + b.str(), "convert one with astype");
  if (withMatrix(a, 0, 0).shape != withMatrix(b, 0, 0).shape)
    fail(op, "equal batch axes", a.str() + " and " + b.str(), "broadcast one operand");
  if (b.shape[b.rank() - 2] != n)
    fail(op, "a right side of " + std::to_string(n) + " rows", b.str(),
         "its second last axis fits the matrix");
  return b;
}

TensorType det(const OpInfo& op, Types operands, const Attrs&) {
  checkSquare(op, operands[0]);
  TensorType result = operands[0];
  result.shape.pop_back();
  result.shape.pop_back();
  return result;
}

TensorType slogdet(const OpInfo& op, Types operands, const Attrs& attrs) {
  TensorType result = det(op, operands, attrs);
  result.shape.push_back(2);
  return result;
}

TensorType qr(const OpInfo& op, Types operands, const Attrs&) {
  const TensorType& x = operands[0];
  checkTall(op, x);
  const int64_t m = x.shape[x.rank() - 2], n = x.shape.back();
  return withMatrix(x, n, m + n);
}

TensorType eigh(const OpInfo& op, Types operands, const Attrs&) {
  const int64_t n = checkSquare(op, operands[0]);
  return withMatrix(operands[0], n + 1, n);
}

TensorType svd(const OpInfo& op, Types operands, const Attrs&) {
  const TensorType& x = operands[0];
  checkTall(op, x);
  const int64_t m = x.shape[x.rank() - 2], n = x.shape.back();
  return withMatrix(x, m + n + 1, n);
}

TensorType pinv(const OpInfo& op, Types operands, const Attrs&) {
  const TensorType& x = operands[0];
  checkMatrix(op, x);
  return withMatrix(x, x.shape.back(), x.shape[x.rank() - 2]);
}

} // namespace diptych::typerules
