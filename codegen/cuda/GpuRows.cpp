// Rows in one launch: a block takes a few short rows, 16 lanes to each, or one long row, 16 lanes
// to a fold's block of 4096. What several parts read of a short row is kept in shared memory, and
// so are totals. Folds keep the canonical order; elements belong to no thread in particular, since
// a barrier stands between the parts. A row with products belongs to the blocks of a cluster: each
// holds a part of its matrix, and computes the other parts of the row for itself.
#include "codegen/cuda/GpuEmitters.h"
#include "codegen/cuda/GpuRowLayout.h"
#include "codegen/cuda/GpuRowProducts.h"
#include "codegen/cuda/NestLines.h"

#include "codegen/Folds.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen::cuda {

using namespace mlir;

namespace {

constexpr int64_t kOverlap = 8; // steps of a copy at a time

class Rows {
public:
  Rows(GpuKernel& k, const RowsSpec& spec, bool contract, const RowLayout& layout)
      : k_(k), spec_(spec), contract_(contract), at_(layout) {
    Value lanes = k_.i64(at_.lanes());
    slot_ = k_.divide(k_.thread(), lanes);
    lane_ = k_.remainder(k_.thread(), lanes);
    Value cluster = k_.i64(at_.cluster);
    rank_ = k_.remainder(k_.block(), cluster);
    row_ = k_.add(k_.mul(k_.divide(k_.block(), cluster), k_.i64(at_.rows)), slot_);
    valid_ = k_.less(row_, k_.i64(spec_.rows));
    row_ = k_.select(valid_, row_, k_.i64(0));
    if (at_.cluster > 1) {
      k_.setCluster(at_.cluster);
      leads_ = k_.equal(rank_, k_.i64(0));
    }
    shared_ =
        at_.atLaunch() ? k_.sharedAtLaunch() : k_.shared(std::max<int64_t>(at_.bytes, kTotalBytes));
  }

  void emit() {
    for (const Kept& one : at_.kept)
      if (!one.made)
        read(one);
    if (at_.slab)
      readSlab(slabPlace());
    int64_t first = 0; // fold of the part
    for (size_t p = 0; p < spec_.parts.size(); ++p) {
      if (p > 0 || !at_.kept.empty() || at_.slab)
        meet(p);
      if (auto* one = std::get_if<RowProduct>(&spec_.parts[p])) {
        product(*one);
        continue;
      }
      const auto& part = std::get<NestSpec>(spec_.parts[p]);
      const bool maps = part.folds.empty();
      const int lanes = maps && part.extents.size() > 1 ? lanesOf(part) : 1;
      NestLines lines(k_, part, contract_, lanes);
      giveTotals(lines, p);
      lines.elsewhere = [&](const Access& to) { return madeAt(part, to, lines); };
      lines.storesIf = leads_;
      if (maps)
        map(lines, part, lanes);
      else
        fold(lines, part, first);
      first += static_cast<int64_t>(part.folds.size());
    }
    if (at_.cluster > 1)
      k_.clusterBarrier(); // others may still read what this block holds
  }

private:
  using Values = SmallVector<Value>;

  /// Before part p: all threads that what it reads comes from.
  void meet(size_t p) {
    const auto reads = [&](int arg) {
      bool found = false;
      if (auto* product = std::get_if<RowProduct>(&spec_.parts[p]))
        return product->vector.arg == arg;
      forEachAccess(std::get<NestSpec>(spec_.parts[p]), [&](const Access& access, bool written) {
        found |= !written && access.arg == arg;
      });
      return found;
    };
    // The matrix is read by all blocks at the first part; what one block stored is in memory.
    bool far = p == 0 || (p > 0 && std::holds_alternative<RowProduct>(spec_.parts[p - 1]));
    for (size_t before = 0; before < p; ++before)
      for (int arg = 0; arg < spec_.args; ++arg)
        far = far || (writes(spec_.parts[before], arg) && reads(arg));
    at_.cluster > 1 && far ? k_.clusterBarrier() : k_.barrier();
  }
  static bool writes(const RowsSpec::Part& part, int arg) {
    if (auto* product = std::get_if<RowProduct>(&part))
      return product->result.arg == arg;
    const auto& nest = std::get<NestSpec>(part);
    const auto there = [&](const auto& result) { return result.to.arg == arg; };
    return llvm::any_of(nest.stores, there) || llvm::any_of(nest.folds, there);
  }

  SlabPlace slabPlace() {
    return {k_, *at_.slab, at_.cluster, at_.lanes(), row_, rank_, lane_, inShared(at_.slab->begin)};
  }

  void product(const RowProduct& product) {
    const auto keptOf = [&](const Access& access, int64_t length) -> const Kept* {
      for (const Kept& one : at_.kept)
        if (one.is(access, length))
          return &one;
      return nullptr;
    };
    const auto inMemory = [&](const Access& access, Value i) {
      Value place = k_.add(k_.mul(row_, k_.size(access.strides[0])), k_.size(access.offset));
      place = k_.add(place, k_.mul(i, k_.size(access.strides[1])));
      return k_.address(k_.pointer(access.arg), access.dtype, place);
    };
    const Kept* from = keptOf(product.vector, product.depth);
    const Kept* to = keptOf(product.result, product.outputs);
    emitRowProduct(
        slabPlace(), product,
        [&](Value k) {
          Value place = from ? keptAt(*from, k) : inMemory(product.vector, k);
          return k_.loadScalar(place, product.dtype);
        },
        [&](Value i, Value total) {
          if (!to)
            return k_.storeScalar(total, inMemory(product.result, i), product.dtype);
          Value place = keptAt(*to, i);
          if (at_.cluster == 1)
            return k_.storeScalar(total, place, product.dtype);
          k_.loop(k_.i64(0), k_.i64(at_.cluster), 1,
                  [&](Value rank) { k_.storeScalar(total, k_.peer(place, rank), product.dtype); });
        });
  }

  /// The end of a loop over n things of the row: none for a row that is not there.
  Value endOf(int64_t n) { return k_.select(valid_, k_.i64(n), k_.i64(0)); }
  Value inShared(int64_t begin) { return k_.address(shared_, DType::boolean, k_.i64(begin)); }
  Value totalAt(int64_t fold) {
    Value place = k_.add(k_.mul(slot_, k_.i64(at_.folds)), k_.i64(fold));
    return k_.address(inShared(at_.totals), DType::i64, place);
  }
  Value partialAt(size_t j, Value block) {
    Value place = k_.add(k_.i64(static_cast<int64_t>(j) * at_.blocks), block);
    return k_.address(inShared(at_.partial), DType::i64, place);
  }
  /// Element i of the row's copy.
  Value keptAt(const Kept& one, Value i) {
    Value rowBytes = k_.mul(slot_, k_.i64(one.bytes()));
    return k_.address(k_.address(inShared(one.begin), DType::boolean, rowBytes), one.access.dtype,
                      i);
  }

  /// Where a store of a row that is kept goes, at the present index; null for all others.
  Value madeAt(const NestSpec& part, const Access& to, const NestLines& lines) {
    for (const Kept& one : at_.kept)
      if (one.made && one.is(to, part))
        return keptAt(one, lines.index[1]);
    return nullptr;
  }

  template <class Body>
  void unrolled(Value begin, Value end, int64_t step, int64_t times, const Body& body) {
    k_.unrolled(begin, end, step, times, {}, [&](Value i, ValueRange) -> Values {
      body(i);
      return {};
    });
  }

  void read(const Kept& one) {
    const Access& access = one.access;
    const int64_t size = sizeOf(access.dtype), lanes = kVectorBytes / size;
    const bool vectors = one.length % lanes == 0 && access.offset.value % lanes == 0 &&
                         access.strides[0].value % lanes == 0;
    const int64_t each = vectors ? lanes : 1;
    Value begin = k_.add(k_.mul(row_, k_.size(access.strides[0])), k_.size(access.offset));
    unrolled(lane_, endOf(one.length / each), at_.lanes(), kOverlap, [&](Value unit) {
      Value i = k_.mul(unit, k_.i64(each));
      Value from = k_.address(k_.pointer(access.arg), access.dtype, k_.add(begin, i));
      Value to = keptAt(one, i);
      if (!vectors)
        return k_.storeScalar(k_.loadScalar(from, access.dtype), to, access.dtype);
      Value all = k_.loadVector(from, access.dtype, static_cast<int>(lanes), nullptr, kVectorBytes);
      k_.storeVector(all, to, access.dtype, nullptr, kVectorBytes);
    });
  }

  /// Loads of what earlier parts have folded.
  void giveTotals(NestLines& lines, size_t part) {
    const auto& mine = std::get<NestSpec>(spec_.parts[part]).lines;
    for (size_t i = 0; i < mine.size(); ++i) {
      auto* load = std::get_if<Line::Load>(&mine[i].what);
      int64_t number = 0;
      for (size_t p = 0; load && p < part; ++p) {
        auto* nest = std::get_if<NestSpec>(&spec_.parts[p]);
        for (const Fold& fold : nest ? nest->folds : std::vector<Fold>()) {
          if (fold.to.arg == load->from.arg)
            lines.give(static_cast<int>(i), k_.loadScalar(totalAt(number), load->from.dtype));
          ++number;
        }
      }
    }
  }

  /// Loads of element i of kept rows, or of `lanes` from there.
  void giveKept(NestLines& lines, const NestSpec& part, Value i, int lanes) {
    for (size_t line = 0; line < part.lines.size(); ++line) {
      auto* load = std::get_if<Line::Load>(&part.lines[line].what);
      for (const Kept& one : at_.kept) {
        if (!load || !one.is(load->from, part))
          continue;
        const DType dtype = load->from.dtype;
        if (lanes == 1) {
          lines.give(static_cast<int>(line), k_.loadScalar(keptAt(one, i), dtype));
          continue;
        }
        Value all = k_.loadVector(keptAt(one, i), dtype, lanes, nullptr, lanes * sizeOf(dtype));
        Values values;
        for (int64_t lane = 0; lane < lanes; ++lane)
          values.push_back(vector::ExtractOp::create(k_.builder(), k_.loc(), all, lane));
        lines.give(static_cast<int>(line), values);
      }
    }
  }

  void map(NestLines& lines, const NestSpec& part, int lanes) {
    std::vector<Size> inner(part.extents.begin() + 1, part.extents.end());
    if (!inner.empty())
      inner.back().value /= lanes;
    const bool simple = inner.size() == 1;
    lines.index.assign(part.extents.size(), k_.i64(0));
    lines.index[0] = row_;
    if (simple)
      lines.evaluateShared();
    const Value units = endOf(*knownProduct(inner));
    unrolled(lane_, units, at_.lanes(), stepsAtATime(part, lanes), [&](Value unit) {
      const Values indices = k_.indicesOf(unit, inner);
      std::copy(indices.begin(), indices.end(), lines.index.begin() + 1);
      if (!inner.empty())
        lines.index.back() = k_.mul(lines.index.back(), k_.i64(lanes));
      giveKept(lines, part, lines.index.back(), lanes);
      if (simple)
        lines.evaluateOwn();
      else
        lines.evaluateAll();
      lines.emitStores();
    });
  }

  //===-- Folds ------------------------------------------------------------------------------===//

  DType dtypeOf(const NestSpec& part, size_t j) const {
    return part.lines[static_cast<size_t>(part.folds[j].line)].dtype;
  }
  Value identity(const NestSpec& part, size_t j) {
    return foldIdentity(k_, part.folds[j].combiner, dtypeOf(part, j));
  }
  Value combine(const NestSpec& part, size_t j, Value x, Value y) {
    return foldCombine(k_, part.folds[j].combiner, dtypeOf(part, j), x, y);
  }
  Values identities(const NestSpec& part) {
    Values all;
    for (size_t j = 0; j < part.folds.size(); ++j)
      all.push_back(identity(part, j));
    return all;
  }

  void fold(NestLines& lines, const NestSpec& part, int64_t first) {
    const int64_t length = part.extents[1].value;
    const int64_t blocks = std::max<int64_t>(1, (length + kFoldBlock - 1) / kFoldBlock);
    lines.index.assign(2, k_.i64(0));
    lines.index[0] = row_;
    lines.evaluateShared();
    Value unit = k_.divide(lane_, k_.i64(kFoldPartials));
    Value partial = k_.remainder(lane_, k_.i64(kFoldPartials));
    Value leads = k_.both(valid_, k_.equal(lane_, k_.i64(0)));
    if (blocks == 1) {
      Value end = k_.select(k_.equal(unit, k_.i64(0)), endOf(length), k_.i64(0));
      const Values totals = blockTotals(lines, part, partial, end);
      return k_.when(leads, [&] { hand(part, first, totals); });
    }
    const int64_t turns = (blocks + at_.units - 1) / at_.units; // the same for all lanes of a warp
    k_.loop(k_.i64(0), k_.i64(turns), 1, [&](Value turn) {
      Value block = k_.add(k_.mul(turn, k_.i64(at_.units)), unit);
      Value begin = k_.mul(block, k_.i64(kFoldBlock));
      Value end = k_.min(k_.add(begin, k_.i64(kFoldBlock)), endOf(length));
      const Values totals = blockTotals(lines, part, k_.add(begin, partial), end);
      k_.when(k_.both(k_.less(block, k_.i64(blocks)), k_.equal(partial, k_.i64(0))), [&] {
        for (size_t j = 0; j < totals.size(); ++j)
          k_.storeScalar(totals[j], partialAt(j, block), dtypeOf(part, j));
      });
    });
    k_.barrier();
    k_.when(leads, [&] { hand(part, first, addBlocks(part, blocks)); });
  }

  /// Every sixteenth element from `begin` on, and the halving tree: the total is lane 0's.
  Values blockTotals(NestLines& lines, const NestSpec& part, Value begin, Value end) {
    const auto next = [&](Value r, ValueRange carried) {
      lines.index[1] = r;
      giveKept(lines, part, r, 1);
      lines.evaluateOwn();
      lines.emitStores();
      Values sums;
      for (size_t j = 0; j < carried.size(); ++j)
        sums.push_back(combine(part, j, carried[j], lines.at(part.folds[j].line)));
      return sums;
    };
    Values partials =
        k_.unrolled(begin, end, kFoldPartials, stepsAtATime(part), identities(part), next);
    for (int width = kFoldPartials / 2; width >= 1; width /= 2)
      for (size_t j = 0; j < partials.size(); ++j)
        partials[j] = combine(part, j, partials[j], k_.shuffleDown(partials[j], width));
    return partials;
  }

  /// Totals of blocks in groups of 64, and the totals of groups, in order.
  Values addBlocks(const NestSpec& part, int64_t blocks) {
    constexpr int64_t group = kFoldGroup / kFoldBlock;
    const Values none = identities(part);
    return k_.loop(k_.i64(0), k_.i64(blocks), group, none, [&](Value begin, ValueRange sums) {
      Value end = k_.min(k_.add(begin, k_.i64(group)), k_.i64(blocks));
      Values inner = k_.loop(begin, end, 1, none, [&](Value block, ValueRange carried) {
        Values next;
        for (size_t j = 0; j < carried.size(); ++j)
          next.push_back(
              combine(part, j, carried[j], k_.loadScalar(partialAt(j, block), dtypeOf(part, j))));
        return next;
      });
      for (size_t j = 0; j < inner.size(); ++j)
        inner[j] = combine(part, j, sums[j], inner[j]);
      return inner;
    });
  }

  void hand(const NestSpec& part, int64_t first, const Values& totals) {
    for (size_t j = 0; j < totals.size(); ++j) {
      const Access& to = part.folds[j].to;
      k_.storeScalar(totals[j], totalAt(first + static_cast<int64_t>(j)), to.dtype);
      if (to.arg >= spec_.args)
        continue;
      const auto store = [&] {
        Value place = k_.add(k_.i64(to.offset.value), k_.mul(row_, k_.size(to.strides[0])));
        k_.storeScalar(totals[j], k_.address(k_.pointer(to.arg), to.dtype, place), to.dtype);
      };
      leads_ ? k_.when(leads_, store) : store();
    }
  }

  GpuKernel& k_;
  const RowsSpec& spec_;
  bool contract_;
  const RowLayout& at_;
  Value slot_, lane_, row_, valid_, shared_;
  Value rank_, leads_; // of the block in its cluster; whether it stores what all compute
};

} // namespace

void emitRows(Emission& emission, const RowsSpec& spec) {
  const RowLayout layout(spec);
  runtime::cuda::Launch& launch =
      emission.launch(countOf({Size(spec.rows * layout.cluster)}, layout.rows), layout.threads(),
                      [&](GpuKernel& k) { Rows(k, spec, emission.contract, layout).emit(); });
  launch.cluster = static_cast<int>(layout.cluster);
  launch.sharedBytes = layout.atLaunch() ? layout.bytes : 0;
}

} // namespace diptych::codegen::cuda
