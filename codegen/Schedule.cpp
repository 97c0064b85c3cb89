// Buffers, copies and the order of calls.
#include "codegen/Schedule.h"

#include "codegen/CallOrder.h"
#include "codegen/NestEmitter.h"
#include "codegen/RowGroups.h"
#include "codegen/Scheduler.h"
#include "codegen/cuda/GpuBias.h"
#include "codegen/cuda/GpuEpilogues.h"
#include "codegen/cuda/GpuHalves.h"
#include "codegen/cuda/GpuRowFusion.h"
#include "ir/DialectMovements.h"

#include "llvm/ADT/TypeSwitch.h"

namespace diptych::codegen {

using namespace mlir;

Schedule schedule(func::FuncOp function, const ScheduleOptions& options) {
  return Scheduler(function.getBody().front(), options).run();
}

Schedule Scheduler::run() {
  for (BlockArgument argument : block_.getArguments()) {
    const TensorType type = ir::tensorTypeOf(argument.getType());
    Storage storage = newStorage(type, PlannedBuffer::Kind::Input);
    schedule_.buffers[storage.buffer].index = static_cast<int>(argument.getArgNumber());
    if (!options_.layouts.empty() && isa<func::FuncOp>(block_.getParentOp()))
      storage.strides = options_.layouts[argument.getArgNumber()];
    storages_[argument] = storage;
    schedule_.inputs.push_back(type);
  }
  layOutResults();
  for (Operation& op : block_)
    visit(&op);
  if (options_.choices)
    return std::move(schedule_);
  if (options_.gpu) {
    cuda::fuseRows(schedule_, *options_.gpu);
    cuda::addBiases(schedule_, options_.contract);
    cuda::readHalves(schedule_, options_.contract);
    if (options_.epilogues != ScheduleOptions::Epilogues::none)
      cuda::joinEpilogues(schedule_, options_.epilogues == ScheduleOptions::Epilogues::approximate);
  } else {
    joinStores();
    groupRows(schedule_);
    cutByTiles();
  }
  schedule_.lanes = options_.lanes;
  planInBestOrder(schedule_, options_.gpu.has_value());
  if (!options_.gpu)
    readAhead(schedule_);
  return std::move(schedule_);
}

void Scheduler::visit(Operation* op) {
  current_ = op;
  if (auto fused = dyn_cast<ir::FusionOp>(op))
    return fusion(fused);
  if (isa<func::ReturnOp, ir::YieldOp>(op))
    return finish(op);
  if (ir::isControl(op))
    return control(op);
  if (auto routine = dyn_cast<ir::SolverOp>(op))
    return solver(routine);
  std::optional<OpCode> code = ir::opCodeOf(op);
  if (!code)
    throw Error(ir::sourceLocationOf(op->getLoc()),
                "expected operators of the diptych dialect and func.return, got " +
                    op->getName().getStringRef().str() + "; inline calls before compiling");
  switch (info(*code).family) {
  case Family::Creation: return creation(op);
  case Family::Movement: return movement(op, *code);
  case Family::ArgReduction: return argReduction(op, *code);
  case Family::Matmul: return matmul(op);
  case Family::Convolution: return convolution(op);
  case Family::OverlapAdd: return overlapAdd(op);
  case Family::Gather: return gather(op);
  case Family::Library: return library(op, *code);
  case Family::ScatterAdd: return scatter(op, *code);
  case Family::Cumulative: return cumulative(op, *code);
  case Family::Pointwise:
  case Family::Reduction: break;
  }
  throw Error(std::string("internal: ") + info(*code).name + " stands outside a fusion");
}

Storage& Scheduler::at(Value value) {
  auto found = storages_.find(value);
  if (found == storages_.end())
    throw Error("internal: an operation is scheduled before its operand");
  return found->second;
}

int Scheduler::newBuffer(PlannedBuffer::Kind kind, int64_t bytes) {
  PlannedBuffer buffer;
  buffer.kind = kind;
  buffer.bytes = bytes;
  schedule_.buffers.push_back(buffer);
  return static_cast<int>(schedule_.buffers.size()) - 1;
}

Storage Scheduler::newStorage(const TensorType& type, PlannedBuffer::Kind kind) {
  Storage storage;
  storage.buffer = newBuffer(kind, type.bytes());
  storage.type = type;
  storage.strides = contiguousStrides(type.shape);
  return storage;
}

const Storage& Scheduler::allocateResult(Operation* op) {
  Value result = op->getResult(0);
  return storages_[result] = newStorage(ir::tensorTypeOf(result.getType()));
}

const Storage& Scheduler::allocateResult(Operation* op, const Dims& strides) {
  allocateResult(op);
  Storage& storage = at(op->getResult(0));
  storage.strides = strides;
  return storage;
}

Storage Scheduler::contiguous(const Storage& storage) {
  if (storage.isContiguous()) {
    // Axes of size 1 may have any stride; here they get the one that reads as row-major.
    Storage same = storage;
    same.strides = contiguousStrides(storage.type.shape);
    return same;
  }
  Storage made = newStorage(storage.type);
  copy(storage, made);
  return made;
}

Storage Scheduler::addressable(const Storage& storage) {
  if (!storage.splat)
    return storage;
  Storage from = storage;
  from.type.shape = {};
  from.strides = {};
  Storage made = newStorage(from.type);
  copy(from, made);
  made.type = storage.type;
  made.strides = Dims(storage.type.rank(), 0);
  return made;
}

Storage Scheduler::converted(const Storage& storage, DType dtype) {
  if (storage.type.dtype == dtype)
    return storage;
  Storage made = newStorage({dtype, storage.type.shape});
  LoweredNest nest = copyNest(storage, made, options_);
  nest.nest.lines.push_back({Line::Apply{OpCode::Convert, {0}}, dtype});
  nest.nest.stores[0].line = 1;
  call(std::move(nest));
  return made;
}

Storage Scheduler::wholeBuffer(const Storage& storage) {
  if (storage.isContiguous() && storage.offset == 0)
    return storage;
  Storage made = newStorage(storage.type);
  copy(storage, made);
  return made;
}

void Scheduler::copy(const Storage& from, const Storage& to) { call(copyNest(from, to, options_)); }

void Scheduler::call(LoweredNest nest) {
  if (isLongRow(nest))
    return sumLongRow(nest);
  ScheduledCall call;
  call.buffers = std::move(nest.buffers);
  call.flops = nest.flops;
  call.name = std::move(nest.name);
  double points = 1;
  for (const Size& extent : nest.nest.extents)
    points *= static_cast<double>(extent.value);
  const bool oneRow = nest.nest.extents.size() == 1 && !nest.nest.folds.empty();
  call.range = oneRow ? 1 : nest.nest.extents[0].value;
  call.work = points + call.flops;
  const double work = call.work / static_cast<double>(std::max<int64_t>(1, call.range));
  call.grain = std::max<int64_t>(1, static_cast<int64_t>(kPieceWork / std::max(1.0, work)));
  if (nest.nest.vectorLoop == 0 && !oneRow)
    call.grain = std::max(call.grain, leastColumns(nest.nest));
  call.kernel = {std::move(nest.nest), options_.contract};
  this->call(std::move(call));
}

void Scheduler::call(ScheduledCall call) {
  if (call.range == 0)
    return;
  call.where = ir::sourceLocationOf(current_->getLoc());
  for (int id : call.buffers)
    call.bytes += static_cast<double>(schedule_.buffers[id].bytes);
  schedule_.calls.push_back(std::move(call));
}

void Scheduler::fusion(ir::FusionOp op) {
  if (isPrologue(op) || isAddedUp(op))
    return;
  std::vector<Storage> captures, results;
  for (Value capture : op->getOperands())
    captures.push_back(at(capture));
  for (Value result : op->getResults()) {
    results.push_back(resultStorage(result));
    storages_[result] = results.back();
  }
  if (op.getKind() != "pieces")
    return call(FusionLowering(op, captures, results, options_).lower());
  for (const Stretch& stretch : stretchesOf(op))
    call(FusionLowering(op, captures, results, options_).lower(stretch));
}

void Scheduler::creation(Operation* op) {
  const TensorType type = ir::tensorTypeOf(op->getResult(0).getType());
  const Attrs attrs = ir::attrsOf(op);
  if (*ir::opCodeOf(op) == OpCode::Iota) {
    // One axis counts; the others repeat it.
    Storage line = newStorage({type.dtype, {type.shape[attrs.axis]}});
    LoweredNest nest;
    nest.name = "iota";
    nest.buffers = {line.buffer};
    nest.nest.extents = {line.type.shape[0]};
    nest.nest.lines = {{Line::Index{0}, DType::i64},
                       {Line::Apply{OpCode::Convert, {0}}, type.dtype}};
    nest.nest.stores = {{1, {0, type.dtype, {1}, 0}}};
    finishNest(nest.nest, options_);
    call(std::move(nest));
    Storage repeated = line;
    repeated.type = type;
    repeated.strides = Dims(type.rank(), 0);
    repeated.strides[attrs.axis] = 1;
    storages_[op->getResult(0)] = repeated;
    return;
  }
  Storage storage;
  if (attrs.literal) {
    storage = newStorage(type, PlannedBuffer::Kind::Constant);
    schedule_.buffers[storage.buffer].literal = attrs.literal;
  } else {
    storage.type = type;
    storage.splat = attrs.value;
    storage.strides = Dims(type.rank(), 0);
  }
  storages_[op->getResult(0)] = storage;
}

// The axes along which all users want it from its end; rows stay as they are.
static llvm::ArrayRef<int64_t> readBackwards(Value result) {
  llvm::ArrayRef<int64_t> axes;
  for (Operation* user : result.getUsers()) {
    auto reverse = dyn_cast<ir::ReverseOp>(user);
    if (!reverse || (!axes.empty() && reverse.getAxes() != axes))
      return {};
    axes = reverse.getAxes();
  }
  const auto proper = ir::properAxes(ir::tensorTypeOf(result.getType()).shape);
  return !proper.empty() && llvm::is_contained(axes, proper.back()) ? llvm::ArrayRef<int64_t>()
                                                                    : axes;
}

// Axes of one element may have any stride.
void Scheduler::layOutResults() {
  for (Value returned : block_.getTerminator()->getOperands()) {
    const ir::Origin origin(returned);
    if (origin.isOwn() && !llvm::is_sorted(origin.axes()))
      layouts_[origin.value()] = llvm::to_vector(origin.axes());
  }
  for (auto convolution : block_.getOps<ir::ConvolutionOp>())
    if (auto order = ir::orderOfReaders(convolution.getResult()); !llvm::is_sorted(order))
      layouts_[convolution.getResult()] = std::move(order);
  for (auto sum : block_.getOps<ir::OverlapAddOp>()) {
    auto fusion = sum.getX().getDefiningOp<ir::FusionOp>();
    if (fusion && fusion.getKind() == "pointwise" && sum.getX().hasOneUse())
      layouts_[sum.getX()] = windowsLayout(sum);
  }
}

Storage Scheduler::laidOut(const TensorType& type, ArrayRef<int64_t> axes) {
  Storage storage = newStorage(type);
  storage.strides = stridesInOrder(type.shape, axes);
  return storage;
}

Storage Scheduler::resultStorage(Value result) {
  const TensorType type = ir::tensorTypeOf(result.getType());
  if (const auto layout = layouts_.find(result); layout != layouts_.end())
    return laidOut(type, layout->second);
  if (const std::optional<Storage> place = placeWithin(result))
    return *place;
  Storage storage = newStorage(type);
  for (int64_t axis : readBackwards(result)) {
    storage.offset += storage.strides[axis] * (type.shape[axis] - 1);
    storage.strides[axis] = -storage.strides[axis];
  }
  return storage;
}

// An output's buffer becomes the caller's, unless somebody else has a claim on it.
void Scheduler::finish(Operation* returnOp) {
  for (OpOperand& operand : returnOp->getOpOperands()) {
    Storage storage = at(operand.get());
    const bool own = !storage.splat && storage.isContiguous() && storage.offset == 0 &&
                     schedule_.buffers[storage.buffer].kind == PlannedBuffer::Kind::Temporary &&
                     schedule_.buffers[storage.buffer].bytes == storage.type.bytes();
    if (!own) {
      Storage made = newStorage(storage.type);
      copy(storage, made);
      storage = made;
    }
    PlannedBuffer& buffer = schedule_.buffers[storage.buffer];
    buffer.kind = PlannedBuffer::Kind::Output;
    buffer.index = static_cast<int>(operand.getOperandNumber());
    schedule_.outputs.push_back(storage.type);
  }
}

} // namespace diptych::codegen
