// The kernel's frame, its integer arithmetic and its loops.
#include "codegen/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace diptych::codegen {

using namespace mlir;

KernelBuilder::KernelBuilder(ModuleOp module, StringRef name)
    : builder_(module.getContext()), loc_(UnknownLoc::get(module.getContext())) {
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  Type i64 = builder_.getI64Type();
  start(module, name, {pointer, pointer, i64, i64});
  args_ = entry_->getArgument(0);
  params_ = entry_->getArgument(1);
  lo_ = entry_->getArgument(2);
  hi_ = entry_->getArgument(3);
}

KernelBuilder::KernelBuilder(ModuleOp module, StringRef name, int pointers, int params)
    : builder_(module.getContext()), loc_(UnknownLoc::get(module.getContext())),
      pointerCount_(pointers) {
  SmallVector<Type> arguments(static_cast<size_t>(pointers),
                              LLVM::LLVMPointerType::get(module.getContext()));
  arguments.append(static_cast<size_t>(params), builder_.getI64Type());
  start(module, name, arguments);
}

void KernelBuilder::start(ModuleOp module, StringRef name, ArrayRef<Type> arguments) {
  builder_.setInsertionPointToEnd(module.getBody());
  auto function =
      func::FuncOp::create(builder_, loc_, name, builder_.getFunctionType(arguments, {}));
  entry_ = function.addEntryBlock();
  builder_.setInsertionPointToStart(entry_);
  auto end = func::ReturnOp::create(builder_, loc_);
  builder_.setInsertionPoint(end);
  // Constants and pointers are created in front of this marker, so that they dominate every use.
  prologueEnd_ = arith::ConstantOp::create(builder_, loc_, builder_.getI64IntegerAttr(0));
  constants_[0] = prologueEnd_->getResult(0);
}

func::FuncOp KernelBuilder::function() { return cast<func::FuncOp>(entry_->getParentOp()); }

void KernelBuilder::finish() {
  if (prologueEnd_->use_empty())
    prologueEnd_->erase();
}

// Values of the prologue dominate every use; each is made once.
Value KernelBuilder::once(Value& slot, function_ref<Value()> make) {
  if (slot)
    return slot;
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPoint(prologueEnd_);
  return slot = make();
}

Value KernelBuilder::pointer(int arg) {
  if (pointerCount_ >= 0)
    return entry_->getArgument(static_cast<unsigned>(arg));
  return once(pointers_[arg], [&]() -> Value {
    Type type = LLVM::LLVMPointerType::get(builder_.getContext());
    Value where = args_;
    if (arg)
      where = LLVM::GEPOp::create(builder_, loc_, type, type, args_, ArrayRef<LLVM::GEPArg>{arg});
    return LLVM::LoadOp::create(builder_, loc_, type, where, 8);
  });
}

Value KernelBuilder::i64(int64_t value) {
  return once(constants_[value], [&]() -> Value {
    return arith::ConstantOp::create(builder_, loc_, builder_.getI64IntegerAttr(value));
  });
}

Value KernelBuilder::size(const Size& size) {
  if (!size.isDynamic())
    return i64(size.value);
  if (pointerCount_ >= 0)
    return entry_->getArgument(static_cast<unsigned>(pointerCount_ + size.slot));
  return once(slots_[size.slot], [&]() -> Value {
    Type type = LLVM::LLVMPointerType::get(builder_.getContext());
    Value where = LLVM::GEPOp::create(builder_, loc_, type, builder_.getI64Type(), params_,
                                      ArrayRef<LLVM::GEPArg>{size.slot});
    return LLVM::LoadOp::create(builder_, loc_, builder_.getI64Type(), where, 8);
  });
}

// Folds constants here: kernels with static shapes are full of them.
std::optional<int64_t> KernelBuilder::known(Value value) {
  IntegerAttr attr;
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    if ((attr = dyn_cast<IntegerAttr>(constant.getValue())))
      return attr.getInt();
  return std::nullopt;
}

Value KernelBuilder::add(Value x, Value y) {
  auto a = known(x), b = known(y);
  if (a && b)
    return i64(*a + *b);
  if (a == 0)
    return y;
  if (b == 0)
    return x;
  return arith::AddIOp::create(builder_, loc_, x, y);
}

Value KernelBuilder::sub(Value x, Value y) {
  auto a = known(x), b = known(y);
  if (a && b)
    return i64(*a - *b);
  if (b == 0)
    return x;
  return arith::SubIOp::create(builder_, loc_, x, y);
}

Value KernelBuilder::mul(Value x, Value y) {
  auto a = known(x), b = known(y);
  if (a && b)
    return i64(*a * *b);
  if (a == 0 || b == 0)
    return i64(0);
  if (a == 1)
    return y;
  if (b == 1)
    return x;
  return arith::MulIOp::create(builder_, loc_, x, y);
}

Value KernelBuilder::min(Value x, Value y) {
  auto a = known(x), b = known(y);
  if (a && b)
    return i64(std::min(*a, *b));
  return arith::MinSIOp::create(builder_, loc_, x, y);
}

Value KernelBuilder::max(Value x, Value y) { return arith::MaxSIOp::create(builder_, loc_, x, y); }

Value KernelBuilder::quotient(Value x, int64_t divisor) {
  return arith::DivUIOp::create(builder_, loc_, x, i64(divisor));
}

Value KernelBuilder::less(Value x, Value y) {
  return arith::CmpIOp::create(builder_, loc_, arith::CmpIPredicate::slt, x, y);
}

Value KernelBuilder::notLess(Value x, Value y) {
  return arith::CmpIOp::create(builder_, loc_, arith::CmpIPredicate::sge, x, y);
}

Value KernelBuilder::roundDown(Value x, int64_t multiple) {
  if (auto number = known(x))
    return i64(*number / multiple * multiple);
  return arith::AndIOp::create(builder_, loc_, x, i64(-multiple));
}

void KernelBuilder::loop(Value from, Value to, int64_t step, function_ref<void(Value)> body) {
  loop(from, to, i64(step), body);
}

void KernelBuilder::loop(Value from, Value to, Value step, function_ref<void(Value)> body) {
  loop(from, to, step, {}, [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>();
  });
}

SmallVector<Value> KernelBuilder::loop(Value from, Value to, Value step, ValueRange init,
                                       function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto a = known(from), b = known(to);
  if (a && b && *a >= *b)
    return SmallVector<Value>(init);
  if (const auto by = known(step); a && b && by && *a + *by >= *b)
    return body(from, init);
  auto loop = scf::ForOp::create(builder_, loc_, from, to, step, init);
  OpBuilder::InsertionGuard guard(builder_);
  if (init.empty())
    builder_.setInsertionPoint(loop.getBody()->getTerminator());
  else
    builder_.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(builder_, loc_, next);
  return SmallVector<Value>(loop.getResults());
}

void KernelBuilder::when(Value condition, function_ref<void()> body) {
  if (auto number = known(condition)) {
    if (*number)
      body();
    return;
  }
  auto branch = scf::IfOp::create(builder_, loc_, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPointToStart(branch.thenBlock());
  body();
}

SmallVector<Value> KernelBuilder::choose(Value condition, MakeFn then, MakeFn otherwise) {
  auto region = [&](MakeFn make) {
    return [this, make](OpBuilder& builder, Location loc) {
      OpBuilder::InsertionGuard guard(builder_);
      builder_.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
      scf::YieldOp::create(builder_, loc, make());
    };
  };
  auto branch = scf::IfOp::create(builder_, loc_, condition, region(then), region(otherwise));
  return SmallVector<Value>(branch.getResults());
}

} // namespace diptych::codegen
