// Stacks of matrices as operands of library operators. Internal to runtime/library.
#pragma once

#include "runtime/Library.h"

namespace diptych::runtime {

/// Rows and columns of a type's last two axes, and how many matrices it holds.
struct Stack {
  int64_t rows, columns, count = 1;
  explicit Stack(const TensorType& type)
      : rows(type.shape[type.rank() - 2]), columns(type.shape[type.rank() - 1]) {
    for (int i = 0; i + 2 < type.rank(); ++i)
      count *= type.shape[i];
  }
};

/// Bytes for the matrices that a kernel makes: `elements` of them, and `lines` rows and columns,
/// which pay for small ones. tests/aot/LibraryTest measures that they suffice.
inline int64_t scratchFor(int64_t elements, int64_t lines) {
  return 8 * (elements + 64 * lines + 1024);
}

/// "matrix [1,0] of f64[2,3,4,4]", or "f64[4,4]" alone; -1: "a matrix of f64[2,3,4,4]".
std::string matrixText(const TensorType& type, int64_t index);

} // namespace diptych::runtime
