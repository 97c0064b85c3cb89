// Kernels around computed indices: argmax and argmin, gather, scatter_add, scatter.
#include "codegen/Emit.h"
#include "codegen/Lowerings.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace diptych::codegen {

using namespace mlir;

static Value offsetOf(KernelBuilder& k, const Access& access, ArrayRef<Value> indices) {
  Value offset = k.size(access.offset);
  for (size_t loop = 0; loop < indices.size(); ++loop)
    offset = k.add(offset, k.mul(indices[loop], k.size(access.strides[loop])));
  return offset;
}

Value extremumWins(ScalarBuilder& b, bool greatest, Value candidate, Value best) {
  using FloatPredicate = arith::CmpFPredicate;
  using IntegerPredicate = arith::CmpIPredicate;
  Value better =
      b.compare(greatest ? FloatPredicate::OGT : FloatPredicate::OLT,
                greatest ? IntegerPredicate::sgt : IntegerPredicate::slt, candidate, best);
  if (!ScalarBuilder::isFloatLike(candidate))
    return better;
  Value candidateNaN = b.create<arith::CmpFOp>(FloatPredicate::UNO, candidate, candidate);
  Value bestNumber = b.create<arith::CmpFOp>(FloatPredicate::ORD, best, best);
  Value firstNaN = b.create<arith::AndIOp>(candidateNaN, bestNumber);
  return b.create<arith::OrIOp>(better, firstNaN);
}

void emitArg(KernelBuilder& k, const ArgSpec& spec) {
  const size_t last = spec.extents.size() - 1;
  SmallVector<Value> indices(spec.extents.size());
  auto element = [&] {
    return k.loadScalar(
        k.address(k.pointer(spec.from.arg), spec.from.dtype, offsetOf(k, spec.from, indices)),
        spec.from.dtype);
  };
  ScalarBuilder b(k.builder(), k.loc(), spec.from.dtype);
  std::function<void(size_t)> level = [&](size_t depth) {
    if (depth < last) {
      Value from = depth == 0 ? k.lo() : k.i64(0);
      Value to = depth == 0 ? k.hi() : k.size(spec.extents[depth]);
      k.loop(from, to, 1, [&](Value i) {
        indices[depth] = i;
        level(depth + 1);
      });
      return;
    }
    indices[last] = k.i64(0);
    SmallVector<Value> best{element(), k.i64(0)};
    best = k.loop(k.i64(1), k.size(spec.extents[last]), 1, best, [&](Value r, ValueRange so) {
      indices[last] = r;
      Value candidate = element();
      Value won = extremumWins(b, spec.greatest, candidate, so[0]);
      return SmallVector<Value>{b.select(won, candidate, so[0]), b.select(won, r, so[1])};
    });
    indices[last] = k.i64(0);
    k.storeScalar(best[1],
                  k.address(k.pointer(spec.to.arg), DType::i64, offsetOf(k, spec.to, indices)),
                  DType::i64);
  };
  level(0);
}

namespace {

// Shared by gather and scatter_add: walk indices, check each, hand good rows to `row`.
class IndexedRows {
public:
  IndexedRows(KernelBuilder& k, const IndexSpec& spec, int indicesArg, int statusArg)
      : k_(k), spec_(spec), indices_(k.pointer(indicesArg)), status_(k.pointer(statusArg)) {}

  void run(function_ref<void(Value outer, Value j, Value index)> row,
           function_ref<void(Value outer, Value j)> bad) {
    Value n = k_.size(spec_.n), m = k_.size(spec_.m);
    k_.loop(k_.lo(), k_.hi(), 1, [&](Value outer) {
      k_.loop(k_.i64(0), m, 1, [&](Value j) {
        Value index = k_.loadScalar(k_.address(indices_, DType::i64, j), DType::i64);
        // Unsigned, so that a negative index is out of range too.
        Value good =
            arith::CmpIOp::create(k_.builder(), k_.loc(), arith::CmpIPredicate::ult, index, n);
        Value failed = arith::XOrIOp::create(
            k_.builder(), k_.loc(), good,
            arith::ConstantOp::create(k_.builder(), k_.loc(), k_.builder().getBoolAttr(true)));
        k_.when(good, [&] { row(outer, j, index); });
        k_.when(failed, [&] {
          k_.storeScalar(k_.add(j, k_.i64(1)), status_, DType::i64);
          bad(outer, j);
        });
      });
    });
  }

  /// Element offset of row `j` of `rows` rows in block `outer`.
  Value rowOffset(Value outer, const Size& rows, Value j) {
    return k_.mul(k_.add(k_.mul(outer, k_.size(rows)), j), k_.size(spec_.inner));
  }
  void forInner(function_ref<void(Value)> body) {
    k_.loop(k_.i64(0), k_.size(spec_.inner), 1, body);
  }

private:
  KernelBuilder& k_;
  const IndexSpec& spec_;
  Value indices_, status_;
};

} // namespace

static void emitGather(KernelBuilder& k, const IndexSpec& spec) {
  IndexedRows rows(k, spec, 1, 3);
  auto write = [&](Value outer, Value j, function_ref<Value(Value)> valueAt) {
    Value to = rows.rowOffset(outer, spec.m, j);
    rows.forInner([&](Value i) {
      k.storeScalar(valueAt(i), k.address(k.pointer(2), spec.dtype, k.add(to, i)), spec.dtype);
    });
  };
  Type type = computeType(k.builder().getContext(), spec.dtype);
  rows.run(
      [&](Value outer, Value j, Value index) {
        Value from = rows.rowOffset(outer, spec.n, index);
        write(outer, j, [&](Value i) {
          return k.loadScalar(k.address(k.pointer(0), spec.dtype, k.add(from, i)), spec.dtype);
        });
      },
      [&](Value outer, Value j) {
        Value zero = arith::ConstantOp::create(k.builder(), k.loc(),
                                               cast<TypedAttr>(k.builder().getZeroAttr(type)));
        write(outer, j, [&](Value) { return zero; });
      });
}

// Adds rows or, for scatter, writes them: in order, so that the last of duplicates stays.
static void emitScattered(KernelBuilder& k, const IndexSpec& spec) {
  IndexedRows rows(k, spec, 0, 3);
  ScalarBuilder b(k.builder(), k.loc(), spec.dtype);
  rows.run(
      [&](Value outer, Value j, Value index) {
        Value from = rows.rowOffset(outer, spec.m, j), to = rows.rowOffset(outer, spec.n, index);
        rows.forInner([&](Value i) {
          Value address = k.address(k.pointer(2), spec.dtype, k.add(to, i));
          Value update =
              k.loadScalar(k.address(k.pointer(1), spec.dtype, k.add(from, i)), spec.dtype);
          if (spec.code == OpCode::ScatterAdd)
            update = lowerPointwise(OpCode::Add, b, {k.loadScalar(address, spec.dtype), update});
          k.storeScalar(update, address, spec.dtype);
        });
      },
      [](Value, Value) {});
}

void emitIndexed(KernelBuilder& k, const IndexSpec& spec) {
  spec.code == OpCode::Gather ? emitGather(k, spec) : emitScattered(k, spec);
}

} // namespace diptych::codegen
