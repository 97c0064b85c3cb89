// Operators as functions of Value, on the current emitter: what rules and sweeps are written in.
// No broadcasting and no conversion happens here; operands must fit exactly.
#pragma once

#include "ir/Emitter.h"

namespace diptych::emitted {

/// Of operators that have none: to make one each time takes as long as a small kernel.
inline const Attrs kNoAttrs{};

inline Value emit(OpCode code, std::initializer_list<Value> operands,
                  const Attrs& attrs = kNoAttrs) {
  return currentEmitter().emit(code, ValueSpan(operands.begin(), operands.size()), attrs);
}

#include "ir/Emitted.h.inc"

/// A splat of `type`.
Value constant(const TensorType& type, Scalar value);
/// A splat of x's type.
inline Value like(const Value& x, Scalar value) { return constant(x.type(), value); }
Value iota(const TensorType& type, int64_t axis);
Value convert(const Value& x, DType dtype);
Value broadcast(const Value& x, const Shape& shape, const Dims& axes);
Value reshape(const Value& x, const Shape& shape);
Value transpose(const Value& x, const Dims& permutation);
Value slice(const Value& x, const Dims& starts, const Dims& limits, const Dims& strides);
Value pad(const Value& x, const Dims& low, const Dims& high, const Dims& interior, Scalar value);
Value reverse(const Value& x, const Dims& axes);
Value concatenate(ValueSpan operands, int64_t axis);
/// Sum, Prod, Max or Min over axes.
Value reduce(OpCode code, const Value& x, const Dims& axes);
inline Value sum(const Value& x, const Dims& axes) { return reduce(OpCode::Sum, x, axes); }
Value matmul(const Value& x, const Value& y);
Value convolution(const Value& x, const Value& w, const Dims& strides, const Dims& dilations);
/// The same of x with so many zeros around its elements and between them.
struct Zeros {
  Dims low, high, interior;
};
Value convolution(const Value& x, const Zeros& zeros, const Value& w, const Dims& strides,
                  const Dims& dilations);
Value windows(const Value& x, const Dims& axes, const Dims& sizes, const Dims& strides,
              const Dims& dilations);
/// Into a tensor of `shape`.
Value overlapAdd(const Value& x, const Shape& shape, const Dims& axes, const Dims& strides,
                 const Dims& dilations);
Value gather(const Value& x, const Value& indices, int64_t axis);
Value scatterAdd(const Value& x, const Value& indices, const Value& updates, int64_t axis);
Value argsort(const Value& x, int64_t axis, bool descending);
/// x with rows replaced by updates; the last of duplicates stays.
Value scatter(const Value& x, const Value& indices, const Value& updates, int64_t axis);
Value cumsum(const Value& x, int64_t axis);
/// y[i] = a[i] y[i-1] + b[i], y[0] = b[0].
Value linearRecurrence(const Value& a, const Value& b, int64_t axis);
/// x moved `distance` (negative: down) along an axis; what leaves it is lost, zeros come in.
Value shifted(const Value& x, int64_t distance, int64_t axis);
/// Swaps the last two axes.
Value matrixTranspose(const Value& x);
/// Repeats a reduced value along the axes it was reduced over: the transpose of sum.
Value expand(const Value& reduced, const Shape& shape, const Dims& axes);
/// The identity matrix [n,n].
Value eye(int64_t n, DType dtype);

inline Value operator+(const Value& x, const Value& y) { return add(x, y); }
inline Value operator-(const Value& x, const Value& y) { return sub(x, y); }
inline Value operator*(const Value& x, const Value& y) { return mul(x, y); }
inline Value operator/(const Value& x, const Value& y) { return div(x, y); }
inline Value operator-(const Value& x) { return neg(x); }
inline Value operator+(const Value& x, double y) { return add(x, like(x, y)); }
inline Value operator-(const Value& x, double y) { return sub(x, like(x, y)); }
inline Value operator-(double x, const Value& y) { return sub(like(y, x), y); }
inline Value operator*(double x, const Value& y) { return mul(like(y, x), y); }
inline Value operator/(double x, const Value& y) { return div(like(y, x), y); }

} // namespace diptych::emitted
