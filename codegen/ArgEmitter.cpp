// argmax and argmin. Columns are lanes, in tiles whose finds so far are on the stack, so that rows
// are read from end to end; rows that are reduced are ArgRows' affair. Positions are exact: all
// give what one element after the other gives.
#include "codegen/ArgRows.h"
#include "codegen/Emit.h"
#include "codegen/RowStreams.h"
#include "runtime/ColumnPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

using namespace mlir;

// Unordered, so that a NaN is better, but not than a NaN.
Value extremumWins(ScalarBuilder& b, bool greatest, Value candidate, Value best) {
  using FloatPredicate = arith::CmpFPredicate;
  using IntegerPredicate = arith::CmpIPredicate;
  Value better =
      b.compare(greatest ? FloatPredicate::UGT : FloatPredicate::ULT,
                greatest ? IntegerPredicate::sgt : IntegerPredicate::slt, candidate, best);
  if (!ScalarBuilder::isFloatLike(candidate))
    return better;
  return b.create<arith::AndIOp>(better, b.create<arith::CmpFOp>(FloatPredicate::ORD, best, best));
}

namespace {

// Rows that are read side by side, of which the best is what a tile's finds are compared with; and
// bytes of these, which the second cache holds. Streams cost more to compare, as places are in no
// order then: they are for what leaves the caches.
constexpr int kRowsTogether = 4;
constexpr int64_t kTileBytes = 64 * 1024, kCaches = 8 << 20;

class ArgEmitter {
public:
  ArgEmitter(KernelBuilder& k, const ArgSpec& spec)
      : k_(k), spec_(spec), b_(k.builder(), k.loc(), spec.from.dtype),
        last_(spec.extents.size() - 1), indices_(spec.extents.size()) {}

  void emit() { level(0); }

private:
  using Values = SmallVector<Value>;

  void level(size_t depth);
  void alone();

  Value begin(size_t depth) { return depth == 0 ? k_.lo() : k_.i64(0); }
  Value end(size_t depth) { return depth == 0 ? k_.hi() : k_.size(spec_.extents[depth]); }
  Value addressOf(const Access& access, Value shift) {
    Value offset = k_.add(k_.size(access.offset), shift);
    for (size_t loop = 0; loop < indices_.size(); ++loop)
      offset = k_.add(offset, k_.mul(indices_[loop], k_.size(access.strides[loop])));
    return k_.address(k_.pointer(access.arg), access.dtype, offset);
  }
  Value load(int lanes, Value shift) {
    Value address = addressOf(spec_.from, shift);
    return lanes == 1 ? k_.loadScalar(address, spec_.from.dtype)
                      : k_.loadVector(address, spec_.from.dtype, lanes, mask_);
  }
  Value shiftOf(int vector) { return k_.i64(vector * spec_.lanes); }

  // Columns in tiles.
  struct Tile {
    Value finds, places; // of all columns, on the stack
    Value columns;
  };
  struct Find {
    Value best, at; // `at` counts from the first of the rows at hand
  };
  void overColumns(size_t depth);
  void findIn(const Tile& tile);
  void takeAll(const Tile& tile);
  void takeRows(const Tile& tile, Value row, int count, int apart);
  void eachVector(const Tile& tile, function_ref<void(Value shift)> body);
  Find bestOf(ArrayRef<Value> x, int64_t first, int64_t apart);
  Value firstEqual(ArrayRef<Value> x, Value best, int64_t apart);
  Value someBetter(ArrayRef<Value> x, Value top, Value best, bool orEqual, Value& missing);
  Value any(Value lanes) {
    return b_.create<vector::ReductionOp>(vector::CombiningKind::OR, lanes);
  }
  Value narrowPlace(int64_t place) {
    Type element = sizeOf(spec_.from.dtype) == 4 ? Type(k_.builder().getI32Type())
                                                 : Type(k_.builder().getI64Type());
    return b_.create<arith::ConstantOp>(DenseElementsAttr::get(
        k_.vectorOf(element, spec_.lanes), Attribute(k_.builder().getIntegerAttr(element, place))));
  }
  Value wide(Value places) {
    Type type = k_.vectorOf(k_.builder().getI64Type(), spec_.lanes);
    return places.getType() == type ? places : b_.create<arith::ExtUIOp>(type, places);
  }

  // best, place: a find and where.
  void take(Value candidate, Value place, Value& best, Value& at) {
    Value won = extremumWins(b_, spec_.greatest, candidate, best);
    best = b_.select(won, candidate, best);
    at = b_.select(won, place, at);
  }
  // Of two finds in no order: equals go by place.
  void merge(Value candidate, Value place, Value& best, Value& at) {
    Value won = extremumWins(b_, spec_.greatest, candidate, best);
    Value lost = extremumWins(b_, spec_.greatest, best, candidate);
    Value before = b_.create<arith::CmpIOp>(arith::CmpIPredicate::slt, place, at);
    Value apart = b_.create<arith::XOrIOp>(won, lost);
    won = b_.select(apart, won, before);
    best = b_.select(won, candidate, best);
    at = b_.select(won, place, at);
  }
  KernelBuilder& k_;
  const ArgSpec& spec_;
  ScalarBuilder b_;
  const size_t last_;
  Values indices_;
  Value mask_;
};

} // namespace

// Columns that are lanes are walked within all other loops.
void ArgEmitter::level(size_t depth) {
  const auto columns = static_cast<size_t>(spec_.vectorLoop);
  if (depth == last_) {
    indices_[last_] = k_.i64(0);
    return spec_.vectorLoop < 0 ? alone() : overColumns(columns);
  }
  if (depth == columns)
    return level(depth + 1);
  k_.loop(begin(depth), end(depth), 1, [&](Value i) {
    indices_[depth] = i;
    level(depth + 1);
  });
}

void ArgEmitter::overColumns(size_t depth) {
  const int64_t bytes = sizeOf(spec_.from.dtype) + sizeOf(DType::i64);
  const int64_t vectors = kTileBytes / bytes / spec_.lanes, columns = vectors * spec_.lanes;
  Value finds = k_.stackSlots(spec_.from.dtype, spec_.lanes, static_cast<int>(vectors));
  Value places = k_.stackSlots(DType::i64, spec_.lanes, static_cast<int>(vectors));
  k_.loop(begin(depth), end(depth), columns, [&](Value first) {
    indices_[depth] = first;
    findIn({finds, places, k_.sub(k_.min(k_.add(first, k_.i64(columns)), end(depth)), first)});
  });
}

void ArgEmitter::findIn(const Tile& tile) {
  indices_[last_] = k_.i64(0);
  const auto findAt = [&](Value shift) { return k_.address(tile.finds, spec_.from.dtype, shift); };
  const auto placeAt = [&](Value shift) { return k_.address(tile.places, DType::i64, shift); };
  eachVector(tile, [&](Value shift) {
    k_.storeVector(load(spec_.lanes, shift), findAt(shift), spec_.from.dtype, nullptr);
    k_.storeVector(k_.broadcast(k_.i64(0), spec_.lanes), placeAt(shift), DType::i64, nullptr);
  });
  takeAll(tile);
  indices_[last_] = k_.i64(0);
  eachVector(tile, [&](Value shift) {
    Value place = k_.loadVector(placeAt(shift), DType::i64, spec_.lanes, nullptr);
    k_.storeVector(place, addressOf(spec_.to, shift), DType::i64, mask_);
  });
}

// Rows behind the first: in streams, then neighbours, and what is left: where it is known how many,
// together too.
void ArgEmitter::takeAll(const Tile& tile) {
  Value rows = k_.size(spec_.extents[last_]), first = k_.i64(1);
  Value streamed = endOfStreams(
      k_, first, rows, {rows, spec_.from.strides[last_], spec_.from.dtype, kRowsTogether, kCaches});
  k_.loop(first, streamed, kRowsTogether * kStreamRows, [&](Value row) {
    k_.loop(k_.i64(0), k_.i64(kStreamRows), 1,
            [&](Value i) { takeRows(tile, k_.add(row, i), kRowsTogether, kStreamRows); });
  });
  Value until = k_.add(streamed, k_.roundDown(k_.sub(rows, streamed), kRowsTogether));
  k_.loop(streamed, until, kRowsTogether,
          [&](Value row) { takeRows(tile, row, kRowsTogether, 1); });
  const auto known = KernelBuilder::known(k_.sub(rows, until));
  const int left = known ? std::max<int>(1, static_cast<int>(*known)) : 1;
  k_.loop(until, rows, left, [&](Value row) { takeRows(tile, row, left, 1); });
}

// Whole vectors, and under a mask what is left of one; `shift` counts from the tile's first column.
void ArgEmitter::eachVector(const Tile& tile, function_ref<void(Value shift)> body) {
  Value count = tile.columns, whole = k_.roundDown(count, spec_.lanes);
  k_.loop(k_.i64(0), whole, spec_.lanes, body);
  k_.loop(whole, count, spec_.lanes, [&](Value shift) {
    mask_ = k_.maskBelow(k_.sub(count, shift), spec_.lanes);
    body(shift);
    mask_ = nullptr;
  });
}

// So many rows `apart` from each other.
void ArgEmitter::takeRows(const Tile& tile, Value row, int count, int apart) {
  Values rows;
  for (int i = 0; i < count; ++i) {
    indices_[last_] = k_.add(row, k_.i64(int64_t{i} * apart));
    rows.push_back(addressOf(spec_.from, k_.i64(0)));
  }
  eachVector(tile, [&](Value shift) {
    Value findAt = k_.address(tile.finds, spec_.from.dtype, shift);
    Value placeAt = k_.address(tile.places, DType::i64, shift);
    Value best = k_.loadVector(findAt, spec_.from.dtype, spec_.lanes, nullptr);
    Values x;
    for (Value address : rows)
      x.push_back(k_.loadVector(k_.address(address, spec_.from.dtype, shift), spec_.from.dtype,
                                spec_.lanes, mask_));
    const auto takeFound = [&](Value found, Value foundAt) {
      Value place = k_.loadVector(placeAt, DType::i64, spec_.lanes, nullptr);
      Value at = k_.add(k_.broadcast(row, spec_.lanes), wide(foundAt));
      if (apart == 1) // all that was found stands before
        take(found, at, best, place);
      else
        merge(found, at, best, place);
      k_.storeVector(best, findAt, spec_.from.dtype, nullptr);
      k_.storeVector(place, placeAt, DType::i64, nullptr);
    };
    if (count == 1)
      return takeFound(x[0], narrowPlace(0));
    Value top = folded(x, [&](Value a, Value b) { return betterOf(b_, spec_.greatest, a, b); });
    Value missing;
    k_.when(any(someBetter(x, top, best, apart != 1, missing)), [&] {
      const auto inOrder = [&] {
        const Find found = bestOf(x, 0, apart);
        return Values{found.best, found.at};
      };
      const auto byValue = [&] { return Values{top, firstEqual(x, top, apart)}; };
      const Values found = missing ? k_.choose(any(missing), inOrder, byValue) : byValue();
      takeFound(found[0], found[1]);
    });
  });
}

// Where rows may hold something better than what was found, `top` their extremum but for NaN, and
// `missing` where one may be the first NaN: the sum of rows then is. On most rows there is none,
// and what a compare and a choice for each of them would cost is saved.
Value ArgEmitter::someBetter(ArrayRef<Value> x, Value top, Value best, bool orEqual,
                             Value& missing) {
  Value some = isBetter(b_, spec_.greatest, top, best, orEqual);
  if (ScalarBuilder::isFloatLike(top)) {
    Value sum = folded(x, [&](Value a, Value b) { return b_.create<arith::AddFOp>(a, b); });
    missing = b_.create<arith::CmpFOp>(arith::CmpFPredicate::UNO, sum, sum);
    if (!orEqual)
      missing = b_.create<arith::AndIOp>(
          missing, b_.create<arith::CmpFOp>(arith::CmpFPredicate::ORD, best, best));
    some = b_.create<arith::OrIOp>(some, missing);
  }
  return mask_ ? b_.create<arith::AndIOp>(some, mask_) : some;
}

// By halves: of two finds the later one has to be better. Places are as wide as the elements.
ArgEmitter::Find ArgEmitter::bestOf(ArrayRef<Value> x, int64_t first, int64_t apart) {
  if (x.size() == 1)
    return {x[0], narrowPlace(first * apart)};
  const size_t half = x.size() / 2;
  Find found = bestOf(x.take_front(half), first, apart);
  const Find later = bestOf(x.drop_front(half), first + static_cast<int64_t>(half), apart);
  take(later.best, later.at, found.best, found.at);
  return found;
}

// The first row that is the extremum, of rows without NaN.
Value ArgEmitter::firstEqual(ArrayRef<Value> x, Value best, int64_t apart) {
  auto row = static_cast<int64_t>(x.size()) - 1;
  Value at = narrowPlace(row * apart);
  while (row-- > 0) {
    Value equal = b_.compare(arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq,
                             x[static_cast<size_t>(row)], best);
    at = b_.select(equal, narrowPlace(row * apart), at);
  }
  return at;
}

// One element after the other.
void ArgEmitter::alone() {
  Values best{load(1, k_.i64(0)), k_.i64(0)};
  best = k_.loop(k_.i64(1), k_.size(spec_.extents[last_]), 1, best, [&](Value r, ValueRange so) {
    indices_[last_] = r;
    Values next(so);
    take(load(1, k_.i64(0)), r, next[0], next[1]);
    return next;
  });
  indices_[last_] = k_.i64(0);
  k_.storeScalar(best[1], addressOf(spec_.to, k_.i64(0)), DType::i64);
}

int64_t leastColumns(const ArgSpec& spec) {
  const Size& columns = spec.extents[0];
  return spec.vectorLoop == 0 ? runtime::leastColumnsOfTiles(columns.value, sizeOf(spec.from.dtype))
                              : 1;
}

void emitArg(KernelBuilder& k, const ArgSpec& spec) {
  if (spec.vectorLoop + 1 == static_cast<int>(spec.extents.size()))
    emitArgRows(k, spec);
  else
    ArgEmitter(k, spec).emit();
}

} // namespace diptych::codegen
