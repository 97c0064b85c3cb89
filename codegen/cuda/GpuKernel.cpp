// The frame of a GPU kernel and the ways its threads meet, in the nvvm dialect.
#include "codegen/cuda/GpuKernel.h"

#include "codegen/Lowerings.h"
#include "codegen/cuda/GpuModule.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace diptych::codegen::cuda {

using namespace mlir;

GpuKernel::GpuKernel(ModuleOp module, StringRef name, const GpuFrame& frame, int threads)
    : KernelBuilder(module, name, frame.pointers + (frame.scratch ? 1 : 0), frame.params),
      frame_(frame), threads_(threads), module_(module), name_(name) {
  // What is only read may come through the read-only cache: where a plan lets a result lie in its
  // place (InPlace.h), an element is stored last of all that its thread does with it. What is
  // written is not marked: LLVM would move loads over the barrier behind another thread's store.
  for (int i = 0; frame.params == 0 && i < frame.pointers; ++i)
    if (!frame.written[static_cast<size_t>(i)])
      function().setArgAttr(static_cast<unsigned>(i), "llvm.noalias", builder().getUnitAttr());
  function()->setAttr(kThreadsAttr, builder().getI32IntegerAttr(threads));
}

bool GpuKernel::finish() {
  KernelBuilder::finish();
  return meets_;
}

Value GpuKernel::special(Value& slot, bool thread) {
  if (slot)
    return slot;
  OpBuilder::InsertionGuard guard(builder());
  builder().setInsertionPointToStart(&function().getBody().front());
  Type i32 = builder().getI32Type();
  auto range = LLVM::ConstantRangeAttr::get(builder().getContext(), APInt(32, 0),
                                            APInt(32, thread ? threads_ : INT32_MAX));
  Value number = thread ? NVVM::ThreadIdXOp::create(builder(), loc(), i32, range).getResult()
                        : NVVM::BlockIdXOp::create(builder(), loc(), i32, range).getResult();
  return slot = arith::ExtUIOp::create(builder(), loc(), builder().getI64Type(), number);
}

Value GpuKernel::thread() { return special(thread_, true); }
Value GpuKernel::block() { return special(block_, false); }

SmallVector<Value> GpuKernel::unrolled(Value from, Value to, int64_t step, int64_t times,
                                       ValueRange init,
                                       function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  SmallVector<Value> carried(init);
  if (times > 1) {
    carried.push_back(from);
    Value whole = sub(to, i64((times - 1) * step));
    carried = loop(from, whole, times * step, carried, [&](Value i, ValueRange before) {
      SmallVector<Value> next(before.drop_back());
      for (int64_t t = 0; t < times; ++t)
        next = body(add(i, i64(t * step)), next);
      next.push_back(add(i, i64(times * step)));
      return next;
    });
    from = carried.pop_back_val();
  }
  return loop(from, to, step, carried, body);
}

SmallVector<Value> GpuKernel::repeat(ValueRange init, function_ref<Value(ValueRange)> condition,
                                     function_ref<SmallVector<Value>(ValueRange)> body) {
  auto loop = scf::WhileOp::create(builder(), loc(), init.getTypes(), init);
  OpBuilder::InsertionGuard guard(builder());
  const SmallVector<Location> locations(init.size(), loc());
  Block* before = builder().createBlock(&loop.getBefore(), {}, init.getTypes(), locations);
  Value holds = condition(before->getArguments());
  scf::ConditionOp::create(builder(), loc(), holds, before->getArguments());
  Block* after = builder().createBlock(&loop.getAfter(), {}, init.getTypes(), locations);
  scf::YieldOp::create(builder(), loc(), body(after->getArguments()));
  return SmallVector<Value>(loop.getResults());
}

void GpuKernel::barrier() {
  meets_ = true;
  NVVM::Barrier0Op::create(builder(), loc());
}

Value GpuKernel::shuffleWord(Value word, int offset) {
  meets_ = true;
  Type i32 = builder().getI32Type();
  auto number = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(builder(), loc(), builder().getI32IntegerAttr(value));
  };
  return NVVM::ShflOp::create(builder(), loc(), i32, number(-1), word, number(offset), number(31),
                              NVVM::ShflKind::down, UnitAttr());
}

// In words of 32 bits.
Value GpuKernel::shuffleDown(Value value, int offset) {
  Type type = value.getType(), i32 = builder().getI32Type(), i64 = builder().getI64Type();
  const unsigned width = type.getIntOrFloatBitWidth();
  Type integer = builder().getIntegerType(width);
  Value bits = type == integer ? value : arith::BitcastOp::create(builder(), loc(), integer, value);
  if (width < 32) {
    Value wide = arith::ExtUIOp::create(builder(), loc(), i32, bits);
    bits = arith::TruncIOp::create(builder(), loc(), integer, shuffleWord(wide, offset));
  } else if (width == 32) {
    bits = shuffleWord(bits, offset);
  } else {
    Value low = arith::TruncIOp::create(builder(), loc(), i32, bits);
    Value shift = this->i64(32);
    Value high = arith::TruncIOp::create(builder(), loc(), i32,
                                         arith::ShRUIOp::create(builder(), loc(), bits, shift));
    low = arith::ExtUIOp::create(builder(), loc(), i64, shuffleWord(low, offset));
    high = arith::ExtUIOp::create(builder(), loc(), i64, shuffleWord(high, offset));
    bits = arith::OrIOp::create(builder(), loc(), low,
                                arith::ShLIOp::create(builder(), loc(), high, shift));
  }
  return type == integer ? bits : arith::BitcastOp::create(builder(), loc(), type, bits);
}

Value GpuKernel::ballot(Value predicate) {
  meets_ = true;
  Value all = arith::ConstantOp::create(builder(), loc(), builder().getI32IntegerAttr(-1));
  return NVVM::VoteSyncOp::create(builder(), loc(), builder().getI32Type(), all, predicate,
                                  NVVM::VoteSyncKind::ballot);
}

Value GpuKernel::shared(int64_t bytes) {
  if (bytes > kSharedLimit)
    throw Error("internal: kernel " + name_ + " wants " + std::to_string(bytes) +
                " bytes of shared memory");
  return sharedGlobal(bytes, LLVM::Linkage::Internal);
}

Value GpuKernel::sharedAtLaunch() { return sharedGlobal(0, LLVM::Linkage::External); }

Value GpuKernel::sharedGlobal(int64_t bytes, LLVM::Linkage linkage) {
  meets_ = true;
  OpBuilder::InsertionGuard guard(builder());
  builder().setInsertionPointToStart(module_.getBody());
  auto type = LLVM::LLVMArrayType::get(builder().getI8Type(), static_cast<unsigned>(bytes));
  const unsigned space = 3;
  auto global = LLVM::GlobalOp::create(builder(), loc(), type, /*isConstant=*/false, linkage,
                                       name_ + "_shared", Attribute(),
                                       /*alignment=*/16, space);
  builder().setInsertionPointToStart(&function().getBody().front());
  Value there = LLVM::AddressOfOp::create(builder(), loc(), global);
  return LLVM::AddrSpaceCastOp::create(builder(), loc(),
                                       LLVM::LLVMPointerType::get(builder().getContext()), there);
}

void GpuKernel::setCluster(int64_t blocks) {
  function()->setAttr(kClusterAttr, builder().getI32IntegerAttr(static_cast<int32_t>(blocks)));
}

void GpuKernel::clusterBarrier() {
  meets_ = true;
  UnitAttr aligned = builder().getUnitAttr();
  NVVM::ClusterArriveOp::create(builder(), loc(), aligned);
  NVVM::ClusterWaitOp::create(builder(), loc(), aligned);
}

Value GpuKernel::peer(Value address, Value rank) {
  Value number = arith::TruncIOp::create(builder(), loc(), builder().getI32Type(), rank);
  return NVVM::MapaOp::create(builder(), loc(), address.getType(), address, number);
}

Value GpuKernel::loadShared(Value base, Value index, DType dtype) {
  return loadScalar(address(base, dtype, index), dtype);
}

void GpuKernel::storeShared(Value value, Value base, Value index) {
  DType dtype = DType::boolean;
  Type type = value.getType();
  if (type.isF32())
    dtype = DType::f32;
  else if (type.isF64())
    dtype = DType::f64;
  else if (type.isInteger(32))
    dtype = DType::i32;
  else if (type.isInteger(64))
    dtype = DType::i64;
  storeScalar(value, address(base, dtype, index), dtype);
}

std::optional<int64_t> knownInteger(Value value) {
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    if (auto attr = dyn_cast<IntegerAttr>(constant.getValue()))
      return attr.getInt();
  return std::nullopt;
}

std::optional<int64_t> knownProduct(ArrayRef<Size> extents) {
  int64_t product = 1;
  for (const Size& extent : extents) {
    if (extent.isDynamic())
      return std::nullopt;
    product *= extent.value;
  }
  return product;
}

runtime::cuda::Count::Factor factorOf(ArrayRef<Size> extents, int64_t pieces, int64_t least) {
  runtime::cuda::Count::Factor factor;
  for (const Size& extent : extents)
    factor.extents.push_back(extentOf(extent));
  factor.pieces = pieces;
  factor.least = least;
  return factor;
}

runtime::cuda::Count countOf(ArrayRef<Size> extents, int64_t pieces) {
  return {{factorOf(extents, pieces)}};
}

Value GpuKernel::divide(Value x, Value y) {
  auto a = knownInteger(x), b = knownInteger(y);
  if (a && b && *b > 0)
    return i64(*a / *b);
  if (b == 1)
    return x;
  return arith::DivUIOp::create(builder(), loc(), x, y);
}

Value GpuKernel::remainder(Value x, Value y) {
  auto a = knownInteger(x), b = knownInteger(y);
  if (a && b && *b > 0)
    return i64(*a % *b);
  if (b == 1)
    return i64(0);
  return arith::RemUIOp::create(builder(), loc(), x, y);
}

Value GpuKernel::ceilDivide(Value x, int64_t y) { return divide(add(x, i64(y - 1)), i64(y)); }

Value GpuKernel::product(ArrayRef<Size> extents) {
  Value product = i64(1);
  for (const Size& extent : extents)
    product = mul(product, size(extent));
  return product;
}

SmallVector<Value> GpuKernel::indicesOf(Value flat, ArrayRef<Size> extents) {
  SmallVector<Value> indices(extents.size());
  const std::optional<int64_t> total = knownProduct(extents);
  const bool narrow = total && *total < INT32_MAX && !knownInteger(flat);
  Type i32 = builder().getI32Type(), i64 = builder().getI64Type();
  Value rest = narrow ? arith::TruncIOp::create(builder(), loc(), i32, flat).getResult() : flat;
  for (size_t i = extents.size(); i-- > 0;) {
    if (extents[i].is(1)) {
      indices[i] = this->i64(0);
      continue;
    }
    const bool outermost =
        llvm::all_of(extents.take_front(i), [](const Size& extent) { return extent.is(1); });
    Value index = rest;
    if (narrow) {
      if (!outermost) {
        Value extent = arith::ConstantOp::create(
            builder(), loc(), builder().getI32IntegerAttr(static_cast<int32_t>(extents[i].value)));
        index = arith::RemUIOp::create(builder(), loc(), rest, extent);
        rest = arith::DivUIOp::create(builder(), loc(), rest, extent);
      }
      index = arith::ExtUIOp::create(builder(), loc(), i64, index);
    } else if (!outermost) {
      index = remainder(rest, size(extents[i]));
      rest = divide(rest, size(extents[i]));
    }
    indices[i] = index;
    if (outermost)
      rest = nullptr;
  }
  return indices;
}

Value GpuKernel::both(Value x, Value y) { return arith::AndIOp::create(builder(), loc(), x, y); }
Value GpuKernel::equal(Value x, Value y) {
  return arith::CmpIOp::create(builder(), loc(), arith::CmpIPredicate::eq, x, y);
}
Value GpuKernel::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(builder(), loc(), condition, x, y);
}
Value GpuKernel::constant(Type type, double value) {
  TypedAttr attr = isa<FloatType>(type)
                       ? TypedAttr(builder().getFloatAttr(type, value))
                       : builder().getIntegerAttr(type, static_cast<int64_t>(value));
  return arith::ConstantOp::create(builder(), loc(), attr);
}

} // namespace diptych::codegen::cuda
