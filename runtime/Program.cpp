// The walk over the call plan. Small kernels run on the calling thread, big ones on the pool.
#include "runtime/Program.h"

#include "runtime/ThreadPool.h"

namespace diptych::runtime {

namespace {

// The kernel says that there is a bad index; the first of them is named, as in eager mode.
void checkStatus(const ProgramStep& step, void* const* args, const void* status) {
  if (*static_cast<const int64_t*>(status) == 0)
    return;
  const auto* values = static_cast<const int64_t*>(args[step.indices.arg]);
  const int64_t extent = step.indices.extent;
  int64_t position = 0;
  while (static_cast<uint64_t>(values[position]) < static_cast<uint64_t>(extent))
    ++position;
  throw Error(step.where, step.name + ": index " + std::to_string(values[position]) +
                              " at position " + std::to_string(position) + " is out of range for " +
                              step.indices.axis + "; indices go from 0 to " +
                              std::to_string(extent - 1));
}

void runStep(const ProgramStep& step, void* const* args) {
  void* status = step.indices.arg >= 0 ? args[step.args.size() - 1] : nullptr;
  if (status)
    *static_cast<int64_t*>(status) = 0;
  if (step.range < 2 * step.grain)
    step.kernel(args, nullptr, 0, step.range);
  else
    ThreadPool::global().parallelFor(step.range, step.grain, [&](int64_t lo, int64_t hi) {
      step.kernel(args, nullptr, lo, hi);
    });
  if (status)
    checkStatus(step, args, status);
}

} // namespace

void Program::run(std::span<void* const> inputs, std::span<void* const> outputs) const {
  const Buffer arena = Buffer::allocate(arenaBytes);
  std::vector<void*> args;
  for (const ProgramStep& step : steps) {
    args.clear();
    for (const ArgPlace& place : step.args) {
      const auto position = static_cast<size_t>(place.position);
      switch (place.kind) {
      case ArgPlace::Kind::Input: args.push_back(inputs[position]); break;
      case ArgPlace::Kind::Output: args.push_back(outputs[position]); break;
      case ArgPlace::Kind::Arena: args.push_back(arena.data() + position); break;
      case ArgPlace::Kind::Constant:
        args.push_back(const_cast<std::byte*>(constants[position]->bytes.data()));
        break;
      }
    }
    runStep(step, args.data());
  }
}

} // namespace diptych::runtime
