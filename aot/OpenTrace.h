// Tracing a function for every size that its callers may choose.
#pragma once

#include "aot/Model.h"

namespace diptych::aot {

/// Whether Options::shapes leaves a size of one of these inputs open.
bool hasOpenShapes(const Options& options, const std::vector<std::string>& inputNames);

/// Fills source.parts, open and captures. Throws Error for shapes that are not the examples', for
/// functions that can't be traced for some size within the bounds, or do something else there. A
/// least size of 0 is raised to the least for which the function is defined.
void traceOpen(const detail::EntryRequest& request, const Options& options,
               const std::vector<TensorType>& types, Source& source);

} // namespace diptych::aot
