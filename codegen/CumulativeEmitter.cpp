// Emits a CumulativeSpec: sums, linear recurrences and extrema so far. Every row is one chain of
// operations in the order of the axis. Rows that lie side by side in memory are lanes of vectors,
// by a nest that scans (NestScans); else scalars, several chains at a time so that none waits for
// another.
#include "codegen/Emit.h"
#include "codegen/NestEmitter.h"
#include "codegen/Scans.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

NestSpec nestOf(const CumulativeSpec& spec) {
  NestSpec nest;
  nest.extents = spec.extents;
  Line::Apply apply{spec.code, {}};
  for (const Access& from : spec.from) {
    apply.operands.push_back(static_cast<int>(nest.lines.size()));
    nest.lines.push_back({Line::Load{from}, from.dtype});
  }
  nest.stores.push_back({static_cast<int>(nest.lines.size()), spec.to});
  nest.lines.push_back({std::move(apply), spec.to.dtype});
  nest.vectorLoop = static_cast<int>(spec.extents.size()) - 2;
  nest.lanes = spec.lanes;
  return nest;
}

class ChainsEmitter {
public:
  ChainsEmitter(KernelBuilder& k, const CumulativeSpec& spec)
      : k_(k), spec_(spec), last_(spec.extents.size() - 1), indices_(spec.extents.size()),
        b_(k.builder(), k.loc(), carriedType(spec.code, spec.from[0].dtype)) {}

  void emit() { level(0); }

private:
  using State = SmallVector<Value>;

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
    const auto rows = [&](Value i) {
      indices_[depth] = i;
      // An axis of any length may have none.
      if (spec_.extents[last_].isDynamic())
        k_.when(k_.less(k_.i64(0), k_.size(spec_.extents[last_])), [&] { alongAxis(); });
      else
        alongAxis();
    };
    Value mainEnd = k_.add(from, k_.roundDown(k_.sub(to, from), spec_.chains));
    chains_ = spec_.chains;
    k_.loop(from, mainEnd, spec_.chains, rows);
    chains_ = 1;
    k_.loop(mainEnd, to, 1, rows);
  }

  void alongAxis() {
    const size_t size = givesPlaces(spec_.code) ? 2 : 1;
    State states;
    for (int chain = 0; chain < chains_; ++chain)
      states.append(first(chain));
    k_.loop(k_.i64(1), k_.size(spec_.extents[last_]), 1, states, [&](Value i, ValueRange before) {
      State next;
      for (int chain = 0; chain < chains_; ++chain)
        next.append(step(chain, i, before.slice(size * static_cast<size_t>(chain), size)));
      return next;
    });
  }

  State first(int chain) {
    Value zero = k_.i64(0);
    State state{load(spec_.from.back(), chain, zero)};
    if (givesPlaces(spec_.code))
      state.push_back(zero);
    store(state, chain, zero);
    return state;
  }

  State step(int chain, Value i, ValueRange before) {
    State operands;
    for (const Access& from : spec_.from)
      operands.push_back(load(from, chain, i));
    State state = scanStep(b_, spec_.code, operands, before, i);
    store(state, chain, i);
    return state;
  }

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
    return carried(b_, spec_.code, k_.loadScalar(address(access, chain, i), access.dtype));
  }

  void store(const State& state, int chain, Value i) {
    k_.storeScalar(scanResult(b_, spec_.code, spec_.from[0].dtype, state),
                   address(spec_.to, chain, i), spec_.to.dtype);
  }

  KernelBuilder& k_;
  const CumulativeSpec& spec_;
  const size_t last_;
  SmallVector<Value> indices_;
  ScalarBuilder b_;
  int chains_ = 1;
};

} // namespace

void emitCumulative(KernelBuilder& k, const CumulativeSpec& spec) {
  if (spec.lanes > 1)
    NestEmitter(k, nestOf(spec), false).emit();
  else
    ChainsEmitter(k, spec).emit();
}

} // namespace diptych::codegen
