// Whether a CPU has what code for a target may use: CPUID and XGETBV, for code that runs on any
// x86.
#include "aot/Support.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Target/TargetMachine.h"

#include <map>

namespace diptych::aot {

namespace {

enum Register { eax, ebx, ecx, edx };

/// Where CPUID tells of a feature.
struct FeatureBit {
  const char* feature;
  uint32_t leaf, sub;
  Register in;
  int bit;
};

constexpr uint32_t kExtended = 0x80000001;

// Intel's and AMD's manuals, CPUID. What LLVM's code generator can use without being asked by name.
constexpr FeatureBit kFeatures[] = {
    {"sse3", 1, 0, ecx, 0},          {"pclmul", 1, 0, ecx, 1},
    {"ssse3", 1, 0, ecx, 9},         {"fma", 1, 0, ecx, 12},
    {"cx16", 1, 0, ecx, 13},         {"sse4.1", 1, 0, ecx, 19},
    {"sse4.2", 1, 0, ecx, 20},       {"movbe", 1, 0, ecx, 22},
    {"popcnt", 1, 0, ecx, 23},       {"aes", 1, 0, ecx, 25},
    {"avx", 1, 0, ecx, 27},          {"avx", 1, 0, ecx, 28}, // 27: XGETBV may be asked
    {"f16c", 1, 0, ecx, 29},         {"bmi", 7, 0, ebx, 3},
    {"avx2", 7, 0, ebx, 5},          {"bmi2", 7, 0, ebx, 8},
    {"avx512f", 7, 0, ebx, 16},      {"avx512dq", 7, 0, ebx, 17},
    {"adx", 7, 0, ebx, 19},          {"avx512ifma", 7, 0, ebx, 21},
    {"avx512cd", 7, 0, ebx, 28},     {"sha", 7, 0, ebx, 29},
    {"avx512bw", 7, 0, ebx, 30},     {"avx512vl", 7, 0, ebx, 31},
    {"avx512vbmi", 7, 0, ecx, 1},    {"avx512vbmi2", 7, 0, ecx, 6},
    {"gfni", 7, 0, ecx, 8},          {"vaes", 7, 0, ecx, 9},
    {"vpclmulqdq", 7, 0, ecx, 10},   {"avx512vnni", 7, 0, ecx, 11},
    {"avx512bitalg", 7, 0, ecx, 12}, {"avx512vpopcntdq", 7, 0, ecx, 14},
    {"avx512fp16", 7, 0, edx, 23},   {"avxvnni", 7, 1, eax, 4},
    {"avx512bf16", 7, 1, eax, 5},    {"avxifma", 7, 1, eax, 23},
    {"avxneconvert", 7, 1, edx, 5},  {"lzcnt", kExtended, 0, ecx, 5},
    {"sse4a", kExtended, 0, ecx, 6}, {"xop", kExtended, 0, ecx, 11},
    {"fma4", kExtended, 0, ecx, 16}, {"tbm", kExtended, 0, ecx, 21},
};

// State that the system must save: SSE and AVX, and for AVX-512 its masks and both register halves.
constexpr uint32_t kAvxState = 0x6, kAvx512State = 0xe6;

/// Builds the text of the check.
class CpuCheck {
public:
  explicit CpuCheck(const llvm::MCSubtargetInfo& cpu) {
    for (const FeatureBit& row : kFeatures)
      if (cpu.checkFeatures(std::string("+") + row.feature))
        masks_[{row.leaf, row.sub, row.in}] |= 1u << row.bit;
    state_ = cpu.checkFeatures("+avx512f") ? kAvx512State
             : cpu.checkFeatures("+avx")   ? kAvxState
                                           : 0;
  }
  bool empty() const { return masks_.empty(); }

  std::string text(const std::string& name) {
    body_ = "define hidden i1 @" + name + "() nounwind {\nentry:\n  %v0 = or i1 true, true\n";
    for (const auto& [where, mask] : masks_) {
      const auto [leaf, sub, in] = where;
      require("uge", reg(leaf & 0x80000000, 0, eax), leaf);
      if (sub)
        require("uge", reg(leaf, 0, eax), sub);
      const std::string bits = fresh();
      body_ += "  " + bits + " = and i32 " + reg(leaf, sub, in) + ", " + number(mask) + "\n";
      require("eq", bits, mask);
    }
    if (!state_)
      return body_ + "  ret i1 " + ok_ + "\n}\n";
    // XGETBV exists where CPUID says so, which is one of the bits above.
    body_ += "  br i1 " + ok_ + ", label %system, label %no\nsystem:\n";
    body_ += "  %xcr = call { i32, i32 } asm sideeffect \"xgetbv\", \"={ax},={dx},{cx}\"(i32 0)\n"
             "  %low = extractvalue { i32, i32 } %xcr, 0\n"
             "  %saved = and i32 %low, " +
             number(state_) + "\n  %all = icmp eq i32 %saved, " + number(state_) +
             "\n  ret i1 %all\nno:\n  ret i1 false\n}\n";
    return body_;
  }

private:
  static std::string number(uint32_t value) { return std::to_string(static_cast<int32_t>(value)); }
  std::string fresh() { return "%t" + std::to_string(next_++); }
  std::string reg(uint32_t leaf, uint32_t sub, Register in) {
    const std::string result = fresh(), value = fresh();
    body_ += "  " + result +
             " = call { i32, i32, i32, i32 } asm sideeffect \"cpuid\", "
             "\"={ax},={bx},={cx},={dx},{ax},{cx}\"(i32 " +
             number(leaf) + ", i32 " + number(sub) + ")\n  " + value +
             " = extractvalue { i32, i32, i32, i32 } " + result + ", " + std::to_string(in) + "\n";
    return value;
  }
  void require(const std::string& how, const std::string& value, uint32_t bound) {
    const std::string holds = fresh(), both = fresh();
    body_ += "  " + holds + " = icmp " + how + " i32 " + value + ", " + number(bound) + "\n  " +
             both + " = and i1 " + ok_ + ", " + holds + "\n";
    ok_ = both;
  }

  std::map<std::tuple<uint32_t, uint32_t, Register>, uint32_t> masks_;
  uint32_t state_ = 0;
  std::string body_, ok_ = "%v0";
  int next_ = 0;
};

} // namespace

void checkHalves(mlir::ModuleOp kernels, const std::string& prefix, const codegen::Target& target) {
  llvm::TargetMachine& machine = target.machine();
  if (!machine.getTargetTriple().isX86() || machine.getMCSubtargetInfo()->checkFeatures("+f16c"))
    return;
  kernels.walk([&](mlir::Operation* op) {
    auto kernel = op->getParentOfType<mlir::func::FuncOp>();
    if (kernel && kernel.getName().starts_with(prefix) && op->getNumResults() == 1 &&
        mlir::getElementTypeOrSelf(op->getResult(0).getType()).isF16())
      throw Error("aot: expected a target that converts f16 (F16C), got " + target.cpu() +
                  "; use a target from x86-64-v3 on, or bf16");
  });
}

bool addCpuCheck(llvm::Module& module, const codegen::Target& target, const std::string& name) {
  if (!module.getTargetTriple().isX86())
    return false;
  CpuCheck check(*target.machine().getMCSubtargetInfo());
  if (check.empty())
    return false;
  addText(module, check.text(name));
  return true;
}

} // namespace diptych::aot
