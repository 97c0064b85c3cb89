// Tiles through shared memory. An element is accumulated by fma in the order of k in
// blocks, block totals are added in order, so that the bits are the CPU's. cuBLAS, where numerics
// allow, is faster; this is the strict path, and the only one for convolutions.
#include "codegen/cuda/GpuContraction.h"

#include "codegen/Lowerings.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen::cuda {

using namespace mlir;

namespace {

constexpr int kDepthTile = 16;
constexpr int64_t kFewRows = 4;

// Rows and columns of threads, and how many elements each takes in either direction.
struct Tiling {
  int rows = 16, columns = 16, down = 4, across = 4;
  int height() const { return rows * down; }
  int width() const { return columns * across; }
  int threads() const { return rows * columns; }
};

Tiling tilingOf(const Contraction& c) {
  if (c.panelHeight)
    return {16, 16, 1, static_cast<int>(c.panelWidth / 16)};
  const auto s = knownProduct(c.s.extents), v = knownProduct(c.v.extents);
  if (s == 1)
    return {1, 128, 1, 1};
  if (v == 1)
    return {128, 1, 1, 1};
  const auto each = [](std::optional<int64_t> extent) {
    return !extent || *extent > 32 ? 4 : *extent > 16 ? 2 : 1;
  };
  Tiling tiling;
  tiling.down = each(s);
  tiling.across = each(v);
  // Few tiles would leave most of the device idle.
  const auto batch = knownProduct(c.batch);
  while (s && v && batch && tiling.down > 1 && tiling.across > 1 &&
         *batch * ((*s + tiling.height() - 1) / tiling.height()) *
                 ((*v + tiling.width() - 1) / tiling.width()) <
             128) {
    tiling.down /= 2;
    tiling.across /= 2;
  }
  return tiling;
}

class ContractionEmitter {
public:
  ContractionEmitter(GpuKernel& k, const Contraction& c, const Tiling& tiling)
      : k_(k), c_(c), t_(tiling), begin_(c.depth.size()), length_(c.depth.size()),
        type_(computeType(k.builder().getContext(), c.dtype)) {}

  void emit() {
    place();
    prepareLoads();
    Values zero(static_cast<size_t>(t_.down * t_.across), k_.constant(type_, 0));
    if (c_.overBlocks) {
      setBlock(block_);
      store(sumOfBlock(zero));
      return;
    }
    if (knownBlocks() == 1) {
      setBlock(k_.i64(0));
      store(sumOfBlock(zero));
      return;
    }
    Values totals = k_.loop(k_.i64(0), blockCount(), 1, zero, [&](Value b, ValueRange carried) {
      setBlock(b);
      Values sums = sumOfBlock(zero);
      // The first block's totals as they are: 0 + -0 would not be -0.
      Value first = k_.equal(b, k_.i64(0));
      for (size_t i = 0; i < sums.size(); ++i) {
        Value added = arith::AddFOp::create(k_.builder(), k_.loc(), carried[i], sums[i]);
        sums[i] = k_.select(first, sums[i], added);
      }
      return sums;
    });
    store(totals);
  }

  static runtime::cuda::Count grid(const Contraction& c, const Tiling& t) {
    runtime::cuda::Count count;
    if (c.panelHeight)
      count.factors = {factorOf({c.panelHeight}, t.height()), factorOf({c.panelWidth}, t.width())};
    else
      count.factors = {factorOf(c.s.extents, t.height()), factorOf(c.v.extents, t.width())};
    count.factors.push_back(factorOf(c.batch));
    if (c.overBlocks)
      for (const auto& loop : c.depth)
        count.factors.push_back(factorOf({loop.extent}, loop.block.value));
    return count;
  }

private:
  using Values = SmallVector<Value>;

  std::optional<int64_t> knownBlocks() const {
    int64_t blocks = 1;
    for (const auto& loop : c_.depth) {
      if (loop.extent.isDynamic() || loop.block.isDynamic())
        return std::nullopt;
      blocks *= loop.extent.value == 0 ? 0 : (loop.extent.value - 1) / loop.block.value + 1;
    }
    return blocks;
  }
  Value blocksOf(const ConvolutionSpec::Depth& loop) {
    if (!loop.extent.isDynamic() && !loop.block.isDynamic())
      return k_.i64((loop.extent.value + loop.block.value - 1) / loop.block.value);
    Value extent = k_.size(loop.extent), block = k_.size(loop.block);
    return k_.divide(k_.add(extent, k_.sub(block, k_.i64(1))), block);
  }
  Value blockCount() {
    Value count = k_.i64(1);
    for (const auto& loop : c_.depth)
      count = k_.mul(count, blocksOf(loop));
    return count;
  }

  Value moved(Value offset, ArrayRef<Value> index, ArrayRef<Size> strides) {
    for (size_t i = 0; i < index.size(); ++i)
      if (!strides[i].is(0))
        offset = k_.add(offset, k_.mul(index[i], k_.size(strides[i])));
    return offset;
  }

  // Which tile the block computes, which elements of it the thread.
  void place() {
    height_ = k_.product(c_.s.extents);
    width_ = k_.product(c_.v.extents);
    Value tilesDown = k_.ceilDivide(c_.panelHeight ? k_.i64(c_.panelHeight) : height_, t_.height());
    Value tilesAcross = k_.ceilDivide(c_.panelHeight ? k_.i64(c_.panelWidth) : width_, t_.width());
    Value rest = k_.block();
    s0_ = k_.mul(k_.remainder(rest, tilesDown), k_.i64(t_.height()));
    rest = k_.divide(rest, tilesDown);
    v0_ = k_.mul(k_.remainder(rest, tilesAcross), k_.i64(t_.width()));
    rest = k_.divide(rest, tilesAcross);
    if (c_.overBlocks) {
      Value blocks = blockCount();
      block_ = k_.remainder(rest, blocks);
      rest = k_.divide(rest, blocks);
    }
    const Values batch = k_.indicesOf(rest, c_.batch);
    if (c_.panelHeight) {
      height_ = k_.min(k_.sub(height_, moved(k_.i64(0), batch, c_.batchS)), k_.i64(c_.panelHeight));
      width_ = k_.min(k_.sub(width_, moved(k_.i64(0), batch, c_.batchV)), k_.i64(c_.panelWidth));
    }
    left_ = moved(k_.i64(c_.leftOffset), batch, c_.batchLeft);
    right_ = moved(k_.i64(c_.rightOffset), batch, c_.batchRight);
    result_ = moved(k_.i64(c_.resultOffset), batch, c_.batchResult);
    if (c_.overBlocks)
      result_ = k_.add(result_, k_.mul(block_, k_.size(c_.blockStride)));
    row_ = k_.divide(k_.thread(), k_.i64(t_.columns));
    column_ = k_.remainder(k_.thread(), k_.i64(t_.columns));
    const int64_t leftBytes = int64_t{kDepthTile} * leftPitch() * sizeOf(c_.dtype);
    const int64_t rightBytes = int64_t{kDepthTile} * rightPitch() * sizeOf(c_.dtype);
    Value shared = k_.shared(leftBytes + rightBytes);
    sharedLeft_ = shared;
    sharedRight_ = k_.address(shared, DType::boolean, k_.i64(leftBytes));
  }
  // One more, so that a column of the tile meets all banks.
  int leftPitch() const { return t_.height() + 1; }
  int rightPitch() const { return t_.width() + 1; }

  /// One element of a tile that the thread brings to shared memory in every step.
  struct Load {
    Value offset; // in the operand, without k
    Value within; // whether there is such a row
    Value k;      // of the tile
    Value slot;
    Value mine; // whether the thread has this element; null: it has
  };

  // Neighbouring threads take neighbours in memory, along k or along the side.
  std::vector<Load> loadsOf(const Side& side, Value first, Value count, Value base, int size,
                            int pitch, const Size& depthStride) {
    const bool alongDepth = depthStride.is(1) && !side.fromUnit().is(1);
    const int elements = size * kDepthTile, threads = t_.threads();
    std::vector<Load> loads;
    for (int begin = 0; begin < elements; begin += threads) {
      Value element = k_.add(k_.thread(), k_.i64(begin));
      const int fast = alongDepth ? kDepthTile : size;
      Value a = k_.remainder(element, k_.i64(fast)), b = k_.divide(element, k_.i64(fast));
      Load load;
      load.k = alongDepth ? a : b;
      Value row = alongDepth ? b : a, place = k_.add(first, row);
      load.within = k_.less(place, count);
      if (begin + threads > elements)
        load.mine = k_.less(element, k_.i64(elements));
      Value safe = k_.select(load.within, place, k_.i64(0));
      load.offset = moved(base, k_.indicesOf(safe, side.extents), side.from);
      load.slot = k_.add(k_.mul(load.k, k_.i64(pitch)), row);
      loads.push_back(load);
    }
    return loads;
  }

  void prepareLoads() {
    loadLeft_ = loadsOf(c_.s, s0_, height_, left_, t_.height(), leftPitch(), c_.depth.back().left);
    loadRight_ =
        loadsOf(c_.v, v0_, width_, right_, t_.width(), rightPitch(), c_.depth.back().right);
  }

  // Where a block begins in each loop of the sum, and how long it is there.
  void setBlock(Value block) {
    terms_ = k_.i64(1);
    for (size_t i = c_.depth.size(); i-- > 0;) {
      const auto& loop = c_.depth[i];
      Value size = k_.size(loop.block), count = blocksOf(loop);
      Value index = k_.remainder(block, count);
      block = k_.divide(block, count);
      begin_[i] = k_.mul(index, size);
      length_[i] = k_.min(k_.sub(k_.size(loop.extent), begin_[i]), size);
      terms_ = k_.mul(terms_, length_[i]);
    }
  }

  // Offset of term `k` of the block in one of the operands.
  Value depthOffset(Value k, bool left) {
    Value offset = k_.i64(0), rest = k;
    for (size_t i = c_.depth.size(); i-- > 0;) {
      Value digit = i == 0 ? rest : k_.remainder(rest, length_[i]);
      if (i)
        rest = k_.divide(rest, length_[i]);
      Value place = k_.add(begin_[i], digit);
      const Size& stride = left ? c_.depth[i].left : c_.depth[i].right;
      offset = k_.add(offset, k_.mul(place, k_.size(stride)));
    }
    return offset;
  }

  void bring(const Load& load, Value k0, bool left) {
    const auto bringIt = [&] {
      Value k = k_.add(k0, load.k);
      Value good = k_.both(load.within, k_.less(k, terms_));
      auto branch = scf::IfOp::create(k_.builder(), k_.loc(), type_, good, /*withElseRegion=*/true);
      {
        OpBuilder::InsertionGuard guard(k_.builder());
        k_.builder().setInsertionPointToStart(branch.thenBlock());
        Value offset = k_.add(load.offset, depthOffset(k, left));
        const DType type = left ? c_.leftType : c_.rightType;
        Value x =
            k_.loadScalar(k_.address(k_.pointer(left ? c_.left : c_.right), type, offset), type);
        scf::YieldOp::create(k_.builder(), k_.loc(), x);
        k_.builder().setInsertionPointToStart(branch.elseBlock());
        Value zero = k_.constant(type_, 0);
        scf::YieldOp::create(k_.builder(), k_.loc(), zero);
      }
      k_.storeShared(branch.getResult(0), left ? sharedLeft_ : sharedRight_, load.slot);
    };
    load.mine ? k_.when(load.mine, bringIt) : bringIt();
  }

  Values sumOfBlock(const Values& zero) {
    return k_.loop(k_.i64(0), terms_, kDepthTile, zero, [&](Value k0, ValueRange sums) {
      for (const Load& load : loadLeft_)
        bring(load, k0, true);
      for (const Load& load : loadRight_)
        bring(load, k0, false);
      k_.barrier();
      Values next = multiply(k_.sub(terms_, k0), sums);
      k_.barrier();
      return next;
    });
  }

  // Whole tiles are written out. No term is added that is not there: 0 + -0 would not be -0.
  Values multiply(Value left, ValueRange sums) {
    if (auto known = knownInteger(left); known && *known <= kDepthTile)
      return written(static_cast<int>(*known), sums);
    SmallVector<Type> types(sums.size(), type_);
    Value whole = k_.less(k_.i64(kDepthTile - 1), left);
    auto branch = scf::IfOp::create(k_.builder(), k_.loc(), types, whole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(k_.builder());
    k_.builder().setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(k_.builder(), k_.loc(), written(kDepthTile, sums));
    k_.builder().setInsertionPointToStart(branch.elseBlock());
    Values rest = k_.loop(k_.i64(0), left, 1, sums,
                          [&](Value k, ValueRange carried) { return step(k, carried); });
    scf::YieldOp::create(k_.builder(), k_.loc(), rest);
    return Values(branch.getResults());
  }

  Values written(int terms, ValueRange sums) {
    Values current(sums);
    for (int k = 0; k < terms; ++k)
      current = step(k_.i64(k), current);
    return current;
  }

  Values step(Value k, ValueRange sums) {
    Values a, b, next;
    for (int i = 0; i < t_.down; ++i) {
      Value row = k_.add(row_, k_.i64(int64_t{i} * t_.rows));
      a.push_back(
          k_.loadShared(sharedLeft_, k_.add(k_.mul(k, k_.i64(leftPitch())), row), c_.dtype));
    }
    for (int j = 0; j < t_.across; ++j) {
      Value column = k_.add(column_, k_.i64(int64_t{j} * t_.columns));
      b.push_back(
          k_.loadShared(sharedRight_, k_.add(k_.mul(k, k_.i64(rightPitch())), column), c_.dtype));
    }
    for (int i = 0; i < t_.down; ++i)
      for (int j = 0; j < t_.across; ++j)
        next.push_back(math::FmaOp::create(k_.builder(), k_.loc(), a[i], b[j],
                                           sums[static_cast<size_t>(i * t_.across + j)]));
    return next;
  }

  void store(const Values& sums) {
    for (int i = 0; i < t_.down; ++i) {
      Value s = k_.add(s0_, k_.add(row_, k_.i64(int64_t{i} * t_.rows)));
      k_.when(k_.less(s, height_), [&] {
        Value row = moved(result_, k_.indicesOf(s, c_.s.extents), c_.s.result);
        for (int j = 0; j < t_.across; ++j) {
          Value v = k_.add(v0_, k_.add(column_, k_.i64(int64_t{j} * t_.columns)));
          k_.when(k_.less(v, width_), [&] {
            Value at = moved(row, k_.indicesOf(v, c_.v.extents), c_.v.result);
            k_.storeScalar(finished(sums[static_cast<size_t>(i * t_.across + j)], v),
                           k_.address(k_.pointer(c_.result), c_.resultType, at), c_.resultType);
          });
        }
      });
    }
  }

  Value finished(Value sum, Value v) {
    if (!c_.bias)
      return sum;
    Value place = k_.add(k_.size(c_.bias->offset), k_.mul(v, k_.size(c_.bias->strides[2])));
    Value bias = k_.loadScalar(k_.address(k_.pointer(c_.bias->arg), c_.dtype, place), c_.dtype);
    ScalarBuilder b(k_.builder(), k_.loc(), c_.dtype, /*contract=*/false);
    Value with = lowerPointwise(OpCode::Add, b, {sum, bias});
    return c_.relu ? lowerPointwise(OpCode::Relu, b, {with}) : with;
  }

  GpuKernel& k_;
  const Contraction& c_;
  const Tiling t_;
  Values begin_, length_;
  Type type_;
  Value height_, width_, s0_, v0_, block_, left_, right_, result_, row_, column_, terms_;
  Value sharedLeft_, sharedRight_;
  std::vector<Load> loadLeft_, loadRight_;
};

} // namespace

void emitContraction(Emission& emission, Contraction c) {
  if (c.depth.empty())
    c.depth.push_back({1, 1, 0, 0});
  const auto launch = [&](const Tiling& tiling) -> runtime::cuda::Launch& {
    return emission.launch(ContractionEmitter::grid(c, tiling), tiling.threads(),
                           [&](GpuKernel& k) { ContractionEmitter(k, c, tiling).emit(); });
  };
  if (c.panelHeight || !c.s.extents[0].isDynamic()) {
    launch(tilingOf(c));
    return;
  }
  // Eager products: one of few rows has tiles of its own.
  runtime::cuda::Launch& few = launch({1, 128, 1, 1});
  few.guard = extentOf(c.s.extents[0]);
  few.atMost = kFewRows;
  runtime::cuda::Launch& many = launch(tilingOf(c));
  many.guard = extentOf(c.s.extents[0]);
  many.above = kFewRows;
}

} // namespace diptych::codegen::cuda
