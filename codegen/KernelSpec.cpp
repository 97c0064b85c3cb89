// The text of a kernel description: its identity for deduplication and caches.
#include "codegen/KernelSpec.h"

#include "ir/TypeRules.h"

#include <algorithm>
#include <bit>

namespace diptych::codegen {

namespace {

// Appends fields separated by spaces; every list carries its length, so texts are unambiguous.
class Writer {
public:
  std::string text;

  void number(int64_t value) { text += std::to_string(value) + ' '; }
  void size(const Size& size) {
    text += size.isDynamic() ? '$' : '=';
    number(size.isDynamic() ? size.slot : size.value);
  }
  void sizes(const std::vector<Size>& list) {
    number(static_cast<int64_t>(list.size()));
    for (const Size& entry : list)
      size(entry);
  }
  void access(const Access& access) {
    number(access.arg);
    number(static_cast<int>(access.dtype));
    sizes(access.strides);
    size(access.offset);
    if (access.ahead)
      text += "ahead ";
  }

  void operator()(const Line::Load& load) {
    text += "load ";
    access(load.from);
  }
  void operator()(const Line::Index& index) {
    text += "index ";
    number(index.loop);
  }
  void operator()(const Line::Constant& constant) {
    text += constant.value.isInteger ? "int " : "float ";
    number(constant.value.isInteger ? constant.value.integer
                                    : std::bit_cast<int64_t>(constant.value.floating));
  }
  void operator()(const Line::Parameter& parameter) {
    text += "param ";
    number(parameter.slot);
  }
  void operator()(const Line::Apply& apply) {
    text += info(apply.code).name;
    text += ' ';
    number(static_cast<int64_t>(apply.operands.size()));
    for (int operand : apply.operands)
      number(operand);
  }

  void lines(const std::vector<Line>& lines) {
    for (const Line& line : lines) {
      number(static_cast<int>(line.dtype));
      std::visit(*this, line.what);
    }
  }

  void operator()(const NestSpec& nest) {
    text += "nest ";
    sizes(nest.extents);
    lines(nest.lines);
    for (const Store& store : nest.stores) {
      text += "store ";
      number(store.line);
      access(store.to);
    }
    for (const Fold& fold : nest.folds) {
      text += std::string("fold ") + info(fold.combiner).name + ' ';
      number(fold.line);
      access(fold.to);
    }
    number(nest.vectorLoop);
    number(nest.lanes);
    if (nest.tiles)
      text += "tiles ";
    if (nest.columns > 0)
      text += "columns ", number(nest.columns);
    number(nest.maskRegisters);
  }
  void operator()(const ArgSpec& spec) {
    text += spec.greatest ? "argmax " : "argmin ";
    sizes(spec.extents);
    access(spec.from);
    access(spec.to);
    number(spec.vectorLoop);
    number(spec.lanes);
  }
  void operator()(const CumulativeSpec& spec) {
    text += std::string(info(spec.code).name) + ' ';
    sizes(spec.extents);
    number(static_cast<int64_t>(spec.from.size()));
    for (const Access& from : spec.from)
      access(from);
    access(spec.to);
    number(spec.lanes);
    number(spec.chains);
  }
  void operator()(const MatmulSpec& spec) {
    text += "matmul ";
    number(static_cast<int>(spec.dtype));
    sizes({spec.batch, spec.s, spec.v, spec.k});
    access(spec.left);
    access(spec.right);
    access(spec.result);
    lines(spec.lines);
    for (int64_t value :
         {int64_t{spec.rangeOverV}, int64_t{spec.byTiles}, int64_t{spec.rangeOverBlocks},
          spec.depth, spec.partBlocks, int64_t{spec.upper}, int64_t{spec.pack},
          static_cast<int64_t>(spec.way), static_cast<int64_t>(spec.turned), spec.tail})
      number(value);
    number(spec.lanes);
    number(spec.rows);
    if (spec.bias) {
      text += spec.relu ? "relu bias " : "bias ";
      access(*spec.bias);
    }
    after(spec.after);
  }
  void operator()(const ConvolutionSpec& spec) {
    text += "convolution ";
    number(static_cast<int>(spec.dtype));
    number(static_cast<int64_t>(spec.outer.size()));
    for (const ConvolutionSpec::Loop& loop : spec.outer)
      sizes({loop.extent, loop.left, loop.right, loop.result, loop.sStep, loop.vStep});
    sizes({spec.s, spec.sLeft, spec.sResult, spec.v, spec.vResult});
    number(static_cast<int64_t>(spec.depth.size()));
    for (const ConvolutionSpec::Depth& loop : spec.depth)
      sizes({loop.extent, loop.block, loop.left, loop.right});
    for (int64_t value : {spec.leftOffset, spec.rightOffset, spec.resultOffset, spec.blockStride})
      number(value);
    number(spec.rangeOverBlocks);
    number(spec.lanes);
    number(spec.rows);
    number(spec.panelRows);
    number(spec.panelWidth);
    if (!spec.continues.is(0)) {
      text += "continues ";
      size(spec.continues);
    }
    if (!spec.sRun.is(0)) {
      text += "runs ";
      sizes({spec.sRun, spec.sJump});
    }
    if (!spec.sRight.is(0)) {
      text += spec.sharesRows ? "shared image rows " : "image rows ";
      size(spec.sRight);
    }
    if (!spec.vRight.is(1)) {
      text += "steps ";
      size(spec.vRight);
    }
    edges(spec);
    partials(spec);
    memoryType("left", spec.leftType);
    memoryType("right", spec.rightType);
    memoryType("result", spec.resultType);
    after(spec.after);
  }
  void edges(const ConvolutionSpec& spec) {
    for (const ConvolutionSpec::Edge& edge : spec.edges) {
      text += spec.imageIsLeft ? "edge of S " : "edge ";
      number(edge.extent);
      number(edge.first);
      for (int64_t stride : edge.strides)
        number(stride);
    }
  }
  void partials(const ConvolutionSpec& spec) {
    if (!spec.partialSums)
      return;
    text += "partials ";
    for (const ConvolutionSpec::Loop& loop : spec.places)
      sizes({loop.extent, loop.right, loop.result});
  }
  void after(const std::vector<Line>& list) {
    if (!list.empty())
      text += "after ";
    lines(list);
  }
  void memoryType(const char* of, std::optional<DType> type) {
    if (type)
      text += std::string(of) + ' ' + name(*type) + ' ';
  }
  void operator()(const BlockSumSpec& spec) {
    text += "block_sum ";
    number(static_cast<int>(spec.dtype));
    sizes({spec.blocks, spec.n});
    number(spec.lanes);
  }
  void operator()(const IndexSpec& spec) {
    text += info(spec.code).name;
    text += ' ';
    number(static_cast<int>(spec.dtype));
    sizes({spec.outer, spec.n, spec.m, spec.inner});
    number(spec.lanes);
  }
  void operator()(const RollingSpec& spec) {
    text += info(spec.code).name;
    text += ' ';
    number(static_cast<int>(spec.dtype));
    sizes({spec.rows, spec.n, spec.inner, spec.window, spec.picks});
  }
  void operator()(const RowProduct& spec) {
    text += "product ";
    number(static_cast<int>(spec.dtype));
    number(spec.outputs);
    number(spec.depth);
    access(spec.matrix);
    access(spec.vector);
    access(spec.result);
  }
  void operator()(const RowsSpec& spec) {
    text += "rows ";
    number(spec.rows);
    number(spec.args);
    number(spec.cluster);
    for (const RowsSpec::Part& part : spec.parts)
      std::visit(*this, part);
  }
};

} // namespace

bool isRolling(const OpInfo& op) {
  return op.family == Family::Library && op.has(AttrField::window);
}

std::string KernelSpec::text() const {
  Writer writer;
  writer.text = contract ? "contract " : "strict ";
  std::visit(writer, what);
  return writer.text;
}

static bool writesTo(const NestSpec& nest, int arg) {
  auto toArg = [&](const auto& result) { return result.to.arg == arg; };
  return std::any_of(nest.stores.begin(), nest.stores.end(), toArg) ||
         std::any_of(nest.folds.begin(), nest.folds.end(), toArg);
}
static bool writesTo(const ArgSpec& spec, int arg) { return spec.to.arg == arg; }
static bool writesTo(const MatmulSpec& spec, int arg) { return spec.result.arg == arg; }
static bool writesTo(const BlockSumSpec&, int arg) { return arg == 1; }
static bool writesTo(const CumulativeSpec& spec, int arg) { return spec.to.arg == arg; }
static bool writesTo(const ConvolutionSpec&, int arg) { return arg == ConvolutionSpec::kResult; }
static bool writesTo(const IndexSpec&, int arg) { return arg >= 2; } // the result and the status
static bool writesTo(const RollingSpec& spec, int arg) {
  return arg == info(spec.code).operandCount;
}
static bool writesTo(const RowProduct& spec, int arg) { return spec.result.arg == arg; }
static bool writesTo(const RowsSpec& spec, int arg) {
  return std::any_of(spec.parts.begin(), spec.parts.end(), [&](const RowsSpec::Part& part) {
    return std::visit([&](const auto& what) { return writesTo(what, arg); }, part);
  });
}

bool writes(const KernelSpec& kernel, size_t arg) {
  return std::visit([&](const auto& spec) { return writesTo(spec, static_cast<int>(arg)); },
                    kernel.what);
}

bool Line::isScan() const {
  auto* apply = std::get_if<Apply>(&what);
  return apply && info(apply->code).family == Family::Cumulative;
}

bool NestSpec::hasScans() const {
  return std::any_of(lines.begin(), lines.end(), [](const Line& line) { return line.isScan(); });
}

int NestSpec::cost() const {
  int cost = 0;
  for (const Line& line : lines)
    if (const auto* apply = std::get_if<Line::Apply>(&line.what))
      cost += info(apply->code).cost;
  return cost;
}

} // namespace diptych::codegen
