// One operator of the table on numbers, by its definition.
#pragma once

#include "ir/OpTable.h"

#include <diptych/Value.h>

namespace diptych::reference {

/// Elements in row-major order, whatever the dtype.
using Data = std::vector<double>;

/// The number as an element of that dtype holds it.
double stored(DType dtype, double value);
/// Operands are ReferenceValues that fit the operator; `type` is what its type rule gives.
Data evaluate(const OpInfo& op, ValueSpan in, const Attrs& attrs, const TensorType& type);

} // namespace diptych::reference
