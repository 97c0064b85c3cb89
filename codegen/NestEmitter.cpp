// Loops and lines of a nest. A line stands at the depth of the innermost loop it depends on, so
// what a row shares is computed once for the row.
#include "codegen/NestEmitter.h"

#include "codegen/Lowerings.h"

#include <algorithm>

namespace diptych::codegen {

using namespace mlir;

// From this cost on a body is not written down a second time for the tail.
static constexpr int kHeavyBody = 16;
// Up to this cost a fold along rows takes several steps in a turn: to count them would keep more
// rows from being under way, whose sums wait for themselves.
static constexpr int kLightBody = 2, kStepsOfLight = 4;

NestEmitter::NestEmitter(KernelBuilder& kernel, const NestSpec& spec, bool contract)
    : k_(kernel), spec_(spec), contract_(contract),
      last_(static_cast<int>(spec.extents.size()) - 1), lanes_(spec.lanes),
      values_(spec.lines.size()), index_(spec.extents.size()) {
  analyse();
  turned_ = turnedLoad(spec);
}

bool NestEmitter::dependsOn(const Line& line, int loop) const {
  if (auto* load = std::get_if<Line::Load>(&line.what))
    return !load->from.strides[loop].is(0);
  if (auto* index = std::get_if<Line::Index>(&line.what))
    return index->loop == loop;
  if (auto* apply = std::get_if<Line::Apply>(&line.what))
    return std::any_of(apply->operands.begin(), apply->operands.end(),
                       [&](int operand) { return dependsOn(spec_.lines[operand], loop); });
  return false;
}

int NestEmitter::depthOf(const Line& line) const {
  if (line.isScan())
    return last_;
  if (auto* apply = std::get_if<Line::Apply>(&line.what)) {
    int depth = -1;
    for (int operand : apply->operands)
      depth = std::max(depth, depth_[operand]);
    return depth;
  }
  for (int loop = last_; loop >= 0; --loop)
    if (dependsOn(line, loop))
      return loop;
  return -1;
}

void NestEmitter::analyse() {
  for (const Line& line : spec_.lines) {
    depth_.push_back(depthOf(line));
    bool vector = false;
    if (spec_.vectorLoop >= 0 && spec_.lanes > 1) {
      if (auto* apply = std::get_if<Line::Apply>(&line.what))
        for (int operand : apply->operands)
          vector = vector || isVector_[operand];
      else
        vector = dependsOn(line, spec_.vectorLoop);
    }
    isVector_.push_back(vector || (line.isScan() && isVectorNest()));
  }
  if (spec_.hasScans())
    for (size_t i = 0; i < depth_.size(); ++i)
      if (depth_[i] == last_ && !isVector_[i])
        depth_[i] = rowDepth();
}

void NestEmitter::emit() {
  emitLines(-1);
  level(0);
}

void NestEmitter::level(int depth) {
  if (depth == last_ && !spec_.folds.empty()) {
    spec_.vectorLoop == last_ ? foldRows() : foldColumns();
    return;
  }
  if (spec_.hasScans() && depth == last_)
    return alongAxis();
  if (spec_.hasScans() && depth == spec_.vectorLoop)
    return scanColumns(depth);
  if (turned_ >= 0 && depth == last_ - 1)
    return forEachTurned(depth);
  if (depth == spec_.vectorLoop && spec_.tiles && spec_.lanes > 1)
    return foldTiles(depth);
  forEach(depth, [&] { body(depth); });
}

void NestEmitter::body(int depth) {
  emitLines(depth);
  if (depth < last_)
    level(depth + 1);
  else
    emitStores();
}

std::pair<Value, Value> NestEmitter::boundsOf(int depth) {
  const Size& extent = spec_.extents[depth];
  if (spec_.columns == 0 || (depth > 1 && depth != spec_.vectorLoop))
    return depth == 0 ? std::pair(k_.lo(), k_.hi()) : std::pair(k_.i64(0), k_.size(extent));
  if (depth == spec_.vectorLoop) {
    Value before = k_.mul(index_[1], k_.size(extent));
    return {k_.i64(0), k_.min(k_.size(extent), k_.sub(k_.i64(spec_.columns), before))};
  }
  const int64_t pieces = spec_.extents[1].value;
  Value each = k_.i64(pieces);
  if (depth == 0)
    return {k_.quotient(k_.lo(), pieces), k_.quotient(k_.add(k_.hi(), k_.i64(pieces - 1)), pieces)};
  Value before = k_.mul(index_[0], each);
  return {k_.max(k_.sub(k_.lo(), before), k_.i64(0)), k_.min(k_.sub(k_.hi(), before), each)};
}

void NestEmitter::forEach(int depth, function_ref<void()> inner) {
  const auto [from, to] = boundsOf(depth);
  auto run = [&](Value i) {
    index_[depth] = i;
    inner();
  };
  if (depth != spec_.vectorLoop || spec_.lanes == 1)
    return k_.loop(from, to, 1, run);
  if (const auto count = KernelBuilder::known(k_.sub(to, from)); count && isShortRow(*count))
    return inPieces(*count, run);
  forVectors(from, to, {}, [&](Value i, ValueRange) {
    run(i);
    return SmallVector<Value>();
  });
}

// In place, the load of a row waits some 12 ns for a masked store of the row before, whose lanes
// that are off it seems to overlap: several times the work of a row of few vectors.
bool NestEmitter::isShortRow(int64_t count) const {
  constexpr int64_t kFewVectors = 4;
  return spec_.folds.empty() && !spec_.hasScans() && spec_.cost() < kHeavyBody &&
         count < kFewVectors * spec_.lanes;
}

// Vectors, then what is left over by halves, quarters, ... of a vector: nothing is masked.
void NestEmitter::inPieces(int64_t count, function_ref<void(Value)> run) {
  int64_t done = count / spec_.lanes * spec_.lanes;
  k_.loop(k_.i64(0), k_.i64(done), spec_.lanes, run);
  for (lanes_ /= 2; lanes_ > 0; lanes_ /= 2)
    if (done + lanes_ <= count) {
      run(k_.i64(done));
      done += lanes_;
    }
  lanes_ = spec_.lanes;
}

// A loop that ends with a masked turn. Compiling takes as long as the code is: a body that does
// much is written down once, and its loads and stores ask which turn it is.
NestEmitter::Values NestEmitter::forVectors(Value from, Value to, const Values& init,
                                            function_ref<Values(Value, ValueRange)> body) {
  const int64_t lanes = spec_.lanes;
  Value length = k_.sub(to, from);
  const auto count = KernelBuilder::known(length);
  // What is left in the last turn: a number where that is known, and then so is its mask.
  auto restFrom = [&](Value i) { return count ? k_.i64(*count % lanes) : k_.sub(to, i); };
  if (spec_.cost() < kHeavyBody) {
    Value mainEnd = k_.add(from, k_.roundDown(length, lanes)), rest = from;
    Values carried = init;
    if (!init.empty() && spec_.cost() <= kLightBody) {
      rest = k_.add(from, k_.roundDown(length, kStepsOfLight * lanes));
      carried = k_.loop(from, rest, kStepsOfLight * lanes, carried, [&](Value i, ValueRange so) {
        Values next(so);
        for (int step = 0; step < kStepsOfLight; ++step)
          next = body(k_.add(i, k_.i64(step * lanes)), next);
        return next;
      });
    }
    carried = k_.loop(rest, mainEnd, lanes, carried, body);
    return k_.loop(mainEnd, to, lanes, carried, [&](Value i, ValueRange values) {
      rest_ = restFrom(i);
      return masked([&] { return body(i, values); });
    });
  }
  const bool hasRest = !count || *count % lanes != 0;
  return k_.loop(from, to, lanes, init, [&](Value i, ValueRange values) {
    rest_ = restFrom(i);
    if (count && *count < lanes)
      return masked([&] { return body(i, values); });
    full_ = hasRest ? k_.notLess(k_.sub(to, i), k_.i64(lanes)) : nullptr;
    Values next = body(i, values);
    full_ = nullptr;
    return next;
  });
}

// What `inner` gives where only the lanes of the rest are on, which is no whole vector: `on`, if
// that is known.
NestEmitter::Values NestEmitter::masked(function_ref<Values()> inner, Value on) {
  const bool inBits = spec_.maskRegisters && !KernelBuilder::known(rest_);
  mask_ = on ? on : inBits ? k_.bitsBelow(rest_, spec_.lanes) : k_.maskBelow(rest_, spec_.lanes);
  Values values = inner();
  mask_ = nullptr;
  return values;
}

void NestEmitter::emitLines(int depth, int except) {
  SmallVector<int> loads, others;
  on_ = nullptr;
  for (int i = 0; i < static_cast<int>(spec_.lines.size()); ++i) {
    const bool isLoad = std::holds_alternative<Line::Load>(spec_.lines[i].what);
    if (depth_[i] == depth && i != except)
      (full_ && isVector_[i] && isLoad ? loads : others).push_back(i);
  }
  if (!loads.empty())
    emitLoads(loads);
  for (int i : others)
    values_[i] = evaluate(spec_.lines[i]);
}

// Which lanes are on comes out of the branch too, for what is behind. Without registers for masks
// that would take those of vectors.
void NestEmitter::emitLoads(ArrayRef<int> lines) {
  auto loaded = [&] {
    Values values;
    for (int i : lines)
      values.push_back(evaluate(spec_.lines[i]));
    if (spec_.maskRegisters)
      values.push_back(k_.fullMask(mask_, lanes_));
    return values;
  };
  Values values = k_.choose(full_, loaded, [&] { return masked(loaded); });
  if (spec_.maskRegisters)
    on_ = values.pop_back_val();
  for (size_t i = 0; i < lines.size(); ++i)
    values_[lines[i]] = values[i];
}

// In a loop with one body: the mask of this turn.
Value NestEmitter::lanesOn() {
  auto lanes = [&] { return Values{k_.fullMask(mask_, lanes_)}; };
  if (!on_)
    on_ = k_.choose(full_, lanes, [&] { return masked(lanes); })[0];
  return on_;
}

void NestEmitter::emitStores() {
  Values values;
  SmallVector<const Access*> to;
  for (const Store& store : spec_.stores) {
    values.push_back(operandOf(store.line, isVectorNest()));
    to.push_back(&store.to);
  }
  storeAll(values, to, isVectorNest(), on_);
}

void NestEmitter::storeAll(const Values& values, ArrayRef<const Access*> to, bool vector,
                           Value on) {
  auto stored = [&] {
    for (size_t i = 0; i < values.size(); ++i)
      store(values[i], *to[i], vector);
    return Values();
  };
  if (full_ && vector && !values.empty())
    k_.choose(full_, stored, [&] { return masked(stored, on); });
  else
    stored();
}

Value NestEmitter::evaluate(const Line& line) {
  const bool vector = isVector_[&line - spec_.lines.data()];
  if (auto* load = std::get_if<Line::Load>(&line.what))
    return this->load(load->from, vector);
  if (auto* index = std::get_if<Line::Index>(&line.what)) {
    Value scalar = index_[index->loop];
    if (!vector)
      return scalar;
    return k_.add(k_.broadcast(scalar, lanes_), k_.laneIndex(lanes_));
  }
  ScalarBuilder b(k_.builder(), k_.loc(), line.dtype);
  if (auto* constant = std::get_if<Line::Constant>(&line.what))
    return b.literal(constant->value);
  if (auto* parameter = std::get_if<Line::Parameter>(&line.what))
    return k_.number(*parameter, line.dtype);
  const auto& apply = std::get<Line::Apply>(line.what);
  SmallVector<Value> operands;
  for (int operand : apply.operands)
    operands.push_back(operandOf(operand, vector));
  if (line.isScan())
    return scan(line, operands);
  return this->apply(apply.code, line.dtype, operands);
}

Value NestEmitter::apply(OpCode code, DType result, ArrayRef<Value> operands) {
  ScalarBuilder b(k_.builder(), k_.loc(), result, contract_);
  return lowerPointwise(code, b, operands);
}

// Repeated where it is made, and offsets below where an outer loop's body begins: nothing behind
// hoists them (MachineCode), and inner loops would do them again for each vector.
Value NestEmitter::operandOf(int line, bool vector) {
  Value value = values_[line];
  if (!vector || isVector_[line])
    return value;
  Value& wide = repeated_[{value, lanes_}];
  if (!wide) {
    OpBuilder::InsertionGuard guard(k_.builder());
    k_.builder().setInsertionPointAfterValue(value);
    wide = k_.broadcast(value, lanes_);
  }
  return wide;
}

Value NestEmitter::offsetOf(const Access& access) {
  OpBuilder::InsertionGuard guard(k_.builder());
  const OpBuilder::InsertPoint here = k_.builder().saveInsertionPoint();
  bool outer = true; // up to here every index was that of a loop
  Value offset = k_.size(access.offset);
  for (int depth = 0; depth <= last_; ++depth) {
    const int loop = inStrips_ && depth >= last_ - 1 ? 2 * last_ - 1 - depth : depth;
    if (access.strides[loop].is(0))
      continue;
    auto index = dyn_cast<BlockArgument>(index_[loop]);
    outer = outer && index && isa<scf::ForOp>(index.getOwner()->getParentOp());
    if (outer)
      k_.builder().setInsertionPointToStart(index.getOwner());
    else
      k_.builder().restoreInsertionPoint(here);
    if (auto known = offset.getDefiningOp();
        outer && known && known->getBlock() == index.getOwner())
      k_.builder().setInsertionPointAfter(known);
    offset = k_.add(offset, k_.mul(index_[loop], k_.size(access.strides[loop])));
  }
  return offset;
}

// One element of the innermost loop behind the place of the step before. An address multiplied for
// itself takes five instructions to a load instead of two.
Value NestEmitter::steppedOffset(const Access& access) {
  const Size& stride = access.strides[last_];
  if (!stride.isDynamic())
    return offsetOf(access);
  Value& place = (*steps_)[&access];
  place = place ? k_.add(place, k_.size(stride)) : offsetOf(access);
  return place;
}

Value NestEmitter::addressOf(const Access& access) {
  if (starts_)
    if (auto start = starts_->find(&access); start != starts_->end())
      return k_.address(start->second, access.dtype,
                        k_.mul(index_[last_ - 1], k_.size(access.strides[last_ - 1])));
  Value offset = steps_ ? steppedOffset(access) : offsetOf(access);
  return k_.address(k_.pointer(access.arg), access.dtype, offset);
}

Value NestEmitter::load(const Access& access, bool vector) {
  Value address = addressOf(access);
  if (!vector)
    return k_.loadScalar(address, access.dtype);
  const Size& stride = access.strides[spec_.vectorLoop];
  if (stride.is(1) && !mask_ && (access.ahead || fetchesRows_))
    fetch(access);
  if (ahead_ && ahead_->contains(&access))
    k_.prefetch(k_.byteAddress(address, ahead_->at(&access)), KernelBuilder::Near::second);
  return k_.loadLanes(address, access.dtype, lanes_, stride, mask_);
}

void NestEmitter::fetch(const Access& access) {
  constexpr int64_t kRowsAhead = 8;
  Value offset = offsetOf(access);
  k_.prefetchNext(access, access.strides[0], offset, lanes_);
  if (!fetchesRows_)
    return;
  Value below = k_.add(offset, k_.i64(kRowsAhead * access.strides[last_].value));
  k_.prefetchVector(k_.pointer(access.arg), access.dtype, below, lanes_,
                    KernelBuilder::Near::first);
}

void NestEmitter::store(Value value, const Access& access, bool vector) {
  Value address = addressOf(access);
  if (!vector) {
    k_.storeScalar(value, address, access.dtype);
    return;
  }
  const Size& stride = access.strides[spec_.vectorLoop];
  if (stride.is(1))
    k_.storeVector(value, address, access.dtype, mask_);
  else
    k_.scatterVector(value, address, access.dtype, k_.size(stride), mask_);
}

} // namespace diptych::codegen
