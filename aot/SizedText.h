// Texts in which numbers follow from sizes: messages that name shapes, and operations of a trace.
#pragma once

#include "aot/Samples.h"

#include "mlir/IR/BuiltinOps.h"

namespace diptych::aot {

/// The text that all samples have but for numbers, which are polynomials of the sizes.
class SizedText {
public:
  /// None where texts differ otherwise.
  static std::optional<SizedText> of(std::span<const std::string> texts, const Samples& at);
  std::string at(std::span<const int64_t> sizes) const;
  std::string str(std::span<const Dim> dims) const;

private:
  std::vector<std::variant<std::string, Extent>> parts_;
};

/// What must not be negative, so that the operations are defined: extents, what slices leave, one
/// less than an axis whose extremum is taken.
std::vector<Extent> constraintsOf(std::span<const mlir::ModuleOp> traces, const Samples& at);

/// Throws Error with a line of the model if the trace for other sizes is not what those of the
/// samples foretell.
void compareTraces(std::span<const mlir::ModuleOp> traces, const Samples& at,
                   std::span<const Dim> dims, mlir::ModuleOp other, std::span<const int64_t> sizes);

} // namespace diptych::aot
