// The walk over the call plan. Small kernels run on the calling thread, big ones on the pool.
#include "runtime/Program.h"

#include "runtime/ThreadPool.h"

namespace diptych::runtime {

StatusText indexText(int arg, int64_t extent, std::string axis) {
  return [arg, extent, axis = std::move(axis)](int64_t, void* const* args) {
    const auto* values = static_cast<const int64_t*>(args[arg]);
    int64_t position = 0;
    while (static_cast<uint64_t>(values[position]) < static_cast<uint64_t>(extent))
      ++position;
    return "index " + std::to_string(values[position]) + " at position " +
           std::to_string(position) + " is out of range for " + axis + "; indices go from 0 to " +
           std::to_string(extent - 1);
  };
}

namespace {

void runStep(const ProgramStep& step, void* const* args) {
  auto* status = step.status ? static_cast<int64_t*>(args[step.args.size() - 1]) : nullptr;
  if (status)
    *status = 0;
  if (step.range < 2 * step.grain)
    step.kernel(args, step.params.data(), 0, step.range);
  else
    ThreadPool::global().parallelFor(step.range, step.grain, [&](int64_t lo, int64_t hi) {
      step.kernel(args, step.params.data(), lo, hi);
    });
  if (status && *status)
    throw Error(step.where, step.name + ": " + step.status(*status, args));
}

// Each piece of the rows walks through all steps, a chunk at a time.
void runRows(const RowGroup& group, const ProgramStep* steps,
             const std::vector<std::vector<void*>>& args) {
  auto piece = [&](int64_t lo, int64_t hi) {
    for (int64_t begin = lo; begin < hi; begin += group.chunk) {
      const int64_t end = std::min(hi, begin + group.chunk);
      for (int i = 0; i < group.count; ++i) {
        const int64_t each = steps[i].range / group.rows;
        steps[i].kernel(args[i].data(), nullptr, begin * each, end * each);
      }
    }
  };
  if (group.rows < 2 * group.grain)
    piece(0, group.rows);
  else
    ThreadPool::global().parallelFor(group.rows, group.grain, piece);
}

} // namespace

void Program::run(std::span<void* const> inputs, std::span<void* const> outputs) const {
  const Buffer arena = Buffer::allocate(arenaBytes);
  auto placed = [&](const ProgramStep& step, std::vector<void*>& args) {
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
  };
  std::vector<void*> args;
  auto group = rowGroups.begin();
  for (int i = 0; i < static_cast<int>(steps.size()); ++i) {
    if (group != rowGroups.end() && i == group->first) {
      std::vector<std::vector<void*>> all(group->count);
      for (int k = 0; k < group->count; ++k)
        placed(steps[i + k], all[k]);
      runRows(*group, &steps[i], all);
      i += group->count - 1;
      ++group;
      continue;
    }
    placed(steps[i], args);
    runStep(steps[i], args.data());
  }
}

} // namespace diptych::runtime
