// Written as LLVM IR, so that it is compiled for the artefact's target like everything else.
// A team is 256 bytes: how many have arrived (0), how often all have met (64), the code that the
// first thread tells the others (128), the number of threads, 0 until that is known (192).
#include "aot/Support.h"

#include "aot/Model.h"

#include <diptych/Error.h>

#include "llvm/AsmParser/Parser.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Target/TargetMachine.h"

namespace diptych::aot {

static const char* const kThreads = R"(
declare i32 @sched_yield() nounwind
declare i32 @pthread_create(ptr, ptr, ptr, ptr) nounwind
declare i32 @pthread_join(i64, ptr) nounwind
declare i32 @llvm.smax.i32(i32, i32)
declare i32 @llvm.smin.i32(i32, i32)

; Spins first: the others are a few microseconds behind.
define hidden void @diptych_wait(i32 %spins) nounwind {
  %few = icmp ult i32 %spins, 4000
  br i1 %few, label %spin, label %yield
spin:
  call void asm sideeffect "PAUSE", "~{memory}"()
  ret void
yield:
  call i32 @sched_yield()
  ret void
}

define hidden void @diptych_meet(ptr %team, i32 %threads) nounwind {
entry:
  %alone = icmp ult i32 %threads, 2
  br i1 %alone, label %out, label %arrive
arrive:
  %times = getelementptr i8, ptr %team, i64 64
  %met = load atomic i32, ptr %times acquire, align 4
  %before = atomicrmw add ptr %team, i32 1 acq_rel
  %here = add i32 %before, 1
  %last = icmp eq i32 %here, %threads
  br i1 %last, label %open, label %wait
open:
  store atomic i32 0, ptr %team monotonic, align 4
  %more = add i32 %met, 1
  store atomic i32 %more, ptr %times release, align 4
  br label %out
wait:
  %spins = phi i32 [ 0, %arrive ], [ %spun, %again ]
  %now = load atomic i32, ptr %times acquire, align 4
  %opened = icmp ne i32 %now, %met
  br i1 %opened, label %out, label %again
again:
  call void @diptych_wait(i32 %spins)
  %spun = add i32 %spins, 1
  br label %wait
out:
  ret void
}

%Frame = type { ptr, ptr, ptr, ptr, ptr, i32 }

define hidden void @diptych_task(ptr %frame, i32 %me) nounwind {
  %plan = load ptr, ptr %frame
  %inputsAt = getelementptr %Frame, ptr %frame, i64 0, i32 1
  %outputsAt = getelementptr %Frame, ptr %frame, i64 0, i32 2
  %workspaceAt = getelementptr %Frame, ptr %frame, i64 0, i32 3
  %teamAt = getelementptr %Frame, ptr %frame, i64 0, i32 4
  %inputs = load ptr, ptr %inputsAt
  %outputs = load ptr, ptr %outputsAt
  %workspace = load ptr, ptr %workspaceAt
  %team = load ptr, ptr %teamAt
  %threadsAt = getelementptr i8, ptr %team, i64 192
  %threads = load atomic i32, ptr %threadsAt acquire, align 4
  %code = call i32 %plan(ptr %inputs, ptr %outputs, ptr %workspace, ptr %team, i32 %me, i32 %threads)
  %first = icmp eq i32 %me, 0
  br i1 %first, label %keep, label %out
keep:
  %codeAt = getelementptr %Frame, ptr %frame, i64 0, i32 5
  store i32 %code, ptr %codeAt
  br label %out
out:
  ret void
}

define hidden ptr @diptych_worker(ptr %slot) nounwind {
entry:
  %frame = load ptr, ptr %slot
  %meAt = getelementptr { ptr, i32 }, ptr %slot, i64 0, i32 1
  %me = load i32, ptr %meAt
  %teamAt = getelementptr %Frame, ptr %frame, i64 0, i32 4
  %team = load ptr, ptr %teamAt
  %threadsAt = getelementptr i8, ptr %team, i64 192
  br label %wait
wait:
  %spins = phi i32 [ 0, %entry ], [ %spun, %again ]
  %threads = load atomic i32, ptr %threadsAt acquire, align 4
  %known = icmp ne i32 %threads, 0
  br i1 %known, label %go, label %again
again:
  call void @diptych_wait(i32 %spins)
  %spun = add i32 %spins, 1
  br label %wait
go:
  call void @diptych_task(ptr %frame, i32 %me)
  ret ptr null
}

define hidden i32 @diptych_run(ptr %plan, ptr %inputs, ptr %outputs, ptr %workspace, ptr %asked) nounwind {
entry:
  %team = alloca [256 x i8], align 64
  %frame = alloca %Frame, align 16
  %ids = alloca [MOST x i64], align 16
  %slots = alloca [MOST x { ptr, i32 }], align 16
  %none = icmp eq ptr %asked, null
  br i1 %none, label %alone, label %count
count:
  %wanted = load i32, ptr %asked
  %some = call i32 @llvm.smax.i32(i32 %wanted, i32 1)
  %n = call i32 @llvm.smin.i32(i32 %some, i32 MOST)
  %one = icmp eq i32 %n, 1
  br i1 %one, label %alone, label %several
alone:
  %own = call i32 %plan(ptr %inputs, ptr %outputs, ptr %workspace, ptr %team, i32 0, i32 1)
  ret i32 %own
several:
  store [256 x i8] zeroinitializer, ptr %team
  %teamThreads = getelementptr i8, ptr %team, i64 192
  %f0 = insertvalue %Frame undef, ptr %plan, 0
  %f1 = insertvalue %Frame %f0, ptr %inputs, 1
  %f2 = insertvalue %Frame %f1, ptr %outputs, 2
  %f3 = insertvalue %Frame %f2, ptr %workspace, 3
  %f4 = insertvalue %Frame %f3, ptr %team, 4
  %f5 = insertvalue %Frame %f4, i32 0, 5
  store %Frame %f5, ptr %frame
  %runAt = getelementptr i8, ptr %asked, i64 8
  %run = load ptr, ptr %runAt
  %ours = icmp eq ptr %run, null
  br i1 %ours, label %create, label %callers
callers:
  %poolAt = getelementptr i8, ptr %asked, i64 16
  %pool = load ptr, ptr %poolAt
  store atomic i32 %n, ptr %teamThreads release, align 4
  call void %run(ptr %pool, i32 %n, ptr @diptych_task, ptr %frame)
  br label %result
create:
  %k = phi i32 [ 1, %several ], [ %k1, %created ]
  %enough = icmp eq i32 %k, %n
  br i1 %enough, label %begin, label %next
next:
  %slot = getelementptr [MOST x { ptr, i32 }], ptr %slots, i64 0, i32 %k
  %id = getelementptr [MOST x i64], ptr %ids, i64 0, i32 %k
  store ptr %frame, ptr %slot
  %slotMe = getelementptr { ptr, i32 }, ptr %slot, i64 0, i32 1
  store i32 %k, ptr %slotMe
  %refused = call i32 @pthread_create(ptr %id, ptr null, ptr @diptych_worker, ptr %slot)
  %ok = icmp eq i32 %refused, 0
  br i1 %ok, label %created, label %begin
created:
  %k1 = add i32 %k, 1
  br label %create
; As many as there are; the bits do not depend on it.
begin:
  store atomic i32 %k, ptr %teamThreads release, align 4
  call void @diptych_task(ptr %frame, i32 0)
  br label %joining
joining:
  %j = phi i32 [ 1, %begin ], [ %j1, %join ]
  %all = icmp eq i32 %j, %k
  br i1 %all, label %result, label %join
join:
  %joinAt = getelementptr [MOST x i64], ptr %ids, i64 0, i32 %j
  %joinId = load i64, ptr %joinAt
  call i32 @pthread_join(i64 %joinId, ptr null)
  %j1 = add i32 %j, 1
  br label %joining
result:
  %codeAt = getelementptr %Frame, ptr %frame, i64 0, i32 5
  %code = load i32, ptr %codeAt
  ret i32 %code
}
)";

static void replaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

static void add(llvm::Module& module, const std::string& text) {
  llvm::SMDiagnostic diagnostic;
  auto parsed = llvm::parseAssemblyString(text, diagnostic, module.getContext());
  if (!parsed)
    throw Error("internal: support code, line " + std::to_string(diagnostic.getLineNo()) + ": " +
                diagnostic.getMessage().str());
  parsed->setDataLayout(module.getDataLayout());
  parsed->setTargetTriple(module.getTargetTriple());
  std::vector<std::string> names;
  for (const llvm::Function& function : *parsed)
    if (!function.isDeclaration())
      names.push_back(function.getName().str());
  if (llvm::Linker::linkModules(module, std::move(parsed)))
    throw Error("internal: support code does not link");
  // Linking would leave out what was internal before.
  for (const std::string& name : names) {
    module.getFunction(name)->setVisibility(llvm::GlobalValue::DefaultVisibility);
    module.getFunction(name)->setLinkage(llvm::GlobalValue::InternalLinkage);
  }
}

void addThreads(llvm::Module& module) {
  std::string text = kThreads;
  replaceAll(text, "MOST", std::to_string(kMostThreads));
  replaceAll(text, "PAUSE", module.getTargetTriple().isX86() ? "pause" : "yield");
  add(module, text);
}

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

bool addCpuCheck(llvm::Module& module, const codegen::Target& target, const std::string& name) {
  if (!module.getTargetTriple().isX86())
    return false;
  CpuCheck check(*target.machine().getMCSubtargetInfo());
  if (check.empty())
    return false;
  add(module, check.text(name));
  return true;
}

} // namespace diptych::aot
