// The table of library kernels, and the status they report through.
#include "runtime/Library.h"

#include <algorithm>
#include <atomic>

namespace diptych::runtime {

namespace {

using Plan = LibraryCall (*)(const LibraryProblem&);
const Plan plans[] = {
#include "runtime/Library.cpp.inc"
};

constexpr int kDetailBits = 24;

} // namespace

LibraryCall libraryCall(const LibraryProblem& problem) {
  return plans[static_cast<size_t>(problem.op.code)](problem);
}

int64_t LibraryCall::grain(double pieceWork) const {
  return std::max<int64_t>(1, static_cast<int64_t>(pieceWork / std::max(1.0, work)));
}

void reportFailure(void* status, int64_t problem, int64_t detail) {
  const int64_t own = 1 + (problem << kDetailBits | detail);
  const std::atomic_ref<int64_t> shared(*static_cast<int64_t*>(status));
  int64_t known = shared.load(std::memory_order_relaxed);
  while ((known == 0 || own < known) && !shared.compare_exchange_weak(known, own))
    ;
}

std::string failureText(const LibraryCall& call, int64_t status) {
  const int64_t mask = (int64_t{1} << kDetailBits) - 1;
  return call.failure((status - 1) >> kDetailBits, (status - 1) & mask);
}

} // namespace diptych::runtime
