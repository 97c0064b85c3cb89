// Operators that are kernels of their own: movements that copy, products, index kernels.
#include "codegen/Scheduler.h"

#include "runtime/Library.h"

namespace diptych::codegen {

using namespace mlir;

void Scheduler::movement(Operation* op, OpCode code) {
  if (code == OpCode::Pad)
    return pad(op);
  if (code == OpCode::Concatenate)
    return concatenate(op);
  const TensorType type = ir::tensorTypeOf(op->getResult(0).getType());
  const Attrs attrs = ir::attrsOf(op);
  std::optional<Storage> view = viewOf(code, attrs, at(op->getOperand(0)), type);
  if (!view)
    view = viewOf(code, attrs, contiguous(at(op->getOperand(0))), type);
  storages_[op->getResult(0)] = *view;
}

void Scheduler::pad(Operation* op) {
  const Attrs attrs = ir::attrsOf(op);
  const Storage from = at(op->getOperand(0));
  const Storage to = allocateResult(op);
  Storage filled = to;
  filled.splat = attrs.value;
  copy(filled, to);
  Storage inner = to;
  inner.type = from.type;
  for (int i = 0; i < to.type.rank(); ++i) {
    inner.offset += to.strides[i] * attrs.low[i];
    inner.strides[i] = to.strides[i] * (attrs.interior[i] + 1);
  }
  copy(from, inner);
}

void Scheduler::concatenate(Operation* op) {
  const int64_t axis = ir::attrsOf(op).axis;
  const Storage to = allocateResult(op);
  int64_t begin = 0;
  for (Value operand : op->getOperands()) {
    Storage part = to;
    part.type = at(operand).type;
    part.offset = begin * to.strides[axis];
    copy(at(operand), part);
    begin += part.type.shape[axis];
  }
}

namespace {

// The last two axes of a product's operand, and what is in front of them.
struct Matrix {
  Storage storage;
  int64_t row, column, batch;

  explicit Matrix(const Storage& storage) : storage(storage) {
    const int rank = storage.type.rank();
    row = storage.strides[rank - 2];
    column = storage.strides[rank - 1];
    batch = rank > 2 ? storage.strides[rank - 3] : 0;
  }
  Access access(int arg, int64_t s, int64_t v, int64_t k) const {
    return {arg, storage.type.dtype, {batch, s, v, k}, storage.offset};
  }
};

// Whether all batch axes walk as one.
bool hasOneBatchStride(const Storage& storage) {
  const Shape& shape = storage.type.shape;
  for (int i = 0; i + 3 < shape.size(); ++i)
    if (shape[i] != 1 && storage.strides[i] != storage.strides[i + 1] * shape[i + 1])
      return false;
  return true;
}

// Few results, each the sum of many products: neither s nor v has work for several threads.
bool isLongSum(const MatmulSpec& spec) {
  return spec.batch.is(1) && spec.s.value * spec.v.value <= 4096 &&
         spec.k.value >= 8 * kMatmulBlock;
}

} // namespace

void Scheduler::matmul(Operation* op) {
  auto operand = [&](int i) {
    const Storage& storage = at(op->getOperand(i));
    const bool fits = !storage.splat && hasOneBatchStride(storage);
    return Matrix(fits ? storage : contiguous(storage));
  };
  const Matrix a = operand(0), b = operand(1), c(allocateResult(op));
  const Shape& shape = c.storage.type.shape;
  const int rank = shape.size();
  const int64_t m = shape[rank - 2], n = shape[rank - 1], k = a.storage.type.shape.back();
  MatmulSpec spec;
  spec.dtype = c.storage.type.dtype;
  spec.k = k;
  for (int i = 0; i + 2 < rank; ++i)
    spec.batch.value *= shape[i];
  // A matrix times a vector runs its vectors along the rows of the matrix.
  const bool exchange = n == 1 && m != 1;
  if (exchange) {
    spec.s = n, spec.v = m;
    spec.left = b.access(0, b.column, 0, b.row);
    spec.right = a.access(1, 0, a.row, a.column);
    spec.result = c.access(2, c.column, c.row, 0);
  } else {
    spec.s = m, spec.v = n;
    spec.left = a.access(0, a.row, 0, a.column);
    spec.right = b.access(1, 0, b.column, b.row);
    spec.result = c.access(2, c.row, c.column, 0);
  }
  spec.lanes = options_.vectorBytes / static_cast<int>(sizeOf(spec.dtype));
  spec.rows = options_.vectorBytes == 64 ? 12 : 4;
  spec.rangeOverV = spec.v.value > spec.s.value;
  ScheduledCall call;
  call.buffers = {exchange ? b.storage.buffer : a.storage.buffer,
                  exchange ? a.storage.buffer : b.storage.buffer, c.storage.buffer};
  call.name = "matmul";
  call.flops = 2.0 * static_cast<double>(spec.batch.value) * static_cast<double>(m) *
               static_cast<double>(n) * static_cast<double>(k);
  call.range = spec.batch.value != 1 ? spec.batch.value
               : spec.rangeOverV     ? spec.v.value
                                     : spec.s.value;
  const double work = call.flops / static_cast<double>(std::max<int64_t>(1, call.range));
  // Whole register tiles to a piece.
  const int64_t tile = spec.batch.value != 1 ? 1 : spec.rangeOverV ? 2 * spec.lanes : spec.rows;
  const auto pieces = static_cast<int64_t>(32768 / std::max(1.0, work));
  call.grain = (std::max<int64_t>(1, pieces) + tile - 1) / tile * tile;
  call.kernel = {spec, options_.contract};
  if (c.storage.type.numel() == 0)
    return;
  if (isLongSum(spec))
    splitOverBlocks(std::move(call), spec);
  else
    this->call(std::move(call));
}

// Blocks of k are independent until they are added, in order: the same bits, on all threads.
void Scheduler::splitOverBlocks(ScheduledCall product, MatmulSpec spec) {
  const int64_t n = spec.s.value * spec.v.value;
  const int64_t blocks = (spec.k.value + kMatmulBlock - 1) / kMatmulBlock;
  const Storage parts = newStorage({spec.dtype, {blocks, n}});
  const int result = product.buffers[2];
  spec.rangeOverBlocks = true;
  spec.rangeOverV = false;
  spec.result.strides[0] = n;
  product.kernel = {spec, options_.contract};
  product.buffers[2] = parts.buffer;
  product.range = blocks;
  product.grain = std::max<int64_t>(1, 32768 / (2 * n * kMatmulBlock));
  call(std::move(product));
  addBlocks(parts, result, spec.lanes);
}

void Scheduler::addBlocks(const Storage& parts, int result, int lanes) {
  const int64_t blocks = parts.type.shape[0], n = parts.type.shape[1];
  ScheduledCall sum;
  sum.name = "block_sum";
  sum.buffers = {parts.buffer, result};
  sum.flops = static_cast<double>(n * (blocks - 1));
  sum.range = n;
  sum.grain = (32768 / blocks + 64) / 64 * 64;
  sum.kernel = {BlockSumSpec{parts.type.dtype, blocks, n, lanes}};
  call(std::move(sum));
}

void Scheduler::argReduction(Operation* op, OpCode code) {
  const Storage from =
      at(op->getOperand(0)).splat ? contiguous(at(op->getOperand(0))) : at(op->getOperand(0));
  const Storage to = allocateResult(op);
  const int64_t axis = ir::attrsOf(op).axis;
  ArgSpec spec;
  spec.greatest = code == OpCode::Argmax;
  spec.from = {0, from.type.dtype, {}, from.offset};
  spec.to = {1, DType::i64, {}, to.offset};
  auto loop = [&](int64_t extent, int64_t fromStride, int64_t toStride) {
    spec.extents.push_back(extent);
    spec.from.strides.push_back(fromStride);
    spec.to.strides.push_back(toStride);
  };
  for (int i = 0, kept = 0; i < from.type.rank(); ++i)
    if (i != axis)
      loop(from.type.shape[i], from.strides[i], to.strides[kept++]);
  if (spec.extents.empty())
    loop(1, 0, 0);
  loop(from.type.shape[axis], from.strides[axis], 0);
  ScheduledCall call;
  call.name = info(code).name;
  call.buffers = {from.buffer, to.buffer};
  call.flops = static_cast<double>(from.type.numel());
  call.range = spec.extents[0].value;
  call.grain = std::max<int64_t>(1, 32768 * call.range / std::max<int64_t>(1, from.type.numel()));
  call.kernel = {spec};
  if (to.type.numel() != 0)
    this->call(std::move(call));
}

static IndexSpec indexSpecOf(const TensorType& x, int64_t axis, int64_t m) {
  IndexSpec spec;
  spec.dtype = x.dtype;
  spec.n = x.shape[axis];
  spec.m = m;
  int64_t inner = 1;
  for (int64_t i = axis + 1; i < x.rank(); ++i)
    inner *= x.shape[i];
  spec.inner = inner;
  return spec;
}

static int64_t outerOf(const TensorType& x, int64_t axis) {
  int64_t outer = 1;
  for (int64_t i = 0; i < axis; ++i)
    outer *= x.shape[i];
  return outer;
}

ScheduledCall Scheduler::indexCall(Operation* op, const IndexSpec& spec, int64_t outer) {
  ScheduledCall call;
  // Where there is nothing to copy, the indices are looked at all the same, as in eager mode.
  IndexSpec checked = spec;
  if (outer == 0)
    checked.inner = 0;
  call.kernel = {checked};
  call.name = info(*ir::opCodeOf(op)).name;
  call.range = std::max<int64_t>(1, outer);
  call.grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, spec.m.value * spec.inner.value));
  const std::string axis = "axis " + std::to_string(ir::attrsOf(op).axis) + " of " +
                           ir::tensorTypeOf(op->getOperand(0).getType()).str();
  call.status = runtime::indexText(spec.code == OpCode::Gather ? 1 : 0, spec.n.value, axis);
  call.failure = "an index is out of range for " + axis + "; indices go from 0 to " +
                 std::to_string(spec.n.value - 1);
  return call;
}

void Scheduler::gather(Operation* op) {
  const Storage x = wholeBuffer(at(op->getOperand(0)));
  const Storage indices = wholeBuffer(converted(at(op->getOperand(1)), DType::i64));
  const Storage to = allocateResult(op);
  const int64_t axis = ir::attrsOf(op).axis;
  ScheduledCall call =
      indexCall(op, indexSpecOf(x.type, axis, indices.type.numel()), outerOf(x.type, axis));
  call.buffers = {x.buffer, indices.buffer, to.buffer,
                  newBuffer(PlannedBuffer::Kind::Temporary, 8)};
  this->call(std::move(call));
}

void Scheduler::scatter(Operation* op, OpCode code) {
  const Storage indices = wholeBuffer(converted(at(op->getOperand(1)), DType::i64));
  const Storage updates = wholeBuffer(at(op->getOperand(2)));
  const Storage to = allocateResult(op);
  copy(at(op->getOperand(0)), to);
  const int64_t axis = ir::attrsOf(op).axis;
  IndexSpec spec = indexSpecOf(to.type, axis, indices.type.numel());
  spec.code = code;
  ScheduledCall call = indexCall(op, spec, outerOf(to.type, axis));
  call.buffers = {indices.buffer, updates.buffer, to.buffer,
                  newBuffer(PlannedBuffer::Kind::Temporary, 8)};
  this->call(std::move(call));
}

void Scheduler::library(Operation* op, OpCode code) {
  ScheduledCall call;
  std::vector<TensorType> types;
  for (Value operand : op->getOperands()) {
    types.push_back(ir::tensorTypeOf(operand.getType()));
    call.buffers.push_back(wholeBuffer(at(operand)).buffer);
  }
  const Storage to = allocateResult(op);
  call.buffers.push_back(to.buffer);
  runtime::LibraryCall own = runtime::libraryCall({info(code), types, to.type, ir::attrsOf(op)});
  call.name = info(code).name;
  call.library = own.kernel;
  call.libraryName = std::string(info(code).name) + "_" + name(types[0].dtype);
  call.range = own.range;
  call.grain = own.grain(kPieceWork);
  call.flops = own.work * static_cast<double>(own.range);
  call.params = own.params;
  if (own.failure || options_.scratchPieces)
    call.buffers.push_back(newBuffer(PlannedBuffer::Kind::Temporary, 8));
  if (options_.scratchPieces) {
    const int64_t pieces = std::clamp<int64_t>(call.range / call.grain, 1, options_.scratchPieces);
    call.scratchBytes = (std::max<int64_t>(own.scratch, 1) + 63) / 64 * 64;
    call.buffers.push_back(newBuffer(PlannedBuffer::Kind::Temporary, pieces * call.scratchBytes));
  }
  if (own.failure) {
    call.failure = own.failure(-1, -1);
    call.status = [own = std::move(own)](int64_t status, void* const*) {
      return runtime::failureText(own, status);
    };
  }
  this->call(std::move(call));
}

} // namespace diptych::codegen
