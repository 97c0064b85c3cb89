// Reductions across columns: vectors run over columns, and the 16 partials of the canonical order
// are 16 vectors.
#include "codegen/Folds.h"
#include "codegen/NestEmitter.h"
#include "codegen/RowStreams.h"
#include "runtime/MatmulPlan.h"

namespace diptych::codegen {

using namespace mlir;

namespace {
constexpr int kPartials = kFoldPartials;
constexpr int64_t kUnrollLimit = 16;
// Of all copies of a body: an exponential written down 16 times takes a second to compile.
constexpr int64_t kUnrolledOperations = 256;
// A fold of one vector, of so many bytes, with so few lines has its partials in registers.
constexpr int64_t kRegisterBytes = 64;
constexpr size_t kRegisterLines = 6;
// Tiles of columns: so many bytes of a row, of which the second cache holds 16 partials; and rows
// that share a partial and are read side by side, fewer for what is left.
constexpr int64_t kTileBytes = 8192;
constexpr int kRowsTogether[] = {8, 2};
} // namespace

void NestEmitter::foldColumns() {
  const Size& extent = spec_.extents[last_];
  const bool unrolled = !extent.isDynamic() && extent.value <= kUnrollLimit &&
                        spec_.lines.size() <= kUnrollLimit &&
                        extent.value * spec_.cost() <= kUnrolledOperations;
  Values identities;
  for (const Fold& fold : spec_.folds)
    identities.push_back(identity(fold, spec_.lanes));
  const Values totals =
      unrolled
          ? unrolledColumns(extent.value)
          : overBlocks([&](Value begin, Value end) { return columnBlock(begin, end); }, identities);
  storeTotals(totals, spec_.lanes > 1);
}

// Few elements: each has a partial of its own, in a register. Partials nobody wrote are identities
// and drop out of the tree: partials start at the identity, so none is -0.0 and x op e is exact.
NestEmitter::Values NestEmitter::unrolledColumns(int64_t extent) {
  if (extent > 0)
    return unrolledTree(0, 1, extent);
  Values totals;
  for (const Fold& fold : spec_.folds)
    totals.push_back(identity(fold, spec_.lanes));
  return totals;
}

// Elements first, first + step, ... as halving combines their partials. A branch of the tree is
// done before the next one begins, so that few partials are in registers at once.
NestEmitter::Values NestEmitter::unrolledTree(int64_t first, int64_t step, int64_t extent) {
  if (step == kPartials)
    return unrolledElement(first);
  Values totals = unrolledTree(first, 2 * step, extent);
  if (first + step >= extent)
    return totals;
  const Values others = unrolledTree(first + step, 2 * step, extent);
  for (size_t j = 0; j < totals.size(); ++j)
    totals[j] = combine(spec_.folds[j], totals[j], others[j]);
  return totals;
}

NestEmitter::Values NestEmitter::unrolledElement(int64_t r) {
  index_[last_] = k_.i64(r);
  emitLines(last_);
  emitStores();
  Values partials;
  for (const Fold& fold : spec_.folds) {
    Value x = elementOf(fold, spec_.lanes > 1);
    partials.push_back(combine(fold, identity(fold, spec_.lanes), x));
  }
  return partials;
}

// Partials live in 16 slots of stack memory: element r updates slot r mod 16, so the code of the
// body stands once and consecutive updates do not wait for each other.
NestEmitter::Values NestEmitter::columnBlock(Value begin, Value end) {
  SmallVector<Value> scratch;
  for (const Fold& fold : spec_.folds)
    scratch.push_back(k_.stackSlots(dtypeOf(fold), spec_.lanes, kPartials));
  for (size_t j = 0; j < scratch.size(); ++j)
    for (int p = 0; p < kPartials; ++p)
      k_.storeSlot(identity(spec_.folds[j], spec_.lanes), scratch[j], k_.i64(p));
  Value from = begin;
  if (fitsRegisters())
    from = accumulateInRegisters(begin, end, scratch[0]);
  fetchesRows_ = leavesCache(spec_);
  k_.loop(from, end, 1, [&](Value r) {
    index_[last_] = r;
    accumulateColumn(scratch);
  });
  fetchesRows_ = false;
  return combinePartials(scratch);
}

// 16 elements at a time, each added to its own register; what is left of the block adds to slots.
Value NestEmitter::accumulateInRegisters(Value begin, Value end, Value scratch) {
  const Fold& fold = spec_.folds[0];
  Value mainEnd = k_.add(begin, k_.roundDown(k_.sub(end, begin), kPartials));
  const Values none(kPartials, identity(fold, spec_.lanes));
  const auto sixteen = [&](Value r, ValueRange carried) {
    Values next;
    llvm::DenseMap<const Access*, Value> steps;
    steps_ = &steps;
    for (int p = 0; p < kPartials; ++p) {
      index_[last_] = k_.add(r, k_.i64(p));
      emitLines(last_);
      next.push_back(combine(fold, carried[p], elementOf(fold, spec_.lanes > 1)));
    }
    steps_ = nullptr;
    return next;
  };
  const Values partials = k_.loop(begin, mainEnd, kPartials, none, sixteen);
  for (int p = 0; p < kPartials; ++p)
    k_.storeSlot(partials[static_cast<size_t>(p)], scratch, k_.i64(p));
  return mainEnd;
}

void NestEmitter::accumulateColumn(ArrayRef<Value> scratch) {
  emitLines(last_);
  emitStores();
  Value slot = arith::AndIOp::create(k_.builder(), k_.loc(), index_[last_], k_.i64(kPartials - 1));
  for (size_t j = 0; j < scratch.size(); ++j) {
    const Fold& fold = spec_.folds[j];
    Value x = elementOf(fold, spec_.lanes > 1);
    Value partial = k_.loadSlot(scratch[j], slot, x.getType());
    k_.storeSlot(combine(fold, partial, x), scratch[j], slot);
  }
}

NestEmitter::Values NestEmitter::combinePartials(ArrayRef<Value> scratch) {
  Values totals;
  for (size_t j = 0; j < scratch.size(); ++j) {
    const Fold& fold = spec_.folds[j];
    Type type = identity(fold, spec_.lanes).getType();
    Values p;
    for (int i = 0; i < kPartials; ++i)
      p.push_back(k_.loadSlot(scratch[j], k_.i64(i), type));
    totals.push_back(halved(fold, p));
  }
  return totals;
}

Value NestEmitter::halved(const Fold& fold, Values p) {
  for (int width = kPartials / 2; width >= 1; width /= 2)
    for (int i = 0; i < width; ++i)
      p[i] = combine(fold, p[i], p[i + width]);
  return p[0];
}

// Whether 16 partials of a column vector fit the registers, and their body may stand 16 times.
bool NestEmitter::fitsRegisters() const {
  return spec_.folds.size() == 1 && spec_.stores.empty() && spec_.lines.size() <= kRegisterLines &&
         kPartials * spec_.cost() <= kUnrolledOperations &&
         spec_.lanes * sizeOf(dtypeOf(spec_.folds[0])) <= kRegisterBytes;
}

//===-- Long columns in tiles ----------------------------------------------------------------===//

// A tile is some columns of all rows. Its 16 partials of each column lie in memory, which the
// nearest caches hold, and rows are read from end to end, some that share a partial side by side:
// a partial is loaded and stored once for these.

// Of loads that vectors read along columns the one whose rows lie farthest apart; null if there is
// none.
static const Access* rowsOf(const NestSpec& nest) {
  const Access* farthest = nullptr;
  const auto bytes = [](const Access& access) {
    return std::abs(access.strides.back().value) * sizeOf(access.dtype);
  };
  for (const Line& line : nest.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what);
        load && load->from.strides[nest.vectorLoop].is(1) &&
        (!farthest || bytes(load->from) > bytes(*farthest)))
      farthest = &load->from;
  return farthest;
}

static int64_t rowBytes(const NestSpec& nest) {
  const Access* rows = rowsOf(nest);
  return rows ? std::abs(rows->strides.back().value) * sizeOf(rows->dtype) : 0;
}

bool leavesCache(const NestSpec& nest) {
  constexpr int64_t kCaches = 4 << 20; // the second ones of two cores, and some of the last
  const Size &columns = nest.extents[nest.vectorLoop], &rows = nest.extents.back();
  return !columns.isDynamic() && !rows.isDynamic() && rowBytes(nest) * rows.value > kCaches;
}

runtime::ColumnShape columnShapeOf(const NestSpec& nest) {
  int64_t bytes = sizeof(double);
  for (const Fold& fold : nest.folds)
    bytes = std::min(bytes, sizeOf(nest.lines[fold.line].dtype));
  return {nest.extents.back().value, nest.extents[nest.vectorLoop].value, rowBytes(nest), bytes};
}

int64_t leastColumns(const NestSpec& nest) {
  constexpr int kHeavyScan = 16; // operations an element, that a second thread is worth in any case
  if (nest.folds.empty() && !nest.hasScans())
    return 1;
  if (nest.folds.empty())
    return nest.cost() >= kHeavyScan
               ? nest.lanes
               : runtime::leastColumnsOfScans(sizeOf(nest.stores[0].to.dtype));
  const runtime::ColumnShape shape = columnShapeOf(nest);
  return nest.tiles ? runtime::leastColumnsOfTiles(shape.columns, shape.elementBytes) : nest.lanes;
}

/// Sums of a tile's columns in memory: of each fold by number of a sum, then by column.
struct NestEmitter::Tile {
  Values sums;
  Value first, end; // columns
  int64_t width;
};

void NestEmitter::foldTiles(int depth) {
  int64_t bytes = 0;
  for (const Fold& fold : spec_.folds)
    bytes += sizeOf(partialType(fold));
  // One vector more than a row's: sums of a column do not share a set of the cache.
  const int64_t columns = kTileBytes / bytes / spec_.lanes * spec_.lanes;
  const int64_t width = columns + spec_.lanes;
  Values sums;
  for (const Fold& fold : spec_.folds)
    sums.push_back(k_.stackSlots(partialType(fold), spec_.lanes,
                                 static_cast<int>((kPartials + 2) * width / spec_.lanes)));
  Value from = depth == 0 ? k_.lo() : k_.i64(0);
  Value to = depth == 0 ? k_.hi() : k_.size(spec_.extents[depth]);
  k_.loop(from, to, columns, [&](Value first) {
    const Tile tile{sums, first, k_.min(k_.add(first, k_.i64(columns)), to), width};
    sumTile(tile);
    const Values all = sumsOf(tile, k_.i64(kPartials + 1));
    forVectors(tile.first, tile.end, {}, [&](Value column, ValueRange) {
      index_[depth] = column;
      storeTotals(loadSums(all, column), true);
      return Values();
    });
  });
}

// The canonical order's levels: sums of blocks are added to that of a group, these to the last one.
void NestEmitter::sumTile(const Tile& tile) {
  const Values ofGroup = sumsOf(tile, k_.i64(kPartials));
  const Values ofAll = sumsOf(tile, k_.i64(kPartials + 1));
  const auto clear = [&](const Values& sums) {
    Values identities;
    for (const Fold& fold : spec_.folds)
      identities.push_back(identity(fold, spec_.lanes));
    eachColumn(tile, [&](Value column) { storeSums(identities, sums, column); });
  };
  const auto addTo = [&](const Values& sums, function_ref<Values(Value)> terms) {
    eachColumn(tile, [&](Value column) {
      storeSums(combined(loadSums(sums, column), terms(column)), sums, column);
    });
  };
  const auto pieces = [&](Value from, Value to, int64_t step,
                          function_ref<void(Value, Value)> piece) {
    k_.loop(from, to, step,
            [&](Value begin) { piece(begin, k_.min(k_.add(begin, k_.i64(step)), to)); });
  };
  clear(ofAll);
  pieces(k_.i64(0), k_.size(spec_.extents[last_]), kFoldGroup, [&](Value group, Value groupEnd) {
    clear(ofGroup);
    pieces(group, groupEnd, kFoldBlock, [&](Value block, Value blockEnd) {
      k_.loop(k_.i64(0), k_.i64(kPartials), 1, [&](Value p) { clear(sumsOf(tile, p)); });
      sumBlock(tile, block, blockEnd);
      addTo(ofGroup, [&](Value column) { return totalsOf(tile, column); });
    });
    addTo(ofAll, [&](Value column) { return loadSums(ofGroup, column); });
  });
}

// Rows r, r + 16, r + 32, ... share a partial.
void NestEmitter::sumBlock(const Tile& tile, Value from, Value end) {
  static_assert(kStreamRows == kPartials);
  const auto inStreams = [&](int rows, Value until) {
    if (until == from)
      return;
    k_.loop(from, until, int64_t{rows} * kPartials, [&](Value r) {
      k_.loop(k_.i64(0), k_.i64(kPartials), 1,
              [&](Value p) { addRows(tile, p, k_.add(r, p), rows); });
    });
    from = until;
  };
  if (const Access* read = rowsOf(spec_)) {
    Value all = k_.size(spec_.extents[last_]);
    StreamedRows far{all, read->strides.back(), read->dtype, kRowsTogether[0]};
    far.caches = runtime::kLastCache, far.fetched = true;
    const Ahead ahead = aheadOf(rowsAhead(k_, far));
    ahead_ = &ahead;
    inStreams(far.streams, endOfStreams(k_, from, end, far));
    ahead_ = nullptr;
    for (int rows : kRowsTogether)
      inStreams(rows, endOfStreams(k_, from, end, {all, far.stride, far.dtype, rows}));
  }
  k_.loop(from, end, 1, [&](Value row) {
    Value p = arith::AndIOp::create(k_.builder(), k_.loc(), row, k_.i64(kPartials - 1));
    addRows(tile, p, row, 1);
  });
}

// How many bytes behind what is read lies that of so many rows later.
NestEmitter::Ahead NestEmitter::aheadOf(Value rows) {
  Ahead ahead;
  for (const Line& line : spec_.lines) {
    auto* load = std::get_if<Line::Load>(&line.what);
    if (!load || !dependsOn(line, last_) || !load->from.strides[last_ - 1].is(1))
      continue;
    Value elements = k_.mul(rows, k_.size(load->from.strides[last_]));
    ahead[&load->from] = k_.mul(elements, k_.i64(sizeOf(load->from.dtype)));
  }
  return ahead;
}

void NestEmitter::addRows(const Tile& tile, Value partial, Value row, int count) {
  Values rows;
  SmallVector<Starts> starts;
  for (int i = 0; i < count; ++i) {
    rows.push_back(k_.add(row, k_.i64(int64_t{i} * kPartials)));
    starts.push_back(startsOf(rows.back()));
  }
  const Values at = sumsOf(tile, partial);
  forVectors(tile.first, tile.end, {}, [&](Value column, ValueRange) {
    index_[last_ - 1] = column;
    emitLines(last_ - 1);
    Values sums = loadSums(at, column);
    for (int i = 0; i < count; ++i) {
      index_[last_] = rows[i];
      starts_ = &starts[i];
      emitLines(last_);
      emitStores();
      starts_ = nullptr;
      Values elements;
      for (const Fold& fold : spec_.folds)
        elements.push_back(elementOf(fold, true));
      sums = combined(sums, elements);
    }
    storeSums(sums, at, column);
    return Values();
  });
}

// In front of the loop over columns: places would be found for each vector.
NestEmitter::Starts NestEmitter::startsOf(Value row) {
  Starts starts;
  index_[last_ - 1] = k_.i64(0);
  index_[last_] = row;
  const auto add = [&](const Access& access) {
    starts[&access] = k_.address(k_.pointer(access.arg), access.dtype, offsetOf(access));
  };
  for (const Line& line : spec_.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what); load && dependsOn(line, last_))
      add(load->from);
  for (const Store& store : spec_.stores)
    add(store.to);
  return starts;
}

NestEmitter::Values NestEmitter::totalsOf(const Tile& tile, Value column) {
  SmallVector<Values> partials(spec_.folds.size());
  for (int p = 0; p < kPartials; ++p)
    for (auto [j, sum] : llvm::enumerate(loadSums(sumsOf(tile, k_.i64(p)), column)))
      partials[j].push_back(sum);
  Values totals;
  for (size_t j = 0; j < partials.size(); ++j)
    totals.push_back(halved(spec_.folds[j], partials[j]));
  return totals;
}

NestEmitter::Values NestEmitter::combined(const Values& x, const Values& y) {
  Values all;
  for (size_t j = 0; j < x.size(); ++j)
    all.push_back(combine(spec_.folds[j], x[j], y[j]));
  return all;
}

// All columns of a tile's sums, those behind its end too: there is room for them.
void NestEmitter::eachColumn(const Tile& tile, function_ref<void(Value)> body) {
  k_.loop(tile.first, tile.end, spec_.lanes, body);
}

// Where those of column 0 would be, of each fold.
NestEmitter::Values NestEmitter::sumsOf(const Tile& tile, Value sum) {
  Value offset = k_.sub(k_.mul(sum, k_.i64(tile.width)), tile.first);
  Values places;
  for (size_t j = 0; j < tile.sums.size(); ++j)
    places.push_back(k_.address(tile.sums[j], partialType(spec_.folds[j]), offset));
  return places;
}

NestEmitter::Values NestEmitter::loadSums(const Values& at, Value column) {
  Values sums;
  for (size_t j = 0; j < at.size(); ++j) {
    const DType dtype = partialType(spec_.folds[j]);
    sums.push_back(k_.loadVector(k_.address(at[j], dtype, column), dtype, spec_.lanes, nullptr));
  }
  return sums;
}

void NestEmitter::storeSums(const Values& sums, const Values& at, Value column) {
  for (size_t j = 0; j < at.size(); ++j) {
    const DType dtype = partialType(spec_.folds[j]);
    k_.storeVector(sums[j], k_.address(at[j], dtype, column), dtype, nullptr);
  }
}

} // namespace diptych::codegen
