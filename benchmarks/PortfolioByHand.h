// W1's gradient at the large size as one would write it for one machine: what its memory and second
// cache allow.
#pragma once

#include "benchmarks/Portfolio.h"

namespace diptych::bench {

/// Whether this CPU has the instructions it is written in (AVX-512).
bool hasByHand();

/// The gradient of `objective` in w, 158 numbers. One read of X, by the threads of the pool: while
/// a day's rows are in the second cache, they are multiplied by the day's cotangents.
Tensor gradientByHand(const Portfolio& p);

} // namespace diptych::bench
