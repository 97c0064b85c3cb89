// Launches, operands brought to the alignment that kernels ask for, and steps of the host.
#include "runtime/cuda/DeviceRunner.h"

#include "runtime/cuda/Context.h"
#include "runtime/cuda/DeviceLaunch.h"
#include "runtime/cuda/DeviceMemory.h"

namespace diptych::runtime::cuda {

namespace {

// Kernels write to the arena and to outputs, never to inputs and constants.
bool isWritten(const ArgPlace& place) {
  return place.kind == ArgPlace::Kind::Arena || place.kind == ArgPlace::Kind::Output;
}

/// Host copies of a step's operands; operands of one buffer share theirs.
class Mirror {
public:
  Mirror(const ProgramStep& step, void* const* args) : step_(step), args_(args) {
    for (size_t i = 0; i < step.args.size(); ++i) {
      Buffer& copy = copies_[base(i)];
      if (!copy) {
        copy = Buffer::allocate(step.argBytes[i]);
        copyToHost(copy.data(), base(i), step.argBytes[i]);
      }
      host.push_back(copy.data() + step.args[i].offset);
    }
  }
  void writeBack() {
    for (size_t i = 0; i < step_.args.size(); ++i) {
      const auto found = copies_.find(base(i));
      if (found == copies_.end() || !isWritten(step_.args[i]))
        continue;
      copyToDevice(found->first, found->second.data(), step_.argBytes[i]);
      copies_.erase(found);
    }
  }

  std::vector<void*> host;

private:
  std::byte* base(size_t i) const {
    return static_cast<std::byte*>(args_[i]) - step_.args[i].offset;
  }

  const ProgramStep& step_;
  void* const* args_;
  std::unordered_map<std::byte*, Buffer> copies_;
};

} // namespace

void DeviceRunner::kernel(const ProgramStep& step, void* const* args) {
  const OperatorScope scope(step.name.c_str());
  try {
    if (step.device)
      launch(step, args);
    else
      runOnHost(step, args);
  } catch (const Error& error) {
    if (error.where().known() || !step.where.known())
      throw;
    throw Error(step.where, error.what());
  }
}

// A row of a stack may lie at an odd address: such operands go through a copy that does not.
void DeviceRunner::launch(const ProgramStep& step, void* const* args) {
  std::vector<void*> pointers(args, args + step.device->spec.pointers);
  std::byte* status = nullptr;
  const bool solves = step.device->solver.has_value();
  if (step.status && !solves)
    pointers.back() = status = places_.statuses.at(&step).first;
  struct Moved {
    std::byte *original, *aligned;
    size_t arg;
  };
  std::vector<Moved> moved;
  for (size_t i = 0; i < pointers.size(); ++i) {
    if (DeviceKernel::isAligned(pointers[i]))
      continue;
    const ArgPlace& place = step.args[i];
    auto* original = static_cast<std::byte*>(pointers[i]) - place.offset;
    kept_.push_back(allocateOnDevice(step.argBytes[i]));
    std::byte* aligned = kept_.back().data();
    copyOnDevice(aligned, original, step.argBytes[i]);
    moved.push_back({original, aligned, i});
    pointers[i] = aligned + place.offset;
    if (!DeviceKernel::isAligned(pointers[i]))
      throw Error("internal: an operand of a device kernel begins inside an aligned unit");
  }
  step.device->enqueue(pointers, {}, scratch_);
  noteLaunch(step.name.c_str(), step.where);
  for (const Moved& operand : moved)
    if (isWritten(step.args[operand.arg]))
      copyOnDevice(operand.original, operand.aligned, step.argBytes[operand.arg]);
  if (status && checked_)
    check(step, status, args);
  if (step.status && solves)
    noteInfos(step, pointers.data());
}

void DeviceRunner::noteInfos(const ProgramStep& step, void* const* pointers) {
  const SolverCall& call = *step.device->solver;
  const StatusPlace& place = places_.statuses.at(&step);
  std::byte* to = place.first + (place.waits ? 0 : place.bytes * solved_[&step]++);
  copyOnDevice(to, static_cast<const std::byte*>(pointers[*call.info]), call.infoBytes());
  if (!checked_ && !place.waits)
    return;
  std::vector<int32_t> infos(static_cast<size_t>(call.count));
  copyToHost(infos.data(), to, call.infoBytes());
  if (const int64_t status = statusOf(infos))
    throw Error(step.where, step.name + ": " + step.status(status, nullptr));
}

void DeviceRunner::check(const ProgramStep& step, const std::byte* status, void* const* args) {
  int64_t value = 0;
  copyToHost(&value, status, sizeof value);
  if (value != 0)
    throw Error(step.where, step.name + ": " + step.status(value, Mirror(step, args).host.data()));
}

void DeviceRunner::runOnHost(const ProgramStep& step, void* const* args) {
  noteHostRun(step.name);
  Mirror mirror(step, args);
  runKernel(step, mirror.host.data());
  mirror.writeBack();
}

void DeviceRunner::copy(void* to, const void* from, int64_t bytes) {
  copyOnDevice(static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes);
}

bool DeviceRunner::holds(const void* predicate) {
  std::byte element{};
  copyToHost(&element, static_cast<const std::byte*>(predicate), 1);
  return element != std::byte{0};
}

} // namespace diptych::runtime::cuda
