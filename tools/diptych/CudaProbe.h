// Which CUDA driver, devices and toolkit there are, or why none. Links nothing of CUDA: what is
// looked for is loaded by name.
#pragma once

#include <nlohmann/json.hpp>

namespace diptych::cli {

/// {"driver": {"found", "version" | "why", "devices": [...]}, "libraries": {"products",
/// "linear_algebra"}, each a name or null, "toolkit": {"found", "parts" | "why"}}
nlohmann::ordered_json findCuda();

} // namespace diptych::cli
