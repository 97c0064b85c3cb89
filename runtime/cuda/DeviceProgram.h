// A compiled program on the device: the call plan of runtime/Program with its steps as launches on
// the stream, in order. Nothing waits but a branch or loop that must know its condition, a step
// that runs on the host, and the end of a program in which a step may fail.
#pragma once

#include "runtime/cuda/DeviceRunner.h"

#include <memory>
#include <mutex>

namespace diptych::runtime::cuda {

struct DeviceGraph;

class DeviceProgram {
public:
  /// Constants go to the device now. The program's peak grows by what its steps need there.
  explicit DeviceProgram(const std::shared_ptr<Program>& program);
  ~DeviceProgram();
  DeviceProgram(const DeviceProgram&) = delete;
  DeviceProgram& operator=(const DeviceProgram&) = delete;

  const Program& program() const { return *program_; }
  /// Whether a run may have to be repeated, on the same inputs, to say what failed.
  bool canFail() const { return static_cast<bool>(statuses_); }
  /// As Program::run, on memory of the device. Called again on the same addresses, a program that
  /// never waits is captured as a graph and replayed: one launch for all. DIPTYCH_CUDA_GRAPHS=0 in
  /// the environment forbids it. Safe to call from several threads.
  void run(std::span<void* const> inputs, std::span<void* const> outputs);

private:
  void place(const Program& program);
  std::vector<Buffer> execute(std::byte* arena, std::byte* scratch, std::span<void* const> inputs,
                              std::span<void* const> outputs, bool checked);
  bool replay(std::span<void* const> inputs, std::span<void* const> outputs);
  void capture(DeviceGraph& graph, std::span<void* const> inputs, std::span<void* const> outputs);
  bool someFailed() const;

  std::shared_ptr<const Program> program_;
  std::vector<Buffer> constants_;
  Buffer statuses_;
  DeviceRunner::Places places_;
  int64_t scratchBytes_ = 0;
  bool waits_ = false;   // a step needs the host
  bool captures_ = true; // no step is a library's that may wait
  int64_t launches_ = 0; // of one run, at least
  std::mutex mutex_;     // of one run at a time: they share statuses and graphs
  std::vector<std::unique_ptr<DeviceGraph>> graphs_; // the last used is the last
};

/// Whether programs may be replayed as graphs: what the environment says, until it is set. To
/// measure what graphs are worth.
void setAllowsGraphs(bool on);

} // namespace diptych::runtime::cuda
