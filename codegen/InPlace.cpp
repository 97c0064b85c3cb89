// Accesses of a call and of a row group, compared.
#include "codegen/InPlace.h"

#include "codegen/RowFootprints.h"

#include <algorithm>

namespace diptych::codegen {

namespace {

bool sameElements(const Access& a, const Access& b) {
  return a.strides == b.strides && a.offset == b.offset && sizeOf(a.dtype) == sizeOf(b.dtype);
}

/// Where a product or convolution stores, with strides as in `after`.
Access resultOf(const MatmulSpec& spec) { return spec.result; }
Access resultOf(const ConvolutionSpec& spec) {
  Access result{ConvolutionSpec::kResult, spec.dtype, {}, spec.resultOffset};
  for (const ConvolutionSpec::Loop& loop : spec.outer)
    result.strides.push_back(loop.result);
  result.strides.insert(result.strides.end(), {spec.sResult, spec.vResult});
  return result;
}

// Operands are read all the time; what is read where a sum is stored may lie there.
template <class Spec>
bool storesInPlace(const ScheduledCall& call, const Spec& spec, int from, int to) {
  if (spec.after.empty())
    return false;
  const Access result = resultOf(spec);
  const auto isLoaded = [&](const Line& line) {
    auto* load = std::get_if<Line::Load>(&line.what);
    return load && call.buffers[static_cast<size_t>(load->from.arg)] == from;
  };
  int uses = 0; // of `from` among the arguments of `after`
  for (size_t arg = 0; arg < call.buffers.size(); ++arg) {
    const bool isOperand =
        std::none_of(spec.after.begin(), spec.after.end(), [&](const Line& line) {
          auto* load = std::get_if<Line::Load>(&line.what);
          return load && load->from.arg == static_cast<int>(arg);
        });
    if (call.buffers[arg] == from && (isOperand || ++uses > 1))
      return false;
  }
  return call.buffers[static_cast<size_t>(result.arg)] == to &&
         std::all_of(spec.after.begin(), spec.after.end(), [&](const Line& line) {
           return !isLoaded(line) || sameElements(std::get<Line::Load>(line.what).from, result);
         });
}

} // namespace

// Strides of a mixed radix: no two iterations meet.
bool touchesEachOnce(const Access& access, const std::vector<Size>& extents) {
  std::vector<std::pair<int64_t, int64_t>> loops; // stride, extent
  for (size_t i = 0; i < extents.size(); ++i) {
    if (extents[i].isDynamic() || access.strides[i].isDynamic())
      return false;
    if (extents[i].value > 1)
      loops.emplace_back(std::abs(access.strides[i].value), extents[i].value);
  }
  std::sort(loops.begin(), loops.end());
  int64_t reach = 1;
  for (const auto& [stride, extent] : loops) {
    if (stride < reach)
      return false;
    reach += stride * (extent - 1);
  }
  return true;
}

bool isElementwise(const ScheduledCall& call, int from, int to, bool gpu) {
  if (call.isKernel() && call.offsets.empty()) {
    if (auto* product = std::get_if<MatmulSpec>(&call.kernel.what))
      return storesInPlace(call, *product, from, to);
    if (auto* convolution = std::get_if<ConvolutionSpec>(&call.kernel.what))
      return storesInPlace(call, *convolution, from, to);
  }
  const auto* nest = std::get_if<NestSpec>(&call.kernel.what);
  if (!call.isKernel() || !nest || !call.offsets.empty())
    return false;
  if (gpu && (nest->stores.size() != 1 || !nest->folds.empty()))
    return false;
  const auto bufferOf = [&](const Access& access) {
    return call.buffers[static_cast<size_t>(access.arg)];
  };
  const Access* written = nullptr;
  for (const Store& store : nest->stores) {
    if (bufferOf(store.to) == from || (written && bufferOf(store.to) == to))
      return false;
    if (bufferOf(store.to) == to)
      written = &store.to;
  }
  if (!written || !touchesEachOnce(*written, nest->extents))
    return false;
  for (const Fold& fold : nest->folds)
    if (bufferOf(fold.to) == from || bufferOf(fold.to) == to)
      return false;
  return std::all_of(nest->lines.begin(), nest->lines.end(), [&](const Line& line) {
    auto* load = std::get_if<Line::Load>(&line.what);
    if (!load || (bufferOf(load->from) != from && bufferOf(load->from) != to))
      return true;
    return bufferOf(load->from) == from && sameElements(load->from, *written);
  });
}

bool rowsStayApart(const Schedule& schedule, const runtime::RowGroup& group,
                   std::span<const int> buffers) {
  std::vector<RowFootprint> prints;
  std::optional<int64_t> elementBytes;
  for (size_t i = group.first; i < group.first + group.count; ++i) {
    const ScheduledCall& call = schedule.calls[i];
    const std::optional<RowLoops> loops = rowLoopsOf(call);
    if (!loops)
      return false;
    const std::vector<RowFootprint> own = footprintsOf(call, *loops, group.rows);
    for (size_t a = 0; a < own.size(); ++a) {
      if (std::find(buffers.begin(), buffers.end(), own[a].buffer) == buffers.end())
        continue;
      const int64_t bytes = sizeOf(loops->accesses[a].first->dtype);
      if (elementBytes.value_or(bytes) != bytes)
        return false;
      elementBytes = bytes;
      prints.push_back(own[a]);
      prints.back().buffer = buffers[0];
    }
  }
  for (size_t a = 0; a < prints.size(); ++a)
    for (size_t b = 0; b <= a; ++b)
      if (!stayApart(prints[a], prints[b]))
        return false;
  return true;
}

std::optional<int64_t> ownRowBytes(const Schedule& schedule, const runtime::RowGroup& group,
                                   std::span<const int> buffers) {
  std::optional<int64_t> bytes;
  for (size_t i = group.first; i < group.first + group.count; ++i) {
    const ScheduledCall& call = schedule.calls[i];
    const std::optional<RowLoops> loops = rowLoopsOf(call);
    if (!loops || !call.offsets.empty())
      return std::nullopt;
    const std::vector<RowFootprint> prints = footprintsOf(call, *loops, group.rows);
    for (size_t a = 0; a < prints.size(); ++a) {
      if (std::find(buffers.begin(), buffers.end(), prints[a].buffer) == buffers.end())
        continue;
      const int64_t own = prints[a].stride * sizeOf(loops->accesses[a].first->dtype);
      if (own <= 0 || prints[a].low < 0 || prints[a].high >= prints[a].stride ||
          bytes.value_or(own) != own)
        return std::nullopt;
      bytes = own;
    }
  }
  return bytes;
}

} // namespace diptych::codegen
