// A handle on what an operator produced: numbers (eager), or a line of a trace. Knows only its
// type.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <diptych/Types.h>

namespace diptych {

/// Base of everything a Value can point to; reference counted, immutable once visible.
class ValueImpl {
public:
  explicit ValueImpl(const TensorType& type) : type(type) {}
  virtual ~ValueImpl() = default;
  ValueImpl(const ValueImpl&) = delete;
  ValueImpl& operator=(const ValueImpl&) = delete;

  const TensorType type;

private:
  friend class Value;
  std::atomic<int32_t> references_{0};
};

/// Shared handle; copying shares. Equality is identity.
class Value {
public:
  Value() = default;
  explicit Value(ValueImpl* impl) : impl_(impl) { retain(); }
  Value(const Value& other) : impl_(other.impl_) { retain(); }
  Value(Value&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}
  Value& operator=(Value other) noexcept {
    std::swap(impl_, other.impl_);
    return *this;
  }
  ~Value() { release(); }

  explicit operator bool() const { return impl_ != nullptr; }
  ValueImpl* impl() const { return impl_; }
  const TensorType& type() const { return impl_->type; }
  const Shape& shape() const { return impl_->type.shape; }
  DType dtype() const { return impl_->type.dtype; }
  int rank() const { return impl_->type.rank(); }
  /// How many handles share the value.
  int32_t useCount() const { return impl_ ? impl_->references_.load() : 0; }
  friend bool operator==(const Value& a, const Value& b) { return a.impl_ == b.impl_; }

private:
  void retain() {
    if (impl_)
      impl_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  // Who holds the last handle sees 1: nobody can add another, so no locked instruction is needed.
  void release() {
    if (impl_ && (impl_->references_.load(std::memory_order_acquire) == 1 ||
                  impl_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1))
      delete impl_;
  }
  ValueImpl* impl_ = nullptr;
};

using Values = std::vector<Value>;
using ValueSpan = std::span<const Value>;
/// A program over values, whoever emits them.
using Function = std::function<Values(ValueSpan)>;

} // namespace diptych
