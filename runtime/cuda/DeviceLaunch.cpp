// Host copies of strided arrays, and copies between the two memories.
#include "runtime/cuda/DeviceLaunch.h"

#include "ir/Emitter.h"
#include "runtime/Dense.h"
#include "runtime/LaunchNest.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace diptych::runtime::cuda {

namespace {

/// The bytes that an array lies in, from its lowest element to its highest.
struct Bytes {
  std::byte* begin;
  int64_t bytes;

  explicit Bytes(const Strided& array) {
    const int64_t size = sizeOf(array.type->dtype);
    int64_t low = 0, high = 0;
    for (int a = 0; a < array.type->rank(); ++a) {
      const int64_t reach = (array.type->shape[a] - 1) * (*array.strides)[a];
      (reach < 0 ? low : high) += reach;
    }
    begin = array.data + low * size;
    bytes = array.type->numel() == 0 ? 0 : (high - low + 1) * size;
  }
};

/// A host array in place of one of the device.
class HostCopy {
public:
  HostCopy(const Strided& array, bool filled) : bytes_(array), view_(array) {
    if (!array.onDevice)
      return;
    host_ = Buffer::allocate(bytes_.bytes);
    if (filled)
      copyToHost(host_.data(), bytes_.begin, bytes_.bytes);
    view_.data = host_.data() + (array.data - bytes_.begin);
    view_.onDevice = false;
  }
  const Strided& view() const { return view_; }
  void writeBack() const {
    if (host_)
      copyToDevice(bytes_.begin, host_.data(), bytes_.bytes);
  }

private:
  Bytes bytes_;
  Strided view_;
  Buffer host_;
};

struct HostRuns {
  std::mutex mutex;
  std::map<std::string, int64_t> byName;
};
HostRuns& hostRuns() {
  static auto* made = new HostRuns;
  return *made;
}

bool isSplat(const Strided& array) {
  for (int a = 0; a < array.type->rank(); ++a)
    if (array.type->shape[a] != 1 && (*array.strides)[a] != 0)
      return false;
  return true;
}

/// One launch, where the kernel of two loops would need several. False where there is no kernel.
bool copyAlongAxes(const Strided& input, const Strided& output) {
  const DType dtype = output.type->dtype;
  const Dims* strides[] = {input.strides, output.strides};
  Axes axes(output.type->shape, strides);
  axes.coalesce();
  const DeviceKernel* kernel =
      axes.rank > 2 ? findKernel(OpCode::StopGradient, dtype, dtype, kManyAxes) : nullptr;
  if (!kernel)
    return false;
  std::vector<int64_t> params(3 * kMaxRank - 1, 0);
  const auto first = static_cast<size_t>(kMaxRank - axes.rank);
  std::fill_n(params.begin(), kMaxRank - 1, 1);
  int64_t range = 1;
  for (size_t a = 0; a < static_cast<size_t>(axes.rank); ++a) {
    const size_t loop = first + a;
    (loop == 0 ? range : params[loop - 1]) = axes.extent[a];
    params[kMaxRank - 1 + loop] = axes.stride[0][a];
    params[2 * kMaxRank - 1 + loop] = axes.stride[1][a];
  }
  void* const pointers[] = {input.data, output.data};
  launchEager(*kernel, pointers, params, range);
  return true;
}

bool copyDirectly(const Strided& input, const Strided& output) {
  const int64_t bytes = output.type->bytes();
  if (!output.contiguous)
    return false;
  if (input.contiguous) {
    if (input.onDevice && output.onDevice)
      copyOnDevice(output.data, input.data, bytes);
    else if (output.onDevice)
      copyToDevice(output.data, input.data, bytes);
    else
      copyToHost(output.data, input.data, bytes);
    return true;
  }
  return output.onDevice && !input.onDevice && isSplat(input) &&
         fillOnDevice(output.data, input.data, sizeOf(output.type->dtype), output.type->numel());
}

/// The same launch on the device with operands that have no gaps, which may have a kernel. False
/// where they have none, or cannot be copied there.
bool runDense(std::span<const Strided> inputs, const Strided& output, const HostLaunch& launch) {
  const auto isThere = [](const Strided& array) { return array.onDevice; };
  const auto isDense = [](const Strided& array) { return array.contiguous; };
  const DType dtype = output.type->dtype;
  if (!std::all_of(inputs.begin(), inputs.end(), isThere) ||
      (output.contiguous && std::all_of(inputs.begin(), inputs.end(), isDense)) ||
      !findKernel(OpCode::StopGradient, dtype, dtype, kManyAxes))
    return false;
  std::vector<Dense> dense;
  std::vector<Dims> strides(inputs.size() + 1);
  std::vector<Strided> operands;
  for (const Strided& input : inputs) {
    dense.emplace_back(input);
    strides[operands.size()] = contiguousStrides(input.type->shape);
    operands.push_back({dense.back().data(), input.type, &strides[operands.size()], true, true});
  }
  if (output.contiguous)
    return launch(operands, output), true;
  const Buffer result = allocateOnDevice(output.type->bytes());
  strides.back() = contiguousStrides(output.type->shape);
  const Strided whole{result.data(), output.type, &strides.back(), true, true};
  launch(operands, whole);
  copyArray(whole, output);
  return true;
}

} // namespace

void runOnHost(const char* name, std::span<const Strided> inputs, const Strided& output,
               const HostLaunch& launch) {
  if (output.onDevice && runDense(inputs, output, launch))
    return;
  const OperatorScope scope(name);
  noteHostRun(name);
  std::vector<HostCopy> copies;
  std::vector<Strided> host;
  for (const Strided& input : inputs) {
    copies.emplace_back(input, true);
    host.push_back(copies.back().view());
  }
  // Between the elements of an output with gaps lie those of others.
  const HostCopy result(output, !output.contiguous);
  launch(host, result.view());
  result.writeBack();
}

void copyArray(const Strided& input, const Strided& output) {
  const OperatorScope scope("copy");
  if (output.type->numel() == 0 || copyDirectly(input, output))
    return;
  if (input.onDevice && output.onDevice && copyAlongAxes(input, output))
    return;
  if (input.onDevice && output.onDevice)
    return launchPointwise(OpCode::StopGradient, {&input, 1}, output);
  if (output.onDevice && isSplat(input)) {
    const Buffer element = allocateOnDevice(sizeOf(input.type->dtype));
    writeOnDevice(element.data(), input.data, sizeOf(input.type->dtype));
    const Strided there{element.data(), input.type, input.strides, input.contiguous, true};
    return launchPointwise(OpCode::StopGradient, {&there, 1}, output);
  }
  runOnHost("copy", {&input, 1}, output,
            [](std::span<const Strided> from, const Strided& to) { launchCopy(from[0], to); });
}

void noteHostRun(const std::string& name) {
  ++counters().hostOperators;
  const std::lock_guard lock(hostRuns().mutex);
  ++hostRuns().byName[name];
}

std::string hostOperators() {
  const std::lock_guard lock(hostRuns().mutex);
  std::string text;
  for (const auto& [name, count] : hostRuns().byName)
    text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
  return text;
}

} // namespace diptych::runtime::cuda
