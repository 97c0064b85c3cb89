// The table of library kernels, and the status they report through.
#include "runtime/Library.h"

#include <algorithm>

namespace diptych::runtime {

namespace {

using Plan = LibraryCall (*)(const LibraryProblem&);
const Plan plans[] = {
#include "runtime/Library.cpp.inc"
};

} // namespace

LibraryCall libraryCall(const LibraryProblem& problem) {
  return plans[static_cast<size_t>(problem.op.code)](problem);
}

int64_t LibraryCall::grain(double pieceWork) const {
  return std::max<int64_t>(
      1, static_cast<int64_t>(pieceWork * static_cast<double>(steps) / std::max(1.0, work)));
}

std::string failureText(const LibraryCall& call, int64_t status) {
  const int64_t mask = (int64_t{1} << kDetailBits) - 1;
  return call.failure((status - 1) >> kDetailBits, (status - 1) & mask);
}

} // namespace diptych::runtime
