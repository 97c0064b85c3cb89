// One kernel for all sizes: what differs becomes params. Of numbers that follow from sizes by other
// rules than polynomials there is one, the number of blocks of a long product.
#include "aot/Merger.h"

#include "codegen/KernelNumbers.h"

#include <algorithm>
#include <set>

namespace diptych::aot {

using codegen::KernelSpec;
using codegen::ScheduledCall;

static constexpr size_t kMaxCandidates = 24;

// A product that is cut along k: how many blocks there are, at least one, which writes zeros.
void Merger::findBlocks() {
  for (size_t i = 0; i < samples_[0].calls.size(); ++i) {
    const Calls calls = callsAt(i);
    const auto productOf = [&](size_t sample) {
      return std::get_if<codegen::MatmulSpec>(&calls[sample]->kernel.what);
    };
    if (!productOf(0) || !productOf(0)->rangeOverBlocks)
      continue;
    const Formula depth = fitted(*calls[0], "the number of products that are added",
                                 [&](size_t s) { return productOf(s)->k.value; });
    const Formula count =
        Formula::roundedUp(depth, productOf(0)->depth) / Formula(productOf(0)->depth);
    if (!depth.isFixed())
      blocks_.emplace_back(calls[0]->buffers[static_cast<size_t>(productOf(0)->result.arg)],
                           Formula::largest({Formula(1), count}));
  }
}
const Formula* Merger::blocksIn(int buffer) const {
  for (const auto& [place, count] : blocks_)
    if (place == buffer)
      return &count;
  return nullptr;
}

// What constants may be made of: sizes, extents, and one less than these.
std::vector<Extent> Merger::candidates() const {
  std::set<Extent> found;
  for (size_t dim = 0; dim < dims_.size(); ++dim)
    found.insert(Extent::of(static_cast<int>(dim)));
  for (const Extent& extent : plan_.constraints)
    if (extent.terms().size() == 1 && found.size() < kMaxCandidates / 2)
      found.insert(extent);
  std::vector<Extent> candidates;
  for (const Extent& extent : found) {
    candidates.push_back(extent);
    candidates.push_back(extent + Extent(-1));
  }
  return candidates;
}

// Fewer lanes are right wherever more are.
static void equaliseLanes(std::vector<KernelSpec>& kernels) {
  int lanes = 0;
  for (KernelSpec& kernel : kernels)
    if (auto* nest = std::get_if<codegen::NestSpec>(&kernel.what))
      lanes = lanes ? std::min(lanes, nest->lanes) : nest->lanes;
  for (KernelSpec& kernel : kernels)
    if (auto* nest = std::get_if<codegen::NestSpec>(&kernel.what))
      nest->lanes = lanes;
}

int Merger::kernel(const Calls& calls, KernelSpec& made) {
  std::vector<KernelSpec> kernels;
  for (const ScheduledCall* call : calls)
    kernels.push_back(call->kernel);
  equaliseLanes(kernels);
  std::vector<std::vector<Size*>> sizes(kernels.size());
  std::vector<std::vector<codegen::Line*>> constants;
  for (size_t s = 0; s < kernels.size(); ++s) {
    if (codegen::structureOf(kernels[s]) != codegen::structureOf(kernels[0]))
      refuse(*calls[0], "how it is computed");
    codegen::forEachSize(kernels[s], [&](Size& size) { sizes[s].push_back(&size); });
    constants.push_back(codegen::constantsOf(kernels[s]));
  }
  Params params;
  const bool adds = std::holds_alternative<codegen::BlockSumSpec>(kernels[0].what);
  for (size_t i = 0; i < sizes[0].size(); ++i) {
    const Formula* blocks = adds && i == 0 ? blocksIn(calls[0]->buffers[0]) : nullptr;
    const Formula formula =
        blocks ? *blocks
               : fitted(*calls[0], "a size in it", [&](size_t s) { return sizes[s][i]->value; });
    if (!formula.isFixed())
      *sizes[0][i] = Size::param(params.add(formula));
  }
  for (size_t i = 0; i < constants[0].size(); ++i)
    constant(calls, constants, i, params);
  made = kernels[0];
  checkConvolution(calls, made);
  return params.formulas.empty() ? -1 : plan_.table.block(params.formulas);
}

void Merger::constant(const Calls& calls, const std::vector<std::vector<codegen::Line*>>& lines,
                      size_t i, Params& params) const {
  std::vector<Scalar> values;
  for (const auto& of : lines)
    values.push_back(std::get<codegen::Line::Constant>(of[i]->what).value);
  if (std::all_of(values.begin(), values.end(), [&](const Scalar& v) { return v == values[0]; }))
    return;
  const auto formula = NumberFinder(at_, candidates(), exact_).find(lines[0][i]->dtype, values);
  if (!formula)
    refuse(*calls[0], "a number in it");
  lines[0][i]->what = codegen::Line::Parameter{params.add(*formula)};
}

// Panels, and blocks of the sum, are laid out for sizes: only the loops around them are free.
void Merger::checkConvolution(const Calls& calls, const KernelSpec& kernel) const {
  auto* spec = std::get_if<codegen::ConvolutionSpec>(&kernel.what);
  if (!spec)
    return;
  bool free = !spec->s.isDynamic() && !spec->v.isDynamic() && !spec->vRight.isDynamic();
  for (const auto& loop : spec->outer)
    free = free && !loop.sStep.isDynamic() && !loop.vStep.isDynamic();
  for (size_t i = 0; i < spec->depth.size(); ++i)
    free =
        free && !spec->depth[i].block.isDynamic() && (i == 0 || !spec->depth[i].extent.isDynamic());
  if (!free)
    refuse(*calls[0], "how it is cut into tiles");
}

} // namespace diptych::aot
