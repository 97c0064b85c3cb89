// Operators on arrays of the device, behind the launchers of runtime/Launch.h: those call here
// where their output is on the device. What no kernel of the device does is done on the host,
// between copies, and counted.
#pragma once

#include <functional>
#include <string>

#include "runtime/Launch.h"

namespace diptych::runtime::cuda {

using HostLaunch = std::function<void(std::span<const Strided> inputs, const Strided& output)>;

/// Runs `launch` again on operands without gaps, which the device may have a kernel for; where
/// they have none, on host memory: operands of the device are copied, and so is the output, back,
/// and `name` is counted (hostOperators()).
void runOnHost(const char* name, std::span<const Strided> inputs, const Strided& output,
               const HostLaunch& launch);

/// Any of the two sides may be on the device, with any strides.
void copyArray(const Strided& input, const Strided& output);

/// Counts what ran on the host for arrays of the device.
void noteHostRun(const std::string& name);
/// How often each operator ran on the host for arrays of the device, "sort 3, svd 1".
std::string hostOperators();

} // namespace diptych::runtime::cuda
