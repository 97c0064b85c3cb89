// Pointwise nests that read one operand across their rows: which do, and their loops over square
// blocks.
#include "codegen/NestEmitter.h"
#include "codegen/Transpose.h"

namespace diptych::codegen {

using namespace mlir;

int turnedLoad(const NestSpec& spec) {
  constexpr size_t kShort = 6;
  constexpr int64_t kRegister = 64;
  const int last = static_cast<int>(spec.extents.size()) - 1;
  if (last < 1 || spec.columns > 0 || !spec.folds.empty() || spec.vectorLoop != last ||
      spec.lines.size() > kShort)
    return -1;
  for (int loop : {last - 1, last})
    if (!spec.extents[loop].isDynamic() && spec.extents[loop].value < spec.lanes)
      return -1;
  for (const Store& store : spec.stores)
    if (!store.to.strides[last].is(1))
      return -1;
  int found = -1;
  for (size_t i = 0; i < spec.lines.size(); ++i) {
    auto* load = std::get_if<Line::Load>(&spec.lines[i].what);
    if (!load || load->from.strides[last].is(0) || load->from.strides[last].is(1))
      continue;
    const int64_t bytes = sizeOf(load->from.dtype);
    if (found >= 0 || !load->from.strides[last - 1].is(1) || bytes < 4 ||
        spec.lanes * bytes < kQuarterBytes || spec.lanes * bytes > kRegister)
      return -1;
    found = static_cast<int>(i);
  }
  return found;
}

// One load lies along the loop around the vectors: square blocks of it are read by rows and turned.
// What is left over at the edges is gathered.
void NestEmitter::forEachTurned(int depth) {
  const int lanes = spec_.lanes;
  Value from = depth == 0 ? k_.lo() : k_.i64(0);
  Value to = depth == 0 ? k_.hi() : k_.size(spec_.extents[depth]);
  Value rows = k_.add(from, k_.roundDown(k_.sub(to, from), lanes));
  Value columns = k_.size(spec_.extents[last_]), whole = k_.roundDown(columns, lanes);
  k_.loop(from, rows, lanes, [&](Value row) {
    k_.loop(k_.i64(0), whole, lanes, [&](Value column) { turnedTile(row, column); });
    k_.loop(row, k_.add(row, k_.i64(lanes)), 1, [&](Value i) {
      index_[depth] = i;
      emitLines(depth);
      k_.loop(whole, columns, lanes, [&](Value column) {
        index_[last_] = column;
        mask_ = k_.maskBelow(k_.sub(columns, column), lanes);
        body(last_);
        mask_ = nullptr;
      });
    });
  });
  k_.loop(rows, to, 1, [&](Value i) {
    index_[depth] = i;
    body(depth);
  });
}

void NestEmitter::turnedTile(Value row, Value column) {
  const auto& from = std::get<Line::Load>(spec_.lines[static_cast<size_t>(turned_)].what).from;
  SmallVector<Value> read;
  index_[last_ - 1] = row;
  for (int lane = 0; lane < spec_.lanes; ++lane) {
    index_[last_] = k_.add(column, k_.i64(lane));
    read.push_back(k_.loadVector(k_.address(k_.pointer(from.arg), from.dtype, offsetOf(from)),
                                 from.dtype, spec_.lanes, nullptr));
  }
  transposeSquare(k_, read, sizeOf(from.dtype));
  index_[last_] = column;
  for (int lane = 0; lane < spec_.lanes; ++lane) {
    index_[last_ - 1] = k_.add(row, k_.i64(lane));
    emitLines(last_ - 1);
    values_[static_cast<size_t>(turned_)] = read[static_cast<size_t>(lane)];
    emitLines(last_, turned_);
    emitStores();
  }
}

} // namespace diptych::codegen
