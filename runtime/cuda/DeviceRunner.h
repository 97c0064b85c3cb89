// Steps of a program on the device: launches on the stream; a step of the host between copies.
// Internal to DeviceProgram.
#pragma once

#include "runtime/Execution.h"
#include "runtime/cuda/DeviceKernel.h"

#include <unordered_map>

namespace diptych::runtime::cuda {

class DeviceRunner final : public StepRunner {
public:
  /// Of a step that may fail: what is not 0 there says that it did. A kernel of ours writes only
  /// where it failed, an i64; a solver writes an i32 for each matrix every time, so that each run
  /// of the step has a place of its own. Where nobody knows how many there will be, or there are
  /// too many, there is one place, and the step waits.
  struct StatusPlace {
    std::byte* first = nullptr;
    int64_t bytes = 8; // of one run of the step
    bool waits = false;
  };
  /// Where constants lie on the device, by literal, and the statuses of steps that may fail.
  struct Places {
    std::unordered_map<const Literal*, std::byte*> constants;
    std::unordered_map<const ProgramStep*, StatusPlace> statuses;
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
  void noteInfos(const ProgramStep& step, void* const* pointers);
  void runOnHost(const ProgramStep& step, void* const* args);
  void check(const ProgramStep& step, const std::byte* status, void* const* args);

  const Places& places_;
  std::byte* scratch_;
  bool checked_;
  std::vector<Buffer> kept_;
  std::unordered_map<const ProgramStep*, int64_t> solved_; // how often a solver's step ran
};

} // namespace diptych::runtime::cuda
