// A row is read in chunks of a few vectors: each lane keeps its extremum and the first chunk that
// has it. What lanes found is folded for several rows together, so that no row waits for the steps
// across lanes of the one before, and the place in the chunk is its first element that equals the
// extremum. Where that is no multiple of a vector, the last chunk begins earlier: what is looked at
// twice changes nothing. Rows that may have NaN are looked through again.
#include "codegen/ArgRows.h"

#include "codegen/Halving.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/ADT/bit.h"

namespace diptych::codegen {

using namespace mlir;

Value isBetter(ScalarBuilder& b, bool greatest, Value x, Value y, bool orEqual) {
  using FloatPredicate = arith::CmpFPredicate;
  using IntegerPredicate = arith::CmpIPredicate;
  if (orEqual)
    return greatest ? b.compare(FloatPredicate::OGE, IntegerPredicate::sge, x, y)
                    : b.compare(FloatPredicate::OLE, IntegerPredicate::sle, x, y);
  return greatest ? b.compare(FloatPredicate::OGT, IntegerPredicate::sgt, x, y)
                  : b.compare(FloatPredicate::OLT, IntegerPredicate::slt, x, y);
}

Value betterOf(ScalarBuilder& b, bool greatest, Value x, Value y) {
  return b.select(isBetter(b, greatest, x, y), x, y);
}

Value folded(ArrayRef<Value> x, function_ref<Value(Value, Value)> combine) {
  if (x.size() == 1)
    return x[0];
  const size_t half = x.size() / 2;
  Value first = folded(x.take_front(half), combine);
  return combine(first, folded(x.drop_front(half), combine));
}

// Lanes where one of these is NaN, two of them at a time; null of integers. Sums would tell too,
// but take the units that extrema need.
static Value someMissing(ScalarBuilder& b, ArrayRef<Value> x) {
  if (!ScalarBuilder::isFloatLike(x[0]))
    return nullptr;
  SmallVector<Value> pairs;
  for (size_t i = 0; i < x.size(); i += 2)
    pairs.push_back(
        b.create<arith::CmpFOp>(arith::CmpFPredicate::UNO, x[i], x[std::min(i + 1, x.size() - 1)]));
  return folded(pairs, [&](Value one, Value other) { return b.create<arith::OrIOp>(one, other); });
}

namespace {

constexpr int64_t kRowsTogether = 8, kChunkVectors = 4, kLeastVectorBytes = 16;

class ArgRows {
public:
  ArgRows(KernelBuilder& k, const ArgSpec& spec);
  void emit() { level(0); }

private:
  using Values = SmallVector<Value>;
  /// Of each lane: its extremum, the first chunk that has it (null where there is one only), and
  /// whether it met NaN (null of integers).
  struct Finds {
    Value best, chunk, missing;
  };

  void measure();
  void chooseRows();
  void level(size_t depth);
  void inTurns();
  Value findLanes(Value first, Value count);
  void storePlaces(Value first, Value count, Value missing);
  using RowFn = function_ref<Values(Value row, ValueRange so)>;
  Values eachRow(Value first, Value count, ValueRange init, RowFn body);
  Finds alongRow();
  Values join(ValueRange so, Value chunk, Value start);
  Finds firstChunk();
  Value extremaOfRows();
  void findChunks();
  void storePlace(Value row);
  void storeMissing();

  Value begin(size_t depth) { return depth == 0 ? k_.lo() : k_.i64(0); }
  Value end(size_t depth) { return depth == 0 ? k_.hi() : k_.size(spec_.extents[depth]); }
  Value addressOf(const Access& access) {
    Value offset = k_.size(access.offset);
    for (size_t loop = 0; loop < last_; ++loop)
      offset = k_.add(offset, k_.mul(indices_[loop], k_.size(access.strides[loop])));
    return k_.address(k_.pointer(access.arg), access.dtype, offset);
  }
  bool isOneChunk() const { return known_ && *known_ <= width_; }
  Value startOf(Value number) { return k_.min(k_.mul(number, k_.i64(width_)), lastStart_); }
  Values load(Value start, ArrayRef<Value> shifts, Value mask);
  Value bitsOf(ArrayRef<Value> on);
  Value better(Value x, Value y) { return betterOf(b_, spec_.greatest, x, y); }
  Value equal(Value x, Value y) {
    return b_.compare(arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, x, y);
  }
  Value numbers(Value number) {
    if (number_ == DType::i32)
      number = b_.create<arith::TruncIOp>(k_.builder().getI32Type(), number);
    return k_.broadcast(number, lanes_);
  }
  Value slot(Value slots, DType dtype, Value row) {
    return k_.address(slots, dtype, k_.mul(row, k_.i64(lanes_)));
  }
  Value loadSlot(Value slots, DType dtype, int64_t row) {
    return k_.loadVector(slot(slots, dtype, k_.i64(row)), dtype, lanes_, nullptr);
  }

  KernelBuilder& k_;
  const ArgSpec& spec_;
  ScalarBuilder b_;
  const size_t last_;
  const DType kind_, number_; // elements in registers; integers as wide
  Value extent_;
  std::optional<int64_t> known_; // the same
  int lanes_, vectors_;
  int64_t width_;       // of a chunk
  size_t together_ = 0; // the loop whose rows are taken together, so many
  int rows_ = 1;
  Values indices_;
  Value lastStart_, mask_;
  Values steps_, shifts_; // of a chunk's vectors, and of those of the first
  Value row_;             // its address
  Value bests_, chunks_;  // on the stack: what lanes of each row found
  Value extrema_, found_; // and the rows
};

} // namespace

ArgRows::ArgRows(KernelBuilder& k, const ArgSpec& spec)
    : k_(k), spec_(spec), b_(k.builder(), k.loc(), spec.from.dtype), last_(spec.extents.size() - 1),
      kind_(isHalf(spec.from.dtype) ? DType::f32 : spec.from.dtype),
      number_(sizeOf(kind_) == 4 ? DType::i32 : DType::i64), extent_(k.size(spec.extents[last_])),
      known_(KernelBuilder::known(extent_)), lanes_(spec.lanes), vectors_(kChunkVectors),
      indices_(spec.extents.size()) {
  measure();
  chooseRows();
  bests_ = k_.stackSlots(kind_, lanes_, rows_);
  extrema_ = k_.stackSlots(kind_, rows_, 1);
  if (isOneChunk())
    return;
  chunks_ = k_.stackSlots(number_, lanes_, rows_);
  found_ = k_.stackSlots(number_, rows_, 1);
}

// Short rows have narrower and fewer vectors. Of a row that is shorter than a chunk the last
// vectors begin earlier; shorter than a vector, it is under a mask.
void ArgRows::measure() {
  if (known_) {
    const int64_t least = kLeastVectorBytes / sizeOf(kind_);
    const auto whole = static_cast<int64_t>(llvm::bit_ceil(static_cast<uint64_t>(*known_)));
    lanes_ = static_cast<int>(std::clamp<int64_t>(whole, least, lanes_));
    vectors_ = static_cast<int>(std::min<int64_t>(kChunkVectors, (*known_ + lanes_ - 1) / lanes_));
  }
  width_ = int64_t{lanes_} * vectors_;
  const auto behind = [&](int64_t elements) {
    return known_ ? k_.i64(std::max<int64_t>(*known_ - elements, 0))
                  : k_.max(k_.sub(extent_, k_.i64(elements)), k_.i64(0));
  };
  lastStart_ = behind(width_);
  Value lastShift = behind(lanes_);
  for (int64_t v = 0; v < vectors_; ++v) {
    steps_.push_back(k_.i64(v * lanes_));
    const bool fits = known_ && *known_ >= (v + 1) * lanes_;
    shifts_.push_back(fits ? steps_.back() : known_ ? lastShift : k_.min(steps_.back(), lastShift));
  }
  if (!known_ || *known_ < lanes_)
    mask_ = k_.maskBelow(extent_, lanes_);
}

// Those of the loop that has most; where it is not known how many, as many as may be.
void ArgRows::chooseRows() {
  const auto rowsOf = [&](size_t loop) {
    const Size& rows = spec_.extents[loop];
    return rows.isDynamic() || rows.value == 0 ? INT64_MAX : rows.value;
  };
  for (size_t loop = 1; loop < last_; ++loop)
    if (rowsOf(loop) > rowsOf(together_))
      together_ = loop;
  const auto rows = static_cast<uint64_t>(std::min(rowsOf(together_), kRowsTogether));
  rows_ = std::min(lanes_, static_cast<int>(llvm::bit_ceil(rows)));
}

void ArgRows::level(size_t depth) {
  if (depth == last_)
    return inTurns();
  if (depth == together_)
    return level(depth + 1);
  k_.loop(begin(depth), end(depth), 1, [&](Value i) {
    indices_[depth] = i;
    level(depth + 1);
  });
}

ArgRows::Values ArgRows::eachRow(Value first, Value count, ValueRange init, RowFn body) {
  return k_.loop(k_.i64(0), count, 1, init, [&](Value row, ValueRange so) {
    indices_[together_] = k_.add(first, row);
    row_ = addressOf(spec_.from);
    return body(row, so);
  });
}

// Lanes of some rows, then places of the rows before: what comes across lanes, one step after the
// other, is long done by then.
void ArgRows::inTurns() {
  const auto none = [&](Type type) -> Value {
    return b_.create<arith::ConstantOp>(cast<TypedAttr>(k_.builder().getZeroAttr(type)));
  };
  Type bit = k_.builder().getI1Type(), index = k_.builder().getI64Type();
  const Value from = begin(together_), to = end(together_), step = k_.i64(rows_);
  k_.loop(from, k_.add(to, step), step, {none(index), none(bit)}, [&](Value first, ValueRange so) {
    Value count = k_.max(k_.min(k_.sub(to, first), step), k_.i64(0));
    Value missing = findLanes(first, count);
    Value extrema = extremaOfRows();
    storePlaces(k_.sub(first, step), so[0], so[1]);
    k_.storeVector(extrema, extrema_, kind_, nullptr);
    if (!isOneChunk())
      findChunks();
    return Values{count, missing};
  });
}

// Whether there is NaN is asked of all rows together: mostly there is none.
Value ArgRows::findLanes(Value first, Value count) {
  Type lanes = k_.vectorOf(k_.builder().getI1Type(), lanes_);
  Value none = b_.create<arith::ConstantOp>(cast<TypedAttr>(k_.builder().getZeroAttr(lanes)));
  const Values missing = eachRow(first, count, none, [&](Value row, ValueRange so) {
    const Finds finds = alongRow();
    k_.storeVector(finds.best, slot(bests_, kind_, row), kind_, nullptr);
    if (finds.chunk)
      k_.storeVector(finds.chunk, slot(chunks_, number_, row), number_, nullptr);
    return Values{finds.missing ? b_.create<arith::OrIOp>(so[0], finds.missing) : so[0]};
  });
  return b_.create<vector::ReductionOp>(vector::CombiningKind::OR, missing[0]);
}

void ArgRows::storePlaces(Value first, Value count, Value missing) {
  const auto each = [&](function_ref<void(Value)> body) {
    eachRow(first, count, {}, [&](Value row, ValueRange) {
      body(row);
      return Values();
    });
  };
  each([&](Value row) { storePlace(row); });
  if (isFloat(kind_))
    k_.when(missing, [&] { each([&](Value) { storeMissing(); }); });
}

// Lanes off the mask are zero.
ArgRows::Values ArgRows::load(Value start, ArrayRef<Value> shifts, Value mask) {
  Values x;
  for (Value shift : shifts)
    x.push_back(k_.loadVector(k_.address(row_, spec_.from.dtype, k_.add(start, shift)),
                              spec_.from.dtype, lanes_, mask));
  return x;
}

ArgRows::Finds ArgRows::firstChunk() {
  Values x = load(k_.i64(0), shifts_, mask_);
  if (mask_) { // the first element again: it hides nothing
    Value first = k_.broadcast(k_.loadScalar(row_, spec_.from.dtype), lanes_);
    for (Value& some : x)
      some = b_.select(mask_, some, first);
  }
  Value best = folded(x, [&](Value one, Value other) { return better(one, other); });
  return {best, nullptr, someMissing(b_, x)};
}

ArgRows::Values ArgRows::join(ValueRange so, Value chunk, Value start) {
  const Values x = load(start, steps_, nullptr);
  Value top = folded(x, [&](Value one, Value other) { return better(one, other); });
  Value won = isBetter(b_, spec_.greatest, top, so[0]);
  Values next{b_.select(won, top, so[0]), b_.select(won, numbers(chunk), so[1])};
  if (so.size() > 2)
    next.push_back(b_.create<arith::OrIOp>(so[2], someMissing(b_, x)));
  return next;
}

ArgRows::Finds ArgRows::alongRow() {
  const Finds first = firstChunk();
  if (isOneChunk())
    return first;
  Values so{first.best, numbers(k_.i64(0))};
  if (first.missing)
    so.push_back(first.missing);
  const bool clipped = !known_; // in the loop; else what is left has its own turn
  Value chunks = k_.quotient(clipped ? k_.add(extent_, k_.i64(width_ - 1)) : extent_, width_);
  so = k_.loop(k_.i64(1), chunks, 1, so, [&](Value chunk, ValueRange carried) {
    return join(carried, chunk, clipped ? startOf(chunk) : k_.mul(chunk, k_.i64(width_)));
  });
  if (known_ && *known_ % width_)
    so = join(so, chunks, lastStart_);
  return {so[0], so[1], first.missing ? so[2] : nullptr};
}

Value ArgRows::extremaOfRows() {
  Values bests;
  for (int64_t row = 0; row < rows_; ++row)
    bests.push_back(loadSlot(bests_, kind_, row));
  return totals(k_, bests, lanes_, [&](Value x, Value y) { return better(x, y); });
}

// The first ones that have the extrema: any number, which `startOf` clips, of rows with NaN. No
// memory holds 2^31 chunks.
void ArgRows::findChunks() {
  const int64_t none = number_ == DType::i32 ? INT32_MAX : INT64_MAX / width_;
  Values chunks;
  for (int64_t row = 0; row < rows_; ++row) {
    Value extremum = k_.loadScalar(k_.address(extrema_, kind_, k_.i64(row)), kind_);
    Value has = equal(loadSlot(bests_, kind_, row), k_.broadcast(extremum, lanes_));
    chunks.push_back(b_.select(has, loadSlot(chunks_, number_, row), numbers(k_.i64(none))));
  }
  k_.storeVector(totals(k_, chunks, lanes_, [&](Value x, Value y) { return k_.min(x, y); }), found_,
                 number_, nullptr);
}

// One bit for each element of a chunk.
Value ArgRows::bitsOf(ArrayRef<Value> on) {
  Value all;
  for (auto [lanes, shift] : llvm::zip(on, shifts_)) {
    Value bits = b_.create<arith::ExtUIOp>(
        k_.builder().getI64Type(),
        LLVM::BitcastOp::create(k_.builder(), k_.loc(), k_.builder().getIntegerType(lanes_),
                                lanes));
    bits = b_.create<arith::ShLIOp>(bits, shift);
    all = all ? b_.create<arith::OrIOp>(all, bits) : bits;
  }
  return all;
}

void ArgRows::storePlace(Value row) {
  Value start = k_.i64(0);
  if (!isOneChunk()) {
    Value chunk = k_.loadScalar(k_.address(found_, number_, row), number_);
    start = startOf(number_ == DType::i64
                        ? chunk
                        : b_.create<arith::ExtUIOp>(k_.builder().getI64Type(), chunk));
  }
  Value extremum = k_.broadcast(k_.loadScalar(k_.address(extrema_, kind_, row), kind_), lanes_);
  Values on;
  for (Value x : load(start, shifts_, mask_))
    on.push_back(equal(x, extremum));
  Value place = b_.create<math::CountTrailingZerosOp>(bitsOf(on));
  k_.storeScalar(k_.add(start, place), addressOf(spec_.to), DType::i64);
}

// The row's first NaN, if it has one.
void ArgRows::storeMissing() {
  Values first{extent_};
  first = k_.loop(k_.i64(0), extent_, width_, first, [&](Value from, ValueRange so) {
    Value start = k_.min(from, lastStart_);
    Values on;
    for (Value x : load(start, shifts_, mask_))
      on.push_back(b_.create<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x));
    Value bits = bitsOf(on);
    Value place = k_.add(start, b_.create<math::CountTrailingZerosOp>(bits));
    Value some = b_.create<arith::CmpIOp>(arith::CmpIPredicate::ne, bits, k_.i64(0));
    return Values{b_.select(some, k_.min(so[0], place), so[0])};
  });
  k_.when(k_.less(first[0], extent_),
          [&] { k_.storeScalar(first[0], addressOf(spec_.to), DType::i64); });
}

void emitArgRows(KernelBuilder& k, const ArgSpec& spec) { ArgRows(k, spec).emit(); }

} // namespace diptych::codegen
