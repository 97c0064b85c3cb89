// Kernels around computed indices: gather, scatter_add, scatter.
#include "codegen/Emit.h"
#include "codegen/Lowerings.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

// Gather, scatter_add and scatter: x or the output [outer, n, inner] and m indices into n. The
// range is over the rows that are written, so threads never write the same one.
class IndexedRows {
public:
  IndexedRows(KernelBuilder& k, const IndexSpec& spec)
      : k_(k), spec_(spec), b_(k.builder(), k.loc(), spec.dtype) {}

  void gather();
  void scatter();

private:
  using BlockFn = function_ref<void(Value outer, Value from, Value to)>;
  using VectorFn = function_ref<void(Value i, int lanes, Value mask)>;

  void overBlocks(Value rows, BlockFn block);
  void overInner(VectorFn body);
  void addRow(Value outer, Value j, Value index);

  Value indexAt(int arg, Value j) {
    return k_.loadScalar(k_.address(k_.pointer(arg), DType::i64, j), DType::i64);
  }
  // Unsigned, so that what is negative is out of range too.
  Value isBelow(Value index, Value count) {
    return b_.create<arith::CmpIOp>(arith::CmpIPredicate::ult, index, count);
  }
  Value isNot(Value condition) {
    return b_.create<arith::XOrIOp>(condition,
                                    b_.create<arith::ConstantOp>(k_.builder().getBoolAttr(true)));
  }
  void report(Value j) { k_.storeScalar(k_.add(j, k_.i64(1)), k_.pointer(3), DType::i64); }
  Value rowAt(int arg, Value outer, const Size& rows, Value j) {
    Value row = k_.add(k_.mul(outer, k_.size(rows)), j);
    return k_.address(k_.pointer(arg), spec_.dtype, k_.mul(row, k_.size(spec_.inner)));
  }
  Value load(Value row, Value i, int lanes, Value mask) {
    Value at = k_.address(row, spec_.dtype, i);
    return lanes == 1 ? k_.loadScalar(at, spec_.dtype)
                      : k_.loadVector(at, spec_.dtype, lanes, mask);
  }
  void store(Value value, Value row, Value i, int lanes, Value mask) {
    Value at = k_.address(row, spec_.dtype, i);
    lanes == 1 ? k_.storeScalar(value, at, spec_.dtype)
               : k_.storeVector(value, at, spec_.dtype, mask);
  }

  KernelBuilder& k_;
  const IndexSpec& spec_;
  ScalarBuilder b_;
};

// The pieces [from, to) of the blocks of so many rows that lie in the range.
void IndexedRows::overBlocks(Value rows, BlockFn block) {
  if (spec_.outer.is(1))
    return block(k_.i64(0), k_.lo(), k_.hi());
  Value first = b_.create<arith::DivUIOp>(k_.lo(), rows);
  Value last = b_.create<arith::DivUIOp>(k_.add(k_.hi(), k_.sub(rows, k_.i64(1))), rows);
  k_.loop(first, last, 1, [&](Value outer) {
    Value begin = k_.mul(outer, rows);
    Value from = b_.create<arith::MaxSIOp>(k_.sub(k_.lo(), begin), k_.i64(0));
    block(outer, from, k_.min(k_.sub(k_.hi(), begin), rows));
  });
}

// The elements of a row: vectors and what is left, or one alone.
void IndexedRows::overInner(VectorFn body) {
  const int lanes = spec_.lanes;
  Value inner = k_.size(spec_.inner), whole = k_.roundDown(inner, lanes);
  const auto rest = [&] { body(whole, lanes, k_.maskBelow(k_.sub(inner, whole), lanes)); };
  const auto vectors = [&] {
    k_.loop(k_.i64(0), whole, lanes, [&](Value i) { body(i, lanes, nullptr); });
  };
  if (spec_.inner.is(1))
    return body(k_.i64(0), 1, nullptr);
  if (spec_.inner.isDynamic()) {
    vectors();
    return k_.when(k_.less(whole, inner), rest);
  }
  if (spec_.inner.value >= lanes)
    vectors();
  if (spec_.inner.value % lanes != 0)
    rest();
}

void IndexedRows::gather() {
  Value n = k_.size(spec_.n);
  Type type = computeType(k_.builder().getContext(), spec_.dtype);
  overBlocks(k_.size(spec_.m), [&](Value outer, Value from, Value to) {
    k_.loop(from, to, 1, [&](Value j) {
      Value index = indexAt(1, j), good = isBelow(index, n), row = rowAt(2, outer, spec_.m, j);
      k_.when(good, [&] {
        Value source = rowAt(0, outer, spec_.n, index);
        overInner([&](Value i, int lanes, Value mask) {
          store(load(source, i, lanes, mask), row, i, lanes, mask);
        });
      });
      k_.when(isNot(good), [&] {
        report(j);
        k_.loop(k_.i64(0), k_.size(spec_.inner), 1, [&](Value i) {
          Value zero =
              b_.create<arith::ConstantOp>(cast<TypedAttr>(k_.builder().getZeroAttr(type)));
          store(zero, row, i, 1, nullptr);
        });
      });
    });
  });
}

void IndexedRows::addRow(Value outer, Value j, Value index) {
  Value update = rowAt(1, outer, spec_.m, j), row = rowAt(2, outer, spec_.n, index);
  overInner([&](Value i, int lanes, Value mask) {
    Value value = load(update, i, lanes, mask);
    if (spec_.code == OpCode::ScatterAdd)
      value = lowerPointwise(OpCode::Add, b_, {load(row, i, lanes, mask), value});
    store(value, row, i, lanes, mask);
  });
}

// In the order of the updates, so that the last of duplicates stays.
void IndexedRows::scatter() {
  Value n = k_.size(spec_.n);
  // Without elements the axis counts as one row: all indices are refused.
  Value rows = spec_.n.isDynamic() ? b_.create<arith::MaxSIOp>(n, k_.i64(1))
                                   : k_.i64(std::max<int64_t>(1, spec_.n.value));
  overBlocks(rows, [&](Value outer, Value from, Value to) {
    k_.loop(k_.i64(0), k_.size(spec_.m), 1, [&](Value j) {
      Value index = indexAt(0, j), good = isBelow(index, n);
      Value here = isBelow(k_.sub(index, from), k_.sub(to, from));
      k_.when(b_.create<arith::AndIOp>(good, here), [&] { addRow(outer, j, index); });
      k_.when(isNot(good), [&] { report(j); });
    });
  });
}

} // namespace

void emitIndexed(KernelBuilder& k, const IndexSpec& spec) {
  const auto emit = [&](const IndexSpec& spec) {
    IndexedRows rows(k, spec);
    spec.code == OpCode::Gather ? rows.gather() : rows.scatter();
  };
  if (!spec.inner.isDynamic())
    return emit(spec);
  // Rows of one element have loops of their own.
  IndexSpec single = spec;
  single.inner = Size(1);
  ScalarBuilder b(k.builder(), k.loc(), spec.dtype);
  const auto compared = [&](arith::CmpIPredicate predicate) -> Value {
    return b.create<arith::CmpIOp>(predicate, k.size(spec.inner), k.i64(1));
  };
  k.when(compared(arith::CmpIPredicate::eq), [&] { emit(single); });
  k.when(compared(arith::CmpIPredicate::ne), [&] { emit(spec); });
}

} // namespace diptych::codegen
