// Products with powers of two, as every CPU computes them: the C library's bits, whatever the
// width.
#include "codegen/Ldexp.h"
#include "codegen/Orc.h"
#include "codegen/Target.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Target/TargetMachine.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace diptych::codegen {
namespace {

template <class T> constexpr bool kIsWide = sizeof(T) == 8;
template <class T> using Bits = std::conditional_t<kIsWide<T>, int64_t, int32_t>;
template <class T> constexpr T kCounting = kIsWide<T> ? T(0x1.8p52 + 2046) : T(0x1.8p23 + 254);

// out[i] = (y[i] + more) 2^(counted[i] - counting), `width` elements at a time.
template <class T> std::string textOf(int width, bool plusOne) {
  const std::string element = kIsWide<T> ? "double" : "float", integer = kIsWide<T> ? "i64" : "i32";
  const auto of = [&](const std::string& type) {
    return width == 1 ? type : "<" + std::to_string(width) + " x " + type + ">";
  };
  const auto suffix = [&](const char* kind) {
    return (width == 1 ? "." : ".v" + std::to_string(width)) + kind + (kIsWide<T> ? "64" : "32");
  };
  const std::string zero = std::to_string(std::bit_cast<Bits<T>>(kCounting<T>));
  const std::string name = "@llvm.ldexp" + suffix("f") + suffix("i");
  const std::string vector = of(element), bits = of(integer);
  return "declare " + vector + " " + name + "(" + vector + ", " + bits + ")\n" +
         "define void @f(ptr %y, ptr %counted, ptr %out) {\n  %p = load " + vector +
         ", ptr %y, align 4\n  %c = load " + vector + ", ptr %counted, align 4\n  %b = bitcast " +
         vector + " %c to " + bits + "\n  %n = sub " + bits + " %b, " +
         (width == 1 ? zero : "splat (" + integer + " " + zero + ")") + "\n  %x = fadd " + vector +
         " %p, " + (width == 1 ? "" : "splat (" + element + " ") + (plusOne ? "1.0" : "-0.0") +
         (width == 1 ? "" : ")") + "\n  %r = call " + vector + " " + name + "(" + vector + " %x, " +
         bits + " %n)\n  store " + vector + " %r, ptr %out, align 4\n  ret void\n}\n";
}

struct Place {
  const char* cpu;
  int width;
};
void PrintTo(const Place& place, std::ostream* stream) {
  *stream << place.cpu << " width " << place.width;
}

class Ldexp : public testing::TestWithParam<Place> {
protected:
  // By a function that is compiled for this place.
  template <class T> void check(bool plusOne) {
    llvm::LLVMContext context;
    llvm::SMDiagnostic problem;
    const auto module =
        llvm::parseAssemblyString(textOf<T>(GetParam().width, plusOne), problem, context);
    ASSERT_TRUE(module) << problem.getMessage().str();
    const Target target(GetParam().cpu);
    module->setDataLayout(target.machine().createDataLayout());
    module->setTargetTriple(target.machine().getTargetTriple());
    Orc linker;
    linker.add(compileObject(*module, target.machine()));
    const auto f = reinterpret_cast<void (*)(const T*, const T*, T*)>(linker.lookup("f"));
    std::vector<T> y, counted;
    makeArguments(y, counted);
    std::vector<T> out(y.size());
    const size_t width = static_cast<size_t>(GetParam().width);
    for (size_t i = 0; i < y.size(); i += width)
      f(&y[i], &counted[i], &out[i]);
    for (size_t i = 0; i < y.size(); ++i) {
      const T x = plusOne ? y[i] + 1 : y[i];
      const T expected = std::ldexp(x, static_cast<int>(counted[i] - kCounting<T>));
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(out[i])) << i;
      else
        EXPECT_EQ(std::bit_cast<Bits<T>>(out[i]), std::bit_cast<Bits<T>>(expected))
            << x << " 2^" << counted[i] - kCounting<T>;
    }
  }

  // Numbers near 1 with all kinds of last bits, and n from below the denormals to infinity: also
  // halfway between two denormals.
  template <class T> static void makeArguments(std::vector<T>& y, std::vector<T>& counted) {
    using Limits = std::numeric_limits<T>;
    const T values[] = {0,
                        T(0.5),
                        T(1.5),
                        T(-0.75),
                        std::nextafter(T(1), T(2)),
                        std::nextafter(T(1), T(0)),
                        T(0.3),
                        -std::nextafter(T(1.25), T(2)),
                        Limits::infinity(),
                        -Limits::infinity(),
                        Limits::quiet_NaN(),
                        T(-0.0)};
    const int most = 2 * (Limits::max_exponent - 1) - 1;
    for (int n = 1 - most; n < most; ++n)
      for (T value : values) {
        y.push_back(value);
        counted.push_back(kCounting<T> + static_cast<T>(n));
      }
    while (y.size() % 32) {
      y.push_back(1);
      counted.push_back(kCounting<T>);
    }
  }
};

TEST_P(Ldexp, RoundsOnceToDenormalsAndInfinityInF64) { check<double>(false); }
TEST_P(Ldexp, RoundsOnceToDenormalsAndInfinityInF32) { check<float>(false); }
TEST_P(Ldexp, TakesASumWithOneAlongInF64) { check<double>(true); }
TEST_P(Ldexp, TakesASumWithOneAlongInF32) { check<float>(true); }

INSTANTIATE_TEST_SUITE_P(Places, Ldexp, testing::ValuesIn([] {
                           std::vector<Place> places;
                           for (const char* cpu : {"native", "x86-64-v3"})
                             for (int width : {1, 2, 4, 8, 16, 32})
                               places.push_back({cpu, width});
                           return places;
                         }()),
                         [](const auto& info) {
                           return std::string(info.param.cpu[0] == 'n' ? "Native" : "Avx2") +
                                  "Width" + std::to_string(info.param.width);
                         });

// What n is made of need not be known, and a function's own CPU counts, not its module's.
TEST(LdexpExpansion, AsksEachFunctionAndTakesAnyInteger) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic problem;
  const auto module = llvm::parseAssemblyString(R"(
declare <8 x double> @llvm.ldexp.v8f64.v8i64(<8 x double>, <8 x i64>)
define <8 x double> @old(<8 x double> %y, <8 x i64> %n) "target-cpu"="x86-64-v3" {
  %r = call <8 x double> @llvm.ldexp.v8f64.v8i64(<8 x double> %y, <8 x i64> %n)
  ret <8 x double> %r
}
define <8 x double> @new(<8 x double> %y, <8 x i64> %n) "target-cpu"="x86-64-v4" {
  %r = call <8 x double> @llvm.ldexp.v8f64.v8i64(<8 x double> %y, <8 x i64> %n)
  ret <8 x double> %r
}
)",
                                                problem, context);
  ASSERT_TRUE(module) << problem.getMessage().str();
  const Target target("x86-64-v3");
  expandLdexp(*module, target.machine());
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
  const auto calls = [&](const char* name) {
    return llvm::count_if(
        llvm::instructions(*module->getFunction(name)),
        [](const llvm::Instruction& line) { return llvm::isa<llvm::CallInst>(line); });
  };
  EXPECT_EQ(calls("old"), 0);
  EXPECT_EQ(calls("new"), 1);
}

} // namespace
} // namespace diptych::codegen
