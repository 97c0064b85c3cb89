// One walk for each kind of kernel.
#include "codegen/KernelNumbers.h"

namespace diptych::codegen {

namespace {

class Walk {
public:
  explicit Walk(llvm::function_ref<void(Size&)> visit) : visit_(visit) {}

  void operator()(NestSpec& nest) {
    all(nest.extents);
    loads(nest.lines);
    for (Store& store : nest.stores)
      access(store.to);
    for (Fold& fold : nest.folds)
      access(fold.to);
  }
  void operator()(ArgSpec& spec) {
    all(spec.extents);
    access(spec.from);
    access(spec.to);
  }
  void operator()(CumulativeSpec& spec) {
    all(spec.extents);
    for (Access& from : spec.from)
      access(from);
    access(spec.to);
  }
  void operator()(MatmulSpec& spec) {
    each({&spec.batch, &spec.s, &spec.v, &spec.k});
    loads(spec.lines);
    loads(spec.after);
    access(spec.left);
    access(spec.right);
    access(spec.result);
  }
  void operator()(ConvolutionSpec& spec) {
    // Blocks of a sum that is cut are counted when the kernel is emitted.
    if (spec.rangeOverBlocks)
      return;
    for (ConvolutionSpec::Loop& loop : spec.outer)
      each({&loop.extent, &loop.left, &loop.right, &loop.result, &loop.sStep, &loop.vStep});
    each({&spec.s, &spec.sLeft, &spec.sRight, &spec.sResult, &spec.v, &spec.vRight, &spec.vResult});
    for (ConvolutionSpec::Depth& loop : spec.depth)
      each({&loop.extent, &loop.block, &loop.left, &loop.right});
    loads(spec.after);
  }
  void operator()(BlockSumSpec& spec) { each({&spec.blocks, &spec.n}); }
  void operator()(RollingSpec&) {} // for GPUs, made when sizes are known
  void operator()(RowsSpec&) {}
  void operator()(IndexSpec& spec) { each({&spec.outer, &spec.n, &spec.m, &spec.inner}); }

private:
  void each(std::initializer_list<Size*> sizes) {
    for (Size* size : sizes)
      visit_(*size);
  }
  void loads(std::vector<Line>& lines) {
    for (Line& line : lines)
      if (auto* load = std::get_if<Line::Load>(&line.what))
        access(load->from);
  }
  void all(std::vector<Size>& sizes) {
    for (Size& size : sizes)
      visit_(size);
  }
  void access(Access& access) {
    all(access.strides);
    visit_(access.offset);
  }

  llvm::function_ref<void(Size&)> visit_;
};

} // namespace

void forEachSize(KernelSpec& kernel, llvm::function_ref<void(Size&)> visit) {
  std::visit(Walk(visit), kernel.what);
}

std::vector<Line*> constantsOf(KernelSpec& kernel) {
  std::vector<Line*> constants;
  const auto collect = [&](std::vector<Line>& lines) {
    for (Line& line : lines)
      if (std::holds_alternative<Line::Constant>(line.what))
        constants.push_back(&line);
  };
  if (auto* nest = std::get_if<NestSpec>(&kernel.what))
    collect(nest->lines);
  if (auto* product = std::get_if<MatmulSpec>(&kernel.what))
    collect(product->lines);
  return constants;
}

std::string structureOf(const KernelSpec& kernel) {
  KernelSpec copy = kernel;
  forEachSize(copy, [](Size& size) { size = 0; });
  for (Line* line : constantsOf(copy))
    line->what = Line::Constant{};
  return copy.text();
}

} // namespace diptych::codegen
