// One or more applications of every operator, with numbers in its domain.
#pragma once

#include <random>

#include "ReferenceEmitter.h"

namespace diptych::reference {

struct OperatorCase {
  std::string name;
  OpCode code;
  Values operands;
  Attrs attrs;
};

/// Reproducible numbers.
inline Value sample(const TensorType& type, double low, double high, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<double> data;
  for (int64_t i = 0; i < type.numel(); ++i)
    data.push_back(low + (high - low) * (static_cast<double>(generator()) / 4294967296.0));
  return tensor(type, data);
}
inline Value sample(const Shape& shape, unsigned seed) {
  return sample({DType::f64, shape}, -1.5, 1.5, seed);
}

inline OperatorCase pointwiseCase(const OpInfo& op, const Shape& shape) {
  OperatorCase made{op.name, op.code, {}, {}};
  if (!op.takes(DType::f64) && !op.takes(DType::boolean)) {
    for (int i = 0; i < op.operandCount; ++i)
      made.operands.push_back(sample({DType::i64, shape}, 0, 40, 3 + i));
    return made;
  }
  const bool boolean = !op.takes(DType::f64);
  for (int i = 0; i < op.operandCount; ++i) {
    const bool mask = boolean || (op.code == OpCode::Where && i == 0);
    made.operands.push_back(mask
                                ? sample({DType::i64, shape}, 0, 2, 7 + i)
                                : sample({DType::f64, shape}, op.domainLow, op.domainHigh, 11 + i));
    if (mask)
      made.operands.back() = tensor({DType::boolean, shape}, dataOf(made.operands.back()));
  }
  return made;
}

inline std::vector<OperatorCase> movementCases() {
  std::vector<OperatorCase> cases;
  const auto add = [&](const char* name, OpCode code, Values operands) -> Attrs& {
    return cases.emplace_back(name, code, std::move(operands), Attrs()).attrs;
  };
  Attrs& spread = add("broadcast", OpCode::Broadcast, {sample({2, 3}, 1)});
  spread.shape = {2, 4, 3};
  spread.axes = {0, 2};
  add("reshape", OpCode::Reshape, {sample({2, 3}, 2)}).shape = {3, 1, 2};
  add("transpose", OpCode::Transpose, {sample({2, 3, 4}, 3)}).axes = {2, 0, 1};
  Attrs& cut = add("slice", OpCode::Slice, {sample({5, 7}, 4)});
  cut.starts = {1, 0};
  cut.limits = {4, 6};
  cut.strides = {1, 4};
  Attrs& nothing = add("slice_empty", OpCode::Slice, {sample({4}, 4)});
  nothing.starts = {2};
  nothing.limits = {2};
  nothing.strides = {3};
  Attrs& padded = add("pad", OpCode::Pad, {sample({2, 3}, 5)});
  padded.low = {1, 0};
  padded.high = {0, 2};
  padded.interior = {0, 1};
  padded.value = 3.5;
  add("reverse", OpCode::Reverse, {sample({2, 3}, 6)}).axes = {1};
  add("concatenate", OpCode::Concatenate, {sample({2, 3}, 7), sample({2, 1}, 8), sample({2, 2}, 9)})
      .axis = 1;
  return cases;
}

inline std::vector<OperatorCase> structuredCases() {
  std::vector<OperatorCase> cases = movementCases();
  const auto add = [&](const std::string& name, OpCode code, Values operands) -> Attrs& {
    return cases.emplace_back(name, code, std::move(operands), Attrs()).attrs;
  };
  for (const OpInfo& op : allOperators()) {
    if (op.isReduction()) {
      add(std::string(op.name) + "_last", op.code, {sample({2, 5}, 21)}).axes = {1};
      add(std::string(op.name) + "_some", op.code, {sample({2, 3, 2}, 22)}).axes = {0, 2};
      add(std::string(op.name) + "_one", op.code, {sample({3, 1}, 23)}).axes = {1};
    }
    if (op.family == Family::ArgReduction || op.code == OpCode::Argsort)
      add(op.name, op.code, {sample({3, 4}, 24)}).axis = 0;
    if (op.family == Family::Cumulative) {
      Values operands;
      for (int i = 0; i < op.operandCount; ++i)
        operands.push_back(sample({2, 3, 2}, 25 + i));
      add(op.name, op.code, operands).axis = 1;
    }
  }
  add("matmul", OpCode::Matmul, {sample({2, 3}, 31), sample({3, 4}, 32)});
  add("matmul_batch", OpCode::Matmul, {sample({2, 2, 3}, 33), sample({2, 3, 4}, 34)});
  const Value rows = tensor({DType::i64, {2, 2}}, {2, 0, 2, 1});
  const Value few = tensor({DType::i32, {2}}, {1, 1});
  add("gather_first", OpCode::Gather, {sample({3, 2}, 35), rows}).axis = 0;
  add("gather_middle", OpCode::Gather, {sample({2, 3, 2}, 36), few}).axis = 1;
  add("scatter_add_first", OpCode::ScatterAdd, {sample({3, 2}, 37), rows, sample({2, 2, 2}, 38)})
      .axis = 0;
  add("scatter_first", OpCode::Scatter, {sample({3, 2}, 41), rows, sample({2, 2, 2}, 42)}).axis = 0;
  add("scatter_last", OpCode::Scatter, {sample({2, 3}, 43), few, sample({2, 2}, 44)}).axis = 1;
  add("scatter_add_last", OpCode::ScatterAdd, {sample({2, 3}, 39), few, sample({2, 2}, 40)}).axis =
      1;
  return cases;
}

/// Every operator that has operands.
inline std::vector<OperatorCase> allCases() {
  std::vector<OperatorCase> cases = structuredCases();
  for (const OpInfo& op : allOperators())
    if (op.isPointwise())
      cases.push_back(pointwiseCase(op, {2, 3}));
  return cases;
}

} // namespace diptych::reference
