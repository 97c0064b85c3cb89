// A product of matrices as a library takes it, as plain data.
#pragma once

#include <diptych/Types.h>

#include <optional>

namespace diptych::runtime::cuda {

/// A matrix as cuBLAS takes it: one of its two strides is 1.
struct BlasMatrix {
  bool transposed = false; // of row-major: the first stride is 1
  int64_t leading = 0;     // the other stride
  int64_t batch = 0;
  int64_t offset = 0; // in elements
};

/// What cuBLASLt may do beside a product D = A B: y = f(D + bias), or sums of A or B over k.
struct Epilogue {
  enum class Function : uint8_t { none, relu, gelu };
  enum class Vector : uint8_t { none, bias, sumsOfA, sumsOfB };
  Function function = Function::none;
  Vector vector = Vector::none; // the bias is read, sums are written
  int vectorArg = 0;
  int64_t vectorOffset = 0;
  int resultArg = 2; // where the result goes, and how: C, but after `function`
  DType result = DType::f32;
  BlasMatrix c;
};

/// C[b] = A[b] B[b] for row-major C with rows `c.leading` apart; args are A, B and C. Sums of bf16
/// and f16 are f32, rounded once where C is bf16 or f16 too.
struct Gemm {
  DType dtype = DType::f32;  // of A and B
  DType result = DType::f32; // of C: the same, or f32
  int64_t m = 0, n = 0, k = 0, count = 1;
  BlasMatrix a, b, c;
  int arg[3] = {0, 1, 2};
  std::optional<Epilogue> epilogue;

  /// Enqueues it; whether its epilogue was done with it. If not, C is the bare product. `pointers`
  /// are of the whole kernel.
  bool enqueue(void* const* pointers) const;
};

} // namespace diptych::runtime::cuda
