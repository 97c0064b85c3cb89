// Functions of a program's inputs that checks are made with.
#pragma once

#include <diptych/Tensor.h>

#include "Program.h"

namespace diptych::fuzz {

using Tensors = std::vector<Tensor>;
Tensors tensorsOf(ValueSpan values);
Values valuesOf(const Tensors& tensors);

/// All float results, added up in f64.
Value total(const Values& results);
/// Which inputs are floats.
std::vector<int> floatsOf(ValueSpan inputs);
Function totalOf(const Program& program);
/// The total and its derivatives in every float input.
Function gradientOf(const Program& program);
/// f's tangents, where those of all float inputs are 0.5.
Function tangentOf(const Function& f);

} // namespace diptych::fuzz
