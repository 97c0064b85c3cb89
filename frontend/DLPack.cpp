// Tensors as DLPack capsules and back. The layout is that of dlpack.h 0.x, written down here so
// that the header is not needed.
#include <diptych/Device.h>

#include "frontend/Ops.h"
#include "frontend/Tape.h"
#include "frontend/TensorImpl.h"
#include "runtime/cuda/Context.h"

#include <memory>

namespace diptych {

using detail::located;
using detail::misuse;

namespace {

namespace dl {
enum : int32_t { kCpu = 1, kCuda = 2, kCudaHost = 3 };
enum : uint8_t { kInt = 0, kFloat = 2, kBfloat = 4, kBool = 6 };
struct Device {
  int32_t type, number;
};
struct ElementType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct Array {
  void* data;
  Device device;
  int32_t rank;
  ElementType dtype;
  int64_t* shape;
  int64_t* strides; // null: row-major
  uint64_t byteOffset;
};
struct Managed {
  Array array;
  void* owner;
  void (*deleter)(Managed* self);
};
} // namespace dl

struct Exported {
  Value value;
  int64_t shape[kMaxRank], strides[kMaxRank];
  dl::Managed managed;
};

dl::ElementType elementOf(DType dtype) {
  switch (dtype) {
  case DType::f32: return {dl::kFloat, 32, 1};
  case DType::f64: return {dl::kFloat, 64, 1};
  case DType::i32: return {dl::kInt, 32, 1};
  case DType::i64: return {dl::kInt, 64, 1};
  case DType::boolean: return {dl::kBool, 8, 1};
  case DType::bf16: return {dl::kBfloat, 16, 1};
  case DType::f16: return {dl::kFloat, 16, 1};
  }
  throw Error("internal: an element type without a meaning");
}

DType dtypeOfElement(const dl::ElementType& element) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const dl::ElementType ours = elementOf(static_cast<DType>(i));
    if (ours.code == element.code && ours.bits == element.bits && element.lanes == 1)
      return static_cast<DType>(i);
  }
  misuse("from_dlpack", "elements of f32, f64, bf16, f16, i32, i64 or boolean",
         "type code " + std::to_string(element.code) + " of " + std::to_string(element.bits) +
             " bits in " + std::to_string(element.lanes) + " lanes",
         "convert the array before");
}

TensorType typeOf(const dl::Array& array) {
  if (array.rank < 0 || array.rank > kMaxRank)
    misuse("from_dlpack", "at most " + std::to_string(kMaxRank) + " axes",
           std::to_string(array.rank), "reshape the array before");
  TensorType type{dtypeOfElement(array.dtype), {}};
  for (int i = 0; i < array.rank; ++i)
    type.shape.push_back(array.shape[i]);
  return type;
}

Dims stridesOf(const dl::Array& array, const TensorType& type) {
  if (!array.strides)
    return contiguousStrides(type.shape);
  return Dims(std::span<const int64_t>(array.strides, static_cast<size_t>(array.rank)));
}

} // namespace

DLManagedTensor* to_dlpack(const Tensor& x, SourceLocation where) {
  return located(where, [&] {
    const TensorImpl* tensor = findTensor(x.value());
    if (!tensor)
      misuse("to_dlpack", "a tensor whose elements are known", "traced " + x.type().str(),
             "return it from the traced function first");
    if (tensor->isOnDevice())
      runtime::cuda::synchronise();
    auto exported = std::make_unique<Exported>();
    exported->value = detached(x.value());
    for (int i = 0; i < x.rank(); ++i) {
      exported->shape[i] = x.shape()[i];
      exported->strides[i] = tensor->strides()[i];
    }
    exported->managed = {{tensor->data(),
                          {tensor->isOnDevice() ? dl::kCuda : dl::kCpu, 0},
                          x.rank(),
                          elementOf(x.dtype()),
                          exported->shape,
                          exported->strides,
                          0},
                         exported.get(),
                         [](dl::Managed* self) { delete static_cast<Exported*>(self->owner); }};
    return reinterpret_cast<DLManagedTensor*>(&exported.release()->managed);
  });
}

Tensor from_dlpack(DLManagedTensor* capsule, SourceLocation where) {
  return located(where, [&] {
    if (!capsule)
      misuse("from_dlpack", "a capsule", "null", "pass what the other library exported");
    auto* managed = reinterpret_cast<dl::Managed*>(capsule);
    const dl::Array& array = managed->array;
    const TensorType type = typeOf(array);
    const Dims strides = stridesOf(array, type);
    const int32_t where = array.device.type;
    if (where != dl::kCpu && where != dl::kCuda && where != dl::kCudaHost)
      misuse("from_dlpack", "memory of the CPU or of CUDA", "device type " + std::to_string(where),
             "copy the array there before");
    if (where == dl::kCuda && array.device.number != 0)
      misuse("from_dlpack", "memory of CUDA device 0",
             "device " + std::to_string(array.device.number), "copy the array there before");
    if (where == dl::kCuda)
      runtime::cuda::context();
    auto* data = static_cast<std::byte*>(array.data) + array.byteOffset;
    const auto deleter = [managed](void*) {
      if (managed->deleter)
        managed->deleter(managed);
    };
    runtime::Buffer buffer = where == dl::kCuda
                                 ? runtime::Buffer::onDevice(data, type.bytes(), deleter)
                                 : runtime::Buffer::external(data, type.bytes(), deleter);
    return Tensor(Value(new TensorImpl(type, std::move(buffer), data, strides)));
  });
}

} // namespace diptych
