// The C++ type behind a dtype.
#pragma once

#include <diptych/Half.h>
#include <diptych/Types.h>

#include <cstdint>

namespace diptych {

/// f with an element of the type in which tensors of this dtype are stored.
template <class F> void withElement(DType dtype, F f) {
  switch (dtype) {
  case DType::f32: return f(float());
  case DType::f64: return f(double());
  case DType::i32: return f(int32_t());
  case DType::i64: return f(int64_t());
  case DType::boolean: return f(uint8_t());
  case DType::bf16: return f(bfloat16());
  case DType::f16: return f(float16());
  }
}

} // namespace diptych
