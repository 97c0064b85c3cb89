// Operands for kernels that take no strides. Internal to the launchers.
#pragma once

#include "runtime/Buffer.h"
#include "runtime/Launch.h"

namespace diptych::runtime {

/// An operand as the kernels want it: contiguous, of a given dtype; copied only if it is not so.
class Dense {
public:
  Dense(const Strided& source, DType dtype) : type_(*source.type), data_(source.data) {
    if (source.contiguous && type_.dtype == dtype)
      return;
    type_.dtype = dtype;
    buffer_ = allocateBeside(source, type_.bytes());
    data_ = buffer_.data();
    const Dims strides = contiguousStrides(type_.shape);
    const Strided target{data_, &type_, &strides, true, source.onDevice};
    if (source.type->dtype == dtype)
      launchCopy(source, target);
    else
      launchPointwise(OpCode::Convert, {&source, 1}, target);
  }
  explicit Dense(const Strided& source) : Dense(source, source.type->dtype) {}

  Dense(Dense&&) = default;

  std::byte* data() const { return data_; }
  int64_t numel() const { return type_.numel(); }

private:
  TensorType type_;
  std::byte* data_;
  Buffer buffer_;
};

} // namespace diptych::runtime
