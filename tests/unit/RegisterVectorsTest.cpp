// Wide vectors cut for registers of every size: the same results, and nothing wide is left that
// could be narrow.
#include "codegen/RegisterVectors.h"
#include "codegen/Orc.h"
#include "codegen/Target.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Target/TargetMachine.h"

#include <gtest/gtest.h>

#include <cmath>

namespace diptych::codegen {
namespace {

// In every turn 16 numbers, the last ones masked: out[i] = f32(max(x, 0.5) 2), bits[i] says where x
// was above 1 or on an odd place; the sum of x by halves comes back.
constexpr const char* kText = R"(
declare <16 x double> @llvm.masked.load.v16f64.p0(ptr, <16 x i1>, <16 x double>)
declare <16 x double> @llvm.fma.v16f64(<16 x double>, <16 x double>, <16 x double>)

define double @f(ptr %x, ptr %out, ptr %bits, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %join ]
  %sum = phi <16 x double> [ zeroinitializer, %entry ], [ %added, %join ]
  %from = getelementptr double, ptr %x, i64 %i
  %left = sub i64 %n, %i
  %full = icmp sge i64 %left, 16
  br i1 %full, label %whole, label %rest
whole:
  %a = load <16 x double>, ptr %from, align 8
  br label %join
rest:
  %count = trunc i64 %left to i32
  %one = insertelement <16 x i32> poison, i32 %count, i64 0
  %all = shufflevector <16 x i32> %one, <16 x i32> poison, <16 x i32> zeroinitializer
  %mask = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8,
      i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %all
  %b = call <16 x double> @llvm.masked.load.v16f64.p0(ptr align 8 %from, <16 x i1> %mask,
      <16 x double> zeroinitializer)
  br label %join
join:
  %v = phi <16 x double> [ %a, %whole ], [ %b, %rest ]
  %on = phi <16 x i1> [ splat (i1 true), %whole ], [ %mask, %rest ]
  %above = fcmp ogt <16 x double> %v, splat (double 5.000000e-01)
  %least = select <16 x i1> %above, <16 x double> %v, <16 x double> splat (double 5.000000e-01)
  %twice = call <16 x double> @llvm.fma.v16f64(<16 x double> %least,
      <16 x double> splat (double 2.000000e+00), <16 x double> zeroinitializer)
  %narrow = fptrunc <16 x double> %twice to <16 x float>
  %negated = fneg <16 x float> %narrow
  %again = fneg <16 x float> %negated
  %to = getelementptr float, ptr %out, i64 %i
  store <16 x float> %again, ptr %to, align 4
  %large = fcmp ogt <16 x double> %v, splat (double 1.000000e+00)
  %either = or <16 x i1> %large, <i1 0, i1 1, i1 0, i1 1, i1 0, i1 1, i1 0, i1 1, i1 0, i1 1, i1 0,
      i1 1, i1 0, i1 1, i1 0, i1 1>
  %byte = zext <16 x i1> %either to <16 x i8>
  %mark = getelementptr i8, ptr %bits, i64 %i
  store <16 x i8> %byte, ptr %mark, align 1
  %plus = fadd <16 x double> %sum, %v
  %added = select <16 x i1> %on, <16 x double> %plus, <16 x double> %sum
  %next = add i64 %i, 16
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  %low8 = shufflevector <16 x double> %added, <16 x double> %added,
      <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7>
  %high8 = shufflevector <16 x double> %added, <16 x double> %added,
      <8 x i32> <i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>
  %sum8 = fadd <8 x double> %low8, %high8
  %low4 = shufflevector <8 x double> %sum8, <8 x double> %sum8, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %high4 = shufflevector <8 x double> %sum8, <8 x double> %sum8, <4 x i32> <i32 4, i32 5, i32 6, i32 7>
  %sum4 = fadd <4 x double> %low4, %high4
  %low2 = shufflevector <4 x double> %sum4, <4 x double> %sum4, <2 x i32> <i32 0, i32 1>
  %high2 = shufflevector <4 x double> %sum4, <4 x double> %sum4, <2 x i32> <i32 2, i32 3>
  %sum2 = fadd <2 x double> %low2, %high2
  %first = extractelement <2 x double> %sum2, i64 0
  %second = extractelement <2 x double> %sum2, i64 1
  %total = fadd double %first, %second
  ret double %total
}
)";

using Sum = double (*)(const double* x, float* out, uint8_t* bits, int64_t n);

class RegisterVectors : public testing::TestWithParam<int> {
protected:
  RegisterVectors() {
    llvm::SMDiagnostic problem;
    module = llvm::parseAssemblyString(kText, problem, context);
    if (module)
      cutVectors(*module->getFunction("f"), GetParam());
  }

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
};

TEST_P(RegisterVectors, ArithmeticFitsARegisterAndTheModuleIsWellFormed) {
  ASSERT_TRUE(module);
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
  int arithmetic = 0;
  for (const llvm::Instruction& line : llvm::instructions(*module->getFunction("f"))) {
    if (!llvm::isa<llvm::BinaryOperator, llvm::UnaryOperator, llvm::SelectInst>(line) ||
        line.getType()->getScalarType()->isIntegerTy(1))
      continue;
    ++arithmetic;
    EXPECT_LE(line.getType()->getPrimitiveSizeInBits().getKnownMinValue(), 8u * GetParam());
  }
  EXPECT_GT(arithmetic, 10);
}

TEST_P(RegisterVectors, ResultsAreThoseOfWholeVectors) {
  ASSERT_TRUE(module);
  const Target target("native");
  module->setDataLayout(target.machine().createDataLayout());
  module->setTargetTriple(target.machine().getTargetTriple());
  Orc linker;
  linker.add(compileObject(*module, target.machine()));
  const auto f = reinterpret_cast<Sum>(linker.lookup("f"));
  constexpr int64_t n = 39, padded = 48;
  std::vector<double> x(padded, -7.0);
  for (int64_t i = 0; i < n; ++i)
    x[i] = std::sin(static_cast<double>(i)) * 2;
  double partials[16] = {};
  for (int64_t i = 0; i < n; ++i)
    partials[i % 16] += x[i];
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i)
      partials[i] += partials[i + width];
  std::vector<float> out(padded);
  std::vector<uint8_t> bits(padded);
  EXPECT_EQ(f(x.data(), out.data(), bits.data(), n), partials[0]);
  for (int64_t i = 0; i < padded; ++i) {
    const double loaded = i < n ? x[i] : 0.0;
    EXPECT_EQ(out[i], static_cast<float>(2 * std::max(loaded, 0.5))) << i;
    EXPECT_EQ(bits[i], loaded > 1.0 || i % 2 == 1) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Bytes, RegisterVectors, testing::Values(16, 32, 64, 128));

} // namespace
} // namespace diptych::codegen
