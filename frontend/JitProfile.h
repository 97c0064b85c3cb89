// One run of a compiled program, kernel by kernel, beside what the machine could do.
#pragma once

#include "runtime/Program.h"

#include <string>

namespace diptych {

/// A line for each kernel, or for kernels that run together row by row: operations, bytes of the
/// arrays touched, their ratio, the time that multipliers or memory need at least, the time it took
/// (the least of several runs on inputs of ones), and by how much that is more. What the machine
/// does is measured first: a product of matrices and a read of 64 MB, on all threads.
std::string profileText(const runtime::Program& program);

} // namespace diptych
