// The bitcode of aot/library, which the build makes and libdiptych-compiler carries.
#pragma once

#include <span>
#include <string_view>

namespace diptych::aot {

/// One module for each file; none where another compiler than clang built Diptych.
std::span<const std::string_view> libraryBitcode();

} // namespace diptych::aot
