// The rules of loops. Internal to Control*.cpp.
#pragma once

#include "autodiff/ControlRules.h"

namespace diptych::autodiff {

Values pullLoop(const Node& node, ValueSpan cotangents, const std::vector<bool>& wanted);
Values pushLoop(const Node& node, ValueSpan tangents);

} // namespace diptych::autodiff
