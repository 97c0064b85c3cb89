// Fuzz target: textual IR. What was read is printed and read again.
#include "Context.h"
#include "Fuzz.h"

#include "ir/DialectText.h"

using namespace diptych;

static mlir::OwningOpRef<mlir::ModuleOp> parse(std::string_view text, mlir::MLIRContext& context) {
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(text.data(), text.size()), "fuzz"), {});
  return ir::parseText(sources, context);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  test::mayRefuse([&] {
    mlir::MLIRContext& context = test::fuzzContext();
    auto module = parse(test::textOf(data, size), context);
    if (!module)
      return;
    std::string text;
    llvm::raw_string_ostream(text) << *module;
    if (!parse(text, context))
      __builtin_trap();
  });
  return 0;
}
