// The operator table as C++ data, generated from Ops.td. Knows no MLIR, no kernel, no tensor.
#pragma once

#include <diptych/Types.h>

#include <memory>
#include <string_view>

namespace diptych {

enum class OpCode : uint16_t {
#define DIPTYCH_OPCODE(CODE) CODE,
#include "ir/OpCodes.h.inc"
};

enum class Family : uint8_t {
  Pointwise,
  Creation,
  Movement,
  Reduction,
  ArgReduction,
  Cumulative,
  Matmul,
  Convolution,
  OverlapAdd,
  Gather,
  ScatterAdd,
  Library // a C++ function of runtime/library
};

enum class DerivativeKind : uint8_t {
  Pointwise,
  Linear,
  Bilinear,
  Custom,
  Zero,
  NotDifferentiable
};

/// Names of the attributes operators may have. Lists, `axis` and `value` are fields of Attrs;
/// from `descending` on they are flags.
enum class AttrField : uint8_t {
  axes,
  starts,
  limits,
  strides,
  low,
  high,
  interior,
  sizes,
  dilations,
  window,
  axis,
  value,
  descending,
  right,
  check,
  lower,
  transposed,
  unit,
  regular
};
/// Whether it is true or false, and no more.
constexpr bool isFlag(AttrField field) { return field >= AttrField::descending; }

/// Values of a dense constant, row-major.
struct Literal {
  TensorType type;
  std::vector<std::byte> bytes;
};

/// Attributes of any operator. Which fields count is said by OpInfo::attributes; `shape` and
/// `dtype` are the result's, for operators whose result the operands do not determine.
struct Attrs {
  Dims axes, shape, starts, limits, strides, low, high, interior, sizes, dilations, window;
  int64_t axis = 0;
  DType dtype = DType::f64;
  Scalar value;                           // constant (splat), pad
  std::shared_ptr<const Literal> literal; // constant (dense); wins over `value`
  uint32_t flags = 0;                     // bit i: the attribute AttrField(i)

  bool flag(AttrField field) const { return flags >> static_cast<int>(field) & 1; }
  void set(AttrField field, bool on = true) {
    const uint32_t bit = uint32_t{1} << static_cast<int>(field);
    flags = on ? flags | bit : flags & ~bit;
  }
};

struct OpInfo;
using TypeRule = TensorType (*)(const OpInfo&, std::span<const TensorType>, const Attrs&);

/// One row of the table.
struct OpInfo {
  OpCode code;
  const char* name;
  Family family;
  DerivativeKind derivative;
  int operandCount; // of a variadic operator: the least number
  bool variadic;
  uint8_t dtypes; // bit i: DType(i) is allowed for the operands
  std::span<const AttrField> attributes;
  OpCode combiner; // of a reduction: the pointwise operator it repeats
  int cost;        // floating-point operations an element, roughly
  double domainLow, domainHigh;
  const char* summary;
  const char* convention;
  const char* reason;
  TypeRule typeRule;

  bool isPointwise() const { return family == Family::Pointwise; }
  bool isReduction() const { return family == Family::Reduction; }
  bool takes(DType dtype) const { return dtypes >> static_cast<int>(dtype) & 1; }
  /// Whether it computes with numbers, in f32 where they are bf16 or f16. What takes booleans too
  /// hands elements on as they are.
  bool widensHalves() const { return takes(DType::bf16) && !takes(DType::boolean); }
  bool has(AttrField field) const;
};

const OpInfo& info(OpCode code);
std::span<const OpInfo> allOperators();
/// Null where no operator has that name.
const OpInfo* findOperator(std::string_view name);
const char* name(AttrField field);
/// The list that a list-valued field names.
Dims& listOf(Attrs& attrs, AttrField field);
const Dims& listOf(const Attrs& attrs, AttrField field);

/// Result type of an operator. Throws Error ("matmul: expected ..., got ...; remedy") on operands
/// or attributes that do not fit; the caller adds the source line.
TensorType inferType(OpCode code, std::span<const TensorType> operands, const Attrs& attrs);

/// The splat's value as an element of `dtype` would hold it; throws Error where it does not fit.
Scalar castTo(DType dtype, Scalar value);

} // namespace diptych
