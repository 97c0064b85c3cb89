// What a nest loads and stores, and which of its loops it asks for by number.
#pragma once

#include "codegen/KernelSpec.h"

#include <algorithm>

namespace diptych::codegen {

template <class Visit> void forEachAccess(NestSpec& nest, Visit visit) {
  for (Line& line : nest.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      visit(load->from);
  for (Store& store : nest.stores)
    visit(store.to);
  for (Fold& fold : nest.folds)
    visit(fold.to);
}

inline bool isIndexed(const NestSpec& nest, int loop) {
  return std::any_of(nest.lines.begin(), nest.lines.end(), [&](const Line& line) {
    auto* index = std::get_if<Line::Index>(&line.what);
    return index && index->loop == loop;
  });
}

} // namespace diptych::codegen
