// Loads and stores of kernels: scalars, consecutive lanes, strided lanes.
#include "codegen/KernelBuilder.h"
#include "codegen/Lowerings.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

using namespace mlir;

Value KernelBuilder::address(Value base, DType dtype, Value offset) {
  Type pointer = LLVM::LLVMPointerType::get(builder_.getContext());
  return LLVM::GEPOp::create(builder_, loc_, pointer, memoryType(builder_.getContext(), dtype),
                             base, ArrayRef<LLVM::GEPArg>{offset});
}

Value KernelBuilder::byteAddress(Value first, Value bytes) {
  return LLVM::GEPOp::create(builder_, loc_, first.getType(), builder_.getI8Type(), first,
                             ArrayRef<LLVM::GEPArg>{bytes});
}

Value KernelBuilder::rowAddress(Value first, ArrayRef<Value> rows, int i) {
  Value bytes = rows[i];
  if (const int power = i & -i; i != 0 && !known(bytes))
    bytes = mul(rows[i / power], i64(power));
  return byteAddress(first, bytes);
}

static Type shapedLike(Value value, Type element) {
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value KernelBuilder::fromMemory(Value value, DType dtype) {
  if (isHalf(dtype)) {
    Type half = shapedLike(value, halfType(builder_.getContext(), dtype));
    Value narrow = arith::BitcastOp::create(builder_, loc_, half, value);
    return arith::ExtFOp::create(builder_, loc_, shapedLike(value, builder_.getF32Type()), narrow);
  }
  if (dtype != DType::boolean)
    return value;
  ScalarBuilder b(builder_, loc_, dtype);
  return b.create<arith::CmpIOp>(arith::CmpIPredicate::ne, value, b.integer(value, 0));
}

Value KernelBuilder::toMemory(Value value, DType dtype) {
  if (isHalf(dtype))
    return arith::BitcastOp::create(builder_, loc_, shapedLike(value, builder_.getI16Type()),
                                    narrowed(builder_, loc_, value, dtype));
  if (dtype != DType::boolean)
    return value;
  return arith::ExtUIOp::create(builder_, loc_, shapedLike(value, builder_.getI8Type()), value);
}

Value KernelBuilder::loadScalar(Value address, DType dtype) {
  Type type = memoryType(builder_.getContext(), dtype);
  return fromMemory(LLVM::LoadOp::create(builder_, loc_, type, address, sizeOf(dtype)), dtype);
}

void KernelBuilder::storeScalar(Value value, Value address, DType dtype) {
  LLVM::StoreOp::create(builder_, loc_, toMemory(value, dtype), address, sizeOf(dtype));
}

Value KernelBuilder::number(const Line::Parameter& parameter, DType dtype) {
  Type type = computeType(builder_.getContext(), dtype);
  Value bits = size(Size::param(parameter.slot));
  if (const unsigned width = type.getIntOrFloatBitWidth(); width < 64)
    bits = arith::TruncIOp::create(builder_, loc_, builder_.getIntegerType(width), bits);
  if (bits.getType() == type)
    return bits;
  return arith::BitcastOp::create(builder_, loc_, type, bits);
}

static Value zeroOf(OpBuilder& builder, Location loc, Type type) {
  return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(builder.getZeroAttr(type)));
}

Value KernelBuilder::loadVector(Value address, DType dtype, int lanes, Value mask, int64_t known) {
  VectorType type = vectorOf(memoryType(builder_.getContext(), dtype), lanes);
  const auto alignment = static_cast<uint32_t>(std::max(sizeOf(dtype), known));
  if (!mask)
    return fromMemory(LLVM::LoadOp::create(builder_, loc_, type, address, alignment), dtype);
  Value zero = zeroOf(builder_, loc_, type);
  return fromMemory(
      LLVM::MaskedLoadOp::create(builder_, loc_, type, address, mask, zero, alignment), dtype);
}

void KernelBuilder::storeVector(Value value, Value address, DType dtype, Value mask,
                                int64_t known) {
  const auto alignment = static_cast<uint32_t>(std::max(sizeOf(dtype), known));
  value = toMemory(value, dtype);
  if (!mask)
    LLVM::StoreOp::create(builder_, loc_, value, address, alignment);
  else
    LLVM::MaskedStoreOp::create(builder_, loc_, value, address, mask, alignment);
}

void KernelBuilder::prefetch(Value address, Near cache) {
  constexpr unsigned kRead = 0, kData = 1;
  LLVM::Prefetch::create(builder_, loc_, address, kRead, static_cast<unsigned>(cache), kData);
}

void KernelBuilder::prefetchVector(Value base, DType dtype, Value offset, int lanes, Near cache) {
  constexpr int64_t kLine = 64;
  for (int64_t lane = 0; lane < lanes; lane += kLine / sizeOf(dtype))
    prefetch(address(base, dtype, add(offset, i64(lane))), cache);
}

void KernelBuilder::prefetchNext(const Access& access, const Size& stride, Value offset,
                                 int lanes) {
  if (!access.ahead)
    return;
  Value next = once(nextPointers_[access.arg], [&] {
    return address(pointer(access.arg), access.dtype, mul(sub(hi_, lo_), size(stride)));
  });
  prefetchVector(next, access.dtype, offset, lanes, Near::second);
}

Value KernelBuilder::laneAddresses(Value address, DType dtype, int lanes, Value stride) {
  Value offsets = arith::MulIOp::create(builder_, loc_, laneIndex(lanes), broadcast(stride, lanes));
  Type pointers = VectorType::get({lanes}, LLVM::LLVMPointerType::get(builder_.getContext()));
  return LLVM::GEPOp::create(builder_, loc_, pointers, memoryType(builder_.getContext(), dtype),
                             address, ArrayRef<LLVM::GEPArg>{offsets});
}

Value KernelBuilder::fullMask(Value mask, int lanes) {
  if (mask)
    return mask;
  VectorType type = vectorOf(builder_.getI1Type(), lanes);
  return arith::ConstantOp::create(builder_, loc_, DenseElementsAttr::get(type, true));
}

Value KernelBuilder::gatherVector(Value address, DType dtype, int lanes, Value stride, Value mask) {
  VectorType type = vectorOf(memoryType(builder_.getContext(), dtype), lanes);
  Value addresses = laneAddresses(address, dtype, lanes, stride);
  Value zero = zeroOf(builder_, loc_, type);
  Value loaded =
      LLVM::masked_gather::create(builder_, loc_, type, addresses, fullMask(mask, lanes),
                                  ValueRange{zero}, builder_.getI32IntegerAttr(sizeOf(dtype)));
  return fromMemory(loaded, dtype);
}

Value KernelBuilder::loadBackwards(Value address, DType dtype, int lanes) {
  VectorType type = vectorOf(memoryType(builder_.getContext(), dtype), lanes);
  Value first = this->address(address, dtype, i64(1 - lanes));
  Value loaded =
      LLVM::LoadOp::create(builder_, loc_, type, first, static_cast<uint32_t>(sizeOf(dtype)));
  SmallVector<int64_t> backwards;
  for (int lane = lanes; lane-- > 0;)
    backwards.push_back(lane);
  return fromMemory(vector::ShuffleOp::create(builder_, loc_, loaded, loaded, backwards), dtype);
}

Value KernelBuilder::loadLanes(Value address, DType dtype, int lanes, const Size& stride,
                               Value mask) {
  if (stride.is(0))
    return broadcast(loadScalar(address, dtype), lanes);
  if (stride.is(1))
    return loadVector(address, dtype, lanes, mask);
  if (stride.is(-1) && !mask)
    return loadBackwards(address, dtype, lanes);
  return gatherVector(address, dtype, lanes, size(stride), mask);
}

void KernelBuilder::scatterVector(Value value, Value address, DType dtype, Value stride,
                                  Value mask) {
  const int lanes = static_cast<int>(cast<VectorType>(value.getType()).getNumElements());
  LLVM::masked_scatter::create(builder_, loc_, toMemory(value, dtype),
                               laneAddresses(address, dtype, lanes, stride), fullMask(mask, lanes),
                               builder_.getI32IntegerAttr(sizeOf(dtype)));
}

Value KernelBuilder::stackSlots(DType dtype, int lanes, int count) {
  OpBuilder::InsertionGuard guard(builder_);
  Value slots = i64(count);
  builder_.setInsertionPointAfterValue(slots);
  Type type = computeType(builder_.getContext(), dtype);
  if (lanes > 1)
    type = vectorOf(type, lanes);
  return LLVM::AllocaOp::create(builder_, loc_, LLVM::LLVMPointerType::get(builder_.getContext()),
                                type, slots,
                                /*alignment=*/64);
}

Value KernelBuilder::loadSlot(Value slots, Value index, Type type) {
  Value where = LLVM::GEPOp::create(builder_, loc_, slots.getType(), type, slots,
                                    ArrayRef<LLVM::GEPArg>{index});
  return LLVM::LoadOp::create(builder_, loc_, type, where);
}

void KernelBuilder::storeSlot(Value value, Value slots, Value index) {
  Value where = LLVM::GEPOp::create(builder_, loc_, slots.getType(), value.getType(), slots,
                                    ArrayRef<LLVM::GEPArg>{index});
  LLVM::StoreOp::create(builder_, loc_, value, where);
}

Value KernelBuilder::broadcast(Value scalar, int lanes) {
  return vector::BroadcastOp::create(builder_, loc_, vectorOf(scalar.getType(), lanes), scalar);
}

Value KernelBuilder::laneIndex(int lanes) {
  SmallVector<int64_t> indices;
  for (int i = 0; i < lanes; ++i)
    indices.push_back(i);
  return arith::ConstantOp::create(
      builder_, loc_,
      DenseElementsAttr::get(vectorOf(builder_.getI64Type(), lanes), ArrayRef(indices)));
}

Value KernelBuilder::maskBelow(Value count, int lanes) {
  if (const auto number = known(count)) {
    SmallVector<bool> on;
    for (int64_t i = 0; i < lanes; ++i)
      on.push_back(i < *number);
    return arith::ConstantOp::create(
        builder_, loc_, DenseElementsAttr::get(vectorOf(builder_.getI1Type(), lanes), on));
  }
  // i32 lanes: half the registers of an i64 comparison.
  Value clipped = min(count, i64(lanes));
  Value narrow = arith::TruncIOp::create(builder_, loc_, builder_.getI32Type(), clipped);
  SmallVector<int32_t> indices;
  for (int i = 0; i < lanes; ++i)
    indices.push_back(i);
  Value lane = arith::ConstantOp::create(
      builder_, loc_,
      DenseElementsAttr::get(vectorOf(builder_.getI32Type(), lanes), ArrayRef(indices)));
  return arith::CmpIOp::create(builder_, loc_, arith::CmpIPredicate::slt, lane,
                               broadcast(narrow, lanes));
}

Value KernelBuilder::bitsBelow(Value count, int lanes) {
  constexpr int kLeast = 8, kMost = 64; // bits that are moved as they are
  if (lanes < kLeast || lanes > kMost)
    return maskBelow(count, lanes);
  Value one = i64(1);
  Value bits = sub(arith::ShLIOp::create(builder_, loc_, one, count), one);
  if (lanes < kMost)
    bits = arith::TruncIOp::create(builder_, loc_, builder_.getIntegerType(lanes), bits);
  return LLVM::BitcastOp::create(builder_, loc_, vectorOf(builder_.getI1Type(), lanes), bits);
}

} // namespace diptych::codegen
