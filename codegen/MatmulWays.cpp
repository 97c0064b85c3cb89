// Panels, tiles and rows of products.
#include "codegen/MatmulWays.h"

#include "codegen/Folds.h"
#include "codegen/MatmulEmitter.h"

namespace diptych::codegen {

namespace {

// One row by rows of V that lie along k: read from end to end, if k may be summed in parts. Of
// short rows where 64 bytes hold whole ones, whatever the machine's vectors are.
bool hasPartialSums(const MatmulSpec& spec, const ScheduleOptions& options) {
  constexpr int64_t kLeastDepth = 16;
  const Access &left = spec.left, &right = spec.right;
  const int64_t k = spec.k.value;
  const bool whole =
      k > 1 && 64 / sizeOf(spec.dtype) % k == 0 && (right.strides[2].is(k) || spec.v.is(1));
  return options.contract && !options.gpu && spec.lines.empty() && spec.s.is(1) &&
         left.strides[3].is(1) && right.strides[3].is(1) &&
         (!right.strides[2].is(1) || spec.v.is(1)) && (k >= kLeastDepth || whole);
}

runtime::MatmulShape shapeOf(const MatmulSpec& spec) {
  const Access& right = spec.right;
  return {spec.s.value,           spec.v.value,       spec.k.value, right.strides[3].value,
          right.strides[2].value, sizeOf(spec.dtype), spec.rows};
}

} // namespace

bool isLongSum(const MatmulSpec& spec) {
  return spec.batch.is(1) && runtime::isLongSum(shapeOf(spec));
}

int rowsOf(const ScheduleOptions& options) {
  return vectorRegisters(options.vectorBytes) == 32 ? 12 : 4;
}

namespace {

// But a row whose sums registers hold needs no other place for them, if no thread has part of it.
bool isSwept(const MatmulSpec& spec, const ScheduleOptions& options) {
  const int64_t vectors = (spec.v.value + spec.lanes - 1) / spec.lanes;
  const bool isHeld = isLongSum(spec) && vectors <= runtime::mostVectorsOfRow(options.vectorBytes);
  return !options.gpu && spec.lines.empty() && spec.result.strides[2].is(1) && !isHeld &&
         runtime::sweepsRight(shapeOf(spec));
}

MatmulSpec::Way wayOf(const MatmulSpec& spec, const ScheduleOptions& options) {
  if (choose(options.choices, hasPartialSums(spec, options)))
    return MatmulSpec::Way::partialSums;
  const bool swept = choose(options.choices, isSwept(spec, options));
  return swept ? MatmulSpec::Way::sweep : MatmulSpec::Way::tiles;
}

bool isPacked(const MatmulSpec& spec, const ScheduleOptions& options) {
  return !options.gpu && spec.way == MatmulSpec::Way::tiles && spec.v.value != spec.tail &&
         runtime::packsRight(shapeOf(spec));
}

// Sizes at which an artefact is open choose like the first of them.
runtime::Turned turnedOf(const MatmulSpec& spec, const ScheduleOptions& options) {
  using runtime::Turned;
  const bool one = !options.gpu && spec.way == MatmulSpec::Way::tiles && spec.s.is(1) &&
                   spec.right.strides[3].is(1) && !spec.right.strides[2].is(1);
  if (!choose(options.choices, one))
    return Turned::bySeveral;
  const Turned turned = runtime::turnsForOne(shapeOf(spec));
  if (choose(options.choices, turned == Turned::ahead))
    return Turned::ahead;
  return choose(options.choices, turned == Turned::singly) ? Turned::singly : Turned::byOne;
}

// Rows that are summed in parts side by side, in so many chains of sums; but no more than memory
// likes to send.
int rowsOfPartials(const MatmulSpec& spec, const ScheduleOptions& options) {
  constexpr int kPartials = 16, kChains = 8, kMostRows = 4, kMostRowsSplit = 8;
  return options.splitsVectors ? kMostRowsSplit
                               : std::clamp(kChains * spec.lanes / kPartials, 1, kMostRows);
}

// Rows that are fetched in front, since the hardware does not run far enough ahead by itself: from
// the last cache, unless vectors are split and prefetches take the place of loads; from memory
// those of which one comes after the other, if they are short, and those that come side by side.
bool isFetched(const MatmulSpec& spec, const ScheduleOptions& options) {
  constexpr int64_t kLongRow = 1024, kLeastSideBySide = 2048;
  const int64_t apart = spec.right.strides[2].value * sizeOf(spec.dtype);
  const bool sideBySide = spec.k.value * sizeOf(spec.dtype) >= kLeastSideBySide;
  const bool isNear = apart * spec.v.value <= runtime::kLastCache;
  return isNear ? !options.splitsVectors : apart < kLongRow || sideBySide;
}

// V is turned again for each tile, beside its multiplications. Tiles of one vector have so many
// rows that it does not weigh, and registers still hold eight steps of it. For more of them copying
// is nearly as fast, and less code: a tile has all its products for a vector of steps, of f32 16.
// Two vectors share what is loaded of S, which pays unless vectors are split (Target); but of f32
// registers may hold too few steps for that.
bool isByMany(const MatmulSpec& spec, const ScheduleOptions& options) {
  constexpr int kLeastRows = 12, kMostRows = 22;
  const bool turns = !options.gpu && !options.choices &&
                     vectorRegisters(options.vectorBytes) == 32 &&
                     spec.way == MatmulSpec::Way::tiles && spec.lines.empty() && !spec.s.is(1) &&
                     spec.right.strides[3].is(1) && !spec.right.strides[2].is(1);
  if (spec.dtype == DType::f64)
    return turns && options.splitsVectors && spec.s.value <= 2 * kMostRows;
  return turns && spec.s.value <= kMostRows &&
         (options.splitsVectors || spec.s.value >= kLeastRows);
}

} // namespace

void chooseWay(MatmulSpec& spec, const ScheduleOptions& options) {
  // With one more (mostRows) they leave registers for eight steps of V.
  constexpr int kManyRows = 21;
  spec.rows = rowsOf(options);
  spec.way = wayOf(spec, options);
  const int64_t apart = spec.left.strides[1].value * sizeOf(spec.dtype);
  if (choose(options.choices, !options.gpu && runtime::sharesSets(apart))) {
    spec.rows = std::min(spec.rows, runtime::kRowsInSet);
  } else if (isByMany(spec, options)) {
    spec.rows = kManyRows;
    spec.turned = runtime::Turned::byMany;
  }
  if (spec.way == MatmulSpec::Way::partialSums) {
    spec.depth = kFoldBlock;
    spec.rows = rowsOfPartials(spec, options);
    if (choose(options.choices, isFetched(spec, options)))
      spec.turned = runtime::Turned::ahead;
  } else if (spec.turned != runtime::Turned::byMany) {
    spec.pack = choose(options.choices, isPacked(spec, options));
    spec.turned = turnedOf(spec, options);
  }
  // A panel that is copied had better be copied once.
  const int64_t panels = spec.pack ? 16 * spec.lanes : 0;
  spec.rangeOverV = choose(options.choices,
                           spec.v.value > (panels ? std::min(panels, spec.s.value) : spec.s.value));
}

} // namespace diptych::codegen
