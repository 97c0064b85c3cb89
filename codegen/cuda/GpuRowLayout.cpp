// A long row takes a block of threads by itself; short ones share it as far as shared memory goes.
#include "codegen/cuda/GpuRowLayout.h"

#include <algorithm>

namespace diptych::codegen::cuda {

constexpr int64_t kMostRows = 8;       // of a block
constexpr int64_t kEnoughBlocks = 264; // two for each multiprocessor of a large device

RowLayout::RowLayout(const RowsSpec& spec) {
  int64_t longest = 1;
  for (const NestSpec& part : spec.parts) {
    folds += static_cast<int64_t>(part.folds.size());
    most = std::max(most, static_cast<int64_t>(part.folds.size()));
    if (!part.folds.empty())
      longest = std::max(longest, part.extents[1].value);
  }
  const int64_t several = (longest + kFoldBlock - 1) / kFoldBlock;
  if (several > 1) {
    blocks = several;
    units = std::min(kMostUnits, (several + 1) / 2 * 2); // whole warps
    rows = 1;
    place();
    return;
  }
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
  for (const NestSpec& part : spec.parts) {
    for (const Store& store : part.stores) {
      written.push_back(store.to.arg);
      if (store.to.arg >= spec.args)
        kept.push_back({store.to, true, part.extents[1].value});
    }
    for (const Fold& fold : part.folds)
      written.push_back(fold.to.arg);
  }
  for (const NestSpec& part : spec.parts)
    for (const Line& line : part.lines) {
      auto* load = std::get_if<Line::Load>(&line.what);
      if (!load || part.extents.size() != 2 || !load->from.strides[1].is(1) ||
          llvm::is_contained(written, load->from.arg))
        continue;
      auto at = std::find_if(kept.begin(), kept.end(),
                             [&](const Kept& one) { return one.is(load->from, part); });
      if (at == kept.end())
        at = kept.insert(kept.end(), {load->from, false, part.extents[1].value});
      ++at->uses;
    }
  std::erase_if(kept, [](const Kept& one) { return !one.made && one.uses < 2; });
}

void RowLayout::place() {
  bytes = 0;
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
