// Written as LLVM IR, so that it is compiled for the artefact's target like everything else.
// A team is 256 bytes: how many have arrived (0), how often all have met (64), the code that the
// first thread tells the others (128), the number of threads, 0 until that is known (192).
#include "aot/Support.h"

#include "aot/Model.h"

#include <diptych/Error.h>

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/Constants.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/SourceMgr.h"

namespace diptych::aot {

static const char* const kThreads = R"(
declare i32 @sched_yield() nounwind
declare i32 @pthread_create(ptr, ptr, ptr, ptr) nounwind
declare i32 @pthread_join(i64, ptr) nounwind
declare i32 @llvm.smax.i32(i32, i32)
declare i32 @llvm.smin.i32(i32, i32)

; Until the number at a place is, or is no longer, the value. Spins first: the others are a few
; microseconds behind.
define hidden void @diptych_await(ptr %place, i32 %value, i1 %is) nounwind {
entry:
  br label %look
look:
  %spins = phi i32 [ 0, %entry ], [ %spun, %pause ], [ %spun, %yield ]
  %now = load atomic i32, ptr %place acquire, align 4
  %equal = icmp eq i32 %now, %value
  %so = icmp eq i1 %equal, %is
  br i1 %so, label %out, label %again
again:
  %spun = add i32 %spins, 1
  %few = icmp ult i32 %spins, 4000
  br i1 %few, label %pause, label %yield
pause:
  call void asm sideeffect "PAUSE", "~{memory}"()
  br label %look
yield:
  call i32 @sched_yield()
  br label %look
out:
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
  call void @diptych_await(ptr %times, i32 %met, i1 false)
  br label %out
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
  call void @diptych_await(ptr %threadsAt, i32 0, i1 false)
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
; A `run` that runs nothing leaves this code.
  %f5 = insertvalue %Frame %f4, i32 NO_THREADS, 5
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

static const char* const kWeights = R"(
declare i32 @open(ptr, i32, ...) nounwind
declare i64 @lseek(i32, i64, i32) nounwind
declare ptr @mmap(ptr, i64, i32, i32, i32, i64) nounwind
declare i32 @munmap(ptr, i64) nounwind
declare i32 @close(i32) nounwind
declare i32 @memcmp(ptr, ptr, i64) nounwind

; O_RDONLY | O_CLOEXEC; SEEK_END; PROT_READ, MAP_PRIVATE: the values of Linux.
define i32 @NAME_open_weights(ptr %path, ptr %weights) nounwind {
entry:
  %noPath = icmp eq ptr %path, null
  %noWeights = icmp eq ptr %weights, null
  %null = or i1 %noPath, %noWeights
  br i1 %null, label %missing, label %opening
missing:
  ret i32 NULL_POINTER
opening:
  store { ptr, i64 } zeroinitializer, ptr %weights
  %file = call i32 (ptr, i32, ...) @open(ptr %path, i32 524288)
  %refused = icmp slt i32 %file, 0
  br i1 %refused, label %unread, label %measuring
unread:
  ret i32 NO_FILE
measuring:
  %size = call i64 @lseek(i32 %file, i64 0, i32 2)
  %same = icmp eq i64 %size, BYTES
  br i1 %same, label %mapping, label %close
close:
  call i32 @close(i32 %file)
  ret i32 WRONG_FILE
mapping:
  %data = call ptr @mmap(ptr null, i64 BYTES, i32 1, i32 2, i32 %file, i64 0)
  call i32 @close(i32 %file)
  %number = ptrtoint ptr %data to i64
  %unmapped = icmp eq i64 %number, -1
  br i1 %unmapped, label %unread, label %comparing
comparing:
  %differs = call i32 @memcmp(ptr %data, ptr HEADER, i64 HEADER_BYTES)
  %ours = icmp eq i32 %differs, 0
  br i1 %ours, label %opened, label %other
other:
  call i32 @munmap(ptr %data, i64 BYTES)
  ret i32 WRONG_FILE
opened:
  store ptr %data, ptr %weights
  %bytesAt = getelementptr i64, ptr %weights, i64 1
  store i64 BYTES, ptr %bytesAt
  ret i32 0
}

define void @NAME_close_weights(ptr %weights) nounwind {
entry:
  %none = icmp eq ptr %weights, null
  br i1 %none, label %out, label %look
look:
  %data = load ptr, ptr %weights
  %closed = icmp eq ptr %data, null
  br i1 %closed, label %out, label %unmap
unmap:
  %bytesAt = getelementptr i64, ptr %weights, i64 1
  %bytes = load i64, ptr %bytesAt
  call i32 @munmap(ptr %data, i64 %bytes)
  store { ptr, i64 } zeroinitializer, ptr %weights
  br label %out
out:
  ret void
}
)";

static void replaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

void addText(llvm::Module& module, const std::string& text, const std::string& exported) {
  llvm::SMDiagnostic diagnostic;
  auto parsed = llvm::parseAssemblyString(text, diagnostic, module.getContext());
  if (!parsed)
    throw Error("internal: support code, line " + std::to_string(diagnostic.getLineNo()) + ": " +
                diagnostic.getMessage().str());
  parsed->setDataLayout(module.getDataLayout());
  parsed->setTargetTriple(module.getTargetTriple());
  std::vector<std::string> names;
  for (const llvm::Function& function : *parsed)
    if (!function.isDeclaration() &&
        (exported.empty() || !function.getName().starts_with(exported)))
      names.push_back(function.getName().str());
  if (llvm::Linker::linkModules(module, std::move(parsed)))
    throw Error("internal: support code does not link");
  // Linking would leave out what was internal before.
  for (const std::string& name : names) {
    module.getFunction(name)->setVisibility(llvm::GlobalValue::DefaultVisibility);
    module.getFunction(name)->setLinkage(llvm::GlobalValue::InternalLinkage);
  }
}

void addThreads(llvm::Module& module, const Model& model) {
  std::string text = kThreads + poolText();
  replaceAll(text, "MOST", std::to_string(model.options.threads));
  replaceAll(text, "NULL_POINTER", std::to_string(kNullPointer));
  replaceAll(text, "BAD_WORKSPACE", std::to_string(kBadWorkspace));
  replaceAll(text, "NO_THREADS", std::to_string(kNoThreads));
  replaceAll(text, "PAUSE", module.getTargetTriple().isX86() ? "pause" : "yield");
  replaceAll(text, "NAME_", model.options.name + "_");
  addText(module, text, model.options.name + "_");
}

void addWeightFile(llvm::Module& module, const Model& model) {
  const std::string& name = model.options.name;
  auto* header = llvm::ConstantDataArray::getString(module.getContext(), model.weights.header,
                                                    /*AddNull=*/false);
  // Exported as long as the text refers to it.
  auto* global =
      new llvm::GlobalVariable(module, header->getType(), true, llvm::GlobalValue::ExternalLinkage,
                               header, "weights.header");
  std::string text = kWeights;
  text += "@weights.header = external constant [HEADER_BYTES x i8]\n";
  replaceAll(text, "HEADER_BYTES", std::to_string(model.weights.header.size()));
  replaceAll(text, "HEADER", "@weights.header");
  replaceAll(text, "BYTES", std::to_string(model.weights.bytes()));
  replaceAll(text, "NULL_POINTER", std::to_string(kNullPointer));
  replaceAll(text, "NO_FILE", std::to_string(kNoFile));
  replaceAll(text, "WRONG_FILE", std::to_string(kWrongFile));
  replaceAll(text, "NAME_", name + "_");
  addText(module, text, name + "_");
  global->setLinkage(llvm::GlobalValue::InternalLinkage);
}

} // namespace diptych::aot
