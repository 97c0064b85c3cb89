// Rows of a group that are too large for a core's caches are cut into pieces of columns, where
// every member treats columns independently too.
#pragma once

#include "codegen/Schedule.h"

#include <span>

namespace diptych::codegen {

/// How many columns the rows of these calls have in common, each of which depends on no other: 0 if
/// there is no such loop.
int64_t columnsOf(const Schedule& schedule, std::span<const size_t> calls, int64_t rows);

/// Cuts the columns into pieces of `width`; the calls then have so many times as many rows, which
/// is the result. What only they touch lies piece after piece in memory.
int64_t cutColumns(Schedule& schedule, std::span<const size_t> calls, int64_t rows, int64_t columns,
                   int64_t width);

} // namespace diptych::codegen
