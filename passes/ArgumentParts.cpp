// Slices of an argument, in order, and what lies between them.
#include "passes/ArgumentParts.h"

#include "llvm/ADT/STLExtras.h"

namespace diptych::passes {

using namespace ir;

namespace {

// Elements of a part that is worth a sweep of its own, and how many sweeps are.
constexpr int64_t kLeastPart = 4;
constexpr size_t kMostParts = 8;

using Parts = llvm::SmallVector<ArgumentPart>;

std::optional<ArgumentPart> partOf(SliceOp slice) {
  const Attrs attrs = attrsOf(slice);
  const Shape shape = tensorTypeOf(slice.getX().getType()).shape;
  for (int axis = 0; axis < shape.size(); ++axis)
    if (attrs.strides[axis] != 1 ||
        (axis > 0 && attrs.limits[axis] - attrs.starts[axis] != shape[axis]))
      return std::nullopt;
  return ArgumentPart{attrs.starts[0], attrs.limits[0], {slice}};
}

// The smallest joins a neighbour.
void joinSmall(Parts& parts, int64_t least) {
  const auto size = [](const ArgumentPart& part) { return part.end - part.begin; };
  while (parts.size() > 1) {
    auto* small = std::min_element(
        parts.begin(), parts.end(),
        [&](const ArgumentPart& a, const ArgumentPart& b) { return size(a) < size(b); });
    if (size(*small) >= least && parts.size() <= kMostParts)
      return;
    if (small == parts.begin())
      ++small;
    ArgumentPart& before = *(small - 1);
    before.end = small->end;
    before.slices.append(small->slices);
    parts.erase(small);
  }
}

} // namespace

Parts partsOf(mlir::Value argument) {
  Parts slices, parts;
  for (mlir::Operation* user : argument.getUsers())
    if (auto slice = llvm::dyn_cast<SliceOp>(user)) {
      const auto part = partOf(slice);
      if (!part)
        return {};
      slices.push_back(*part);
    }
  llvm::sort(slices, [](const auto& a, const auto& b) { return a.begin < b.begin; });
  int64_t at = 0;
  const auto gapUntil = [&](int64_t end) {
    if (at < end)
      parts.push_back({at, end, {}});
  };
  for (const ArgumentPart& part : slices) {
    if (part.begin < at || part.begin == part.end)
      return {};
    gapUntil(part.begin);
    parts.push_back(part);
    at = part.end;
  }
  const TensorType type = tensorTypeOf(argument.getType());
  if (!slices.empty())
    gapUntil(type.shape[0]);
  const int64_t row = std::max<int64_t>(1, type.numel() / type.shape[0]);
  joinSmall(parts, (kLeastPart + row - 1) / row);
  return parts;
}

} // namespace diptych::passes
