// What a call with open shapes computes before it begins: a table of numbers, which the plan and
// its kernels read, and the size of the workspace.
#include "aot/OpenPlan.h"
#include "aot/Plan.h"

namespace diptych::aot {

static FormulaWriter writerOf(llvm::IRBuilder<>& b, llvm::Function* function, size_t dims) {
  std::vector<llvm::Value*> sizes;
  for (size_t i = 0; i < dims; ++i)
    sizes.push_back(
        b.CreateLoad(b.getInt64Ty(), b.CreateConstGEP1_64(b.getInt64Ty(), function->getArg(0), i)));
  return {b, std::move(sizes)};
}

// Dims are numbered: as many as occur.
static size_t dimsOf(const OpenPlan& plan) {
  size_t count = 0;
  const auto look = [&](const Extent& extent) {
    for (const auto& term : extent.terms())
      for (int dim : term.first)
        count = std::max(count, static_cast<size_t>(dim) + 1);
  };
  for (const Formula& formula : plan.table.formulas())
    formula.forEachExtent(look);
  plan.arenaBytes.forEachExtent(look);
  return count;
}

OpenEntry emitOpenEntry(PlanContext& context, const OpenPlan& plan, const std::string& name) {
  llvm::LLVMContext& llvm = context.module.getContext();
  llvm::Type* pointer = llvm::PointerType::getUnqual(llvm);
  const auto create = [&](const char* end, llvm::Type* result,
                          const std::vector<llvm::Type*>& types) {
    auto* function =
        llvm::Function::Create(llvm::FunctionType::get(result, types, false),
                               llvm::GlobalValue::InternalLinkage, name + end, context.module);
    function->setDoesNotThrow();
    return function;
  };
  const size_t dims = dimsOf(plan);
  OpenEntry entry;
  entry.slots = plan.table.formulas().size();
  entry.fill = create(".table", llvm::Type::getVoidTy(llvm), {pointer, pointer});
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(llvm, "entry", entry.fill));
  FormulaWriter fill = writerOf(b, entry.fill, dims);
  for (size_t i = 0; i < entry.slots; ++i)
    b.CreateStore(fill.value(plan.table.formulas()[i]),
                  b.CreateConstGEP1_64(b.getInt64Ty(), entry.fill->getArg(1), i));
  b.CreateRetVoid();
  entry.arena = create(".arena", b.getInt64Ty(), {pointer});
  b.SetInsertPoint(llvm::BasicBlock::Create(llvm, "entry", entry.arena));
  b.CreateRet(writerOf(b, entry.arena, dims).value(plan.arenaBytes));
  return entry;
}

int64_t mostSize(const OpenPlan& plan, const EntryInfo& entry) {
  constexpr double kSafe = 0x1p56;
  const auto fits = [&](int64_t most) {
    bool all = true;
    const auto look = [&](const Extent& extent) {
      double sum = 0;
      for (const auto& [dims, factor] : extent.terms()) {
        double product = std::abs(static_cast<double>(factor));
        for (int dim : dims)
          product *= static_cast<double>(std::min(entry.dims[static_cast<size_t>(dim)].most, most));
        sum += product;
      }
      all = all && sum < kSafe;
    };
    for (const Formula& formula : plan.table.formulas())
      formula.forEachExtent(look);
    plan.arenaBytes.forEachExtent(look);
    for (const auto* list : {&entry.inputs, &entry.outputs})
      for (const TensorInfo& info : *list) {
        Extent bytes(sizeOf(info.type.dtype));
        for (const Extent& extent : info.shape)
          bytes = bytes * extent;
        look(bytes);
      }
    return all;
  };
  int64_t most = int64_t{1} << 40;
  while (most > 1 && !fits(most))
    most /= 2;
  return most;
}

} // namespace diptych::aot
