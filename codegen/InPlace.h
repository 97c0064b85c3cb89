// Which buffers may lie in one place although the same call, or the same row group, uses both. From
// accesses alone: names and operators say nothing here.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen {

/// Whether the call reads element i of buffer `from` for nothing but element i of buffer `to`,
/// which it writes once, a product or convolution where it stores: each iteration loads before it
/// stores, so `to` may lie where `from` does. `gpu`: and nothing else is stored or folded, since
/// there LLVM is told that what a kernel only reads is not written (GpuKernel), and may load it
/// again after a store.
bool isElementwise(const ScheduledCall& call, int from, int to, bool gpu);

/// Whether no two iterations of the loops touch the same element.
bool touchesEachOnce(const Access& access, const std::vector<Size>& extents);

/// Whether the calls of a row group would keep their rows apart if these buffers were one.
bool rowsStayApart(const Schedule& schedule, const runtime::RowGroup& group,
                   std::span<const int> buffers);

/// How far rows of these buffers are apart, in bytes, if every row of the group touches its own
/// alone; none where that is not so.
std::optional<int64_t> ownRowBytes(const Schedule& schedule, const runtime::RowGroup& group,
                                   std::span<const int> buffers);

} // namespace diptych::codegen
