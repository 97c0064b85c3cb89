// The pass that shows kernels. It joins passes and code generation, so it belongs to the tool.
#pragma once

namespace diptych {

void registerEmitKernels();

} // namespace diptych
