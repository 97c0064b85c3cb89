// Places of a schedule's buffers, and its calls as launches.
#include "aot/CudaPlan.h"

#include <diptych/Error.h>

#include <algorithm>

namespace diptych::aot {

using codegen::PlannedBuffer;
using codegen::ScheduledCall;

static constexpr int64_t kConstantAlignment = 256, kStatusBytes = 16;

int64_t addConstant(CudaModel& model, const void* bytes, int64_t count) {
  const size_t place =
      (model.constants.size() + kConstantAlignment - 1) / kConstantAlignment * kConstantAlignment;
  model.constants.resize(place);
  model.constants.append(static_cast<const char*>(bytes), static_cast<size_t>(count));
  return static_cast<int64_t>(place);
}

namespace {

[[noreturn]] void refuse(const ScheduledCall& call, const std::string& what) {
  throw Error(call.where, "aot: " + call.name + " " + what +
                              "; for a GPU without Diptych there is no code for that yet: move it "
                              "out of the function, or jit");
}

class Planner {
public:
  Planner(const codegen::Schedule& schedule, std::span<const runtime::cuda::LaunchSpec> kernels,
          const CudaCaptures& captures, CudaModel& model)
      : schedule_(schedule), kernels_(kernels), captures_(captures), model_(model) {}

  CudaPlan run() {
    int64_t scratch = 0;
    for (const auto& kernel : kernels_)
      scratch = std::max(scratch, kernel.scratchBytes({}));
    scratch_ = aligned(schedule_.arenaBytes);
    plan_.statusOffset = scratch_ + aligned(scratch);
    for (size_t i = 0; i < schedule_.calls.size(); ++i)
      append(schedule_.calls[i], kernels_[i]);
    plan_.workspaceBytes =
        plan_.statusOffset + kStatusBytes * static_cast<int64_t>(plan_.failures.size());
    return std::move(plan_);
  }

private:
  static int64_t aligned(int64_t bytes) { return (bytes + 255) / 256 * 256; }

  void append(const ScheduledCall& call, const runtime::cuda::LaunchSpec& spec) {
    std::vector<CudaPlace> args;
    for (size_t i = 0; i < static_cast<size_t>(spec.pointers); ++i)
      args.push_back(place(call, i));
    if (call.status) {
      const auto number = static_cast<int64_t>(plan_.failures.size());
      args.back() = {CudaPlace::Kind::workspace, 0, plan_.statusOffset + kStatusBytes * number};
      plan_.failures.push_back(failureOf(call));
    }
    if (spec.takesScratch())
      args.push_back({CudaPlace::Kind::workspace, 0, scratch_});
    for (const runtime::cuda::Launch& launch : spec.launches) {
      const int64_t blocks = launch.blocks({});
      if (blocks > INT32_MAX)
        refuse(call, "needs a grid of " + std::to_string(blocks) + " blocks");
      if (blocks > 0)
        plan_.launches.push_back({launch.name, blocks, launch.block, args});
      if (std::find(model_.functions.begin(), model_.functions.end(), launch.name) ==
          model_.functions.end())
        model_.functions.push_back(launch.name);
    }
  }

  CudaPlace place(const ScheduledCall& call, size_t arg) {
    const PlannedBuffer& buffer = schedule_.buffers[static_cast<size_t>(call.buffers[arg])];
    CudaPlace place;
    place.offset = call.offsets.empty() ? 0 : call.offsets[arg];
    if (place.offset % runtime::cuda::kPointerAlignment != 0)
      refuse(call, "begins inside an aligned unit of memory");
    switch (buffer.kind) {
    case PlannedBuffer::Kind::Input: return input(buffer.index, place.offset);
    case PlannedBuffer::Kind::Output:
      place.kind = CudaPlace::Kind::output;
      place.index = buffer.index;
      return place;
    case PlannedBuffer::Kind::Temporary:
      place.offset += buffer.arenaOffset;
      if (buffer.home >= 0) {
        place.kind = CudaPlace::Kind::output;
        place.index = buffer.home;
      }
      return place;
    case PlannedBuffer::Kind::Constant: break;
    }
    place.kind = CudaPlace::Kind::constant;
    place.index = addConstant(model_, buffer.literal->bytes.data(), buffer.bytes);
    return place;
  }

  CudaPlace input(int index, int64_t offset) const {
    const auto number = static_cast<size_t>(index);
    if (number < captures_.first)
      return {CudaPlace::Kind::input, index, offset};
    return {CudaPlace::Kind::constant, captures_.places[number - captures_.first], offset};
  }

  static std::string failureOf(const ScheduledCall& call) {
    const std::string file = call.where.known() ? call.where.file : "";
    const std::string line = call.where.known() ? file.substr(file.rfind('/') + 1) + ":" +
                                                      std::to_string(call.where.line) + ": "
                                                : "";
    return line + call.name + ": " + call.failure;
  }

  const codegen::Schedule& schedule_;
  std::span<const runtime::cuda::LaunchSpec> kernels_;
  const CudaCaptures& captures_;
  CudaModel& model_;
  CudaPlan plan_;
  int64_t scratch_ = 0;
};

} // namespace

CudaPlan planOf(const codegen::Schedule& schedule,
                std::span<const runtime::cuda::LaunchSpec> kernels, const CudaCaptures& captures,
                CudaModel& model) {
  for (const ScheduledCall& call : schedule.calls) {
    if (call.control)
      refuse(call, "is a loop or branch");
    if (call.library)
      refuse(call, "runs on the host");
  }
  return Planner(schedule, kernels, captures, model).run();
}

} // namespace diptych::aot
