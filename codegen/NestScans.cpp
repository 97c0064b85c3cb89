// Values so far along the innermost loop, in the order of the axis: vectors run along the loop
// around it, the columns, so that each lane is a chain of its own.
#include "codegen/Lowerings.h"
#include "codegen/NestEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen {

using namespace mlir;

// f32 is carried in f64 and rounded where it is used, as CumulativeEmitter does.
static DType carriedType(const Line& line) {
  return line.dtype == DType::f32 ? DType::f64 : line.dtype;
}

// -0.0 + x is x, whatever x is.
static Scalar nothingYet(DType dtype) { return isFloat(dtype) ? Scalar(-0.0) : Scalar(0); }

/// A line that scans, and what it begins with; in strips the place of its values.
struct NestEmitter::Carried {
  const Line* line;
  DType dtype;
  Value nothing, memory = {};
};

std::vector<NestEmitter::Carried> NestEmitter::scans() {
  std::vector<Carried> found;
  for (size_t i = 0; i < spec_.lines.size(); ++i) {
    if (!spec_.lines[i].isScan())
      continue;
    const DType dtype = carriedType(spec_.lines[i]);
    Value first = ScalarBuilder(k_.builder(), k_.loc(), dtype).literal(nothingYet(dtype));
    found.push_back({&spec_.lines[i], dtype, isVector_[i] ? k_.broadcast(first, lanes_) : first});
  }
  return found;
}

// Values stay in registers from row to row: where rows are as short as a vector, or few, and the
// values so many that strips would wait for theirs. To ask for the lines of the next vectors gains
// nothing on one thread and halves the speed of two.
void NestEmitter::alongAxis() {
  const std::vector<Carried> carried = scans();
  Values start;
  for (const Carried& each : carried)
    start.push_back(each.nothing);
  k_.loop(k_.i64(0), k_.size(spec_.extents[last_]), 1, start, [&](Value i, ValueRange soFar) {
    index_[last_] = i;
    for (auto [each, value] : llvm::zip(carried, soFar))
      carried_[each.line] = value;
    emitLines(rowDepth());
    emitLines(last_);
    emitStores();
    Values next;
    for (const Carried& each : carried)
      next.push_back(carried_[each.line]);
    return next;
  });
}

bool NestEmitter::scansStrips() const {
  constexpr int64_t kFewVectors = 1, kFewBytes = 128 * 1024, kFewScans = 2;
  const Size &columns = spec_.extents[spec_.vectorLoop], &rows = spec_.extents[last_];
  if (spec_.lanes == 1 || (!columns.isDynamic() && columns.value <= kFewVectors * spec_.lanes))
    return false;
  if (llvm::count_if(spec_.lines, [](const Line& line) { return line.isScan(); }) <= kFewScans)
    return true;
  const auto isLarge = [&](const Access& access) {
    const Size& stride = access.strides[last_];
    return rows.isDynamic() || stride.isDynamic() ||
           rows.value * std::abs(stride.value) * sizeOf(access.dtype) > kFewBytes;
  };
  return llvm::any_of(spec_.stores, [&](const Store& store) { return isLarge(store.to); }) ||
         llvm::any_of(spec_.lines, [&](const Line& line) {
           auto* load = std::get_if<Line::Load>(&line.what);
           return load && isLarge(load->from);
         });
}

// Else rows are walked one after the other, as they lie in memory, in strips whose values so far
// stay in the nearest cache.
void NestEmitter::strips(int depth) {
  constexpr int64_t kStripBytes = 8192;
  inStrips_ = true;
  std::vector<Carried> carried = scans();
  int64_t bytes = 0;
  for (const Carried& each : carried)
    bytes += sizeOf(each.dtype);
  const int64_t vectors = std::max<int64_t>(1, kStripBytes / bytes / spec_.lanes);
  for (Carried& each : carried)
    each.memory = k_.stackSlots(each.dtype, spec_.lanes, static_cast<int>(vectors));
  const int64_t columns = vectors * spec_.lanes;
  const Size& extent = spec_.extents[depth];
  const auto [from, end] = boundsOf(depth);
  if (depth > 0 && !extent.isDynamic() && extent.value <= columns)
    return strip(carried, depth, from, end);
  Value to = end;
  k_.loop(from, to, columns, [&](Value first) {
    strip(carried, depth, first, k_.min(k_.add(first, k_.i64(columns)), to));
  });
}

void NestEmitter::strip(ArrayRef<Carried> scans, int depth, Value first, Value end) {
  const auto place = [&](const Carried& each, Value column) {
    return k_.address(each.memory, each.dtype, k_.sub(column, first));
  };
  k_.loop(first, end, spec_.lanes, [&](Value column) {
    for (const Carried& each : scans)
      k_.storeVector(each.nothing, place(each, column), each.dtype, nullptr);
  });
  k_.loop(k_.i64(0), k_.size(spec_.extents[last_]), 1, [&](Value i) {
    index_[last_] = i;
    emitLines(rowDepth());
    forVectors(first, end, {}, [&](Value column, ValueRange) {
      index_[depth] = column;
      for (const Carried& each : scans)
        carried_[each.line] = k_.loadVector(place(each, column), each.dtype, spec_.lanes, nullptr);
      emitLines(depth);
      emitLines(last_);
      emitStores();
      for (const Carried& each : scans)
        k_.storeVector(carried_[each.line], place(each, column), each.dtype, nullptr);
      return Values();
    });
  });
}

// A sum, or a y + b, which begins with b.
Value NestEmitter::scan(const Line& line, ArrayRef<Value> operands) {
  const DType dtype = carriedType(line);
  ScalarBuilder b(k_.builder(), k_.loc(), dtype, contract_);
  const bool isWide = dtype != line.dtype;
  const auto like = [&](Value x, Type element) {
    return isa<VectorType>(x.getType()) ? Type(k_.vectorOf(element, lanes_)) : element;
  };
  Values wide;
  for (Value x : operands)
    wide.push_back(isWide ? b.create<arith::ExtFOp>(like(x, k_.builder().getF64Type()), x) : x);
  Value& soFar = carried_[&line];
  if (wide.size() == 1) {
    soFar = lowerPointwise(OpCode::Add, b, {soFar, wide[0]});
  } else {
    Value none = b.constant(wide[0], 0);
    Value isFirst = k_.less(index_[last_], k_.i64(1));
    Value a = b.create<arith::SelectOp>(isFirst, none, wide[0]);
    soFar = ScalarBuilder::isFloatLike(a)
                ? Value(b.create<math::FmaOp>(a, soFar, wide[1]))
                : b.create<arith::AddIOp>(b.create<arith::MulIOp>(a, soFar), wide[1]);
  }
  return isWide ? b.create<arith::TruncFOp>(like(soFar, k_.builder().getF32Type()), soFar) : soFar;
}

} // namespace diptych::codegen
