// Values so far along the innermost loop, in the order of the axis: vectors run along the loop
// around it, the columns, so that each lane is a chain of its own.
#include "codegen/Folds.h"
#include "codegen/NestEmitter.h"
#include "codegen/Scans.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace diptych::codegen {

using namespace mlir;

/// A value that a line which scans carries, and what it begins with; in strips its place.
struct NestEmitter::Carried {
  const Line* line;
  size_t part; // of what the line carries
  DType dtype;
  Value nothing, memory = {};
};

std::vector<NestEmitter::Carried> NestEmitter::scans() {
  std::vector<Carried> found;
  for (size_t i = 0; i < spec_.lines.size(); ++i) {
    const Line& line = spec_.lines[i];
    if (!line.isScan())
      continue;
    const auto add = [&](size_t part, DType dtype, Value nothing) {
      found.push_back({&line, part, dtype, isVector_[i] ? k_.broadcast(nothing, lanes_) : nothing});
    };
    const OpCode code = std::get<Line::Apply>(line.what).code;
    const DType dtype = carriedType(code, scannedType(line));
    if (givesPlaces(code)) { // what nothing loses to stands at the first place, if it wins
      add(0, dtype, foldIdentity(k_, info(code).combiner, dtype));
      add(1, DType::i64, k_.i64(0));
    } else { // -0.0 + x is x, whatever x is
      ScalarBuilder b(k_.builder(), k_.loc(), dtype);
      add(0, dtype, b.literal(isFloat(dtype) ? Scalar(-0.0) : Scalar(0)));
    }
  }
  return found;
}

DType NestEmitter::scannedType(const Line& line) const {
  return spec_.lines[std::get<Line::Apply>(line.what).operands[0]].dtype;
}

static constexpr int64_t kFewBytes = 128 * 1024, kFewScans = 2;

bool NestEmitter::scansMany() const {
  return llvm::count_if(spec_.lines, [](const Line& line) { return line.isScan(); }) > kFewScans;
}

// What a kernel for unknown sizes asks: values of a single vector of columns stay in registers, and
// many of them where rows are few.
Value NestEmitter::staysInRegisters(int depth) {
  const auto [from, to] = boundsOf(depth);
  Value stays = k_.notLess(k_.i64(lanes_), k_.sub(to, from));
  if (!scansMany())
    return stays;
  return arith::OrIOp::create(k_.builder(), k_.loc(), stays,
                              k_.notLess(k_.i64(kFewBytes), walkedBytes()));
}

Value NestEmitter::walkedBytes() {
  const Access& result = spec_.stores[0].to;
  return k_.mul(k_.mul(k_.size(spec_.extents[last_]), k_.size(result.strides[last_])),
                k_.i64(sizeOf(result.dtype)));
}

void NestEmitter::scanColumns(int depth) {
  const auto across = [&] {
    forEach(depth, [&] { body(depth); });
    return Values();
  };
  const auto inStrips = [&] {
    strips(depth);
    return Values();
  };
  const bool asks = spec_.extents[depth].isDynamic() ? depth > 0 : scansUnknownRows();
  if (!scansStrips())
    across();
  else if (!asks)
    inStrips();
  else
    k_.choose(staysInRegisters(depth), across, inStrips);
}

// Of many scans, which otherwise are in strips or not as sizes tell.
bool NestEmitter::scansUnknownRows() const {
  return scansMany() && spec_.extents[last_].isDynamic();
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
      carried_[each.line][each.part] = value;
    emitLines(rowDepth());
    emitLines(last_);
    emitStores();
    Values next;
    for (const Carried& each : carried)
      next.push_back(carried_[each.line][each.part]);
    return next;
  });
}

bool NestEmitter::scansStrips() const {
  constexpr int64_t kFewVectors = 1;
  const Size &columns = spec_.extents[spec_.vectorLoop], &rows = spec_.extents[last_];
  if (spec_.lanes == 1 || (!columns.isDynamic() && columns.value <= kFewVectors * spec_.lanes))
    return false;
  if (!scansMany())
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

// Else rows are walked one after the other, as they lie in memory, in strips whose values so far,
// of so many bytes a column, stay in the nearest cache; where what is walked leaves the caches, in
// the second one: from memory, rows that are walked to their ends come at twice the speed.
static int64_t columnsOfStrip(int64_t bytes, int lanes, bool leavesCaches) {
  constexpr int64_t kNearBytes = 8192, kFarBytes = 128 * 1024;
  return std::max<int64_t>(1, (leavesCaches ? kFarBytes : kNearBytes) / bytes / lanes) * lanes;
}

void NestEmitter::strips(int depth) {
  constexpr int64_t kCaches = 4 << 20;
  inStrips_ = true;
  std::vector<Carried> carried = scans();
  int64_t bytes = 0;
  for (const Carried& each : carried)
    bytes += sizeOf(each.dtype);
  Value walked = walkedBytes();
  const std::optional<int64_t> known = KernelBuilder::known(walked);
  const int64_t most = columnsOfStrip(bytes, lanes_, !known || std::abs(*known) > kCaches);
  for (Carried& each : carried)
    each.memory = k_.stackSlots(each.dtype, lanes_, static_cast<int>(most / lanes_));
  Value columns = k_.i64(most);
  if (!known)
    columns = arith::SelectOp::create(k_.builder(), k_.loc(), k_.less(k_.i64(kCaches), walked),
                                      columns, k_.i64(columnsOfStrip(bytes, lanes_, false)));
  const auto [from, end] = boundsOf(depth);
  Value to = end;
  k_.loop(from, to, columns,
          [&](Value first) { strip(carried, depth, first, k_.min(k_.add(first, columns), to)); });
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
        carried_[each.line][each.part] =
            k_.loadVector(place(each, column), each.dtype, spec_.lanes, nullptr);
      emitLines(depth);
      emitLines(last_);
      emitStores();
      for (const Carried& each : scans)
        k_.storeVector(carried_[each.line][each.part], place(each, column), each.dtype, nullptr);
      return Values();
    });
  });
}

// For the lanes of x, found once for a row.
Value NestEmitter::isBehindFirst(Value x) {
  OpBuilder::InsertionGuard guard(k_.builder());
  if (auto index = dyn_cast<BlockArgument>(index_[last_])) // else a number
    k_.builder().setInsertionPointToStart(index.getOwner());
  Value behind = k_.less(k_.i64(0), index_[last_]);
  return isa<VectorType>(x.getType()) ? k_.broadcast(behind, lanes_) : behind;
}

// In a y + b the first a is not looked at.
Value NestEmitter::scan(const Line& line, ArrayRef<Value> operands) {
  const OpCode code = std::get<Line::Apply>(line.what).code;
  const DType dtype = scannedType(line);
  ScalarBuilder b(k_.builder(), k_.loc(), carriedType(code, dtype), contract_);
  Values wide;
  for (Value x : operands)
    wide.push_back(carried(b, code, x));
  if (wide.size() == 2)
    wide[0] = b.select(isBehindFirst(wide[0]), wide[0], b.constant(wide[0], 0));
  auto& state = carried_[&line];
  const size_t parts = givesPlaces(code) ? 2 : 1;
  Value place = isa<VectorType>(wide[0].getType()) && parts == 2
                    ? k_.broadcast(index_[last_], lanes_)
                    : index_[last_];
  llvm::copy(scanStep(b, code, wide, ArrayRef(state).take_front(parts), place), state.begin());
  return scanResult(b, code, dtype, ArrayRef(state).take_front(parts));
}

} // namespace diptych::codegen
