// From emitted operations to LLVM IR: control flow runs as written, and what has no translation is
// named.
#include "codegen/Emit.h"
#include "codegen/Orc.h"
#include "codegen/Target.h"

#include <diptych/Error.h>

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"

#include <gtest/gtest.h>

namespace diptych::codegen {
namespace {

class Translate : public testing::Test {
protected:
  Translate() {
    loadKernelDialects(context);
    prepareContext(context);
  }
  auto parse(llvm::StringRef text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  Target target{"native"};
};

// The sum of the odd numbers below n, and how often that can be halved; both from nested regions.
TEST_F(Translate, LoopsAndBranchesRunAsWritten) {
  const auto module = parse(R"(
    func.func private @twice(%x: i64) -> i64 {
      %y = arith.addi %x, %x : i64
      return %y : i64
    }
    func.func @f(%n: i64, %out: !llvm.ptr) {
      %c0 = arith.constant 0 : i64
      %c1 = arith.constant 1 : i64
      %c2 = arith.constant 2 : i64
      %sum, %count = scf.for %i = %c0 to %n step %c1
          iter_args(%s = %c0, %k = %c0) -> (i64, i64) : i64 {
        %low = arith.andi %i, %c1 : i64
        %odd = arith.cmpi eq, %low, %c1 : i64
        %next, %more = scf.if %odd -> (i64, i64) {
          %t = arith.addi %s, %i : i64
          %m = arith.addi %k, %c1 : i64
          scf.yield %t, %m : i64, i64
        } else {
          scf.yield %s, %k : i64, i64
        }
        scf.yield %next, %more : i64, i64
      }
      %halved:2 = scf.while (%x = %sum, %h = %c0) : (i64, i64) -> (i64, i64) {
        %go = arith.cmpi sge, %x, %c2 : i64
        scf.condition(%go) %x, %h : i64, i64
      } do {
      ^bb0(%x: i64, %h: i64):
        %y = arith.divsi %x, %c2 : i64
        %g = arith.addi %h, %c1 : i64
        scf.yield %y, %g : i64, i64
      }
      %any = arith.cmpi ne, %count, %c0 : i64
      scf.if %any {
        %d = func.call @twice(%sum) : (i64) -> i64
        llvm.store %d, %out : i64, !llvm.ptr
      }
      %second = llvm.getelementptr %out[1] : (!llvm.ptr) -> !llvm.ptr, i64
      llvm.store %halved#1, %second : i64, !llvm.ptr
      return
    }
  )");
  ASSERT_TRUE(module);
  CodegenTimes times;
  Orc linker;
  linker.add(compileObject(*module, target.machine(), times));
  auto* f = reinterpret_cast<void (*)(int64_t, int64_t*)>(linker.lookup("f"));
  for (const int64_t n : {0, 1, 2, 9, 100}) {
    int64_t sum = 0, halvings = 0, out[] = {-1, -1};
    for (int64_t i = 1; i < n; i += 2)
      sum += i;
    for (int64_t x = sum; x >= 2; x /= 2)
      ++halvings;
    f(n, out);
    EXPECT_EQ(out[0], n > 1 ? 2 * sum : -1) << n;
    EXPECT_EQ(out[1], halvings) << n;
  }
}

TEST_F(Translate, WhatHasNoTranslationIsNamed) {
  for (const auto& [line, name] : std::initializer_list<std::pair<const char*, const char*>>{
           {"%y = arith.remf %x, %x : f64", "arith.remf"},
           {"%y = arith.addf %x, %x fastmath<nnan> : f64", "arith.addf"},
           {"%v = vector.broadcast %x : f64 to vector<2x2xf64>", "vector.broadcast"}}) {
    const auto module = parse("func.func @f(%x: f64) {\n" + std::string(line) + "\n return\n}");
    ASSERT_TRUE(module) << line;
    std::string said;
    mlir::ScopedDiagnosticHandler listen(&context, [&](mlir::Diagnostic& diagnostic) {
      said += diagnostic.str();
      return mlir::success();
    });
    llvm::LLVMContext llvmContext;
    EXPECT_THROW(translate(*module, llvmContext, target), Error) << line;
    EXPECT_NE(said.find(name), std::string::npos) << said;
  }
}

} // namespace
} // namespace diptych::codegen
