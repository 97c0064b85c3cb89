// Steps of a program on the device: launches on the stream; a step of the host between copies.
// Internal to DeviceProgram.
#pragma once

#include "runtime/Execution.h"
#include "runtime/cuda/DeviceKernel.h"

#include <unordered_map>

namespace diptych::runtime::cuda {

class DeviceRunner final : public StepRunner {
public:
  /// Where constants lie on the device, by literal, and the statuses of steps that may fail.
  struct Places {
    std::unordered_map<const Literal*, std::byte*> constants;
    std::unordered_map<const ProgramStep*, std::byte*> statuses;
  };

  /// `checked`: waits after every step that may fail, and throws its error.
  DeviceRunner(const Places& places, std::byte* scratch, bool checked)
      : places_(places), scratch_(scratch), checked_(checked) {}

  void kernel(const ProgramStep& step, void* const* args) override;
  void copy(void* to, const void* from, int64_t bytes) override;
  bool holds(const void* predicate) override;
  std::byte* constant(const Literal& literal) override { return places_.constants.at(&literal); }

  /// Memory that was used beside the arena: to be kept where the launches are replayed.
  std::vector<Buffer> takeKept() { return std::move(kept_); }

private:
  void launch(const ProgramStep& step, void* const* args);
  void runOnHost(const ProgramStep& step, void* const* args);
  void check(const ProgramStep& step, const std::byte* status, void* const* args);

  const Places& places_;
  std::byte* scratch_;
  bool checked_;
  std::vector<Buffer> kept_;
};

} // namespace diptych::runtime::cuda
