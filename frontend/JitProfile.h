// One run of a compiled program, kernel by kernel, beside what the machine could do.
#pragma once

#include <diptych/Jit.h>

#include "runtime/Program.h"

namespace diptych {

/// See JitFunction::profile.
JitProfile profileOf(const runtime::Program& program);

/// A line for each kernel: operations, bytes, their ratio, the time needed at least, the time
/// taken, and how many times as long that is.
std::string profileText(const JitProfile& profile);

} // namespace diptych
