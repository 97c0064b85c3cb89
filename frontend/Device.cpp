// Devices as the DSL sees them: names, moving tensors, and which operands may meet.
#include <diptych/Device.h>

#include "frontend/EagerEmitter.h"
#include "frontend/Ops.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceLaunch.h"
#include "runtime/cuda/DeviceMemory.h"

#include <algorithm>

namespace diptych {

using detail::located;
using detail::misuse;
namespace cuda = runtime::cuda;

//===-- Names --------------------------------------------------------------------------------===//

static std::string description() {
  const cuda::Context& device = cuda::context();
  return device.name + ", sm_" + std::to_string(device.capability) + ", " +
         std::to_string(device.totalBytes >> 20) + " MiB";
}

static bool isCuda(const char* op, const std::string& name) {
  if (name == "cuda")
    cuda::context(); // throws where there is none
  else if (name != "cpu")
    misuse(op, "the device cpu or cuda", '"' + name + '"', "choose one of the two");
  return name == "cuda";
}

Device device(const std::string& name, SourceLocation where) {
  return located(where, [&]() -> Device {
    if (isCuda("device", name))
      return {"cuda", description()};
    return {"cpu", "the host"};
  });
}

bool cuda_available() { return cuda::unavailable().empty(); }
std::string cuda_status() { return cuda_available() ? description() : cuda::unavailable(); }

void synchronize(SourceLocation where) {
  located(where, [] {
    if (cuda_available())
      cuda::synchronise();
  });
}

DeviceStats device_stats() {
  const cuda::Counters& all = cuda::counters();
  const cuda::DeviceMemoryStats memory = cuda::deviceMemoryStats();
  DeviceStats stats;
  stats.launches = all.launches;
  stats.graph_launches = all.graphLaunches;
  stats.library_calls = all.libraryCalls;
  stats.host_operators = all.hostOperators;
  stats.host_operator_names = cuda::hostOperators();
  stats.joins = all.joins;
  stats.copies_to_device = all.copiesToDevice;
  stats.copies_to_host = all.copiesToHost;
  stats.bytes_to_device = all.bytesToDevice;
  stats.bytes_to_host = all.bytesToHost;
  stats.synchronizations = all.synchronisations;
  stats.current_bytes = memory.currentBytes;
  stats.high_water_bytes = memory.highWaterBytes;
  stats.cached_bytes = memory.cachedBytes;
  stats.reserved_bytes = memory.reservedBytes;
  return stats;
}

void reset_device_high_water() { cuda::resetDeviceHighWater(); }

void release_device_cache() {
  if (cuda_available())
    cuda::releaseDeviceCache();
}

//===-- Moving -------------------------------------------------------------------------------===//

std::string Tensor::device() const {
  const TensorImpl* tensor = findTensor(value());
  return !tensor ? "traced" : tensor->isOnDevice() ? "cuda" : "cpu";
}

static Values allMoved(ValueSpan values, bool onDevice) {
  Values moved;
  for (const Value& value : values)
    moved.push_back(movedTo(value, onDevice));
  return moved;
}

// Linear, so its rules are moves: cotangents go back, tangents go along.
static Value move(const Value& x, bool onDevice) {
  const bool from = eagerTensor(x).isOnDevice();
  const auto there = [onDevice](ValueSpan values) { return allMoved(values, onDevice); };
  auto function = std::make_shared<CustomFunction>();
  function->name = "to";
  function->primal = there;
  function->vjp = [from](ValueSpan values) {
    const Tensor cotangent(values.back());
    return Values{cotangent.to(from ? "cuda" : "cpu").value()};
  };
  function->jvp = [onDevice](ValueSpan values) {
    const Tensor tangent(values.back());
    return Values{tangent.to(onDevice ? "cuda" : "cpu").value()};
  };
  const Value operands[] = {x};
  return eagerEmitter().custom(function, operands)[0];
}

Tensor Tensor::to(const std::string& device, SourceLocation where) const {
  return located(where, [&] {
    const bool onDevice = isCuda("to", device);
    const cuda::OperatorScope scope("to");
    const TensorImpl* tensor = findTensor(value());
    if (!tensor && onDevice)
      misuse("to", "a tensor whose elements are known", "traced " + type().str(),
             "a traced function runs where its arguments are: move those");
    if (!tensor || tensor->isOnDevice() == onDevice)
      return *this;
    return Tensor(tensor->requiresGrad() ? move(value(), onDevice) : movedTo(value(), onDevice));
  });
}

//===-- Meeting ------------------------------------------------------------------------------===//

namespace eager {

namespace {

bool isOneElement(const TensorImpl& x) {
  for (int a = 0; a < x.type.rank(); ++a)
    if (x.type.shape[a] != 1 && x.strides()[a] != 0)
      return false;
  return x.type.numel() > 0;
}

// One element crosses as one, and stays as often repeated as it is.
Value joined(const TensorImpl& x, const Value& value) {
  ++cuda::counters().joins;
  if (!isOneElement(x))
    return movedTo(value, true);
  runtime::Buffer buffer = cuda::allocateOnDevice(sizeOf(x.type.dtype));
  cuda::writeOnDevice(buffer.data(), x.data(), sizeOf(x.type.dtype));
  std::byte* data = buffer.data();
  return Value(new TensorImpl(x.type, std::move(buffer), data, x.strides()));
}

bool anyOnDevice(ValueSpan values) {
  return std::any_of(values.begin(), values.end(),
                     [](const Value& value) { return eagerTensor(value).isOnDevice(); });
}

[[noreturn]] void refuse(const char* op, ValueSpan operands, const TensorImpl& stranger) {
  std::string got;
  for (const Value& operand : operands) {
    const TensorImpl& tensor = eagerTensor(operand);
    got += (got.empty() ? "" : ", ") + tensor.type.str() +
           (tensor.isOnDevice() ? " on cuda" : " on cpu");
  }
  misuse(op, "operands on one device", got,
         stranger.requiresGrad() ? "a tensor that requires grad joins no other device by itself: "
                                   "move it with to(\"cuda\")"
                                 : "move one with to(\"cuda\") or to(\"cpu\")");
}

} // namespace

Values onOneDevice(const char* op, ValueSpan operands) {
  Values result(operands.begin(), operands.end());
  if (!anyOnDevice(operands))
    return result;
  for (Value& operand : result) {
    const TensorImpl& tensor = eagerTensor(operand);
    if (tensor.isOnDevice())
      continue;
    if (tensor.requiresGrad() || !(tensor.isHomeless() || isOneElement(tensor)))
      refuse(op, operands, tensor);
    operand = joined(tensor, operand);
  }
  return result;
}

void joinDeviceOf(ValueSpan operands, Values& results) {
  if (!anyOnDevice(operands))
    return;
  for (Value& result : results)
    if (const TensorImpl& tensor = eagerTensor(result); tensor.isHomeless() && !tensor.isOnDevice())
      result = joined(tensor, result);
}

} // namespace eager
} // namespace diptych
