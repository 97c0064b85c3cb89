// Cumulative operators as kernels: the loops around the axis, and whether vectors run along one.
#include "codegen/Scheduler.h"

#include "runtime/ColumnPlan.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

// The axes around the cumulated one, outermost first, merged where all operands walk them as one.
struct Around {
  std::vector<int64_t> extents;
  std::vector<std::vector<int64_t>> strides; // of each loop: one for each operand and the result

  Around(std::span<const Storage> storages, int64_t axis) {
    const Shape& shape = storages.back().type.shape;
    for (int i = 0; i < shape.size(); ++i) {
      std::vector<int64_t> step;
      for (const Storage& storage : storages)
        step.push_back(storage.strides[i]);
      if (i != axis && shape[i] != 1)
        push(shape[i], std::move(step));
    }
    if (extents.empty()) {
      extents.push_back(1);
      strides.emplace_back(storages.size(), 0);
    }
  }

  // Vectors read and write runs of memory, or repeat one element.
  bool takesVectors() const {
    bool fits = extents.back() > 1 && strides.back().back() == 1;
    for (int64_t stride : strides.back())
      fits = fits && (stride == 0 || stride == 1);
    return fits;
  }

private:
  void push(int64_t extent, std::vector<int64_t> step) {
    bool merges = !extents.empty();
    for (size_t i = 0; merges && i < step.size(); ++i)
      merges = strides.back()[i] == step[i] * extent;
    if (merges) {
      extents.back() *= extent;
      strides.back() = std::move(step);
    } else {
      extents.push_back(extent);
      strides.push_back(std::move(step));
    }
  }
};

} // namespace

void Scheduler::cumulative(Operation* op, OpCode code) {
  std::vector<Storage> storages;
  for (Value operand : op->getOperands())
    storages.push_back(addressable(at(operand)));
  storages.push_back(allocateResult(op));
  const TensorType& type = storages.back().type;
  if (type.numel() == 0)
    return;
  const int64_t axis = ir::attrsOf(op).axis;
  const Around around(storages, axis);
  CumulativeSpec spec;
  spec.code = code;
  spec.extents.assign(around.extents.begin(), around.extents.end());
  spec.extents.emplace_back(type.shape[axis]);
  ScheduledCall call;
  for (const Storage& storage : storages) {
    const size_t arg = call.buffers.size();
    Access access{static_cast<int>(arg), storage.type.dtype, {}, storage.offset};
    for (const auto& step : around.strides)
      access.strides.emplace_back(step[arg]);
    access.strides.emplace_back(storage.strides[axis]);
    spec.from.push_back(std::move(access));
    call.buffers.push_back(storage.buffer);
  }
  spec.to = std::move(spec.from.back());
  spec.from.pop_back();
  const int64_t lanes = options_.vectorBytes / kCumulativeLaneBytes;
  spec.lanes = around.takesVectors() ? static_cast<int>(lanes) : 1;
  spec.chains = around.takesVectors() ? 1 : kCumulativeChains;
  call.name = info(code).name;
  call.work = call.flops = static_cast<double>(type.numel());
  call.range = around.extents[0];
  // Where the range is the loop they run along, whole vectors to a piece, and stretches of rows.
  const bool ranged = around.extents.size() == 1;
  const int64_t width = ranged ? std::max<int64_t>(lanes, kCumulativeChains) : 1;
  const int64_t least =
      ranged && spec.lanes > 1 ? runtime::leastColumnsOfScans(sizeOf(type.dtype)) : int64_t{1};
  const int64_t rows = std::max<int64_t>(least, 32768 * call.range / type.numel());
  call.grain = (rows + width - 1) / width * width;
  call.unit = width;
  call.kernel = {spec};
  this->call(std::move(call));
}

} // namespace diptych::codegen
