// What the functions of the DSL share: the user's line on every error, operands made to fit, axes
// counted from the end. Knows emitters; knows no kernel and no tape.
#pragma once

#include <diptych/Tensor.h>

#include "ir/Emitted.h"

namespace diptych::detail {

/// Runs `body` with the user's line set, and puts that line on an error that has none yet.
template <class Body> auto located(const SourceLocation& where, Body&& body) {
  const LocationScope scope(where);
  try {
    return body();
  } catch (const Error& error) {
    if (error.where().known())
      throw;
    throw Error(currentLocation(), error.what());
  }
}

/// Throws Error("<op>: expected <expected>, got <got>; <remedy>").
[[noreturn]] void misuse(const char* op, const std::string& expected, const std::string& got,
                         const std::string& remedy);

/// A result as the user gets it: without a derivative under a NoGradGuard.
Tensor wrap(Value value);
/// Whether wrap() takes derivatives away on this thread.
bool& tracesConstants();

/// Whether the value holds numbers of this process; false for every kind of traced value.
bool isEager(const Value& value);
/// Whether operators run now, as opposed to being traced or batched.
bool emitsEagerly();

/// The value, row-major where that costs no history: what a user may want to read with data().
Value presentable(const Value& value);
/// Row-major copies, and views of foreign memory, as eager tensors.
Value eagerCopy(const TensorType& type, const void* elements);
Value eagerView(const TensorType& type, const void* elements, std::shared_ptr<const void> owner);

/// A number becomes a rank-0 constant: of the default dtype, i64 or boolean.
Value valueOf(const Arg& arg);
/// The same as a Tensor, for composites.
Tensor tensorOf(const Arg& arg);
/// The dtype all tensors have (else Error) and all numbers take; of numbers alone a float decides.
DType commonDType(const char* op, std::span<const Arg* const> args);
/// Shape that all broadcast to; Error where they do not.
Shape commonShape(const char* op, std::span<const Shape> shapes);
/// NumPy's rule as IR: axes of extent 1 that repeat are dropped, then added as new ones.
Value broadcastTo(const char* op, const Value& x, const Shape& shape);

/// 0 <= axis < rank from an axis that may count from the end.
int64_t axisOf(const char* op, int64_t axis, int rank);
/// Increasing; all of them where none is given.
Dims axesOf(const char* op, const Axes& axes, int rank);
/// Shape with the axes set to extent 1.
Shape keptShape(const Shape& shape, const Dims& axes);
void requireFloat(const char* op, const Value& x);
/// bf16 and f16 as f32, anything else as it is: for composites that round at their end.
Tensor widened(const Tensor& x);

/// take_along_axis at positions that an operator gave: none is out of range.
Tensor elementsAt(const Tensor& x, const Tensor& positions, int64_t axis);

/// sqrt; 0, with derivatives 0, of 0 and below.
Tensor safeSqrt(const Tensor& x);

/// Pointwise operator `code` on operands that broadcast.
Tensor pointwise(OpCode code, std::initializer_list<std::reference_wrapper<const Arg>> args);

} // namespace diptych::detail
