// What an eager Value points to: a view of a buffer, and its place in the history of a computation.
// Computes nothing.
#pragma once

#include <diptych/Value.h>

#include "frontend/TapePool.h"
#include "runtime/Buffer.h"
#include "runtime/Launch.h"

namespace diptych {

class TapeNode;

/// Shared handle on a tape node.
class NodeRef {
public:
  NodeRef() = default;
  /// Takes over the reference that a new node is born with.
  static NodeRef adopt(TapeNode* node) {
    NodeRef result;
    result.node_ = node;
    return result;
  }
  NodeRef(const NodeRef& other) : node_(other.node_) { retain(); }
  NodeRef(NodeRef&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodeRef& operator=(NodeRef other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodeRef() {
    if (node_)
      release();
  }
  TapeNode* get() const { return node_; }
  TapeNode* operator->() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }

private:
  void retain();
  void release() noexcept;
  TapeNode* node_ = nullptr;
};

class TensorImpl final : public ValueImpl {
public:
  /// A view: `data` points into `buffer`; strides are in elements and may be 0 or negative.
  TensorImpl(const TensorType& type, runtime::Buffer buffer, std::byte* data, const Dims& strides)
      : ValueImpl(type), buffer_(std::move(buffer)), data_(data), strides_(strides),
        contiguous_(runtime::isContiguous(type.shape, strides)) {}
  /// A new row-major array; its elements are undefined.
  explicit TensorImpl(const TensorType& type, bool onDevice = false);
  ~TensorImpl() override;

  static void* operator new(size_t size);
  static void operator delete(void* memory) noexcept;

  const runtime::Buffer& buffer() const { return buffer_; }
  /// Of the element at index 0,...,0.
  std::byte* data() const { return data_; }
  const Dims& strides() const { return strides_; }
  bool isContiguous() const { return contiguous_; }
  runtime::Strided strided() const { return {data_, &type, &strides_, contiguous_, isOnDevice()}; }
  /// Whether data() is an address of the device, which only its kernels and copies may follow.
  bool isOnDevice() const { return buffer_.isOnDevice(); }
  /// Made from numbers alone, not from data: it has no home yet, and joins the device of the tensor
  /// that it meets. So does one element, however often repeated.
  bool isHomeless() const { return homeless_; }
  void setHomeless(bool on) { homeless_ = on; }

  /// A leaf that asked for a gradient, or computed from one while recording.
  bool requiresGrad() const { return requiresGrad_; }
  bool isLeaf() const { return !node_; }
  /// What computed it; null for leaves. It is result number resultIndex() of that node.
  const NodeRef& node() const { return node_; }
  int resultIndex() const { return resultIndex_; }

  void setRequiresGrad(bool on) { requiresGrad_ = on; }
  void setNode(NodeRef node, int resultIndex, uint64_t sequence) {
    node_ = std::move(node);
    resultIndex_ = resultIndex;
    requiresGrad_ = true;
    this->sequence = sequence;
  }

  /// Gives the storage away: from now on findTensor throws, naming where that was asked for.
  void giveAway(const SourceLocation& where);
  /// Where it was given away; null for every tensor that can be used.
  const SourceLocation* givenAway() const { return givenAway_; }

  /// Marks the tensor as seen by a walk over the tape; true if this walk had not seen it.
  bool visit(uint64_t walk) { return visited_.exchange(walk, std::memory_order_relaxed) != walk; }

  /// What backward() has added up; null before the first.
  Value grad;
  /// The transform this is a differentiated input of; 0 for every other tensor.
  uint64_t transform = 0;
  /// Nodes that use this tensor have a larger number, on whatever thread they are recorded.
  uint64_t sequence = 0;

private:
  runtime::Buffer buffer_;
  std::byte* data_;
  Dims strides_;
  NodeRef node_;
  std::atomic<uint64_t> visited_{0};
  const SourceLocation* givenAway_ = nullptr;
  int32_t resultIndex_ = 0;
  bool contiguous_;
  bool requiresGrad_ = false;
  bool homeless_ = false;
};

[[noreturn]] void throwGivenAway(const TensorImpl& tensor);
/// Null for values of a trace or of a batch. Throws Error for one whose storage was given away.
inline TensorImpl* findTensor(const Value& value) {
  auto* tensor = dynamic_cast<TensorImpl*>(value.impl());
  if (tensor && tensor->givenAway()) [[unlikely]]
    throwGivenAway(*tensor);
  return tensor;
}
/// Throws Error where the value is not eager: it belongs to a trace.
TensorImpl& eagerTensor(const Value& value);

/// A row-major tensor in the whole of a buffer of its size.
Value tensorIn(const TensorType& type, runtime::Buffer buffer);
/// A new row-major tensor; its elements are undefined.
Value newTensor(const TensorType& type, bool onDevice = false);
/// Another view of the same storage, `offset` elements away from x's first; without history.
Value viewOf(const TensorImpl& x, const TensorType& type, const Dims& strides, int64_t offset = 0);
/// The same elements without a history.
Value detached(const Value& x);
/// The value itself where its elements lie row-major, else a copy without history.
Value contiguousCopy(const Value& x);
/// One element, repeated.
Value splat(const TensorType& type, Scalar value);
/// The same elements on the other side, row-major and without history; the value itself where it is
/// there already.
Value movedTo(const Value& x, bool onDevice);
/// The only element of storage on either side; waits for the device.
void loadElement(const TensorImpl& x, std::byte* element);
/// Somebody else's memory, row-major; `deleter` runs when the last tensor that uses it goes.
Value fromMemory(const TensorType& type, void* data, std::function<void(void*)> deleter);

} // namespace diptych
