// The last decisions about a nest: fewer loops, the vector loop, the number of lanes.
#include "codegen/FusionLowering.h"
#include "codegen/NestAccesses.h"
#include "codegen/NestEmitter.h"

#include <algorithm>

namespace diptych::codegen {

namespace {

// Bodies longer than this fill the registers with one vector of the native width.
constexpr size_t kShortBody = 6;
constexpr int kCheapBody = 16; // operations; beyond it arithmetic is what takes time
constexpr int kColumnVectors = 4;
constexpr int kFoldLanes = 16; // partials of the canonical order

void eraseLoop(NestSpec& nest, int loop) {
  nest.extents.erase(nest.extents.begin() + loop);
  forEachAccess(nest, [&](Access& access) { access.strides.erase(access.strides.begin() + loop); });
  for (Line& line : nest.lines)
    if (auto* index = std::get_if<Line::Index>(&line.what); index && index->loop > loop)
      --index->loop;
}

// Of one element, where there is none.
void addLoop(NestSpec& nest) {
  nest.extents.push_back(1);
  forEachAccess(nest, [](Access& access) { access.strides.push_back(0); });
}

// Loop i and i+1 walk memory as one where every stride of i is extent times the stride of i+1.
bool mergesWithNext(NestSpec& nest, int loop) {
  if (isIndexed(nest, loop) || isIndexed(nest, loop + 1))
    return false;
  bool merges = true;
  forEachAccess(nest, [&](Access& access) {
    merges = merges && access.strides[loop].value ==
                           access.strides[loop + 1].value * nest.extents[loop + 1].value;
  });
  return merges;
}

void simplifyLoops(NestSpec& nest) {
  // A loop that is reduced or goes in order stays what it is.
  const int fixed = nest.folds.empty() && !nest.hasScans() ? 0 : 1;
  for (int loop = static_cast<int>(nest.extents.size()) - 1 - fixed; loop >= 0; --loop)
    if (nest.extents[loop].is(1) && !isIndexed(nest, loop))
      eraseLoop(nest, loop);
  for (int loop = static_cast<int>(nest.extents.size()) - 2 - fixed; loop >= 0; --loop)
    if (mergesWithNext(nest, loop)) {
      nest.extents[loop + 1].value *= nest.extents[loop].value;
      eraseLoop(nest, loop);
    }
}

// Elements far apart are gathered one by one, and a store apart fetches a line for each.
int strideCost(NestSpec& nest, int loop) {
  constexpr int load = 1, store = 4;
  const auto apart = [&](const Access& access) {
    return !access.strides[loop].is(0) && !access.strides[loop].is(1);
  };
  int cost = 0;
  for (Line& line : nest.lines)
    if (auto* from = std::get_if<Line::Load>(&line.what))
      cost += load * apart(from->from);
  for (Store& to : nest.stores)
    cost += store * apart(to.to);
  return cost;
}

void moveToInnermost(NestSpec& nest, int loop) {
  const int last = static_cast<int>(nest.extents.size()) - 1;
  const auto rotate = [&](auto& list) {
    std::rotate(list.begin() + loop, list.begin() + loop + 1, list.end());
  };
  rotate(nest.extents);
  forEachAccess(nest, [&](Access& access) { rotate(access.strides); });
  for (Line& line : nest.lines)
    if (auto* index = std::get_if<Line::Index>(&line.what); index && index->loop >= loop)
      index->loop = index->loop == loop ? last : index->loop - 1;
}

// The loop along which most of the memory lies; the last one where several are as good.
void orderLoops(NestSpec& nest) {
  const int last = static_cast<int>(nest.extents.size()) - 1;
  int best = last;
  for (int loop = last - 1; loop >= 0; --loop)
    if (nest.extents[loop].value >= kFoldLanes && strideCost(nest, loop) < strideCost(nest, best))
      best = loop;
  if (best != last)
    moveToInnermost(nest, best);
}

// Loads and stores along `loop` of arrays that `other` walks through as well; the rest, such as a
// scalar of each row, is small beside them.
int countAlong(NestSpec& nest, int loop, int other) {
  int count = 0;
  forEachAccess(nest, [&](Access& access) {
    count += access.strides[loop].is(1) && !access.strides[other].is(0);
  });
  return count;
}

// Whether more of the memory lies along the reduced loop than along the one around it.
bool readsRows(NestSpec& nest) {
  const int last = static_cast<int>(nest.extents.size()) - 1;
  const int along = countAlong(nest, last, last - 1), around = countAlong(nest, last - 1, last);
  bool some = false;
  forEachAccess(nest, [&](Access& access) { some = some || access.strides[last].is(1); });
  return along > around ||
         (some && along == around && strideCost(nest, last) <= strideCost(nest, last - 1));
}

// No lanes that are never on.
int lanesWithin(const Size& extent, int lanes) {
  while (!extent.isDynamic() && lanes > 1 && lanes / 2 >= extent.value)
    lanes /= 2;
  return lanes;
}

int64_t widestOf(const NestSpec& nest) {
  int64_t widest = 4;
  for (const Line& line : nest.lines)
    widest = std::max(widest, sizeOf(line.dtype));
  return widest;
}

bool isShort(const NestSpec& nest) {
  return nest.lines.size() <= kShortBody && nest.cost() <= kCheapBody;
}

bool isTiled(const NestSpec& nest, const ScheduleOptions& options) {
  return !options.gpu && isShort(nest) &&
         choose(options.choices, runtime::foldsTiles(columnShapeOf(nest)));
}

// A column fold reads a row of `lanes` elements at every step: a long run of memory is worth more
// registers than the machine has, since the partials live in the L1 cache anyway. Where threads
// share the columns, there are two such rows at least.
int columnLanes(const NestSpec& nest, int lanes, int vectorBytes) {
  const int64_t extent = nest.extents[nest.vectorLoop].value;
  lanes = lanesWithin(nest.extents[nest.vectorLoop], lanes);
  if (nest.tiles)
    return std::min(lanes, vectorBytes / static_cast<int>(widestOf(nest)));
  const int most = isShort(nest) ? kColumnVectors * lanes : lanes;
  const int rows = nest.vectorLoop == 0 ? 2 : 1;
  while (2 * lanes <= most && 2 * rows * lanes <= extent)
    lanes *= 2;
  return lanes;
}

// Rows shorter than a vector, with a mask that is loaded lane by lane: gathers from many rows at
// once take a fifth of the time.
bool hasRaggedRows(const NestSpec& nest) {
  const size_t last = nest.extents.size() - 1;
  const int64_t extent = nest.extents[last].value;
  return nest.stores.empty() && extent < kFoldLanes && extent % 4 != 0 &&
         nest.extents[last - 1].value >= kFoldLanes;
}

int nativeLanes(const NestSpec& nest, int vectorBytes) {
  size_t applied = 0;
  for (const Line& line : nest.lines)
    applied += std::holds_alternative<Line::Apply>(line.what);
  const int lanes = vectorBytes / static_cast<int>(widestOf(nest));
  return applied <= kShortBody ? 2 * lanes : lanes;
}

} // namespace

void finishInOrder(NestSpec& nest, const ScheduleOptions& options) {
  simplifyLoops(nest);
  if (nest.extents.empty())
    addLoop(nest);
  nest.maskRegisters = !options.gpu && options.vectorBytes == 64;
  nest.vectorLoop = static_cast<int>(nest.extents.size()) - 1;
  nest.lanes = lanesWithin(nest.extents.back(), nativeLanes(nest, options.vectorBytes));
}

void finishNest(NestSpec& nest, const ScheduleOptions& options) {
  simplifyLoops(nest);
  nest.tiles = false;
  nest.maskRegisters = !options.gpu && options.vectorBytes == 64;
  const int last = static_cast<int>(nest.extents.size()) - 1;
  if (nest.hasScans()) {
    nest.vectorLoop = last - 1;
    nest.lanes = last < 1 ? 1
                          : lanesWithin(nest.extents[nest.vectorLoop],
                                        nativeLanes(nest, options.vectorBytes));
    return;
  }
  if (nest.folds.empty()) {
    orderLoops(nest);
    nest.vectorLoop = last;
    nest.lanes =
        last < 0 || nest.extents[last].value == 1 ? 1 : nativeLanes(nest, options.vectorBytes);
    // A square block is as many registers as one has lanes.
    NestSpec single = nest;
    single.lanes = std::min(nest.lanes, options.vectorBytes / static_cast<int>(widestOf(nest)));
    if (!options.gpu && single.lanes > 1 && turnedLoad(single) >= 0)
      nest.lanes = single.lanes;
    else if (!options.gpu && last >= 0)
      nest.lanes = lanesWithin(nest.extents[last], nest.lanes);
    if (last < 0)
      addLoop(nest);
    return;
  }
  // Any choice gives the same bits: 16 partials are lanes of a row or slots of a column.
  const bool rows = last == 0 || ((options.gpu || !hasRaggedRows(nest)) && readsRows(nest));
  nest.vectorLoop = rows ? last : last - 1;
  nest.tiles = !rows && isTiled(nest, options);
  nest.lanes = rows
                   ? kFoldLanes
                   : columnLanes(nest, nativeLanes(nest, options.vectorBytes), options.vectorBytes);
}

} // namespace diptych::codegen
