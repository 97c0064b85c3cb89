// An output belongs to one thread and is accumulated by fma in the order of k. Along the matrix'
// rows a block computes those of its own rows; across them a share of the columns, for which it
// reads the other blocks' shared memory.
#include "codegen/cuda/GpuRowProducts.h"

#include "codegen/Lowerings.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen::cuda {

using namespace mlir;

namespace {

using Values = SmallVector<Value>;

constexpr int64_t kCopies = 8; // 16 bytes each, on their way to a thread at a time
constexpr int64_t kNearSteps = 8, kFarSteps = 16; // loads under way from own and others' memory

class RowProductEmitter {
public:
  RowProductEmitter(const SlabPlace& place, const RowProduct& product,
                    const std::function<Value(Value)>& vectorAt)
      : p_(place), k_(place.k), slab_(place.slab), product_(product), vectorAt_(vectorAt) {}

  void emit(const std::function<void(Value, Value)>& deliver) {
    const int64_t share =
        product_.isAlong() ? slab_.each : (slab_.width + p_.cluster - 1) / p_.cluster;
    Value first = k_.mul(p_.rank, k_.i64(share));
    Value end = k_.min(k_.i64(share), k_.sub(k_.i64(product_.outputs), first));
    k_.loop(p_.lane, end, p_.lanes, [&](Value i) {
      Value output = k_.add(first, i);
      deliver(output, total(product_.isAlong() ? along(i) : across(output)));
    });
  }

private:
  // In blocks of depth 1024: the sum of the present one behind the total of those before.
  bool hasBlocks() const { return product_.depth > kMatmulBlock; }
  Value zero() { return k_.constant(type(), 0); }
  Type type() { return computeType(k_.builder().getContext(), slab_.dtype); }
  Values start() { return hasBlocks() ? Values{zero(), zero()} : Values{zero()}; }
  Value total(const Values& carried) {
    return hasBlocks() ? plus(carried[0], carried[1]) : carried[0];
  }
  Value plus(Value x, Value y) { return arith::AddFOp::create(k_.builder(), k_.loc(), x, y); }

  Values step(Value address, Value depth, ValueRange carried) {
    Values next(carried);
    if (hasBlocks()) {
      // The first block's total as it is: 0 + -0 would not be -0.
      Value begins = k_.equal(k_.remainder(depth, k_.i64(kMatmulBlock)), k_.i64(0));
      Value second = k_.equal(depth, k_.i64(kMatmulBlock));
      Value added = k_.select(second, next[1], plus(next[0], next[1]));
      next[0] = k_.select(begins, added, next[0]);
      next[1] = k_.select(begins, zero(), next[1]);
    }
    Value x = k_.loadScalar(address, slab_.dtype);
    next.back() = math::FmaOp::create(k_.builder(), k_.loc(), x, vectorAt_(depth), next.back());
    return next;
  }

  Value addressAt(Value begin, Value row, Value column) {
    Value place = k_.add(k_.mul(row, k_.i64(slab_.pitch)), column);
    return k_.address(begin, slab_.dtype, place);
  }

  Values along(Value row) {
    return k_.unrolled(k_.i64(0), k_.i64(slab_.width), 1, kNearSteps, start(),
                       [&](Value column, ValueRange carried) {
                         return step(addressAt(p_.begin, row, column), column, carried);
                       });
  }

  Values across(Value column) {
    if (p_.cluster == 1)
      return rowsOf(p_.begin, k_.i64(0), k_.i64(slab_.height), column, kNearSteps, start());
    return k_.loop(k_.i64(0), k_.i64(p_.cluster), 1, start(), [&](Value rank, ValueRange carried) {
      Value first = k_.mul(rank, k_.i64(slab_.each));
      Value end = k_.min(k_.i64(slab_.each), k_.sub(k_.i64(slab_.height), first));
      return rowsOf(k_.peer(p_.begin, rank), first, end, column, kFarSteps, carried);
    });
  }

  Values rowsOf(Value begin, Value first, Value count, Value column, int64_t steps,
                ValueRange carried) {
    return k_.unrolled(k_.i64(0), count, 1, steps, carried, [&](Value row, ValueRange before) {
      return step(addressAt(begin, row, column), k_.add(first, row), before);
    });
  }

  const SlabPlace& p_;
  GpuKernel& k_;
  const Slab& slab_;
  const RowProduct& product_;
  const std::function<Value(Value)>& vectorAt_;
};

bool readsVectors(const Slab& slab, int64_t lanes) {
  const auto divides = [&](int64_t number) { return number % lanes == 0; };
  return divides(slab.matrix.strides[0].value) && divides(slab.matrix.offset.value) &&
         (slab.isDense() ? divides(slab.each * slab.width) && divides(slab.height * slab.width)
                         : divides(slab.width));
}

} // namespace

void readSlab(const SlabPlace& place) {
  GpuKernel& k = place.k;
  const Slab& slab = place.slab;
  const int64_t size = sizeOf(slab.dtype), most = 16 / size;
  const int64_t lanes = readsVectors(slab, most) ? most : 1;
  Value first = k.mul(place.rank, k.i64(slab.each));
  Value count = k.min(k.i64(slab.each), k.sub(k.i64(slab.height), first));
  Value offset =
      k.add(k.mul(place.row, k.size(slab.matrix.strides[0])), k.size(slab.matrix.offset));
  offset = k.add(offset, k.mul(first, k.i64(slab.width)));
  // Below zero where the cluster has more blocks than the matrix rows.
  Value units = k.mul(count, k.i64(slab.width));
  units = arith::DivSIOp::create(k.builder(), k.loc(), units, k.i64(lanes));
  const auto copy = [&](Value unit, ValueRange) -> Values {
    Value i = k.mul(unit, k.i64(lanes)), to = i;
    if (!slab.isDense()) {
      const Values at = k.indicesOf(i, {slab.each, slab.width});
      to = k.add(k.mul(at[0], k.i64(slab.pitch)), at[1]);
    }
    Value from = k.address(k.pointer(slab.matrix.arg), slab.dtype, k.add(offset, i));
    to = k.address(place.begin, slab.dtype, to);
    if (lanes == 1) {
      k.storeScalar(k.loadScalar(from, slab.dtype), to, slab.dtype);
      return {};
    }
    Value all = k.loadVector(from, slab.dtype, static_cast<int>(lanes), nullptr, 16);
    k.storeVector(all, to, slab.dtype, nullptr, 16);
    return {};
  };
  k.unrolled(place.lane, units, place.lanes, kCopies, {}, copy);
}

void emitRowProduct(const SlabPlace& place, const RowProduct& product,
                    const std::function<Value(Value)>& vectorAt,
                    const std::function<void(Value, Value)>& deliver) {
  RowProductEmitter(place, product, vectorAt).emit(deliver);
}

} // namespace diptych::codegen::cuda
