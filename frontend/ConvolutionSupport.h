// What convolution and pooling share: options spelled out for each axis, and padding.
#pragma once

#include <diptych/Convolution.h>

#include "frontend/Ops.h"

namespace diptych::detail {

/// One entry for each of `count` axes, none below `least`.
Dims eachAxis(const char* op, const char* what, const PerAxis& given, int count, int64_t least);

struct Pads {
  Dims before, after; // for each spatial axis
};
/// "same" is made of sizes and dilations.
Pads padsOf(const char* op, const Padding& padding, const Dims& sizes, const Dims& dilations);

/// So many elements of `value` more on the last axes; negative numbers cut.
Value padLast(const Value& x, const Dims& before, const Dims& after, Scalar value);
/// The same with `interior` elements between.
Value padLast(const Value& x, const Dims& before, const Dims& after, const Dims& interior,
              Scalar value);

} // namespace diptych::detail
