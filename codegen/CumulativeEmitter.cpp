// Emits a CumulativeSpec: sums, linear recurrences and extrema so far. Every row is one chain of
// operations in the order of the axis; rows are lanes of a vector where they lie side by side in
// memory, else scalars, several chains at a time so that none waits for another.
#include "codegen/Emit.h"
#include "codegen/Lowerings.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

class CumulativeEmitter {
public:
  CumulativeEmitter(KernelBuilder& k, const CumulativeSpec& spec)
      : k_(k), spec_(spec), last_(spec.extents.size() - 1), indices_(spec.extents.size()),
        b_(k.builder(), k.loc(), spec.from[0].dtype) {}

  void emit() { level(0); }

private:
  using Kind = CumulativeSpec::Kind;
  using State = SmallVector<Value>; // the value so far; of extrema their index too

  bool isExtremum() const { return spec_.kind == Kind::greatest || spec_.kind == Kind::least; }
  bool isVector() const { return spec_.lanes > 1; }
  // f32 is carried in f64 and rounded where it is stored.
  bool widens() const { return spec_.from[0].dtype == DType::f32 && !isExtremum(); }

  void level(size_t depth) {
    Value from = depth == 0 ? k_.lo() : k_.i64(0);
    Value to = depth == 0 ? k_.hi() : k_.size(spec_.extents[depth]);
    if (depth + 1 < last_) {
      k_.loop(from, to, 1, [&](Value i) {
        indices_[depth] = i;
        level(depth + 1);
      });
      return;
    }
    const int width = isVector() ? spec_.lanes : spec_.chains;
    Value mainEnd = k_.add(from, k_.roundDown(k_.sub(to, from), width));
    const auto rows = [&](Value i) {
      indices_[depth] = i;
      // An axis of any length may have none.
      if (spec_.extents[last_].isDynamic())
        k_.when(k_.less(k_.i64(0), k_.size(spec_.extents[last_])), [&] { alongAxis(); });
      else
        alongAxis();
    };
    chains_ = isVector() ? 1 : spec_.chains;
    k_.loop(from, mainEnd, width, rows);
    chains_ = 1;
    k_.loop(mainEnd, to, isVector() ? width : 1, [&](Value i) {
      if (isVector())
        mask_ = k_.maskBelow(k_.sub(to, i), spec_.lanes);
      rows(i);
    });
    mask_ = nullptr;
  }

  void alongAxis() {
    const size_t size = isExtremum() ? 2 : 1;
    State states;
    for (int chain = 0; chain < chains_; ++chain)
      for (Value value : first(chain))
        states.push_back(value);
    k_.loop(k_.i64(1), k_.size(spec_.extents[last_]), 1, states, [&](Value i, ValueRange carried) {
      State next;
      for (int chain = 0; chain < chains_; ++chain)
        for (Value value : step(chain, i, carried.slice(size * static_cast<size_t>(chain), size)))
          next.push_back(value);
      return next;
    });
  }

  State first(int chain) {
    Value zero = k_.i64(0);
    State state{load(spec_.from.back(), chain, zero)};
    if (isExtremum())
      state.push_back(position(zero));
    store(state, chain, zero);
    return state;
  }

  State step(int chain, Value i, ValueRange so) {
    Value x = load(spec_.from[0], chain, i);
    State state;
    if (isExtremum()) {
      Value won = extremumWins(b_, spec_.kind == Kind::greatest, x, so[0]);
      state = {b_.select(won, x, so[0]), b_.select(won, position(i), so[1])};
    } else if (spec_.kind == Kind::recurrence) {
      state = {multiplyAdd(x, so[0], load(spec_.from[1], chain, i))};
    } else {
      state = {lowerPointwise(spec_.combiner, b_, {so[0], x})};
    }
    store(state, chain, i);
    return state;
  }

  Value multiplyAdd(Value a, Value y, Value b) {
    if (ScalarBuilder::isFloatLike(a))
      return b_.create<math::FmaOp>(a, y, b);
    return b_.create<arith::AddIOp>(b_.create<arith::MulIOp>(a, y), b);
  }

  Value position(Value i) { return isVector() ? k_.broadcast(i, spec_.lanes) : i; }

  Value address(const Access& access, int chain, Value i) {
    Value offset = k_.size(access.offset);
    for (size_t loop = 0; loop < last_; ++loop) {
      Value index = loop + 1 == last_ ? k_.add(indices_[loop], k_.i64(chain)) : indices_[loop];
      offset = k_.add(offset, k_.mul(index, k_.size(access.strides[loop])));
    }
    offset = k_.add(offset, k_.mul(i, k_.size(access.strides[last_])));
    return k_.address(k_.pointer(access.arg), access.dtype, offset);
  }

  Value load(const Access& access, int chain, Value i) {
    Value where = address(access, chain, i);
    const Size& stride = access.strides[last_ - 1];
    Value x;
    if (isVector() && stride.is(1))
      x = k_.loadVector(where, access.dtype, spec_.lanes, mask_);
    else
      x = k_.loadScalar(where, access.dtype);
    if (isVector() && !stride.is(1)) // stride 0
      x = k_.broadcast(x, spec_.lanes);
    return widens() ? b_.create<arith::ExtFOp>(typeLike(x, k_.builder().getF64Type()), x) : x;
  }

  void store(const State& state, int chain, Value i) {
    Value where = address(spec_.to, chain, i);
    Value y = state.back();
    if (widens())
      y = b_.create<arith::TruncFOp>(typeLike(y, k_.builder().getF32Type()), y);
    if (!isVector())
      k_.storeScalar(y, where, spec_.to.dtype);
    else
      k_.storeVector(y, where, spec_.to.dtype, mask_);
  }

  Type typeLike(Value x, Type element) {
    return isa<VectorType>(x.getType()) ? Type(k_.vectorOf(element, spec_.lanes)) : element;
  }

  KernelBuilder& k_;
  const CumulativeSpec& spec_;
  const size_t last_;
  SmallVector<Value> indices_;
  ScalarBuilder b_;
  Value mask_;
  int chains_ = 1;
};

} // namespace

void emitCumulative(KernelBuilder& k, const CumulativeSpec& spec) {
  CumulativeEmitter(k, spec).emit();
}

} // namespace diptych::codegen
