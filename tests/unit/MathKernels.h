// The math expansions compiled alone, for the tests: no dialect of ours, no runtime.
#pragma once

#include "codegen/Math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Target/TargetOptions.h"

namespace diptych::mathtest {

using codegen::MathBuilder;

/// One function under test: its expansion, and where to look closely. How accurate it is, is
/// measured through the operators: tools/diptych-accuracy.
struct Case {
  const char* name;
  mlir::Value (*expand)(MathBuilder&, mlir::Value, mlir::Value);
  double low, high; // sampled densely
  bool binary = false;
  /// Of how many samples one is taken: for slow functions.
  int thinned = 1;
  /// Below 0 the result is a difference that vanishes between the poles.
  bool cancelsBelowZero = false;
};
inline void PrintTo(const Case& test, std::ostream* stream) { *stream << test.name; }

template <mlir::Value (MathBuilder::*Method)(mlir::Value)>
mlir::Value unary(MathBuilder& math, mlir::Value x, mlir::Value) {
  return (math.*Method)(x);
}
template <mlir::Value (MathBuilder::*Method)(mlir::Value, mlir::Value)>
mlir::Value binary(MathBuilder& math, mlir::Value x, mlir::Value y) {
  return (math.*Method)(x, y);
}

/// Every expansion.
const std::vector<Case>& allCases();

/// Every case, dtype and width compiled for one instruction set.
class Kernels {
public:
  Kernels(llvm::ArrayRef<Case> cases, const std::string& cpu, llvm::ArrayRef<int> widths,
          llvm::FPOpFusion::FPOpFusionMode fusion = llvm::FPOpFusion::Strict);

  llvm::orc::ExecutorAddr address(const Case& test, bool wide, int width) const;

  template <typename T>
  std::vector<T> run(const Case& test, int width, const std::vector<T>& x,
                     const std::vector<T>& y) const {
    auto kernel =
        address(test, sizeof(T) == 8, width).toPtr<void(const T*, const T*, T*, int64_t)>();
    std::vector<T> out(x.size());
    kernel(x.data(), y.data(), out.data(), static_cast<int64_t>(x.size()));
    return out;
  }

private:
  std::unique_ptr<llvm::orc::LLJIT> jit_;
};

/// All cases in widths 1, 2, 4, 8 and 16 for this CPU.
const Kernels& native();

/// One value through the scalar kernel.
template <typename T> T evaluate(const std::string& name, T x, T y = 0) {
  for (const Case& test : allCases())
    if (name == test.name)
      return native().run<T>(test, 1, {x}, {y}).front();
  ADD_FAILURE() << "no case named " << name;
  return 0;
}

} // namespace diptych::mathtest
