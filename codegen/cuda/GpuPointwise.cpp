// Nests without folds: a thread an element, or a vector of 16 bytes of neighbours; transposed reads
// through shared memory; and the one kind whose order matters, sums of overlapping windows.
#include "codegen/cuda/GpuEmitters.h"
#include "codegen/cuda/NestLines.h"

#include <algorithm>
#include <cstdlib>

namespace diptych::codegen::cuda {

using namespace mlir;

namespace {

constexpr int kThreads = 256;
constexpr int kTile = 32;
constexpr int kTileRows = 8; // of threads

void emitElements(Emission& emission, const NestSpec& nest) {
  const int lanes = lanesOf(nest);
  std::vector<Size> extents = nest.extents;
  int64_t rest = 0;
  if (lanes > 1) {
    rest = extents.back().value % lanes;
    extents.back().value /= lanes;
  }
  std::vector<Size> units = extents;
  if (rest)
    units.back().value += rest; // each of those a thread of its own
  emission.launch(countOf(units, kThreads), kThreads, [&](GpuKernel& k) {
    Value unit = k.globalThread();
    Value vectors = k.product(extents);
    k.when(k.less(unit, vectors), [&] {
      NestLines lines(k, nest, emission.contract, lanes);
      lines.index = k.indicesOf(unit, extents);
      lines.index.back() = k.mul(lines.index.back(), k.i64(lanes));
      lines.evaluateAll();
      lines.emitStores();
    });
    if (!rest)
      return;
    Value own = k.sub(unit, vectors);
    k.when(k.both(k.less(k.sub(vectors, k.i64(1)), unit), k.less(own, k.i64(rest))), [&] {
      NestLines lines(k, nest, emission.contract);
      lines.index = {k.add(k.mul(vectors, k.i64(lanes)), own)};
      lines.evaluateAll();
      lines.emitStores();
    });
  });
}

// Extents that are known at run time only. Each thread takes a few elements: neighbours, with
// accesses of 16 bytes, where there is one row and every pointer is aligned, else a block's length
// apart, so that neighbouring threads still meet neighbours.
class OpenNest {
public:
  OpenNest(GpuKernel& k, const NestSpec& nest, bool contract, int lanes, int vector)
      : k_(k), nest_(nest), contract_(contract), lanes_(lanes), vector_(vector),
        total_(k.product(nest.extents)) {}

  void emit() {
    Value base = k_.mul(k_.block(), k_.i64(int64_t{kThreads} * lanes_));
    if (vector_ == 1)
      return apart(base);
    Value whole = k_.less(k_.add(base, k_.i64(int64_t{kThreads} * lanes_ - 1)), total_);
    Value oneRow = k_.equal(k_.size(nest_.extents[0]), k_.i64(1));
    Value vectors = k_.both(k_.both(whole, oneRow), pointersAligned());
    auto branch = scf::IfOp::create(k_.builder(), k_.loc(), vectors, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(k_.builder());
    k_.builder().setInsertionPointToStart(branch.thenBlock());
    NestLines lines(k_, nest_, contract_, vector_);
    lines.index = {k_.i64(0), k_.add(base, k_.mul(k_.thread(), k_.i64(vector_)))};
    lines.evaluateAll();
    lines.emitStores();
    k_.builder().setInsertionPointToStart(branch.elseBlock());
    apart(base);
  }

private:
  void apart(Value base) {
    Value first = k_.add(base, k_.thread());
    Value end = k_.min(total_, k_.add(base, k_.i64(int64_t{kThreads} * lanes_)));
    k_.loop(first, end, kThreads, [&](Value unit) {
      NestLines lines(k_, nest_, contract_);
      lines.index = indices(unit);
      lines.evaluateAll();
      lines.emitStores();
    });
  }

  // One row, or all columns one, is told apart from the rest: division of 64 bits is slow.
  SmallVector<Value> indices(Value unit) {
    if (nest_.extents.size() != 2)
      return k_.indicesOf(unit, nest_.extents);
    Type i64 = k_.builder().getI64Type();
    Value oneRow = k_.equal(k_.size(nest_.extents[0]), k_.i64(1));
    auto branch = scf::IfOp::create(k_.builder(), k_.loc(), TypeRange{i64, i64}, oneRow,
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(k_.builder());
    k_.builder().setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(k_.builder(), k_.loc(), ValueRange{k_.i64(0), unit});
    k_.builder().setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(k_.builder(), k_.loc(), k_.indicesOf(unit, nest_.extents));
    return SmallVector<Value>(branch.getResults());
  }

  Value pointersAligned() {
    Value bits = k_.i64(0);
    std::vector<int> seen;
    forEachAccess(nest_, [&](const Access& access, bool) {
      if (access.strides.back().is(0) || llvm::is_contained(seen, access.arg))
        return;
      seen.push_back(access.arg);
      Value address = LLVM::PtrToIntOp::create(k_.builder(), k_.loc(), k_.builder().getI64Type(),
                                               k_.pointer(access.arg));
      bits = arith::OrIOp::create(k_.builder(), k_.loc(), bits, address);
    });
    Value low = arith::AndIOp::create(k_.builder(), k_.loc(), bits, k_.i64(kVectorBytes - 1));
    return k_.equal(low, k_.i64(0));
  }

  GpuKernel& k_;
  const NestSpec& nest_;
  bool contract_;
  int lanes_, vector_;
  Value total_;
};

void emitOpen(Emission& emission, const NestSpec& nest) {
  int64_t widest = 1;
  bool units = nest.extents.size() == 2;
  forEachAccess(nest, [&](const Access& access, bool written) {
    const Size& stride = access.strides.back();
    units = units && (stride.is(1) || (stride.is(0) && !written));
    widest = std::max(widest, sizeOf(access.dtype));
  });
  const bool isShort = !isLongBody(nest);
  const auto lanes = static_cast<int>(std::min<int64_t>(kMostLanes, kVectorBytes / widest));
  const int each = isShort ? std::max(2, lanes) : 1;
  const int vector = units && isShort ? lanes : 1;
  emission.launch(countOf(nest.extents, int64_t{kThreads} * each), kThreads,
                  [&](GpuKernel& k) { OpenNest(k, nest, emission.contract, each, vector).emit(); });
}

// Loads that run along another loop than the stores do.
struct Transposition {
  size_t across = 0;
  std::vector<int> lines;
};

std::optional<Transposition> transpositionOf(const NestSpec& nest) {
  const size_t last = nest.extents.size() - 1;
  for (const Store& store : nest.stores)
    if (!store.to.strides[last].is(1))
      return std::nullopt;
  const auto isLong = [&](size_t loop) {
    return !nest.extents[loop].isDynamic() && nest.extents[loop].value >= kTile / 2;
  };
  Transposition found;
  int64_t bytes = 0;
  for (size_t across = 0; isLong(last) && across < last && found.lines.empty(); ++across) {
    if (!isLong(across))
      continue;
    found.across = across;
    for (size_t i = 0; i < nest.lines.size(); ++i) {
      auto* load = std::get_if<Line::Load>(&nest.lines[i].what);
      if (!load || !load->from.strides[across].is(1) || load->from.strides[last].is(0) ||
          std::abs(load->from.strides[last].value) == 1)
        continue;
      bytes += kTile * (kTile + 1) * sizeOf(load->from.dtype);
      if (bytes <= kSharedLimit)
        found.lines.push_back(static_cast<int>(i));
    }
  }
  return found.lines.empty() ? std::nullopt : std::optional(found);
}

// A block takes a tile of 32 by 32: it reads along one loop and writes along the other.
class TiledNest {
public:
  TiledNest(GpuKernel& k, const NestSpec& nest, bool contract, const Transposition& turned,
            ArrayRef<Size> tiles)
      : k_(k), nest_(nest), contract_(contract), turned_(turned), along_(nest.extents.size() - 1),
        tiles_(tiles) {}

  void emit() {
    index_ = k_.indicesOf(k_.block(), tiles_);
    for (size_t loop : {along_, turned_.across})
      index_[loop] = k_.mul(index_[loop], k_.i64(kTile));
    x_ = k_.remainder(k_.thread(), k_.i64(kTile));
    y_ = k_.divide(k_.thread(), k_.i64(kTile));
    int64_t bytes = 0;
    std::vector<int64_t> begins;
    for (int line : turned_.lines) {
      begins.push_back(bytes);
      bytes += kTile * (kTile + 1) * sizeOf(accessOf(line).dtype);
    }
    Value shared = k_.shared(bytes);
    for (int64_t begin : begins)
      bases_.push_back(k_.address(shared, DType::boolean, k_.i64(begin)));
    rows([&](Value row) { read(row); });
    k_.barrier();
    rows([&](Value row) { write(row); });
  }

private:
  const Access& accessOf(int line) const {
    return std::get<Line::Load>(nest_.lines[static_cast<size_t>(line)].what).from;
  }
  void rows(function_ref<void(Value)> body) {
    for (int i = 0; i < kTile; i += kTileRows)
      body(k_.add(y_, k_.i64(i)));
  }
  void within(NestLines& lines, function_ref<void()> body) {
    k_.when(k_.both(k_.less(lines.index[along_], k_.size(nest_.extents[along_])),
                    k_.less(lines.index[turned_.across], k_.size(nest_.extents[turned_.across]))),
            body);
  }
  Value slot(Value row, Value column) { return k_.add(k_.mul(row, k_.i64(kTile + 1)), column); }

  void read(Value row) {
    NestLines lines(k_, nest_, contract_);
    lines.index = index_;
    lines.index[along_] = k_.add(index_[along_], row);
    lines.index[turned_.across] = k_.add(index_[turned_.across], x_);
    within(lines, [&] {
      for (size_t i = 0; i < bases_.size(); ++i) {
        const Access& access = accessOf(turned_.lines[i]);
        Value value = k_.loadScalar(lines.place(access), access.dtype);
        k_.storeScalar(value, k_.address(bases_[i], access.dtype, slot(row, x_)), access.dtype);
      }
    });
  }

  void write(Value row) {
    NestLines lines(k_, nest_, contract_);
    lines.index = index_;
    lines.index[along_] = k_.add(index_[along_], x_);
    lines.index[turned_.across] = k_.add(index_[turned_.across], row);
    within(lines, [&] {
      for (size_t i = 0; i < bases_.size(); ++i)
        lines.give(turned_.lines[i],
                   k_.loadShared(bases_[i], slot(x_, row), accessOf(turned_.lines[i]).dtype));
      lines.evaluateAll();
      lines.emitStores();
    });
  }

  GpuKernel& k_;
  const NestSpec& nest_;
  bool contract_;
  const Transposition& turned_;
  const size_t along_;
  ArrayRef<Size> tiles_;
  SmallVector<Value> index_, bases_;
  Value x_, y_;
};

void emitTiles(Emission& emission, const NestSpec& nest, const Transposition& turned) {
  std::vector<Size> tiles = nest.extents;
  for (size_t loop : {turned.across, tiles.size() - 1})
    tiles[loop].value = (tiles[loop].value + kTile - 1) / kTile;
  emission.launch(countOf(tiles, 1), kTile * kTileRows, [&](GpuKernel& k) {
    TiledNest(k, nest, emission.contract, turned, tiles).emit();
  });
}

// Elements that a store reaches from several iterations, each adding to what the one before left.
// Outer loops whose parts stay apart are blocks; the innermost ones that reach every element once
// are threads; those between are steps, in order.
struct OrderedLoops {
  size_t blocks = 0, steps = 0; // how many loops of each, from the outside
};

int64_t spanOf(const NestSpec& nest, const Access& access, size_t first, size_t last) {
  int64_t span = 0;
  for (size_t i = first; i < last; ++i)
    span += (nest.extents[i].value - 1) * std::abs(access.strides[i].value);
  return span;
}

bool reachesOnce(const NestSpec& nest, const Access& access, size_t first) {
  std::vector<std::pair<int64_t, int64_t>> loops; // stride, extent
  for (size_t i = first; i < nest.extents.size(); ++i) {
    if (nest.extents[i].is(0))
      return true;
    if (nest.extents[i].value > 1)
      loops.emplace_back(std::abs(access.strides[i].value), nest.extents[i].value);
  }
  std::sort(loops.begin(), loops.end());
  int64_t reach = 0;
  for (const auto& [stride, extent] : loops) {
    if (stride <= reach)
      return false;
    reach += stride * (extent - 1);
  }
  return true;
}

std::optional<OrderedLoops> orderOf(const NestSpec& nest) {
  for (const Size& extent : nest.extents)
    if (extent.isDynamic())
      return std::nullopt;
  for (const Store& store : nest.stores) {
    if (reachesOnce(nest, store.to, 0))
      continue;
    if (nest.stores.size() != 1)
      throw Error("internal: a kernel with several results writes one of them twice");
    const size_t count = nest.extents.size();
    OrderedLoops order;
    while (order.blocks < count && std::abs(store.to.strides[order.blocks].value) >
                                       spanOf(nest, store.to, order.blocks + 1, count))
      ++order.blocks;
    size_t threads = count;
    while (threads > order.blocks && reachesOnce(nest, store.to, threads - 1))
      --threads;
    order.steps = threads - order.blocks;
    return order;
  }
  return std::nullopt;
}

void emitOrdered(Emission& emission, const NestSpec& nest, const OrderedLoops& order) {
  const ArrayRef<Size> extents(nest.extents);
  const ArrayRef<Size> blocks = extents.take_front(order.blocks);
  const ArrayRef<Size> threads = extents.drop_front(order.blocks + order.steps);
  emission.launch(countOf(blocks, 1), kThreads, [&](GpuKernel& k) {
    SmallVector<Value> index = k.indicesOf(k.block(), blocks);
    std::function<void(size_t)> step = [&](size_t done) {
      if (done < order.steps) {
        k.loop(k.i64(0), k.size(extents[order.blocks + done]), 1, [&](Value i) {
          index.push_back(i);
          step(done + 1);
          index.pop_back();
        });
        return;
      }
      k.loop(k.thread(), k.product(threads), kThreads, [&](Value unit) {
        NestLines lines(k, nest, emission.contract);
        lines.index = index;
        lines.index.append(k.indicesOf(unit, threads));
        lines.evaluateAll();
        lines.emitStores();
      });
      k.barrier();
    };
    step(0);
  });
}

} // namespace

bool isByElement(const NestSpec& nest) { return !orderOf(nest) && !transpositionOf(nest); }

void emitPointwise(Emission& emission, const NestSpec& nest) {
  if (!knownProduct(nest.extents))
    emitOpen(emission, nest);
  else if (auto order = orderOf(nest))
    emitOrdered(emission, nest, *order);
  else if (auto turned = transpositionOf(nest))
    emitTiles(emission, nest, *turned);
  else
    emitElements(emission, nest);
}

} // namespace diptych::codegen::cuda
