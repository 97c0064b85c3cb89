// Evaluates lines lane by lane; loads and stores of several lanes are one access to memory.
#include "codegen/cuda/NestLines.h"

#include "codegen/Lowerings.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen::cuda {

using namespace mlir;

uint64_t loopsOf(const NestSpec& spec, int line) {
  const auto& what = spec.lines[static_cast<size_t>(line)].what;
  uint64_t loops = 0;
  if (auto* load = std::get_if<Line::Load>(&what)) {
    for (size_t i = 0; i < load->from.strides.size(); ++i)
      loops |= uint64_t{!load->from.strides[i].is(0)} << i;
  } else if (auto* index = std::get_if<Line::Index>(&what)) {
    loops = uint64_t{1} << index->loop;
  } else if (auto* apply = std::get_if<Line::Apply>(&what)) {
    for (int operand : apply->operands)
      loops |= loopsOf(spec, operand);
  }
  return loops;
}

bool isLongBody(const NestSpec& nest) { return nest.cost() > 400; }

int stepsAtATime(const NestSpec& nest, int lanes) {
  const double work = lanes * nest.cost();
  return work > 400 ? 1 : work > 20 ? 4 : 8;
}

constexpr int kLongComputation = 20; // operations an element

int lanesOf(const NestSpec& nest) {
  const size_t last = nest.extents.size() - 1;
  // bf16 and f16 are f32 in registers: eight long computations side by side do not fit there.
  int64_t widest = nest.cost() >= kLongComputation ? sizeOf(DType::f32) : 1;
  forEachAccess(nest, [&](const Access& access, bool) {
    if (!access.strides[last].is(0))
      widest = std::max(widest, sizeOf(access.dtype));
  });
  const auto lanes = static_cast<int>(std::min<int64_t>(kMostLanes, kVectorBytes / widest));
  const auto divides = [&](const Size& size) {
    return !size.isDynamic() && size.value % lanes == 0;
  };
  // One loop may end in elements that fill no vector.
  bool fits = !isLongBody(nest) && !nest.extents[last].isDynamic() &&
              nest.extents[last].value >= lanes && (last == 0 || divides(nest.extents[last]));
  forEachAccess(nest, [&](const Access& access, bool written) {
    if (access.strides[last].is(0) && !written)
      return;
    fits = fits && access.strides[last].is(1) && access.offset.value % lanes == 0;
    for (size_t i = 0; i < last; ++i)
      fits = fits && divides(access.strides[i]);
  });
  return fits ? lanes : 1;
}

NestLines::NestLines(KernelBuilder& kernel, const NestSpec& spec, bool contract, int lanes)
    : index(spec.extents.size()), k_(kernel), spec_(spec), contract_(contract), lanes_(lanes),
      own_(spec.lines.size()), values_(spec.lines.size()) {
  const size_t last = spec.extents.size() - 1;
  std::vector<uint64_t> loops;
  for (size_t i = 0; i < spec.lines.size(); ++i) {
    uint64_t mine = 0;
    if (auto* apply = std::get_if<Line::Apply>(&spec.lines[i].what))
      for (int operand : apply->operands)
        mine |= loops[static_cast<size_t>(operand)];
    else
      mine = loopsOf(spec, static_cast<int>(i));
    loops.push_back(mine);
    own_[i] = mine >> last & 1;
  }
}

void NestLines::evaluate(bool own) {
  for (size_t i = 0; i < spec_.lines.size(); ++i) {
    if (own_[i] != own)
      continue;
    auto given = given_.find(static_cast<int>(i));
    if (given != given_.end())
      values_[i] = given->second;
    else
      values_[i] = valuesOf(spec_.lines[i], own ? lanes_ : 1);
  }
}

Value NestLines::at(int line, int lane) const {
  const auto& values = values_[static_cast<size_t>(line)];
  return values.size() == 1 ? values[0] : values[static_cast<size_t>(lane)];
}

Value NestLines::place(const Access& access) {
  Value offset = k_.size(access.offset);
  for (size_t loop = 0; loop < index.size(); ++loop)
    if (!access.strides[loop].is(0))
      offset = k_.add(offset, k_.mul(index[loop], k_.size(access.strides[loop])));
  return k_.address(k_.pointer(access.arg), access.dtype, offset);
}

SmallVector<Value> NestLines::load(const Access& access, int lanes) {
  if (lanes == 1)
    return {k_.loadScalar(place(access), access.dtype)};
  Value all =
      k_.loadVector(place(access), access.dtype, lanes, nullptr, lanes * sizeOf(access.dtype));
  SmallVector<Value> values;
  for (int lane = 0; lane < lanes; ++lane)
    values.push_back(
        vector::ExtractOp::create(k_.builder(), k_.loc(), all, ArrayRef<int64_t>{lane}));
  return values;
}

SmallVector<Value> NestLines::valuesOf(const Line& line, int lanes) {
  if (auto* load = std::get_if<Line::Load>(&line.what))
    return this->load(load->from, lanes);
  ScalarBuilder b(k_.builder(), k_.loc(), line.dtype, contract_);
  if (auto* constant = std::get_if<Line::Constant>(&line.what))
    return {b.literal(constant->value)};
  SmallVector<Value> values;
  for (int lane = 0; lane < lanes; ++lane) {
    if (auto* loop = std::get_if<Line::Index>(&line.what)) {
      values.push_back(k_.add(index[static_cast<size_t>(loop->loop)], k_.i64(lane)));
      continue;
    }
    const auto& apply = std::get<Line::Apply>(line.what);
    SmallVector<Value> operands;
    for (int operand : apply.operands)
      operands.push_back(at(operand, lane));
    values.push_back(lowerPointwise(apply.code, b, operands));
  }
  return values;
}

void NestLines::emitStores() {
  for (const Store& store : spec_.stores) {
    Value there = elsewhere ? elsewhere(store.to) : nullptr;
    if (there)
      emitStore(store, there);
    else if (storesIf)
      k_.when(storesIf, [&] { emitStore(store, place(store.to)); });
    else
      emitStore(store, place(store.to));
  }
}

void NestLines::emitStore(const Store& store, Value there) {
  if (lanes_ == 1)
    return k_.storeScalar(at(store.line), there, store.to.dtype);
  SmallVector<Value> values;
  for (int lane = 0; lane < lanes_; ++lane)
    values.push_back(at(store.line, lane));
  Value all = vector::FromElementsOp::create(k_.builder(), k_.loc(),
                                             k_.vectorOf(values[0].getType(), lanes_), values);
  k_.storeVector(all, there, store.to.dtype, nullptr, lanes_ * sizeOf(store.to.dtype));
}

} // namespace diptych::codegen::cuda
