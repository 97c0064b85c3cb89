// Accesses of calls, and what a row of each reaches.
#include "codegen/RowFootprints.h"

namespace diptych::codegen {

namespace {

// Pieces of columns are rows where they lie in memory as such.
RowLoops loopsOfPieces(RowLoops loops) {
  const int64_t pieces = loops.extents[1];
  loops.extents[1] *= loops.extents[0];
  loops.extents.erase(loops.extents.begin());
  auto made = std::make_shared<std::vector<Access>>();
  for (auto& [access, written] : loops.accesses)
    made->push_back(*access);
  for (size_t i = 0; i < made->size(); ++i) {
    std::vector<Size>& strides = (*made)[i].strides;
    if (strides[0].value != pieces * strides[1].value)
      strides[1] = 0;
    strides.erase(strides.begin());
    loops.accesses[i].first = &(*made)[i];
  }
  loops.made = std::move(made);
  return loops;
}

RowLoops loopsOf(const NestSpec& nest) {
  RowLoops loops;
  for (const Size& extent : nest.extents)
    loops.extents.push_back(extent.value);
  for (const Line& line : nest.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      loops.accesses.push_back({&load->from, false});
  for (const Store& store : nest.stores)
    loops.accesses.push_back({&store.to, true});
  for (const Fold& fold : nest.folds)
    loops.accesses.push_back({&fold.to, true});
  return nest.columns > 0 ? loopsOfPieces(std::move(loops)) : loops;
}

RowLoops loopsOf(const ArgSpec& spec) {
  RowLoops loops;
  for (const Size& extent : spec.extents)
    loops.extents.push_back(extent.value);
  loops.accesses = {{&spec.from, false}, {&spec.to, true}};
  return loops;
}

RowLoops loopsOf(const MatmulSpec& spec) {
  RowLoops loops;
  loops.extents = {spec.batch.value, spec.s.value, spec.v.value, spec.k.value};
  loops.ranged = !spec.batch.is(1) ? 0 : spec.rangeOverV ? 2 : 1;
  loops.accesses = {{&spec.left, false}, {&spec.right, false}, {&spec.result, true}};
  for (const std::vector<Line>* lines : {&spec.lines, &spec.after})
    for (const Line& line : *lines)
      if (auto* load = std::get_if<Line::Load>(&line.what))
        loops.accesses.push_back({&load->from, false});
  return loops;
}

// Loops over panels are parts of s and v; those of the sum stand behind them, and last the axes of
// the image that have zeros around them, of which only what is in memory is touched.
class ConvolutionLoops {
public:
  explicit ConvolutionLoops(const ConvolutionSpec& spec) : spec_(spec) {}

  std::optional<RowLoops> run() const {
    if (spec_.rangeOverBlocks || spec_.partialSums || spec_.outer[0].isPanels())
      return std::nullopt;
    RowLoops loops;
    for (const ConvolutionSpec::Loop& loop : spec_.outer)
      if (!loop.isPanels())
        loops.extents.push_back(loop.extent.value);
    loops.extents.insert(loops.extents.end(), {spec_.s.value, spec_.v.value});
    for (const ConvolutionSpec::Depth& loop : spec_.depth)
      loops.extents.push_back(loop.extent.value);
    for (const ConvolutionSpec::Edge& edge : spec_.edges)
      loops.extents.push_back(edge.extent);
    for (size_t i = 1; i < spec_.outer.size(); ++i)
      loops.unit *= spec_.outer[i].extent.value;
    auto made = std::make_shared<std::vector<Access>>();
    made->push_back(access(0, spec_.leftOffset, &ConvolutionSpec::Loop::left, spec_.sLeft, 0,
                           &ConvolutionSpec::Depth::left));
    made->push_back(access(1, spec_.rightOffset, &ConvolutionSpec::Loop::right, spec_.sRight,
                           spec_.vRight, &ConvolutionSpec::Depth::right));
    made->push_back(access(ConvolutionSpec::kResult, spec_.resultOffset,
                           &ConvolutionSpec::Loop::result, spec_.sResult, spec_.vResult, nullptr));
    for (const Line& line : spec_.after)
      if (auto* load = std::get_if<Line::Load>(&line.what))
        made->push_back(load->from);
    for (Access& access : *made)
      settle(access, loops.extents.size());
    for (const Access& access : *made)
      loops.accesses.push_back({&access, access.arg == ConvolutionSpec::kResult});
    loops.made = std::move(made);
    return loops;
  }

private:
  Access access(int arg, int64_t offset, Size ConvolutionSpec::Loop::* of, Size s, Size v,
                Size ConvolutionSpec::Depth::* depth) const {
    Access made{arg, spec_.dtype, {}, offset};
    bool packed = false; // in panels: all rows share it
    for (const ConvolutionSpec::Loop& loop : spec_.outer) {
      made.strides.push_back(loop.*of);
      packed |= loop.isPanels() &&
                (loop.*of).value != s.value * loop.sStep.value + v.value * loop.vStep.value;
    }
    if (packed)
      made.strides[0] = 0;
    made.strides.insert(made.strides.end(), {s, v});
    for (size_t i = 0; depth && i < spec_.depth.size(); ++i)
      made.strides.push_back(spec_.depth[i].*depth);
    if (arg == (spec_.imageIsLeft ? 0 : 1))
      clip(made);
    return made;
  }

  // What moves along an axis with zeros around it reaches its elements in memory, and no others.
  void clip(Access& image) const {
    std::vector<Size> along;
    for (const ConvolutionSpec::Edge& edge : spec_.edges) {
      int64_t stride = 0;
      for (size_t i = 0; i < edge.strides.size(); ++i)
        if (edge.strides[i] != 0) {
          stride = image.strides[i].value / edge.strides[i];
          image.strides[i] = 0;
        }
      image.offset.value -= edge.first * stride;
      along.emplace_back(stride);
    }
    image.strides.insert(image.strides.end(), along.begin(), along.end());
  }

  void settle(Access& access, size_t loops) const {
    for (size_t i = spec_.outer.size(); i-- > 0;)
      if (spec_.outer[i].isPanels())
        access.strides.erase(access.strides.begin() + static_cast<ptrdiff_t>(i));
    access.strides.resize(loops, 0);
  }

  const ConvolutionSpec& spec_;
};

} // namespace

// The last columns are computed together.
static bool cutsAnywhere(const MatmulSpec& spec) {
  return !spec.rangeOverBlocks && !(spec.rangeOverV && spec.tail);
}

std::optional<RowLoops> rowLoopsOf(const ScheduledCall& call) {
  std::optional<RowLoops> loops;
  if (!call.isKernel() || call.apart)
    return loops;
  if (auto* nest = std::get_if<NestSpec>(&call.kernel.what))
    loops = loopsOf(*nest);
  else if (auto* arg = std::get_if<ArgSpec>(&call.kernel.what))
    loops = loopsOf(*arg);
  else if (auto* product = std::get_if<MatmulSpec>(&call.kernel.what); product)
    loops = cutsAnywhere(*product) ? std::optional(loopsOf(*product)) : std::nullopt;
  else if (auto* convolution = std::get_if<ConvolutionSpec>(&call.kernel.what))
    loops = ConvolutionLoops(*convolution).run();
  const bool cut =
      loops && call.range > 1 && call.range == loops->extents[loops->ranged] * loops->unit;
  return cut ? loops : std::nullopt;
}

std::vector<RowFootprint> footprintsOf(const ScheduledCall& call, const RowLoops& loops,
                                       int64_t rows) {
  std::vector<RowFootprint> prints;
  const int64_t each = loops.extents[loops.ranged] / rows;
  for (const auto& [access, written] : loops.accesses) {
    RowFootprint print{call.buffers[access->arg], access->strides[loops.ranged].value * each,
                       access->offset.value, access->offset.value, written};
    for (size_t i = 0; i < loops.extents.size(); ++i) {
      const int64_t extent = static_cast<int>(i) == loops.ranged ? each : loops.extents[i];
      const int64_t reach = (extent - 1) * access->strides[i].value;
      (reach < 0 ? print.low : print.high) += reach;
    }
    prints.push_back(print);
  }
  return prints;
}

bool stayApart(const RowFootprint& a, const RowFootprint& b) {
  if (a.buffer != b.buffer || !(a.written || b.written))
    return true;
  return a.stride == b.stride && a.stride > 0 && a.low >= 0 && b.low >= 0 && a.high < a.stride &&
         b.high < b.stride;
}

// What is no kernel of ours may write everything it is given.
bool mayWrite(const ScheduledCall& call, size_t arg) {
  return !call.isKernel() || writes(call.kernel, arg);
}

Touches touchesOf(const ScheduledCall& call) {
  Touches touches;
  for (size_t arg = 0; arg < call.buffers.size(); ++arg)
    touches.emplace_back(call.buffers[arg], mayWrite(call, arg));
  return touches;
}

void TouchedBuffers::add(const Touches& call) {
  for (const auto& [buffer, writes] : call)
    written_[buffer] |= writes;
}

bool TouchedBuffers::meet(const Touches& call) const {
  return llvm::any_of(call, [&](const auto& touch) {
    const auto found = written_.find(touch.first);
    return found != written_.end() && (found->second || touch.second);
  });
}

// Rows that stay apart, as stayApart says of two, are equally far apart.
static int64_t strideOf(const RowFootprint& print) {
  return print.low >= 0 && print.high < print.stride ? print.stride : 0;
}

bool RowPrints::isApart(const RowFootprint& print, const Rows& rows) {
  if (!print.written && !rows.written)
    return true;
  const int64_t stride = print.written ? rows.stride : rows.writtenStride;
  return stride > 0 && strideOf(print) == stride;
}

bool RowPrints::join(std::span<const RowFootprint> own) {
  for (const RowFootprint& print : own)
    if (const auto found = buffers_.find(print.buffer);
        found != buffers_.end() && !isApart(print, found->second))
      return false;
  for (const RowFootprint& print : own) {
    const int64_t stride = strideOf(print);
    const auto found = buffers_.try_emplace(print.buffer, Rows{stride, 0, false}).first;
    Rows& rows = found->second;
    rows.stride = rows.stride == stride ? stride : 0;
    if (print.written)
      rows.writtenStride = !rows.written || rows.writtenStride == stride ? stride : 0;
    rows.written |= print.written;
  }
  return true;
}

} // namespace diptych::codegen
