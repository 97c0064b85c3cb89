// Library operators: along an axis of anything, or of matrices, which are made well-conditioned
// where their elements are finite.
#include "Maker.h"

#include "ir/TypeRules.h"

namespace diptych::fuzz {

// S + 2 n^2 diag(1, 2, ...) with 0 < S < n, S symmetric and not negative: positive definite, and
// its eigenvalues lie apart.
int Maker::regularMatrix(const TensorType& type) {
  const int64_t n = type.shape.back();
  const int s = add(OpCode::Sigmoid, {ofType(type)});
  Attrs swap, along;
  for (int i = 0; i < type.rank(); ++i)
    swap.axes.push_back(i);
  std::swap(swap.axes[type.rank() - 1], swap.axes[type.rank() - 2]);
  const int product = add(OpCode::Matmul, {s, add(OpCode::Transpose, {s}, swap)});
  along.dtype = type.dtype;
  along.shape = type.shape;
  along.axis = type.rank() - 1;
  const int column = add(OpCode::Iota, {}, along);
  along.axis = type.rank() - 2;
  const int row = add(OpCode::Iota, {}, along);
  const auto scale = static_cast<double>(2 * n * n);
  const int place = add(OpCode::Add, {row, splat(type, 1)});
  const int scaled = add(OpCode::Mul, {place, splat(type, scale)});
  const int diagonal = add(OpCode::Where, {add(OpCode::Eq, {row, column}), scaled, splat(type, 0)});
  return add(OpCode::Add, {product, diagonal});
}

void Maker::matrix(const OpInfo& op, Attrs attrs) {
  const DType dtype = recipe_.continuous || chance(70) ? DType::f64 : DType::f32;
  const int64_t n = upTo(std::clamp<int64_t>(recipe_.largest / 100, 4, 70), 4);
  TensorType type{dtype, {n, n}};
  if (chance(30))
    type.shape.insert(0, 1 + below(3));
  int a = regularMatrix(type);
  if (op.operandCount == 2) {
    TensorType right = type;
    right.shape.back() = upTo(40, 3);
    add(op.code, {a, ofType(right)}, attrs);
    return;
  }
  const bool square = op.typeRule != &typerules::qr && op.typeRule != &typerules::svd &&
                      op.typeRule != &typerules::pinv;
  if (!square && n > 1 && chance(50)) { // fewer columns, of full rank
    Attrs part;
    for (int64_t extent : type.shape) {
      part.starts.push_back(0);
      part.limits.push_back(extent);
      part.strides.push_back(1);
    }
    --part.limits.back();
    a = add(OpCode::Slice, {a}, part);
  }
  attrs.value = castTo(dtype, 1e-5); // of pinv
  add(op.code, {a}, attrs);
}

// Operators that have an axis, or search the last one.
void Maker::library(const OpInfo& op) {
  Attrs attrs;
  for (AttrField field : op.attributes)
    if (isFlag(field))
      attrs.set(field, chance(50));
  const bool searches = op.typeRule == &typerules::searchsorted;
  if (!op.has(AttrField::axis) && !searches)
    return matrix(op, attrs);
  const int x =
      choose([&](const TensorType& type) { return op.takes(type.dtype) && type.rank() >= 1; });
  if (x < 0)
    return;
  TensorType type = at(x).type;
  attrs.axis = below(type.rank());
  attrs.window = {upTo(type.shape[static_cast<int>(attrs.axis)] + 4, 6)};
  std::vector<int> operands{x};
  if (searches) {
    type.shape.back() = upTo(300, 4);
    operands.push_back(ofType(type));
  } else if (op.operandCount == 2) { // which elements of each window
    type.dtype = DType::i64;
    type.shape.push_back(1 + below(2));
    operands.push_back(ofType(type));
  }
  add(op.code, operands, attrs);
}

} // namespace diptych::fuzz
