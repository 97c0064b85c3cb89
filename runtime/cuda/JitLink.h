// PTX as machine code through NVIDIA's nvJitLink, opened at run time. Needs no GPU. The driver does
// the same at every start of a process where this library is not found.
#pragma once

#include <string>

namespace diptych::runtime::cuda {

/// Of one architecture, "sm_90". Empty, with why, where nvJitLink is not found or declines.
std::string cubinOf(const std::string& ptx, const std::string& architecture, std::string& why);
/// Which version makes cubins, as part of what decides them: "13.0"; empty where none is found.
std::string jitLinkVersion();

} // namespace diptych::runtime::cuda
