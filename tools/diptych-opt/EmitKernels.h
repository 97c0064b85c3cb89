// The passes that show kernels. They join passes and code generation, so they belong to the tool.
#pragma once

namespace diptych {

void registerEmitKernels();
void registerEmitPtx();

} // namespace diptych
