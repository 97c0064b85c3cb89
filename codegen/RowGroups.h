// Calls that treat the rows of one axis independently run row by row together: what one of them
// writes, and the big array that several read, is still in cache when the next one reads it.
// Changes the order of calls and of their pieces, so never a bit.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen {

/// Reorders the calls where that brings rows together and fills in `schedule.rowGroups`. To be
/// called before memory is planned.
void groupRows(Schedule& schedule);

/// Of big arrays that several calls of a group read: a later one that computes much also asks for
/// the rows that the group's next chunk reads, so that memory is not idle meanwhile. To be called
/// when groups are final.
void readAhead(Schedule& schedule);

/// The same, and says which call stands where now, by its former place.
std::vector<size_t> orderByRows(Schedule& schedule);

/// Bytes that a chunk of rows touches: half of a small L2 cache.
constexpr int64_t kRowChunkBytes = 256 * 1024;

/// Whether the rows of a group's calls stay apart, as they did where the group was formed: for a
/// schedule whose numbers were changed since.
bool rowsStayApart(const Schedule& schedule, const runtime::RowGroup& group);

} // namespace diptych::codegen
