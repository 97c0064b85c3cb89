// How the kernel of a product goes: by tiles, how large they are and how they read V, or row by
// row. Decides by sizes and strides; schedules nothing.
#pragma once

#include "codegen/KernelSpec.h"
#include "codegen/Schedule.h"

namespace diptych::codegen {

/// Whether the few results are sums so long that threads share these.
bool isLongSum(const MatmulSpec& spec);

/// Rows of a tile where nothing asks for others.
int rowsOf(const ScheduleOptions& options);

/// Sets way, depth, rows, pack, turned and rangeOverV of a product whose operands, sizes and tail
/// are known.
void chooseWay(MatmulSpec& spec, const ScheduleOptions& options);

} // namespace diptych::codegen
