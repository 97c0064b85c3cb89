// Long sums of one row, cut into the blocks of the canonical order: their totals on all threads,
// then the totals in the order in which one thread adds them. Refuses what is not a sum of floats.
#include "codegen/Folds.h"
#include "codegen/Scheduler.h"

namespace diptych::codegen {

namespace {

constexpr int64_t kBlocksOfGroup = kFoldGroup / kFoldBlock;
// Below this a second thread gains less than the further calls cost.
constexpr double kLongFold = 1 << 20;

bool isSumOfFloats(const NestSpec& nest, const Fold& fold) {
  return fold.combiner == OpCode::Add && isFloat(nest.lines[fold.line].dtype) &&
         fold.to.offset.is(0);
}

/// The nest over loops that walk its one loop from `first` on, the last of them one by one: loop i
/// goes so many elements in a step.
LoweredNest partOf(const LoweredNest& whole, int64_t first, std::vector<Size> extents,
                   std::vector<int64_t> steps) {
  LoweredNest part = whole;
  double share = 1.0 / static_cast<double>(whole.nest.extents[0].value);
  for (const Size& extent : extents)
    share *= static_cast<double>(extent.value);
  part.flops *= share;
  const auto walk = [&](Access& access) {
    const int64_t stride = access.strides[0].value;
    access.offset.value += first * stride;
    access.strides.clear();
    for (int64_t step : steps)
      access.strides.push_back(step * stride);
  };
  for (Line& line : part.nest.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      walk(load->from);
  for (Store& store : part.nest.stores)
    walk(store.to);
  part.nest.extents = std::move(extents);
  part.nest.vectorLoop = static_cast<int>(part.nest.extents.size()) - 1;
  return part;
}

} // namespace

bool Scheduler::isLongRow(const LoweredNest& lowered) const {
  const NestSpec& nest = lowered.nest;
  if (options_.gpu || options_.choices || nest.extents.size() != 1 || nest.folds.empty())
    return false;
  const int64_t n = nest.extents[0].value;
  if (n < 4 * kFoldBlock || static_cast<double>(n) + lowered.flops < kLongFold)
    return false;
  for (const Line& line : nest.lines)
    if (std::holds_alternative<Line::Index>(line.what))
      return false;
  return std::all_of(nest.folds.begin(), nest.folds.end(),
                     [&](const Fold& fold) { return isSumOfFloats(nest, fold); });
}

// Blocks of whole groups are the loops (place in the group, group, element): the first is cut over
// threads, and the totals of a group's blocks lie a row apart, as a block sum takes them.
void Scheduler::sumLongRow(const LoweredNest& whole) {
  const int64_t n = whole.nest.extents[0].value;
  const int64_t groups = n / kFoldGroup, rest = n % kFoldGroup;
  const int64_t blocks = rest / kFoldBlock, tail = rest % kFoldBlock;
  const size_t count = whole.nest.folds.size();
  const auto parts = [&](int64_t rows, int64_t columns) {
    std::vector<Storage> made;
    for (const Fold& fold : whole.nest.folds)
      made.push_back(newStorage({whole.nest.lines[fold.line].dtype, {rows, columns}}));
    return made;
  };
  const auto into = [&](LoweredNest part, const std::vector<Storage>& totals, int64_t place,
                        const std::vector<Size>& strides) {
    for (size_t j = 0; j < count; ++j) {
      Access& to = part.nest.folds[j].to;
      part.buffers[static_cast<size_t>(to.arg)] = totals[j].buffer;
      to.offset = place;
      to.strides = strides;
    }
    call(std::move(part));
  };
  const bool ragged = rest != 0;
  const std::vector<Storage> ofGroups = parts(groups + ragged, 1);
  const auto add = [&](const std::vector<Storage>& totals, int64_t place) {
    for (size_t j = 0; j < count; ++j) {
      const int result = whole.buffers[static_cast<size_t>(whole.nest.folds[j].to.arg)];
      const bool last = &totals == &ofGroups || groups == 0;
      const DType dtype = totals[j].type.dtype;
      addBlocks(totals[j], last ? result : ofGroups[j].buffer,
                options_.vectorBytes / static_cast<int>(sizeOf(dtype)), last ? 0 : place);
    }
  };
  if (groups > 0) {
    const std::vector<Storage> totals = parts(kBlocksOfGroup, groups);
    into(partOf(whole, 0, {kBlocksOfGroup, groups, kFoldBlock}, {kFoldBlock, kFoldGroup, 1}),
         totals, 0, {groups, 1, 0});
    add(totals, 0);
  }
  if (ragged) {
    const std::vector<Storage> totals = parts(blocks + (tail != 0), 1);
    if (blocks > 0)
      into(partOf(whole, groups * kFoldGroup, {blocks, kFoldBlock}, {kFoldBlock, 1}), totals, 0,
           {1, 0});
    if (tail > 0)
      into(partOf(whole, n - tail, {tail}, {1}), totals, blocks, {0});
    add(totals, groups);
  }
  if (groups > 0)
    add(ofGroups, 0);
}

} // namespace diptych::codegen
