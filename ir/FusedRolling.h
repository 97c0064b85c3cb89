// Statistics of rolling windows as fused functions: over blocks of a window's size, a window being
// the end of one block and the beginning of the next (frontend/Rolling.h).
#pragma once

#include <diptych/Value.h>

namespace diptych::rolling {

/// Products of two series' differences that a function needs, as bits.
enum Product : unsigned { kSquares = 1, kMixed = 2, kOtherSquares = 4 };

/// The part of a window that lies in the block before, at each place of which stands the element
/// behind it; the axis goes backwards. Operands: each series, then 0, or NaN where there is no
/// element. Results, sums so far: how many elements are there, and of all series their total.
Values sumsBefore(ValueSpan operands, int64_t axis);
/// Or of each series its reference, of each the sum of differences from it, and their products.
template <int series, unsigned products> Values momentsBefore(ValueSpan operands, int64_t axis);

/// Over whole windows. Operands: each series, the least number of elements, for variances the
/// correction, and what stands before, forwards. One result.
Values sum(ValueSpan operands, int64_t axis);
Values mean(ValueSpan operands, int64_t axis);
Values var(ValueSpan operands, int64_t axis);
Values stddev(ValueSpan operands, int64_t axis);
Values cov(ValueSpan operands, int64_t axis);
Values corr(ValueSpan operands, int64_t axis);
Values slope(ValueSpan operands, int64_t axis);
Values residual(ValueSpan operands, int64_t axis);
Values rsquare(ValueSpan operands, int64_t axis);

} // namespace diptych::rolling
