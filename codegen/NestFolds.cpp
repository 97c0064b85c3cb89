// Reductions in the canonical order, whatever the layout: blocks of 4096 elements; in a block
// element r goes to partial r mod 16; partials are combined by halving; the totals of 64 blocks are
// added in order, and so are the totals of these groups. Along rows the 16 partials are the lanes
// of one vector; across columns they are 16 vectors (NestColumns.cpp).
#include "codegen/ExtremumKeys.h"
#include "codegen/Folds.h"
#include "codegen/NestEmitter.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <algorithm>

namespace diptych::codegen {

using namespace mlir;

namespace {
constexpr int64_t kBlock = kFoldBlock;
constexpr int64_t kGroup = kFoldGroup;
constexpr int kPartials = kFoldPartials;
} // namespace

Value NestEmitter::identity(const Fold& fold, int lanes) {
  const DType dtype = dtypeOf(fold);
  return foldsKeys(fold.combiner, dtype) ? keyIdentity(k_, fold.combiner, dtype, lanes)
                                         : foldIdentity(k_, fold.combiner, dtype, lanes);
}

Value NestEmitter::combine(const Fold& fold, Value x, Value y) {
  return foldCombine(k_, fold.combiner, partialType(fold), x, y);
}

DType NestEmitter::partialType(const Fold& fold) const {
  const DType dtype = dtypeOf(fold);
  return foldsKeys(fold.combiner, dtype) ? keyType(dtype) : dtype;
}

// What the fold combines: the element, or its key.
Value NestEmitter::elementOf(const Fold& fold, bool vector) {
  Value x = operandOf(fold.line, vector);
  return foldsKeys(fold.combiner, dtypeOf(fold)) ? keyOf(k_, fold.combiner, x) : x;
}

void NestEmitter::storeTotals(Values totals, bool vector) {
  SmallVector<const Access*> to;
  for (size_t j = 0; j < totals.size(); ++j) {
    const Fold& fold = spec_.folds[j];
    if (foldsKeys(fold.combiner, dtypeOf(fold)))
      totals[j] = numberOfKey(k_, dtypeOf(fold), totals[j]);
    to.push_back(&fold.to);
  }
  storeAll(totals, to, vector);
}

Value NestEmitter::combineTree(const Fold& fold, Value partials) {
  OpBuilder& b = k_.builder();
  for (int64_t width = kPartials / 2; width > 1; width /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < width; ++i) {
      low.push_back(i);
      high.push_back(i + width);
    }
    Value x = vector::ShuffleOp::create(b, k_.loc(), partials, partials, low);
    Value y = vector::ShuffleOp::create(b, k_.loc(), partials, partials, high);
    partials = combine(fold, x, y);
  }
  Value x = vector::ExtractOp::create(b, k_.loc(), partials, int64_t{0});
  Value y = vector::ExtractOp::create(b, k_.loc(), partials, int64_t{1});
  return combine(fold, x, y);
}

// total = identity; for each piece of `step` elements: total = total op piece
NestEmitter::Values NestEmitter::overPieces(Value from, Value to, int64_t step,
                                            const Values& identities, PieceFn piece) {
  return k_.loop(from, to, step, identities, [&](Value begin, ValueRange carried) {
    Values next = piece(begin, k_.min(k_.add(begin, k_.i64(step)), to));
    for (size_t j = 0; j < spec_.folds.size(); ++j)
      next[j] = combine(spec_.folds[j], carried[j], next[j]);
    return next;
  });
}

// identity op x is x, bit for bit, for every x that a block can give (partials start at the
// identity, so no total is -0.0): short axes may leave out loops of one turn.
NestEmitter::Values NestEmitter::overBlocks(PieceFn block, const Values& identities) {
  const Size& extent = spec_.extents[last_];
  Value zero = k_.i64(0), to = k_.size(extent);
  if (!extent.isDynamic() && extent.value <= kBlock)
    return block(zero, to);
  auto group = [&](Value begin, Value end) {
    return overPieces(begin, end, kBlock, identities, block);
  };
  if (!extent.isDynamic() && extent.value <= kGroup)
    return group(zero, to);
  return overPieces(zero, to, kGroup, identities, group);
}

void NestEmitter::foldRows() {
  auto general = [&] {
    Values identities;
    for (const Fold& fold : spec_.folds)
      identities.push_back(identity(fold, 1));
    storeTotals(
        overBlocks([&](Value begin, Value end) { return rowBlock(begin, end); }, identities),
        false);
  };
  const Size& extent = spec_.extents[last_];
  if (!extent.isDynamic())
    return general();
  // Rows of one vector at most: the loops over blocks would cost several times the sum.
  auto compared = [&](arith::CmpIPredicate predicate) -> Value {
    return arith::CmpIOp::create(k_.builder(), k_.loc(), predicate, k_.size(extent),
                                 k_.i64(kPartials));
  };
  k_.when(compared(arith::CmpIPredicate::sle),
          [&] { storeTotals(shortRow(k_.size(extent)), false); });
  k_.when(compared(arith::CmpIPredicate::sgt), general);
}

NestEmitter::Values NestEmitter::emptyPartials() {
  Values partials;
  for (const Fold& fold : spec_.folds)
    partials.push_back(identity(fold, kPartials));
  return partials;
}

// 16 elements from r on join the partials; those off the mask leave them alone.
NestEmitter::Values NestEmitter::foldStep(Value r, ValueRange carried) {
  index_[last_] = r;
  emitLines(last_);
  emitStores();
  Values next;
  for (size_t j = 0; j < spec_.folds.size(); ++j)
    next.push_back(joined(spec_.folds[j], carried[j]));
  return next;
}

Value NestEmitter::joined(const Fold& fold, Value partials) {
  Value all = combine(fold, partials, elementOf(fold, true));
  auto where = [&](Value mask) -> Value {
    return arith::SelectOp::create(k_.builder(), k_.loc(), mask, all, partials);
  };
  if (mask_)
    return where(mask_);
  if (!full_)
    return all;
  if (spec_.maskRegisters)
    return where(lanesOn());
  return k_.choose(
      full_, [&] { return Values{all}; },
      [&] { return masked([&] { return Values{where(mask_)}; }); })[0];
}

NestEmitter::Values NestEmitter::shortRow(Value extent) {
  mask_ = k_.maskBelow(extent, kPartials);
  Values partials = foldStep(k_.i64(0), emptyPartials());
  mask_ = nullptr;
  for (size_t j = 0; j < partials.size(); ++j)
    partials[j] = combineTree(spec_.folds[j], partials[j]);
  return partials;
}

NestEmitter::Values NestEmitter::rowBlock(Value begin, Value end) {
  Values partials = emptyPartials();
  auto step = [&](Value r, ValueRange carried) { return foldStep(r, carried); };
  partials = forVectors(begin, end, partials, step);
  for (size_t j = 0; j < partials.size(); ++j)
    partials[j] = combineTree(spec_.folds[j], partials[j]);
  return partials;
}

} // namespace diptych::codegen
