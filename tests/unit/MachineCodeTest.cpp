// Functions that go through LLVM's passes together come out as each would alone.
#include "codegen/MachineCode.h"
#include "codegen/Target.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Target/TargetMachine.h"

#include <gtest/gtest.h>

#include <regex>

namespace diptych::codegen {
namespace {

std::string codeOf(const std::string& text, llvm::CodeGenFileType type) {
  static const Target target("native");
  llvm::LLVMContext context;
  llvm::SMDiagnostic problem;
  auto module = llvm::parseAssemblyString(text, problem, context);
  if (!module)
    throw std::runtime_error(problem.getMessage().str());
  module->setDataLayout(target.machine().createDataLayout());
  module->setTargetTriple(target.machine().getTargetTriple());
  const auto code = machineCode(*module, target.machine(), type, MachinePasses::forKernels);
  return {code.begin(), code.end()};
}

std::string assemblyOf(const std::string& text) {
  return codeOf(text, llvm::CodeGenFileType::AssemblyFile);
}

constexpr double kScale = 1.2345678901234567;

// In every turn x[i] scale + scale.
std::string scaled(const std::string& name) {
  const std::string scale = "<2 x double> splat (double 0x3FF3C0CA428C59FB)";
  return "declare <2 x double> @llvm.fma.v2f64(<2 x double>, <2 x double>, <2 x double>)\n"
         "define void @" +
         name + R"((ptr %x, i64 %n) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr <2 x double>, ptr %x, i64 %i
  %v = load <2 x double>, ptr %at
  %w = call <2 x double> @llvm.fma.v2f64(<2 x double> %v, )" +
         scale + ", " + scale + R"()
  store <2 x double> %w, ptr %at
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  ret void
}
)";
}

std::string withoutDeclarations(const std::string& text) {
  return text.substr(text.find("define"));
}

int timesIn(const std::string& text, const std::string& part) {
  int times = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++times;
  return times;
}

TEST(MachineCode, FunctionsShareTheConstantsOfFmas) {
  const std::string number(reinterpret_cast<const char*>(&kScale), sizeof kScale);
  const std::string text =
      scaled("f") + withoutDeclarations(scaled("g")) + withoutDeclarations(scaled("h"));
  EXPECT_EQ(timesIn(codeOf(text, llvm::CodeGenFileType::ObjectFile), number), 2) << "two lanes";
}

std::string bodyOf(const std::string& function, const std::string& assembly) {
  const size_t begin = assembly.find("\n" + function + ":");
  return assembly.substr(begin, assembly.find("Lfunc_end", begin) - begin);
}

TEST(MachineCode, FunctionIsTheSameBesideOthers) {
  const std::string alone = bodyOf("f", assemblyOf(scaled("f")));
  EXPECT_GT(alone.size(), 100u);
  EXPECT_EQ(bodyOf("f", assemblyOf(scaled("f") + withoutDeclarations(scaled("g")))), alone);
}

// Several times, more values than registers are loaded, then stored.
std::string spilling(int values, int times) {
  std::string text = "define void @f(ptr %x) nounwind {\n";
  const auto name = [](const char* what, int time, int i) {
    return what + std::to_string(time) + "_" + std::to_string(i);
  };
  for (int time = 0; time < times; ++time) {
    for (int i = 0; i < values; ++i)
      text += name("%at", time, i) + " = getelementptr <2 x double>, ptr %x, i64 " +
              std::to_string(i) + "\n" + name("%v", time, i) +
              " = load volatile <2 x double>, ptr " + name("%at", time, i) + "\n";
    for (int i = 0; i < values; ++i)
      text += "store volatile <2 x double> " + name("%v", time, i) + ", ptr " +
              name("%at", time, values - 1 - i) + "\n";
  }
  return text + "ret void\n}\n";
}

// The allocator of registers and who merges its slots have to be in one stage.
TEST(MachineCode, SpilledValuesTakeTheSlotsOfThoseBefore) {
  std::smatch frame;
  const std::string once = assemblyOf(spilling(60, 1)), often = assemblyOf(spilling(60, 4));
  const std::regex size(R"(subq?\s+\$(\d+), %rsp)");
  ASSERT_TRUE(std::regex_search(once, frame, size));
  const int least = std::stoi(frame[1]);
  ASSERT_TRUE(std::regex_search(often, frame, size));
  EXPECT_LT(std::stoi(frame[1]), 2 * least);
}

} // namespace
} // namespace diptych::codegen
