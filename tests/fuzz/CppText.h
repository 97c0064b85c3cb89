// A program as C++ that a user could have written: what a failure is reported with.
#pragma once

#include "Checks.h"

namespace diptych::fuzz {

/// A whole main(): inputs as literals where they are small, the program as a function `f` of its
/// float inputs, loops and branches as calls with lambdas, then what `check` compares.
std::string cppText(const Program& program, const Check& check);

} // namespace diptych::fuzz
