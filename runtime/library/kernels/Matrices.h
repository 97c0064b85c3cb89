// Batches of matrices for the kernels of linear algebra: row-major in memory, computed in doubles
// by Eigen on one thread, rounded once.
#pragma once

#include <Eigen/Core>

#include <cstdint>
#include <limits>

namespace diptych::runtime::kernels {

using Matrix = Eigen::MatrixXd;
template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Matrix number `index` of an arg.
template <class T> Matrix load(const void* arg, int64_t index, int64_t rows, int64_t columns) {
  const T* data = static_cast<const T*>(arg) + index * rows * columns;
  return Eigen::Map<const RowMajor<T>>(data, rows, columns).template cast<double>();
}
template <class T> void store(const Matrix& matrix, void* arg, int64_t index) {
  T* data = static_cast<T*>(arg) + index * matrix.size();
  Eigen::Map<RowMajor<T>>(data, matrix.rows(), matrix.cols()) = matrix.cast<T>();
}

inline Matrix notANumber(int64_t rows, int64_t columns) {
  return Matrix::Constant(rows, columns, std::numeric_limits<double>::quiet_NaN());
}
/// (x + x^T) / 2, exactly x where it is symmetric.
inline Matrix symmetricPart(const Matrix& x) { return 0.5 * x + 0.5 * x.transpose(); }

/// -1 where the column should be turned round: its first element of at least half the greatest
/// magnitude is negative.
template <class Column> double signOf(const Column& column) {
  if (column.size() == 0)
    return 1;
  const double bound = 0.5 * column.cwiseAbs().maxCoeff();
  for (Eigen::Index i = 0; i < column.size(); ++i)
    if (std::abs(column[i]) >= bound)
      return column[i] < 0 ? -1 : 1;
  return 1;
}

} // namespace diptych::runtime::kernels
