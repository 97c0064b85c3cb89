// A long row takes a block of threads by itself, or several that share its matrix; short ones share
// a block as far as shared memory goes.
#include "codegen/cuda/GpuRowLayout.h"

#include <algorithm>
#include <numeric>

namespace diptych::codegen::cuda {

constexpr int64_t kMostRows = 8;       // of a block
constexpr int64_t kEnoughBlocks = 264; // two for each multiprocessor of a large device

// Neighbouring threads read neighbouring rows of the slab: no more than four may meet in a bank.
static int64_t pitchOf(int64_t width, DType dtype) {
  constexpr int64_t banks = 32, word = 4, few = 4;
  const int64_t words = width * sizeOf(dtype) / word;
  return std::gcd(words, banks) <= few ? width : width + 16 / sizeOf(dtype);
}

Slab::Slab(const RowProduct& product, int64_t cluster)
    : matrix(product.matrix), dtype(product.dtype), height(product.height()),
      width(product.width()), pitch(pitchOf(width, dtype)) {
  if (!product.isAlong())
    std::swap(matrix.strides[1], matrix.strides[2]);
  // Every block begins where 16 bytes do.
  const int64_t unit = 16 / std::gcd<int64_t>(16, width * sizeOf(dtype));
  each = ((height + cluster - 1) / cluster + unit - 1) / unit * unit;
}

RowLayout::RowLayout(const RowsSpec& spec) : cluster(spec.cluster) {
  int64_t longest = 1;
  for (const RowsSpec::Part& part : spec.parts) {
    if (auto* product = std::get_if<RowProduct>(&part)) {
      slab.emplace(*product, cluster);
      continue;
    }
    const auto& nest = std::get<NestSpec>(part);
    folds += static_cast<int64_t>(nest.folds.size());
    most = std::max(most, static_cast<int64_t>(nest.folds.size()));
    if (!nest.folds.empty())
      longest = std::max(longest, nest.extents[1].value);
  }
  const int64_t several = (longest + kFoldBlock - 1) / kFoldBlock;
  if (several > 1)
    blocks = several;
  if (slab) {
    units = kSlabThreads / kFoldPartials;
    rows = 1;
    findKept(spec);
    place();
  } else if (several > 1) {
    units = std::min(kMostUnits, (several + 1) / 2 * 2); // whole warps
    rows = 1;
    place();
  } else {
    shareShared(spec);
  }
}

// Short rows: as many in a block as there is shared memory for.
void RowLayout::shareShared(const RowsSpec& spec) {
  findKept(spec);
  while (rows > 2 && spec.rows / rows < kEnoughBlocks)
    rows /= 2;
  for (place(); bytes > kSharedLimit; place())
    if (rows > 2) {
      rows /= 2;
    } else if (!kept.empty() && !kept.back().made) {
      kept.pop_back();
      rows = kMostRows;
    } else {
      throw Error("internal: rows that do not fit into shared memory");
    }
}

void RowLayout::findKept(const RowsSpec& spec) {
  std::vector<int> written;
  for (const RowsSpec::Part& part : spec.parts) {
    forEachRun(part, [&](const Access& access, int64_t length, bool writes) {
      if (writes && access.arg >= spec.args)
        kept.push_back({access, true, length});
    });
    if (auto* product = std::get_if<RowProduct>(&part)) {
      written.push_back(product->result.arg);
      continue;
    }
    for (const Store& store : std::get<NestSpec>(part).stores)
      written.push_back(store.to.arg);
    for (const Fold& fold : std::get<NestSpec>(part).folds)
      written.push_back(fold.to.arg);
  }
  for (const RowsSpec::Part& part : spec.parts)
    forEachRun(part, [&](const Access& access, int64_t length, bool writes) {
      if (writes || !access.strides[1].is(1) || llvm::is_contained(written, access.arg))
        return;
      auto at = std::find_if(kept.begin(), kept.end(),
                             [&](const Kept& one) { return one.is(access, length); });
      if (at == kept.end())
        at = kept.insert(kept.end(), {access, false, length});
      at->uses += std::holds_alternative<RowProduct>(part) ? 2 : 1; // by every thread
    });
  std::erase_if(kept, [](const Kept& one) { return !one.made && one.uses < 2; });
}

void RowLayout::place() {
  bytes = 0;
  if (slab) {
    slab->begin = bytes;
    bytes += slab->bytes();
  }
  for (Kept& one : kept) {
    one.begin = bytes;
    bytes += rows * one.bytes();
  }
  totals = bytes;
  bytes += rows * folds * kTotalBytes;
  partial = bytes;
  bytes += blocks * most * kTotalBytes;
}

} // namespace diptych::codegen::cuda
