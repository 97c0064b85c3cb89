// Making eager tensors and views of them.
#include "frontend/TensorImpl.h"

#include "frontend/Tape.h"
#include "runtime/cuda/DeviceMemory.h"

#include <cstring>
#include <map>
#include <mutex>

namespace diptych {

TensorImpl::TensorImpl(const TensorType& type, bool onDevice)
    : ValueImpl(type), buffer_(onDevice ? runtime::cuda::allocateOnDevice(type.bytes())
                                        : runtime::Buffer::allocate(type.bytes())),
      data_(buffer_.data()), strides_(contiguousStrides(type.shape)), contiguous_(true) {}

TensorImpl::~TensorImpl() {
  if (node_)
    node_->forgetResult(resultIndex_);
}

void* TensorImpl::operator new(size_t) { return TapePool<sizeof(TensorImpl)>::take(); }
void TensorImpl::operator delete(void* memory) noexcept {
  TapePool<sizeof(TensorImpl)>::give(memory);
}

// Places in a source file are few, and a tensor may outlive who gave it away.
void TensorImpl::giveAway(const SourceLocation& where) {
  static auto* known = new std::map<std::pair<std::string, int64_t>, SourceLocation>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const auto [place, isNew] =
      known->try_emplace({where.known() ? where.file : "", where.line}, where);
  if (isNew && where.known())
    place->second.file = place->first.first.c_str();
  givenAway_ = &place->second;
  buffer_ = {};
  data_ = nullptr;
}

void throwGivenAway(const TensorImpl& tensor) {
  const SourceLocation& where = *tensor.givenAway();
  const std::string place =
      where.known() ? std::string(" at ") + where.file + ":" + std::to_string(where.line) : "";
  throw Error("expected a tensor with elements, got " + tensor.type.str() +
              " that was donated to the function jitted" + place +
              ", which wrote a result into its memory; use that result, or leave the argument out "
              "of JitOptions::donate");
}

TensorImpl& eagerTensor(const Value& value) {
  if (TensorImpl* tensor = findTensor(value))
    return *tensor;
  if (!value)
    throw Error("internal: an operand without a value");
  throw Error("this tensor (" + value.type().str() +
              ") belongs to a trace or to a transform and has no numbers here; use it only inside "
              "the function that is being traced, and return it from there");
}

Value tensorIn(const TensorType& type, runtime::Buffer buffer) {
  std::byte* data = buffer.data();
  return Value(new TensorImpl(type, std::move(buffer), data, contiguousStrides(type.shape)));
}

Value newTensor(const TensorType& type, bool onDevice) {
  return Value(new TensorImpl(type, onDevice));
}

Value viewOf(const TensorImpl& x, const TensorType& type, const Dims& strides, int64_t offset) {
  auto* view = new TensorImpl(type, x.buffer(), x.data() + offset * sizeOf(type.dtype), strides);
  view->setHomeless(x.isHomeless());
  return Value(view);
}

Value detached(const Value& x) {
  const TensorImpl& tensor = eagerTensor(x);
  return viewOf(tensor, tensor.type, tensor.strides());
}

Value contiguousCopy(const Value& x) {
  const TensorImpl& tensor = eagerTensor(x);
  if (tensor.isContiguous())
    return x;
  auto* copy = new TensorImpl(tensor.type, tensor.isOnDevice());
  const Value result(copy);
  copy->setHomeless(tensor.isHomeless());
  runtime::launchCopy(tensor.strided(), copy->strided());
  return result;
}

Value splat(const TensorType& type, Scalar value) {
  runtime::Buffer buffer = runtime::Buffer::allocate(sizeOf(type.dtype));
  std::byte* data = buffer.data();
  runtime::storeScalar(type.dtype, value, data);
  auto* splat = new TensorImpl(type, std::move(buffer), data, Dims(type.rank(), 0));
  splat->setHomeless(true);
  return Value(splat);
}

Value movedTo(const Value& x, bool onDevice) {
  const TensorImpl& from = eagerTensor(x);
  if (from.isOnDevice() == onDevice)
    return x;
  // Rows first, where the elements are: only what is read crosses.
  const Value rows = contiguousCopy(x);
  Value result = newTensor(from.type, onDevice);
  runtime::launchCopy(eagerTensor(rows).strided(), eagerTensor(result).strided());
  return result;
}

void loadElement(const TensorImpl& x, std::byte* element) {
  const auto bytes = sizeOf(x.type.dtype);
  if (x.isOnDevice())
    runtime::cuda::copyToHost(element, x.data(), bytes);
  else
    std::memcpy(element, x.data(), static_cast<size_t>(bytes));
}

Value fromMemory(const TensorType& type, void* data, std::function<void(void*)> deleter) {
  runtime::Buffer buffer = runtime::Buffer::external(data, type.bytes(), std::move(deleter));
  return Value(new TensorImpl(type, std::move(buffer), static_cast<std::byte*>(data),
                              contiguousStrides(type.shape)));
}

} // namespace diptych
