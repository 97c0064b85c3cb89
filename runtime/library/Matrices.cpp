// What the kernels of linear algebra share: names of matrices in messages, one blocking everywhere.
#include "runtime/library/Matrices.h"
#include "runtime/library/kernels/Caches.h"

#include <Eigen/Core>

namespace diptych::runtime {

std::string matrixText(const TensorType& type, int64_t index) {
  if (type.rank() == 2)
    return type.str();
  if (index < 0)
    return "a matrix of " + type.str();
  Dims at(type.rank() - 2, 0);
  for (int i = at.size() - 1; i >= 0; --i) {
    at[i] = index % type.shape[i];
    index /= type.shape[i];
  }
  return "matrix " + at.str() + " of " + type.str();
}

namespace {
// Eigen cuts products by the sizes of the caches it finds; fixed ones give every machine the same
// order of additions.
const bool blocking = [] {
  Eigen::setCpuCacheSizes(kernels::kCaches[0], kernels::kCaches[1], kernels::kCaches[2]);
  return true;
}();
} // namespace

} // namespace diptych::runtime
