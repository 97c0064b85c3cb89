// A convolution whose sums lie along both operands' memory, the gradient in the kernel of an image
// with few channels: vectors run along the sum, each of the kernel's serves a tile's places, each
// of the image its rows, and lanes are added at the end. Nothing is packed or turned.
#include "codegen/ConvolutionEmitter.h"

#include "codegen/Halving.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/ADT/bit.h"

namespace diptych::codegen {

using namespace mlir;

// How far the places of a tile lie apart in the image and in the result.
void ConvolutionEmitter::findPlaces() {
  places_ = {{0, 0}};
  for (const ConvolutionSpec::Loop& loop : spec_.places) {
    SmallVector<std::pair<int64_t, int64_t>> next;
    for (const auto& [right, result] : places_)
      for (int64_t i = 0; i < loop.extent.value; ++i)
        next.emplace_back(right + i * loop.right.value, result + i * loop.result.value);
    places_ = std::move(next);
  }
}

int ConvolutionEmitter::partialVectors() const {
  return static_cast<int>(64 / (spec_.lanes * sizeOf(spec_.dtype)));
}

// Sums lie as [place][row][vector].
void ConvolutionEmitter::partialTile(const Place& at, int rows) {
  findPlaces();
  const size_t count = places_.size() * static_cast<size_t>(rows * partialVectors());
  const Vectors sums = partialLoops(rows, 0, at.left, at.right, Vectors(count, zeros()));
  if (!isFirstBlock_)
    return storePartials(at, rows, sums, false);
  k_.when(isFirstBlock_, [&] { storePartials(at, rows, sums, false); });
  k_.when(negated(isFirstBlock_), [&] { storePartials(at, rows, sums, true); });
}

ConvolutionEmitter::Vectors ConvolutionEmitter::partialLoops(int rows, size_t depth, Value left,
                                                             Value right, ValueRange sums) {
  const ConvolutionSpec::Depth& loop = spec_.depth[depth];
  Value begin = begin_[depth], end = end_[depth];
  if (depth + 1 < spec_.depth.size())
    return k_.loop(begin, end, 1, sums, [&](Value i, ValueRange carried) {
      return partialLoops(rows, depth + 1, moved(left, i, loop.left), moved(right, i, loop.right),
                          carried);
    });
  const int64_t step = int64_t{partialVectors()} * spec_.lanes;
  Value whole = k_.add(begin, k_.roundDown(k_.sub(end, begin), step));
  Vectors current = k_.loop(begin, whole, step, sums, [&](Value i, ValueRange carried) {
    return partialStep(rows, k_.add(left, i), k_.add(right, i), nullptr, carried);
  });
  if (loop.extent.value % step || loop.block.value % step)
    current =
        partialStep(rows, k_.add(left, whole), k_.add(right, whole), k_.sub(end, whole), current);
  return current;
}

// So many elements of the sum, or all of a step.
ConvolutionEmitter::Vectors ConvolutionEmitter::partialStep(int rows, Value left, Value right,
                                                            Value count, ValueRange sums) {
  Vectors next(sums);
  const int vectors = partialVectors();
  for (int j = 0; j < vectors; ++j) {
    const int64_t from = int64_t{j} * spec_.lanes;
    const auto known = count ? k_.known(count) : std::nullopt;
    if (known && *known <= from)
      break;
    Value mask;
    if (count && !(known && *known >= from + spec_.lanes))
      mask = k_.maskBelow(k_.sub(count, k_.i64(from)), spec_.lanes);
    const auto load = [&](int arg, Value offset) {
      return k_.loadVector(elementOf(arg, k_.add(offset, k_.i64(from))), spec_.dtype, spec_.lanes,
                           mask);
    };
    Vectors kernel;
    for (int i = 0; i < rows; ++i)
      kernel.push_back(load(0, moved(left, k_.i64(i), spec_.sLeft)));
    for (size_t place = 0; place < places_.size(); ++place) {
      Value image = load(1, k_.add(right, k_.i64(places_[place].first)));
      for (int i = 0; i < rows; ++i) {
        const size_t number = place * static_cast<size_t>(rows) + static_cast<size_t>(i);
        Value& sum = next[number * static_cast<size_t>(vectors) + static_cast<size_t>(j)];
        sum = math::FmaOp::create(k_.builder(), k_.loc(), image, kernel[i], sum);
      }
    }
  }
  return next;
}

// Halved together, so many elements as a vector has lanes.
void ConvolutionEmitter::storePartials(const Place& at, int rows, const Vectors& sums, bool add) {
  const int vectors = partialVectors();
  Vectors elements;
  for (size_t first = 0; first < sums.size(); first += static_cast<size_t>(vectors)) {
    elements.push_back(inOne(k_, Vectors(sums.begin() + first, sums.begin() + first + vectors)));
  }
  const auto lanes = static_cast<size_t>(spec_.lanes);
  for (size_t first = 0; first < elements.size(); first += lanes) {
    Vectors some(elements.begin() + first,
                 elements.begin() + std::min(elements.size(), first + lanes));
    const size_t count = some.size();
    some.resize(llvm::bit_ceil(count), some.back());
    Value all = totals(k_, some, spec_.lanes);
    for (size_t i = 0; i < count; ++i) {
      const size_t number = first + i;
      const auto row = static_cast<int64_t>(number) % rows;
      Value offset = k_.add(moved(at.result, k_.i64(row), spec_.sResult),
                            k_.i64(places_[number / static_cast<size_t>(rows)].second));
      Value address = elementOf(ConvolutionSpec::kResult, offset);
      Value sum = vector::ExtractOp::create(k_.builder(), k_.loc(), all, static_cast<int64_t>(i));
      if (add)
        sum =
            arith::AddFOp::create(k_.builder(), k_.loc(), k_.loadScalar(address, spec_.dtype), sum);
      k_.storeScalar(sum, address, spec_.dtype);
    }
  }
}

} // namespace diptych::codegen
