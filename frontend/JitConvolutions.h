// Convolutions that eager mode has compiled (runtime/ConvolutionPrograms).
#pragma once

namespace diptych {

void installConvolutionCompiler();

} // namespace diptych
