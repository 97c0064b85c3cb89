// Products of matrices: which operand is broadcast and which is a vector, what is computed where it
// is read, and how long sums and ranges are cut.
#include "codegen/Folds.h"
#include "codegen/MatmulEmitter.h"
#include "codegen/MatmulWays.h"
#include "codegen/Scheduler.h"
#include "ir/DialectHalves.h"
#include "runtime/MatmulPlan.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

// A smaller operand costs little to store, and a kernel of its own has a cache to write to.
constexpr int64_t kPrologueBytes = 256 * 1024;
// Operations on an element of V that are worth doing again for each tile of rows; and where there
// is one tile only.
constexpr int kRepeatedCost = 2, kSingleCost = 16;

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

// A product that is too large to have a C for each block of k, but whose operands leave the cache
// between two rows of tiles. Parts of it are added in another order than blocks, so this is not for
// strict numerics.
constexpr int64_t kLongParts = 16, kLongDepth = 256, kLongResult = 1 << 16;
bool isLongProduct(const MatmulSpec& spec, const ScheduleOptions& options) {
  return options.contract && !options.gpu && spec.batch.is(1) &&
         spec.way != MatmulSpec::Way::partialSums && spec.s.value * spec.v.value <= kLongResult &&
         spec.k.value >= 32 * kMatmulBlock;
}

// Whether V[k,v] is S[v,k], or that times what depends on k alone: C then is symmetric, but not to
// the last bit where something is multiplied in.
bool isSymmetric(const MatmulSpec& spec, const ScheduledCall& call, bool everyBit) {
  const Access &left = spec.left, &right = spec.right;
  if (!spec.batch.is(1) || spec.s.value != spec.v.value || spec.s.value < 32 ||
      (everyBit && !spec.lines.empty()) || call.buffers[left.arg] != call.buffers[right.arg] ||
      left.offset != right.offset || left.strides[1].value != right.strides[2].value ||
      left.strides[3].value != right.strides[3].value)
    return false;
  int scaled = -1; // the line that is S[v,k] times something, so far
  for (int i = 0; i < static_cast<int>(spec.lines.size()); ++i) {
    const auto& what = spec.lines[i].what;
    if (auto* load = std::get_if<Line::Load>(&what); load && !load->from.strides[2].is(0)) {
      if (scaled >= 0 || load->from.strides[3].is(0))
        return false;
      scaled = i;
    } else if (auto* apply = std::get_if<Line::Apply>(&what)) {
      const auto uses = llvm::count(apply->operands, scaled);
      if (uses == 0)
        continue;
      if (apply->code != OpCode::Mul || uses != 1)
        return false;
      scaled = i;
    }
  }
  return spec.lines.empty() || scaled + 1 == static_cast<int>(spec.lines.size());
}

// Of one tile's columns nothing lies below; and to turn an element takes as long as some products.
bool isWorthAHalf(const MatmulSpec& spec) {
  constexpr int64_t kLeastDepth = 64;
  return spec.way == MatmulSpec::Way::tiles && spec.v.value > 2 * spec.lanes &&
         spec.k.value >= kLeastDepth;
}

// The share of C in tiles with elements from the diagonal on; they have two vectors.
double halfOf(const MatmulSpec& spec) {
  const auto rows = static_cast<double>(spec.s.value), columns = static_cast<double>(spec.v.value);
  const double n = std::min(rows, columns), below = n * std::max(0.0, n - 2 * spec.lanes) / 2;
  return 1 - below / (rows * columns);
}

// Columns behind whole vectors of 64 bytes, whatever the machine's have: few of them are summed in
// parts along k, for any number of rows but one, so that a batch's size changes no bit. Long
// products have parts of their own.
int64_t tailOf(const Matrix& a, const Matrix& b, const ScheduleOptions& options) {
  constexpr int64_t kLeastSteps = 8;
  const TensorType& left = a.storage.type;
  const int64_t m = left.shape[left.rank() - 2], k = left.shape[left.rank() - 1];
  const int64_t n = b.storage.type.shape.back(), lanes = 64 / sizeOf(left.dtype), tail = n % lanes;
  const bool fits = n > 1 && 2 * tail <= lanes && m > 1 && k >= kLeastSteps &&
                    k < 8 * kMatmulBlock && a.column == 1 && b.column == 1;
  return fits && options.contract && !options.gpu && !options.choices ? tail : 0;
}

// What a thread gets at least: whole register tiles with work enough.
void cutRange(ScheduledCall& call, const MatmulSpec& spec) {
  const bool batched = spec.batch.value != 1;
  call.range = batched ? spec.batch.value : spec.rangeOverV ? spec.v.value : spec.s.value;
  call.work = call.flops;
  const double work = call.work / static_cast<double>(std::max<int64_t>(1, call.range));
  const int64_t tile = batched ? 1 : spec.rangeOverV ? 2 * spec.lanes : spec.rows;
  const auto pieces = static_cast<int64_t>(32768 / std::max(1.0, work));
  call.grain = (std::max<int64_t>(1, pieces) + tile - 1) / tile * tile;
  call.unit = tile;
}

} // namespace

void Scheduler::matmul(Operation* op) {
  auto operand = [&](int i) {
    const Storage& storage = at(op->getOperand(i));
    const bool fits = !storage.splat && hasOneBatchStride(storage);
    return Matrix(fits ? storage : contiguous(storage));
  };
  const Matrix a = operand(0), c(allocateResult(op));
  const Shape& shape = c.storage.type.shape;
  const int rank = shape.size();
  const int64_t m = shape[rank - 2], n = shape[rank - 1], k = a.storage.type.shape.back();
  MatmulSpec spec;
  spec.dtype = c.storage.type.dtype;
  spec.k = k;
  for (int i = 0; i + 2 < rank; ++i)
    spec.batch.value *= shape[i];
  spec.lanes = options_.vectorBytes / static_cast<int>(sizeOf(spec.dtype));
  ScheduledCall call;
  call.name = "matmul";
  call.flops = 2.0 * static_cast<double>(spec.batch.value) * static_cast<double>(m) *
               static_cast<double>(n) * static_cast<double>(k);
  // A matrix times a vector, or few, runs its vectors along the rows of the matrix.
  Operation* right = op->getOperand(1).getDefiningOp();
  const bool computed = right && isPrologue(right);
  const auto b = computed ? std::nullopt : std::optional(operand(1));
  spec.tail = computed ? 0 : tailOf(a, *b, options_);
  const bool exchange =
      (n == 1 && m != 1) ||
      (!computed && a.column == 1 && spec.tail == 0 &&
       choose(options_.choices, !options_.gpu && runtime::isNarrow(m, n, k, spec.lanes)));
  spec.s = exchange ? n : m, spec.v = exchange ? m : n;
  spec.left = a.access(0, a.row, 0, a.column);
  spec.result = c.access(2, c.row, c.column, 0);
  call.buffers = {a.storage.buffer, 0, c.storage.buffer};
  if (computed) {
    prologue(right, spec, call);
  } else if (exchange) {
    spec.left = b->access(0, b->column, 0, b->row);
    spec.right = a.access(1, 0, a.row, a.column);
    spec.result = c.access(2, c.column, c.row, 0);
    call.buffers = {b->storage.buffer, a.storage.buffer, c.storage.buffer};
  } else {
    spec.right = b->access(1, 0, b->column, b->row);
    call.buffers[1] = b->storage.buffer;
  }
  spec.upper = ir::isUpper(op) && !exchange;
  product(std::move(spec), std::move(call), c.storage);
}

void Scheduler::product(MatmulSpec spec, ScheduledCall call, const Storage& to) {
  chooseWay(spec, options_);
  spec.upper = spec.upper && spec.way == MatmulSpec::Way::tiles;
  cutRange(call, spec);
  if (to.type.numel() == 0)
    return;
  const bool longSum = choose(options_.choices, isLongSum(spec));
  // How many blocks a part has follows no rule that holds for any size.
  if (isLongProduct(spec, options_) && !longSum && !options_.choices) {
    const int64_t blocks = (spec.k.value + kLongDepth - 1) / kLongDepth;
    spec.depth = kLongDepth;
    spec.partBlocks = (blocks + kLongParts - 1) / kLongParts;
  }
  const bool inParts = longSum || spec.partBlocks > 1;
  const bool turned =
      !spec.upper && choose(options_.choices, !options_.gpu && to.isContiguous() &&
                                                  (inParts || isWorthAHalf(spec)) &&
                                                  isSymmetric(spec, call, !options_.contract));
  spec.upper = spec.upper || turned;
  if (spec.upper)
    call.flops *= halfOf(spec);
  const Storage half = turned ? newStorage(to.type) : to;
  if (turned) {
    call.buffers[static_cast<size_t>(spec.result.arg)] = half.buffer;
    spec.result.offset = 0;
  }
  call.kernel = {spec, options_.contract};
  if (inParts)
    splitOverBlocks(std::move(call), spec);
  else
    this->call(std::move(call));
  if (turned)
    mirror(half, to);
}

// A product that no others run with, row by row, is cut between tiles: what is left behind the last
// whole one is known then, and has a tile of its own.
void Scheduler::cutByTiles() {
  std::vector<bool> grouped(schedule_.calls.size());
  for (const runtime::RowGroup& group : schedule_.rowGroups)
    std::fill_n(grouped.begin() + static_cast<int64_t>(group.first), group.count, true);
  for (size_t i = 0; i < grouped.size(); ++i) {
    ScheduledCall& call = schedule_.calls[i];
    auto* spec = std::get_if<MatmulSpec>(&call.kernel.what);
    if (!spec || !call.isKernel() || grouped[i] || !spec->batch.is(1) || spec->rangeOverBlocks ||
        spec->s.is(1))
      continue;
    spec->byTiles = true;
    if (!spec->rangeOverV)
      spec->rows = runtime::rowsOfTile(spec->s.value, mostRows(*spec));
    const int64_t size = spec->rangeOverV ? 2 * spec->lanes : spec->rows;
    call.range = (call.range + size - 1) / size;
    call.grain = std::max<int64_t>(1, call.grain / size);
    call.unit = 1;
  }
}

void Scheduler::mirror(const Storage& upper, const Storage& whole) {
  const int64_t n = whole.type.shape.back();
  const DType dtype = whole.type.dtype;
  LoweredNest nest;
  nest.name = "mirror";
  nest.buffers = {upper.buffer, whole.buffer};
  nest.nest.extents = {n, n};
  nest.nest.lines = {{Line::Load{{0, dtype, {n, 1}, 0}}, dtype},
                     {Line::Load{{0, dtype, {1, n}, 0}}, dtype},
                     {Line::Index{0}, DType::i64},
                     {Line::Index{1}, DType::i64},
                     {Line::Apply{OpCode::Gt, {2, 3}}, DType::boolean},
                     {Line::Apply{OpCode::Where, {4, 1, 0}}, dtype}};
  nest.nest.stores = {{5, {1, dtype, {n, 1}, whole.offset}}};
  finishNest(nest.nest, options_);
  call(std::move(nest));
}

// The product whose right operand the value is, as it stands or turned.
static ir::MatmulOp productOf(Value value) {
  if (value.hasOneUse())
    if (auto turned = dyn_cast<ir::TransposeOp>(*value.user_begin()))
      value = turned.getResult();
  if (!value.hasOneUse())
    return nullptr;
  OpOperand& use = *value.use_begin();
  return use.getOperandNumber() == 1 ? dyn_cast<ir::MatmulOp>(use.getOwner()) : ir::MatmulOp();
}

bool Scheduler::isPrologue(Operation* op) const {
  if (auto turned = dyn_cast<ir::TransposeOp>(op))
    op = turned.getX().getDefiningOp();
  auto fusion = dyn_cast_or_null<ir::FusionOp>(op);
  if (options_.gpu || !fusion || fusion.getKind() != "pointwise" || fusion->getNumResults() != 1)
    return false;
  ir::MatmulOp product = productOf(fusion->getResult(0));
  const TensorType type = ir::tensorTypeOf(fusion->getResult(0).getType());
  if (!product || type.rank() > 3 || ir::tensorTypeOf(product.getY().getType()).shape.back() == 1 ||
      !choose(options_.choices, type.bytes() >= kPrologueBytes))
    return false;
  int cost = 0;
  for (Operation& line : fusion.getBody().front().without_terminator()) {
    const OpCode code = *ir::opCodeOf(&line);
    if (code == OpCode::Iota)
      return false;
    if (info(code).isPointwise())
      cost += info(code).cost;
  }
  const Shape result = ir::tensorTypeOf(product.getType()).shape;
  const bool single = choose(options_.choices, result[result.size() - 2] <= rowsOf(options_));
  return cost <= (single ? kSingleCost : kRepeatedCost);
}

void Scheduler::prologue(Operation* op, MatmulSpec& spec, ScheduledCall& call) {
  auto turned = dyn_cast<ir::TransposeOp>(op);
  auto fusion = cast<ir::FusionOp>(turned ? turned.getX().getDefiningOp() : op);
  std::vector<Storage> captures;
  for (Value capture : fusion->getOperands())
    captures.push_back(at(capture));
  // Loops are (batch, s, v, k).
  IndexMap map;
  if (ir::tensorTypeOf(op->getResult(0).getType()).rank() == 3)
    map.axes.push_back(IndexMap::Axis::of(0));
  map.axes.push_back(IndexMap::Axis::of(3));
  map.axes.push_back(IndexMap::Axis::of(2));
  if (turned)
    map = throughMovement(OpCode::Transpose, ir::attrsOf(turned),
                          ir::tensorTypeOf(turned.getX().getType()).shape, map);
  LoweredNest lowered = FusionLowering(fusion, captures, {}, options_)
                            .lowerOperand(map, {spec.batch, spec.s, spec.v, spec.k});
  const auto count = static_cast<int>(lowered.buffers.size());
  spec.left.arg = count;
  spec.result.arg = count + 1;
  lowered.buffers.insert(lowered.buffers.end(), {call.buffers[0], call.buffers[2]});
  call.buffers = std::move(lowered.buffers);
  spec.lines = std::move(lowered.nest.lines);
  spec.right = {0, spec.dtype, {0, 0, 0, 0}, 0};
  for (const Line& line : spec.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what);
        load && !load->from.strides[2].is(0) && !load->from.strides[3].is(0))
      spec.right = load->from;
  call.name += "+" + lowered.name;
  call.flops += lowered.flops * static_cast<double>(spec.batch.value * spec.k.value * spec.v.value);
}

// Blocks of k are independent until they are added, in order: the same bits, on all threads.
void Scheduler::splitOverBlocks(ScheduledCall product, MatmulSpec spec) {
  const int64_t n = spec.s.value * spec.v.value;
  const int64_t depth = spec.depth * spec.partBlocks;
  const int64_t blocks = (spec.k.value + depth - 1) / depth;
  const Storage parts = newStorage({spec.dtype, {blocks, n}});
  const auto place = static_cast<size_t>(spec.result.arg);
  const int result = product.buffers[place];
  spec.rangeOverBlocks = true;
  spec.rangeOverV = false;
  spec.result.strides[0] = n;
  const int64_t offset = std::exchange(spec.result.offset, 0).value;
  product.kernel = {spec, options_.contract};
  product.buffers[place] = parts.buffer;
  product.range = blocks;
  product.grain = std::max<int64_t>(1, 32768 / (2 * n * depth));
  product.unit = 1, product.work = 0;
  call(std::move(product));
  addBlocks(parts, result, spec.lanes, offset);
}

void Scheduler::addBlocks(const Storage& parts, int result, int lanes, int64_t place) {
  const int64_t blocks = parts.type.shape[0], n = parts.type.shape[1];
  ScheduledCall sum;
  sum.name = "block_sum";
  sum.buffers = {parts.buffer, result};
  if (place != 0)
    sum.offsets = {0, place * sizeOf(parts.type.dtype)};
  sum.flops = static_cast<double>(n * (blocks - 1));
  sum.work = static_cast<double>(n * blocks);
  sum.range = n;
  sum.grain = (32768 / blocks + 64) / 64 * 64;
  sum.unit = 64;
  sum.kernel = {BlockSumSpec{parts.type.dtype, blocks, n, lanes}};
  call(std::move(sum));
}

} // namespace diptych::codegen
