// Routines of a solver library as operations: what they take and give.
#include "ir/Dialect.h"

namespace diptych::ir {

namespace {

bool isStack(const TensorType& type) { return type.dtype == DType::f64 && type.rank() == 3; }

struct Routine {
  llvm::StringRef name;
  size_t inputs;
  bool square; // the first input
  /// Of inputs of the sizes [b, r, c].
  std::vector<TensorType> (*results)(llvm::ArrayRef<TensorType> inputs, int64_t b, int64_t r,
                                     int64_t c);
};

using Types = std::vector<TensorType>;
using Inputs = llvm::ArrayRef<TensorType>;

const Routine routines[] = {
    {"cholesky", 1, true,
     [](Inputs in, int64_t b, int64_t, int64_t) { return Types{in[0], {DType::i32, {b}}}; }},
    {"triangular_solve", 3, true,
     [](Inputs in, int64_t, int64_t, int64_t) { return Types{in[1], in[2]}; }},
    {"solve", 2, true,
     [](Inputs in, int64_t b, int64_t, int64_t) { return Types{in[1], {DType::i32, {b}}}; }},
    {"lu", 1, true,
     [](Inputs in, int64_t b, int64_t n, int64_t) { return Types{in[0], {DType::i32, {b, n}}}; }},
    {"qr", 1, false, [](Inputs in, int64_t, int64_t, int64_t) { return Types{in[0], in[0]}; }},
    {"eigh", 1, true,
     [](Inputs in, int64_t b, int64_t n, int64_t) {
       return Types{in[0], {DType::f64, {b, n}}, {DType::i32, {b}}};
     }},
    {"svd", 1, false,
     [](Inputs in, int64_t b, int64_t n, int64_t) {
       return Types{in[0], {DType::f64, {b, n, n}}, {DType::f64, {b, n}}, {DType::i32, {b}}};
     }},
};

// c1: f64 matrices, as many everywhere; c2: square, or lying; c3: rows that meet; c4: info.
bool fit(const Routine& routine, Inputs in) {
  if (in.size() != routine.inputs || !isStack(in[0]))
    return false;
  const Shape& a = in[0].shape;
  if (routine.square ? a[1] != a[2] : a[1] > a[2])
    return false;
  if (in.size() == 1)
    return true;
  const int along = routine.name == "solve" ? 2 : 1; // of b: solve takes it transposed
  if (!isStack(in[1]) || in[1].shape[0] != a[0] || in[1].shape[along] != a[1])
    return false;
  return in.size() == 2 || in[2] == TensorType{DType::i32, {a[0]}};
}

} // namespace

std::optional<std::vector<TensorType>> SolverOp::resultTypes(llvm::StringRef name, Inputs inputs) {
  for (const Routine& routine : routines)
    if (routine.name == name && fit(routine, inputs)) {
      const Shape& shape = inputs[0].shape;
      return routine.results(inputs, shape[0], shape[1], shape[2]);
    }
  return std::nullopt;
}

// The batched solver of eigenvalues is for small matrices; qr and svd have none.
bool SolverOp::isBatched(llvm::StringRef routine, int64_t count, int64_t n) {
  constexpr int64_t kLargestOfBatch = 32;
  return count > 1 && routine != "qr" && routine != "svd" &&
         (routine != "eigh" || n <= kLargestOfBatch);
}

mlir::LogicalResult SolverOp::verify() {
  const auto expected = resultTypes(getRoutine(), tensorTypesOf(getInputs().getTypes()));
  if (!expected)
    return emitOpError("expected a routine and stacks of f64 matrices that fit it, got '")
           << getRoutine() << "' of " << getInputs().getTypes();
  if (tensorTypesOf(getResultTypes()) != *expected)
    return emitOpError("expected the results of '")
           << getRoutine() << "', got " << getResultTypes();
  return mlir::success();
}

} // namespace diptych::ir
