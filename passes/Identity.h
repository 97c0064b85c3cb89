// The identity matrix, as batched derivatives are seeded with it.
#pragma once

#include "ir/Dialect.h"

namespace diptych::passes {

/// Whether the value is [n, n], n > 0, and 1 where both indices are equal, 0 elsewhere.
inline bool isIdentityMatrix(mlir::Value value) {
  const TensorType type = ir::tensorTypeOf(value.getType());
  auto number = value.getDefiningOp<ir::ConvertOp>();
  auto equal = number ? number.getX().getDefiningOp<ir::EqOp>() : ir::EqOp();
  if (!equal || type.rank() != 2 || type.shape[0] != type.shape[1] || type.shape[0] == 0)
    return false;
  auto row = equal.getX().getDefiningOp<ir::IotaOp>();
  auto column = equal.getY().getDefiningOp<ir::IotaOp>();
  return row && column && row.getAxis() != column.getAxis();
}

} // namespace diptych::passes
