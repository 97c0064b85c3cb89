// The math expansions against long double libm: accuracy over the whole range, special values, and
// the same bits for every vector width and instruction set. Compiles them alone: no dialect of
// ours, no runtime.
#include "codegen/Math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/DialectConversion.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

namespace {

namespace arith = mlir::arith;
namespace LLVM = mlir::LLVM;
using diptych::codegen::MathBuilder;

/// One function under test: its expansion, its reference, where to look closely, what is allowed.
struct Case {
  const char* name;
  mlir::Value (*expand)(MathBuilder&, mlir::Value, mlir::Value);
  long double (*reference)(long double, long double);
  double low, high;        // sampled densely
  double bound64, bound32; // ulp
  bool binary = false;
};

template <mlir::Value (MathBuilder::*Method)(mlir::Value)>
mlir::Value unary(MathBuilder& math, mlir::Value x, mlir::Value) {
  return (math.*Method)(x);
}
mlir::Value power(MathBuilder& math, mlir::Value x, mlir::Value y) { return math.pow(x, y); }

const Case kCases[] = {
    {"exp", unary<&MathBuilder::exp>, [](long double x, long double) { return expl(x); }, -20, 20,
     1.5, 0.51},
    {"expm1", unary<&MathBuilder::expm1>, [](long double x, long double) { return expm1l(x); }, -2,
     2, 1.5, 0.51},
    {"log", unary<&MathBuilder::log>, [](long double x, long double) { return logl(x); }, 0, 4, 1.5,
     0.51},
    {"log1p", unary<&MathBuilder::log1p>, [](long double x, long double) { return log1pl(x); }, -1,
     2, 1.5, 0.51},
    {"pow", power, [](long double x, long double y) { return powl(x, y); }, -4, 40, 1.5, 0.51,
     true},
    {"sqrt", unary<&MathBuilder::sqrt>, [](long double x, long double) { return sqrtl(x); }, 0, 4,
     0.501, 0.501},
    {"rsqrt", unary<&MathBuilder::rsqrt>, [](long double x, long double) { return 1 / sqrtl(x); },
     0, 4, 1.5, 1.5},
    {"tanh", unary<&MathBuilder::tanh>, [](long double x, long double) { return tanhl(x); }, -6, 6,
     1.5, 0.51},
    {"sigmoid", unary<&MathBuilder::sigmoid>,
     [](long double x, long double) {
       return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
     },
     -40, 40, 1.5, 0.51},
    {"sin", unary<&MathBuilder::sin>, [](long double x, long double) { return sinl(x); }, -20, 20,
     1.5, 0.51},
    {"cos", unary<&MathBuilder::cos>, [](long double x, long double) { return cosl(x); }, -20, 20,
     1.5, 0.51},
    {"erf", unary<&MathBuilder::erf>, [](long double x, long double) { return erfl(x); }, -6, 6,
     1.5, 0.51},
};
void PrintTo(const Case& test, std::ostream* stream) { *stream << test.name; }

constexpr int kWidths[] = {1, 4, 8, 16};

std::string kernelName(const Case& test, bool wide, int width) {
  return std::string(test.name) + (wide ? "64x" : "32x") + std::to_string(width);
}

/// void kernel(const T* x, const T* y, T* out, int64_t n): n is a multiple of the width.
void emitKernel(mlir::ModuleOp module, const Case& test, bool wide, int width) {
  mlir::OpBuilder builder(module.getContext());
  builder.setInsertionPointToEnd(module.getBody());
  mlir::Location loc = builder.getUnknownLoc();
  mlir::Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  mlir::Type i64 = builder.getI64Type();
  mlir::Type element = wide ? mlir::Type(builder.getF64Type()) : mlir::Type(builder.getF32Type());
  mlir::Type type = width == 1 ? element : mlir::VectorType::get({width}, element);
  auto signature = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                               {pointer, pointer, pointer, i64});
  auto function = LLVM::LLVMFuncOp::create(builder, loc, kernelName(test, wide, width), signature);
  mlir::Block* body = function.addEntryBlock(builder);
  builder.setInsertionPointToStart(body);
  auto constant = [&](int64_t value) -> mlir::Value {
    return arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(value));
  };
  auto loop =
      mlir::scf::ForOp::create(builder, loc, constant(0), body->getArgument(3), constant(width));
  LLVM::ReturnOp::create(builder, loc, mlir::ValueRange());
  builder.setInsertionPointToStart(loop.getBody());
  auto at = [&](int argument) -> mlir::Value {
    return LLVM::GEPOp::create(builder, loc, pointer, element, body->getArgument(argument),
                               mlir::ValueRange{loop.getInductionVar()});
  };
  unsigned alignment = wide ? 8 : 4;
  mlir::Value x = LLVM::LoadOp::create(builder, loc, type, at(0), alignment);
  mlir::Value y = LLVM::LoadOp::create(builder, loc, type, at(1), alignment);
  MathBuilder math(builder, loc);
  LLVM::StoreOp::create(builder, loc, test.expand(math, x, y), at(2), alignment);
}

void lower(mlir::ModuleOp module) {
  mlir::MLIRContext* context = module.getContext();
  mlir::LLVMTypeConverter converter(context);
  mlir::RewritePatternSet patterns(context);
  mlir::populateSCFToControlFlowConversionPatterns(patterns);
  mlir::cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  mlir::arith::populateArithToLLVMConversionPatterns(converter, patterns);
  mlir::populateMathToLLVMConversionPatterns(converter, patterns);
  mlir::populateVectorToLLVMConversionPatterns(converter, patterns);
  mlir::LLVMConversionTarget target(*context);
  target.addLegalOp<mlir::ModuleOp>();
  ASSERT_TRUE(mlir::succeeded(mlir::applyFullConversion(module, target, std::move(patterns))));
}

std::unique_ptr<llvm::TargetMachine> targetMachine(const std::string& cpu,
                                                   llvm::FPOpFusion::FPOpFusionMode fusion) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = fusion;
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, cpu, "", options, llvm::Reloc::PIC_, std::nullopt,
                                  llvm::CodeGenOptLevel::Default, true));
}

/// Every case, dtype and width compiled for one instruction set.
class Kernels {
public:
  Kernels(llvm::ArrayRef<Case> cases, const std::string& cpu, llvm::ArrayRef<int> widths,
          llvm::FPOpFusion::FPOpFusionMode fusion = llvm::FPOpFusion::Strict) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    context.loadDialect<arith::ArithDialect, mlir::math::MathDialect, mlir::scf::SCFDialect,
                        mlir::cf::ControlFlowDialect, mlir::vector::VectorDialect,
                        LLVM::LLVMDialect>();
    mlir::registerBuiltinDialectTranslation(context);
    mlir::registerLLVMDialectTranslation(context);
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    for (const Case& test : cases)
      for (bool wide : {true, false})
        for (int width : widths)
          emitKernel(*module, test, wide, width);
    lower(*module);
    llvm::LLVMContext llvmContext;
    auto translated = mlir::translateModuleToLLVMIR(*module, llvmContext);
    auto machine = targetMachine(cpu, fusion);
    translated->setDataLayout(machine->createDataLayout());
    translated->setTargetTriple(machine->getTargetTriple());
    llvm::SmallVector<char, 0> object;
    llvm::raw_svector_ostream stream(object);
    llvm::legacy::PassManager passes;
    llvm::MCContext* unused;
    machine->addPassesToEmitMC(passes, unused, stream, true);
    passes.run(*translated);
    jit_ = llvm::cantFail(llvm::orc::LLJITBuilder().create());
    llvm::cantFail(jit_->addObjectFile(
        std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(object), "math", false)));
  }

  llvm::orc::ExecutorAddr address(const Case& test, bool wide, int width) const {
    return llvm::cantFail(jit_->lookup(kernelName(test, wide, width)));
  }

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

const Kernels& native() {
  static const Kernels kernels(kCases, llvm::sys::getHostCPUName().str(), kWidths);
  return kernels;
}

template <typename T> using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T> std::vector<T> specials() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values = {0,
                           Limits::denorm_min(),
                           Limits::min(),
                           Limits::max(),
                           Limits::infinity(),
                           Limits::quiet_NaN()};
  // The last two lie closest to a multiple of pi/2 among all f64 and among f32.
  const double interesting[] = {0.25,
                                0.5,
                                0.70710678118654752,
                                1,
                                1.4142135623730951,
                                1.5,
                                2,
                                2.5,
                                3,
                                5.93,
                                10,
                                36.7,
                                88.72283905206835,
                                103.97207708399179,
                                709.782712893384,
                                708.3964185322641,
                                745.1332191019411,
                                0.34657359027997264,
                                0.693147180559945,
                                1.5707963267948966,
                                3.141592653589793,
                                0.7853981633974483,
                                0x1p30,
                                0x1p52,
                                0x1p53,
                                1e22,
                                0x1.6ac5b262ca1ffp+849,
                                0x1.f37c8ap+95};
  for (double v : interesting)
    for (T near : {std::nextafter(T(v), T(0)), T(v), std::nextafter(T(v), Limits::infinity())})
      values.push_back(near);
  for (int i = 0; i < 64; ++i)
    values.push_back(std::ldexp(T(1), -i));
  size_t positive = values.size();
  for (size_t i = 0; i < positive; ++i)
    values.push_back(-values[i]);
  return values;
}

/// Random bit patterns, dense samples, all magnitudes, multiples of pi/2, special values.
template <typename T> std::vector<T> samples(const Case& test, bool second) {
  std::mt19937_64 random(second ? 2 : 1);
  std::vector<T> values;
  std::vector<T> fixed = specials<T>();
  if (test.binary) {
    for (T a : fixed)
      for (T b : fixed)
        values.push_back(second ? b : a);
  } else {
    values = fixed;
  }
  std::uniform_real_distribution<double> dense(second ? -30 : test.low, second ? 30 : test.high);
  std::uniform_real_distribution<double> exponent(std::numeric_limits<T>::min_exponent - 54.0,
                                                  60.0);
  for (int i = 0; i < 60000; ++i) {
    values.push_back(std::bit_cast<T>(static_cast<Bits<T>>(random())));
    values.push_back(static_cast<T>(dense(random)));
    values.push_back(static_cast<T>(dense(random)));
    double sign = random() & 1 ? 1 : -1;
    values.push_back(
        static_cast<T>(sign * std::exp2(test.binary ? exponent(random) / 8 : exponent(random))));
    if (i < 20000)
      values.push_back(static_cast<T>(sign * std::exp2(exponent(random) / 40) * M_PI_2 *
                                      double(random() % 5000)));
  }
  while (values.size() % 16)
    values.push_back(1);
  return values;
}

/// Error of `got` in units of the last place of T at the exact value; infinity counts as the next
/// power of two.
template <typename T> double ulpError(T got, long double exact) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(exact))
    return std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isnan(got))
    return HUGE_VAL;
  if (std::signbit(got) != std::signbit(exact))
    return HUGE_VAL;
  long double top = ldexpl(1, Limits::max_exponent);
  long double value = std::isinf(got) ? copysignl(top, got) : static_cast<long double>(got);
  if (fabsl(exact) >= top)
    return fabsl(value) >= top ? 0 : std::isinf(exact) ? HUGE_VAL : static_cast<double>(top);
  if (exact == 0)
    return got == 0 ? 0 : HUGE_VAL;
  int ulp = std::max(ilogbl(exact) - Limits::digits + 1, Limits::min_exponent - Limits::digits);
  return static_cast<double>(ldexpl(fabsl(value - exact), -ulp));
}

struct Worst {
  double ulp = 0, x = 0, y = 0, got = 0;
};

template <typename T>
Worst worstError(const Case& test, const std::vector<T>& x, const std::vector<T>& y,
                 const std::vector<T>& out) {
  Worst worst;
  for (size_t i = 0; i < x.size(); ++i) {
    double error = ulpError(out[i], test.reference(x[i], y[i]));
    if (error > worst.ulp)
      worst = {error, x[i], y[i], out[i]};
  }
  return worst;
}

/// Bits equal, any NaN equal to any NaN.
template <typename T>
void expectSameBits(const Case& test, const std::vector<T>& x, const std::vector<T>& a,
                    const std::vector<T>& b, const std::string& what) {
  int shown = 0;
  for (size_t i = 0; i < a.size() && shown < 3; ++i) {
    if (std::bit_cast<Bits<T>>(a[i]) == std::bit_cast<Bits<T>>(b[i]) ||
        (std::isnan(a[i]) && std::isnan(b[i])))
      continue;
    ADD_FAILURE() << test.name << ' ' << what << " at " << double(x[i]) << ": " << double(a[i])
                  << " and " << double(b[i]);
    ++shown;
  }
}

class MathExpansion : public testing::TestWithParam<Case> {};

template <typename T> void checkAccuracy(const Case& test, double bound) {
  std::vector<T> x = samples<T>(test, false), y = samples<T>(test, true);
  std::vector<T> scalar = native().run(test, 1, x, y);
  Worst worst = worstError(test, x, y, scalar);
  std::printf("%-8s %s  max %.4f ulp at %a %s\n", test.name, sizeof(T) == 8 ? "f64" : "f32",
              worst.ulp, worst.x, test.binary ? std::to_string(worst.y).c_str() : "");
  EXPECT_LE(worst.ulp, bound) << test.name << '(' << worst.x << ", " << worst.y << ") gave "
                              << worst.got;
  for (int width : {4, 8, 16})
    expectSameBits(test, x, scalar, native().run(test, width, x, y),
                   "scalar and width " + std::to_string(width));
}

TEST_P(MathExpansion, IsAccurateAndIndependentOfWidthInF64) {
  checkAccuracy<double>(GetParam(), GetParam().bound64);
}
TEST_P(MathExpansion, IsAccurateAndIndependentOfWidthInF32) {
  checkAccuracy<float>(GetParam(), GetParam().bound32);
}

/// The same with every multiply-add that LLVM may fuse fused, as other numerics modes may ask.
TEST_P(MathExpansion, StaysAccurateWhenContracted) {
  static const Kernels kernels(kCases, llvm::sys::getHostCPUName().str(), {8},
                               llvm::FPOpFusion::Fast);
  std::vector<double> x = samples<double>(GetParam(), false), y = samples<double>(GetParam(), true);
  Worst worst = worstError(GetParam(), x, y, kernels.run(GetParam(), 8, x, y));
  EXPECT_LE(worst.ulp, GetParam().bound64) << worst.x << ", " << worst.y << " gave " << worst.got;
}

TEST_P(MathExpansion, HasTheSameBitsOnEveryInstructionSet) {
  static const Kernels avx2(kCases, "x86-64-v3", {8});
  std::vector<double> x = samples<double>(GetParam(), false), y = samples<double>(GetParam(), true);
  expectSameBits(GetParam(), x, native().run(GetParam(), 8, x, y), avx2.run(GetParam(), 8, x, y),
                 "f64 on this CPU and on AVX2");
  std::vector<float> a = samples<float>(GetParam(), false), b = samples<float>(GetParam(), true);
  expectSameBits(GetParam(), a, native().run(GetParam(), 8, a, b), avx2.run(GetParam(), 8, a, b),
                 "f32 on this CPU and on AVX2");
}

INSTANTIATE_TEST_SUITE_P(All, MathExpansion, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

/// One value through the scalar kernel.
template <typename T> T evaluate(const std::string& name, T x, T y = 0) {
  for (const Case& test : kCases)
    if (name == test.name)
      return native().run<T>(test, 1, {x}, {y}).front();
  ADD_FAILURE() << "no case named " << name;
  return 0;
}

template <typename T> void checkPowSpecialCases() {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  struct Row {
    T x, y, expected;
  };
  const Row rows[] = {
      {0, -1, inf},        {T(-0.0), -1, -inf}, {T(-0.0), -2, inf},  {0, T(-2.5), inf},
      {0, -inf, inf},      {T(-0.0), 3, -0.0},  {T(-0.0), 2, 0},     {T(-0.0), T(0.5), 0},
      {-1, inf, 1},        {-1, -inf, 1},       {1, nan, 1},         {nan, 0, 1},
      {nan, T(-0.0), 1},   {-2, T(0.5), nan},   {T(0.5), -inf, inf}, {2, -inf, 0},
      {T(-0.5), inf, 0},   {2, inf, inf},       {-inf, -3, -0.0},    {-inf, -2, 0},
      {-inf, 3, -inf},     {-inf, 2, inf},      {-inf, T(0.5), inf}, {inf, -1, 0},
      {inf, T(0.5), inf},  {nan, 1, nan},       {2, nan, nan},       {-2, 3, -8},
      {-2, -3, T(-0.125)}, {-inf, T(-0.5), 0},  {-3, inf, inf},      {0, inf, 0},
  };
  for (const Row& row : rows) {
    T got = evaluate<T>("pow", row.x, row.y);
    EXPECT_TRUE(std::isnan(row.expected)
                    ? std::isnan(got)
                    : std::bit_cast<Bits<T>>(got) == std::bit_cast<Bits<T>>(row.expected))
        << "pow(" << row.x << ", " << row.y << ") = " << got << ", expected " << row.expected;
  }
}

TEST(MathSpecialCases, PowFollowsAnnexF) {
  checkPowSpecialCases<double>();
  checkPowSpecialCases<float>();
}

template <typename T> void checkPolesAndZeros() {
  const T inf = std::numeric_limits<T>::infinity();
  EXPECT_EQ(evaluate<T>("exp", -inf), 0);
  EXPECT_EQ(evaluate<T>("exp", 0), 1);
  EXPECT_EQ(evaluate<T>("expm1", -inf), -1);
  EXPECT_EQ(evaluate<T>("log", T(-0.0)), -inf);
  EXPECT_TRUE(std::isnan(evaluate<T>("log", -1)));
  EXPECT_EQ(evaluate<T>("log", 1), 0);
  EXPECT_EQ(evaluate<T>("log1p", -1), -inf);
  EXPECT_TRUE(std::isnan(evaluate<T>("log1p", -2)));
  EXPECT_EQ(evaluate<T>("tanh", -inf), -1);
  EXPECT_EQ(evaluate<T>("sigmoid", -inf), 0);
  EXPECT_EQ(evaluate<T>("sigmoid", inf), 1);
  EXPECT_EQ(evaluate<T>("erf", inf), 1);
  EXPECT_EQ(evaluate<T>("cos", 0), 1);
  EXPECT_TRUE(std::isnan(evaluate<T>("sin", inf)));
  for (const char* name : {"expm1", "log1p", "tanh", "sin", "erf", "sqrt"})
    EXPECT_TRUE(std::signbit(evaluate<T>(name, T(-0.0)))) << name << " loses the sign of zero";
}

TEST(MathSpecialCases, PolesZerosAndInfinitiesAreExact) {
  checkPolesAndZeros<double>();
  checkPolesAndZeros<float>();
}

} // namespace
