// Walks a fusion from its results and writes one line for each value and each index map it is
// needed under.
#include "codegen/FusionLowering.h"

#include <set>

namespace diptych::codegen {

using namespace mlir;

std::vector<Stretch> stretchesOf(ir::FusionOp fusion) {
  const Shape space = ir::tensorTypeOf(fusion->getResult(0).getType()).shape;
  int64_t axis = 0;
  std::set<int64_t> ends;
  for (Operation& op : fusion.getBody().front())
    if (const std::optional<ir::Pieces> pieces = ir::piecesOf(&op)) {
      axis = pieces->axis;
      ends.insert(pieces->cuts.begin(), pieces->cuts.end());
    }
  ends.insert(space[axis]);
  std::vector<Stretch> stretches;
  int64_t begin = 0;
  for (const int64_t end : ends)
    if (begin < end)
      stretches.push_back({axis, std::exchange(begin, end), end});
  return stretches;
}

FusionLowering::FusionLowering(ir::FusionOp fusion, std::span<const Storage> captures,
                               std::span<const Storage> results, const ScheduleOptions& options)
    : fusion_(fusion), captures_(captures), results_(results), options_(options) {}

LoweredNest FusionLowering::lower() {
  Operation *reduction = nullptr, *scan = nullptr;
  for (Operation& op : fusion_.getBody().front())
    if (std::optional<OpCode> code = ir::opCodeOf(&op)) {
      if (info(*code).isReduction())
        reduction = &op;
      if (info(*code).family == Family::Cumulative)
        scan = &op;
    }
  ValueRange yielded = fusion_.getBody().front().getTerminator()->getOperands();
  if (reduction)
    lowerReduction(yielded, reduction);
  else if (scan)
    lowerScans(yielded, ir::attrsOf(scan).axis);
  else
    lowerPointwise(yielded, std::nullopt);
  return finished();
}

LoweredNest FusionLowering::lower(const Stretch& stretch) {
  lowerPointwise(fusion_.getBody().front().getTerminator()->getOperands(), stretch);
  if (out_.name.empty())
    out_.name = std::holds_alternative<Line::Constant>(out_.nest.lines[0].what) ? "fill" : "copy";
  return finished();
}

LoweredNest FusionLowering::finished() {
  double points = 1;
  for (const Size& extent : out_.nest.extents)
    points *= static_cast<double>(extent.value);
  out_.flops *= points;
  finishNest(out_.nest, options_);
  return std::move(out_);
}

LoweredNest FusionLowering::lowerOperand(const IndexMap& map, std::vector<Size> extents) {
  out_.nest.extents = std::move(extents);
  line(fusion_.getBody().front().getTerminator()->getOperand(0), map);
  return std::move(out_);
}

void FusionLowering::lowerPointwise(ValueRange yielded, const std::optional<Stretch>& stretch) {
  const Shape& space = results_[0].type.shape;
  for (int64_t extent : space)
    out_.nest.extents.push_back(extent);
  IndexMap map = IndexMap::identity(space.size());
  if (stretch) {
    out_.nest.extents[static_cast<size_t>(stretch->axis)] = stretch->end - stretch->begin;
    map.axes[static_cast<size_t>(stretch->axis)].offset = stretch->begin;
  }
  for (size_t i = 0; i < results_.size(); ++i) {
    const int value = line(yielded[i], map);
    out_.nest.stores.push_back({value, access(results_[i], map)});
  }
}

// The loops: other axes stand outside in their order, this one inside.
IndexMap FusionLowering::lastInside(const Shape& space, int64_t last) {
  IndexMap full;
  for (int axis = 0; axis < space.size(); ++axis)
    if (axis != last) {
      full.axes.push_back(IndexMap::Axis::of(static_cast<int>(out_.nest.extents.size())));
      out_.nest.extents.push_back(space[axis]);
    }
  full.axes.insert(full.axes.begin() + last,
                   IndexMap::Axis::of(static_cast<int>(out_.nest.extents.size())));
  out_.nest.extents.push_back(space[last]);
  return full;
}

void FusionLowering::lowerScans(ValueRange yielded, int64_t axis) {
  scanned_ = lastInside(results_[0].type.shape, axis);
  for (size_t i = 0; i < results_.size(); ++i) {
    const int value = line(yielded[i], *scanned_);
    out_.nest.stores.push_back({value, access(results_[i], *scanned_)});
  }
}

void FusionLowering::lowerReduction(ValueRange yielded, Operation* reduction) {
  const OpInfo& row = info(*ir::opCodeOf(reduction));
  const int64_t reduced = ir::attrsOf(reduction).axes[0];
  Value operand = reduction->getOperand(0);
  const IndexMap full = lastInside(ir::tensorTypeOf(operand.getType()).shape, reduced);
  IndexMap kept = full;
  kept.axes.erase(kept.axes.begin() + reduced);
  for (size_t i = 0; i < results_.size(); ++i) {
    if (yielded[i] == reduction->getResult(0)) {
      const int value = line(operand, full);
      out_.nest.folds.push_back({row.combiner, value, access(results_[i], kept)});
      out_.flops += 1;
      out_.name = row.name + (out_.name.empty() ? "" : "+" + out_.name);
    } else {
      const int value = line(yielded[i], full);
      out_.nest.stores.push_back({value, access(results_[i], full)});
    }
  }
}

int FusionLowering::line(Value value, const IndexMap& map) {
  for (const auto& [known, line] : lines_[value])
    if (known == map)
      return line;
  const int made = newLine(value, map);
  lines_[value].push_back({map, made});
  return made;
}

int FusionLowering::newLine(Value value, const IndexMap& map) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return load(captures_[argument.getArgNumber()], map);
  Operation* op = value.getDefiningOp();
  const OpCode code = *ir::opCodeOf(op);
  const OpInfo& row = info(code);
  if (const std::optional<ir::Pieces> pieces = ir::piecesOf(op))
    return piece(op, *pieces, map);
  if (row.family == Family::Movement)
    return line(op->getOperand(0),
                throughMovement(code, ir::attrsOf(op),
                                ir::tensorTypeOf(op->getOperand(0).getType()).shape, map));
  if (code == OpCode::Iota)
    return index(op, map);
  if (Value exact = options_.contract ? ir::beforeRounding(op) : Value())
    return line(exact, map);
  const DType dtype = ir::tensorTypeOf(value.getType()).dtype;
  if (row.family == Family::Creation)
    return constant(dtype, ir::attrsOf(op).value);
  if (row.family == Family::Cumulative && map != scanned_)
    throw Error("internal: a fused kernel needs a cumulative operator out of its order");
  std::vector<int> operands;
  for (Value operand : op->getOperands())
    operands.push_back(line(operand, map));
  if (code == OpCode::StopGradient)
    return operands[0];
  out_.name += (out_.name.empty() ? "" : "+") + std::string(row.name);
  return apply(code, dtype, std::move(operands));
}

// No cut lies within the stretch, so its first place tells.
int FusionLowering::piece(Operation* op, const ir::Pieces& pieces, IndexMap map) {
  int64_t& place = map.axes[static_cast<size_t>(pieces.axis)].offset;
  const auto extentOf = [&](Value x) { return ir::tensorTypeOf(x.getType()).shape[pieces.axis]; };
  if (isa<ir::PadOp>(op)) {
    const Attrs attrs = ir::attrsOf(op);
    place -= attrs.low[pieces.axis];
    if (place < 0 || place >= extentOf(op->getOperand(0)))
      return constant(ir::tensorTypeOf(op->getResult(0).getType()).dtype, attrs.value);
    return line(op->getOperand(0), map);
  }
  for (Value operand : op->getOperands()) {
    if (place < extentOf(operand))
      return line(operand, map);
    place -= extentOf(operand);
  }
  throw Error("internal: a place behind the last piece");
}

int FusionLowering::append(Line line) {
  out_.nest.lines.push_back(std::move(line));
  return static_cast<int>(out_.nest.lines.size()) - 1;
}

int FusionLowering::constant(DType dtype, Scalar value) {
  return append({Line::Constant{value}, dtype});
}

int FusionLowering::apply(OpCode code, DType dtype, std::vector<int> operands) {
  out_.flops += info(code).cost;
  return append({Line::Apply{code, std::move(operands)}, dtype});
}

int FusionLowering::load(const Storage& storage, const IndexMap& map) {
  if (storage.splat)
    return constant(storage.type.dtype, *storage.splat);
  return append({Line::Load{access(storage, map)}, storage.type.dtype});
}

int FusionLowering::index(Operation* iota, const IndexMap& map) {
  const DType dtype = ir::tensorTypeOf(iota->getResult(0).getType()).dtype;
  const IndexMap::Axis& axis = map.axes[ir::attrsOf(iota).axis];
  int value = constant(DType::i64, axis.offset);
  bool nothing = axis.offset == 0; // so far
  for (const IndexMap::Term& term : axis.terms) {
    const int loop = append({Line::Index{term.loop}, DType::i64});
    const int scaled =
        term.scale == 1 ? loop
                        : apply(OpCode::Mul, DType::i64, {loop, constant(DType::i64, term.scale)});
    value = nothing ? scaled : apply(OpCode::Add, DType::i64, {scaled, value});
    nothing = false;
  }
  return dtype == DType::i64 ? value : apply(OpCode::Convert, dtype, {value});
}

int FusionLowering::argOf(int buffer) {
  for (size_t i = 0; i < out_.buffers.size(); ++i)
    if (out_.buffers[i] == buffer)
      return static_cast<int>(i);
  out_.buffers.push_back(buffer);
  return static_cast<int>(out_.buffers.size()) - 1;
}

Access FusionLowering::access(const Storage& storage, const IndexMap& map) {
  Access access{argOf(storage.buffer), storage.type.dtype,
                std::vector<Size>(out_.nest.extents.size(), Size(0)), storage.offset};
  for (size_t i = 0; i < map.axes.size(); ++i) {
    const IndexMap::Axis& axis = map.axes[i];
    access.offset.value += storage.strides[static_cast<int64_t>(i)] * axis.offset;
    for (const IndexMap::Term& term : axis.terms)
      access.strides[term.loop].value += storage.strides[static_cast<int64_t>(i)] * term.scale;
  }
  return access;
}

LoweredNest copyNest(const Storage& from, const Storage& to, const ScheduleOptions& options) {
  LoweredNest out;
  out.name = from.splat ? "fill" : "copy";
  auto access = [&](const Storage& storage) {
    Access access{static_cast<int>(out.buffers.size()), storage.type.dtype, {}, storage.offset};
    out.buffers.push_back(storage.buffer);
    for (int64_t stride : storage.strides)
      access.strides.push_back(stride);
    return access;
  };
  for (int64_t extent : to.type.shape)
    out.nest.extents.push_back(extent);
  if (from.splat)
    out.nest.lines.push_back({Line::Constant{*from.splat}, to.type.dtype});
  else
    out.nest.lines.push_back({Line::Load{access(from)}, to.type.dtype});
  out.nest.stores.push_back({0, access(to)});
  finishNest(out.nest, options);
  return out;
}

} // namespace diptych::codegen
