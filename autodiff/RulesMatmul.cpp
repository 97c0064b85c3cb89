// Derivatives of the matrix product.
#include "autodiff/Rules.h"

namespace diptych::autodiff {

using namespace emitted;

TRANSPOSE(Matmul) {
  return {[this] { return matmul(cot(), matrixTranspose(y())); },  // [m,n] x [k,n]^T
          [this] { return matmul(matrixTranspose(x()), cot()); }}; // [m,k]^T x [m,n]
}

} // namespace diptych::autodiff
