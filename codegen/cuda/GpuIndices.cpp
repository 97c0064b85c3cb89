// Kernels around computed indices, and those that go along an axis in order: argmax and argmin,
// gather, scatter_add and scatter, cumulative operators. No atomics: whatever several updates reach
// belongs to one warp or thread, which takes them in their order.
#include "codegen/cuda/GpuEmitters.h"

#include "codegen/Emit.h"
#include "codegen/Lowerings.h"
#include "codegen/Scans.h"

namespace diptych::codegen::cuda {

using namespace mlir;

namespace {

constexpr int kThreads = 128;

Value placeOf(KernelBuilder& k, const Access& access, ArrayRef<Value> indices) {
  Value offset = k.size(access.offset);
  for (size_t loop = 0; loop < indices.size(); ++loop)
    if (!access.strides[loop].is(0))
      offset = k.add(offset, k.mul(indices[loop], k.size(access.strides[loop])));
  return k.address(k.pointer(access.arg), access.dtype, offset);
}

SmallVector<Value> with(ArrayRef<Value> indices, Value last) {
  SmallVector<Value> all(indices);
  all.push_back(last);
  return all;
}

// The best so far and where; of two NaNs or equals the one that stands first wins.
struct Best {
  GpuKernel& k;
  const ArgSpec& spec;
  ScalarBuilder b;

  SmallVector<Value> better(ValueRange best, Value candidate, Value place) {
    Value won = codegen::extremumWins(b, spec.greatest, candidate, best[0]);
    return {b.select(won, candidate, best[0]), b.select(won, place, best[1])};
  }
  // Places are in no order here: equals go by place.
  SmallVector<Value> merged(ValueRange best, Value candidate, Value place) {
    Value won = codegen::extremumWins(b, spec.greatest, candidate, best[0]);
    Value lost = codegen::extremumWins(b, spec.greatest, best[0], candidate);
    Value equal = k.equal(won, lost);
    won = b.select(equal, k.less(place, best[1]), won);
    return {b.select(won, candidate, best[0]), b.select(won, place, best[1])};
  }
};

} // namespace

// A warp to each result where the axis lies in one run of memory, else a thread.
void emitArg(Emission& emission, const ArgSpec& spec) {
  const ArrayRef<Size> outputs = ArrayRef<Size>(spec.extents).drop_back();
  const Size& reduced = spec.extents.back();
  const bool warps = spec.from.strides.back().is(1) && (reduced.isDynamic() || reduced.value > 8);
  const int team = warps ? kWarp : 1;
  emission.launch(countOf(outputs, kThreads / team), kThreads, [&](GpuKernel& k) {
    Value unit = k.divide(k.globalThread(), k.i64(team));
    Value lane = k.remainder(k.thread(), k.i64(team));
    Value valid = k.less(unit, k.product(outputs));
    Value output = k.select(valid, unit, k.i64(0));
    const SmallVector<Value> indices = k.indicesOf(output, outputs);
    auto element = [&](Value r) {
      return k.loadScalar(placeOf(k, spec.from, with(indices, r)), spec.from.dtype);
    };
    Best best{k, spec, ScalarBuilder(k.builder(), k.loc(), spec.from.dtype)};
    // Lanes without an element of their own begin with the first, which is nobody's loss.
    Value first = k.select(k.less(lane, k.size(reduced)), lane, k.i64(0));
    SmallVector<Value> so{element(first), first};
    so = k.loop(k.add(lane, k.i64(team)), k.size(reduced), team, so,
                [&](Value r, ValueRange carried) { return best.better(carried, element(r), r); });
    for (int width = team / 2; width >= 1; width /= 2) {
      Value other = k.shuffleDown(so[0], width), place = k.shuffleDown(so[1], width);
      so = best.merged(so, other, place);
    }
    Value last = team == 1 ? valid : k.both(valid, k.equal(lane, k.i64(0)));
    k.when(last,
           [&] { k.storeScalar(so[1], placeOf(k, spec.to, with(indices, k.i64(0))), DType::i64); });
  });
}

namespace {

// One row of a cumulative operator.
class Chain {
public:
  Chain(GpuKernel& k, const CumulativeSpec& spec, SmallVector<Value> around)
      : k_(k), spec_(spec), around_(std::move(around)),
        b_(k.builder(), k.loc(), carriedType(spec.code, inRegisters())) {}

  void emit() {
    Value zero = k_.i64(0);
    SmallVector<Value> state{load(spec_.from.back(), zero)};
    if (givesPlaces(spec_.code))
      state.push_back(zero);
    store(state, zero);
    k_.loop(k_.i64(1), k_.size(spec_.extents.back()), 1, state,
            [&](Value i, ValueRange so) { return step(i, so); });
  }

private:
  // What has 16 bits in memory is f32.
  DType inRegisters() const {
    return isHalf(spec_.from[0].dtype) ? DType::f32 : spec_.from[0].dtype;
  }

  SmallVector<Value> step(Value i, ValueRange so) {
    SmallVector<Value> operands;
    for (const Access& from : spec_.from)
      operands.push_back(load(from, i));
    SmallVector<Value> state = scanStep(b_, spec_.code, operands, so, i);
    store(state, i);
    return state;
  }

  Value load(const Access& access, Value i) {
    return carried(b_, spec_.code,
                   k_.loadScalar(placeOf(k_, access, with(around_, i)), access.dtype));
  }
  void store(ArrayRef<Value> state, Value i) {
    k_.storeScalar(scanResult(b_, spec_.code, inRegisters(), state),
                   placeOf(k_, spec_.to, with(around_, i)), spec_.to.dtype);
  }

  GpuKernel& k_;
  const CumulativeSpec& spec_;
  SmallVector<Value> around_;
  ScalarBuilder b_;
};

} // namespace

// The axis in order: a thread to each row.
void emitCumulative(Emission& emission, const CumulativeSpec& spec) {
  const ArrayRef<Size> rows = ArrayRef<Size>(spec.extents).drop_back();
  emission.launch(countOf(rows, kThreads), kThreads, [&](GpuKernel& k) {
    Value row = k.globalThread();
    k.when(k.both(k.less(row, k.product(rows)), k.less(k.i64(0), k.size(spec.extents.back()))),
           [&] { Chain(k, spec, k.indicesOf(row, rows)).emit(); });
  });
}

namespace {

Value indexAt(GpuKernel& k, int arg, Value j) {
  return k.loadScalar(k.address(k.pointer(arg), DType::i64, j), DType::i64);
}

Value isGood(GpuKernel& k, const IndexSpec& spec, Value index) {
  // Unsigned, so that a negative index is out of range too.
  return arith::CmpIOp::create(k.builder(), k.loc(), arith::CmpIPredicate::ult, index,
                               k.size(spec.n));
}

// Whoever finds a bad index says so; any one will do, since the host looks for the first.
void report(GpuKernel& k, Value good, Value j) {
  Value bad = k.equal(
      good, arith::ConstantOp::create(k.builder(), k.loc(), k.builder().getBoolAttr(false)));
  k.when(bad, [&] { k.storeScalar(k.add(j, k.i64(1)), k.pointer(3), DType::i64); });
}

// Every index is looked at, even where there is nothing to copy.
void emitCheck(Emission& emission, const IndexSpec& spec, int arg) {
  emission.launch(countOf({spec.m}, kThreads), kThreads, [&](GpuKernel& k) {
    Value j = k.globalThread();
    k.when(k.less(j, k.size(spec.m)), [&] { report(k, isGood(k, spec, indexAt(k, arg, j)), j); });
  });
}

void emitGather(Emission& emission, const IndexSpec& spec) {
  emitCheck(emission, spec, 1);
  const std::vector<Size> extents{spec.outer, spec.m, spec.inner};
  emission.launch(countOf(extents, kThreads), kThreads, [&](GpuKernel& k) {
    Value unit = k.globalThread();
    k.when(k.less(unit, k.product(extents)), [&] {
      const auto at = k.indicesOf(unit, extents); // outer, j, i
      Value index = indexAt(k, 1, at[1]), good = isGood(k, spec, index);
      Value from = k.add(k.mul(at[0], k.size(spec.n)), k.select(good, index, k.i64(0)));
      from = k.add(k.mul(from, k.size(spec.inner)), at[2]);
      // An axis without elements has none to read: the index is bad then.
      Type type = computeType(k.builder().getContext(), spec.dtype);
      Value zero = k.constant(type, 0);
      auto branch = scf::IfOp::create(k.builder(), k.loc(), type, good, /*withElseRegion=*/true);
      {
        OpBuilder::InsertionGuard guard(k.builder());
        k.builder().setInsertionPointToStart(branch.thenBlock());
        Value x = k.loadScalar(k.address(k.pointer(0), spec.dtype, from), spec.dtype);
        scf::YieldOp::create(k.builder(), k.loc(), x);
        k.builder().setInsertionPointToStart(branch.elseBlock());
        scf::YieldOp::create(k.builder(), k.loc(), zero);
      }
      k.storeScalar(branch.getResult(0), k.address(k.pointer(2), spec.dtype, unit), spec.dtype);
    });
  });
}

// A warp to each place of the axis: its lanes look through the indices, 32 at a time, and add or
// write the rows that go there, in the order of the updates.
class Place {
public:
  Place(GpuKernel& k, const IndexSpec& spec, Value outer, Value place)
      : k_(k), spec_(spec), outer_(outer), place_(place) {}

  void emit() {
    Value lane = k_.remainder(k_.thread(), k_.i64(kWarp));
    Value m = k_.size(spec_.m), rounded = k_.mul(k_.ceilDivide(m, kWarp), k_.i64(kWarp));
    k_.loop(k_.i64(0), rounded, kWarp, [&](Value first) {
      Value j = k_.add(first, lane), within = k_.less(j, m);
      Value index = indexAt(k_, 0, k_.select(within, j, k_.i64(0)));
      Value bits = k_.ballot(k_.both(within, k_.equal(index, place_)));
      overBits(bits, [&](Value bit) { addRow(k_.add(first, bit), lane); });
    });
  }

private:
  // From the lowest to the highest.
  void overBits(Value bits, function_ref<void(Value)> body) {
    OpBuilder& b = k_.builder();
    const auto number = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(b, k_.loc(), b.getI32IntegerAttr(value));
    };
    const auto some = [&](ValueRange left) -> Value {
      return arith::CmpIOp::create(b, k_.loc(), arith::CmpIPredicate::ne, left[0], number(0));
    };
    k_.repeat(bits, some, [&](ValueRange left) -> SmallVector<Value> {
      Value bit = math::CountTrailingZerosOp::create(b, k_.loc(), left[0]);
      body(arith::ExtUIOp::create(b, k_.loc(), b.getI64Type(), bit));
      Value less = arith::SubIOp::create(b, k_.loc(), left[0], number(1));
      return {arith::AndIOp::create(b, k_.loc(), left[0], less)};
    });
  }

  Value rowOf(const Size& rows, Value j) {
    return k_.mul(k_.add(k_.mul(outer_, k_.size(rows)), j), k_.size(spec_.inner));
  }

  void addRow(Value j, Value lane) {
    Value from = rowOf(spec_.m, j), to = rowOf(spec_.n, place_);
    ScalarBuilder b(k_.builder(), k_.loc(), spec_.dtype);
    k_.loop(lane, k_.size(spec_.inner), kWarp, [&](Value i) {
      Value address = k_.address(k_.pointer(2), spec_.dtype, k_.add(to, i));
      Value update =
          k_.loadScalar(k_.address(k_.pointer(1), spec_.dtype, k_.add(from, i)), spec_.dtype);
      if (spec_.code == OpCode::ScatterAdd)
        update = lowerPointwise(OpCode::Add, b, {k_.loadScalar(address, spec_.dtype), update});
      k_.storeScalar(update, address, spec_.dtype);
    });
  }

  GpuKernel& k_;
  const IndexSpec& spec_;
  Value outer_, place_;
};

void emitScattered(Emission& emission, const IndexSpec& spec) {
  emitCheck(emission, spec, 0);
  const std::vector<Size> extents{spec.outer, spec.n};
  emission.launch(countOf(extents, kThreads / kWarp), kThreads, [&](GpuKernel& k) {
    Value unit = k.divide(k.globalThread(), k.i64(kWarp));
    // The same for all lanes of a warp: none is left behind at a ballot.
    k.when(k.less(unit, k.product(extents)), [&] {
      const auto at = k.indicesOf(unit, extents);
      Place(k, spec, at[0], at[1]).emit();
    });
  });
}

} // namespace

void emitIndexed(Emission& emission, const IndexSpec& spec) {
  spec.code == OpCode::Gather ? emitGather(emission, spec) : emitScattered(emission, spec);
}

} // namespace diptych::codegen::cuda
