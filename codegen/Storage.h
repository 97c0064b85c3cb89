// Where a value lies: a buffer and a strided view of it, and how loop indices find an element.
// Knows no kernel and no MLIR operation but the movements it composes.
#pragma once

#include "ir/Dialect.h"

namespace diptych::codegen {

/// A strided view of a buffer of the plan; a splat has no buffer.
struct Storage {
  int buffer = -1;
  TensorType type;
  Dims strides;
  int64_t offset = 0;
  std::optional<Scalar> splat;

  bool isContiguous() const;
};

/// Of an array without gaps whose axes, from the outermost on, lie in this order; those of one
/// element may be left out.
Dims stridesInOrder(const Shape& shape, llvm::ArrayRef<int64_t> axes);

/// For each axis of a value, the affine index: the sum of scale * loop over its terms, and offset.
struct IndexMap {
  struct Term {
    int loop;
    int64_t scale;
    friend bool operator==(const Term&, const Term&) = default;
  };
  struct Axis {
    llvm::SmallVector<Term, 2> terms;
    int64_t offset = 0;
    friend bool operator==(const Axis&, const Axis&) = default;
    static Axis of(int loop) { return {{{loop, 1}}, 0}; }
    Axis scaled(int64_t factor) const;
    Axis plus(const Axis& other) const;
  };
  std::vector<Axis> axes;
  friend bool operator==(const IndexMap&, const IndexMap&) = default;

  /// Axis i follows loop i.
  static IndexMap identity(int rank);
};

/// The operand's index map, given the result's. The movement must be an index map (no general
/// reshape, no pad, no concatenate).
IndexMap throughMovement(OpCode code, const Attrs& attrs, const Shape& operand,
                         const IndexMap& result);

/// The view a movement makes of an operand; none where elements must be copied.
std::optional<Storage> viewOf(OpCode code, const Attrs& attrs, const Storage& operand,
                              const TensorType& result);

} // namespace diptych::codegen
