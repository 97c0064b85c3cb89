// Partial result i of an element is combined with i + width / 2, as everywhere.
#include "codegen/Halving.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

using namespace mlir;

// Of vectors that hold `width` partial results of some elements each. In the result elements of a
// and b take turns, so that half of what is combined is a blend.
static Value halved(KernelBuilder& k, Value a, Value b, int64_t width, CombineFn combine) {
  const int64_t lanes = cast<VectorType>(a.getType()).getNumElements(), half = width / 2;
  SmallVector<int64_t> blend, across;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const bool low = lane % width < half;
    blend.push_back(low ? lane : lanes + lane);
    across.push_back(low ? lane + half : lanes + lane - half);
  }
  Value x = vector::ShuffleOp::create(k.builder(), k.loc(), a, b, blend);
  Value y = vector::ShuffleOp::create(k.builder(), k.loc(), a, b, across);
  return combine(x, y);
}

// Of one vector: the result has half its lanes.
static Value halved(KernelBuilder& k, Value a, int64_t width, CombineFn combine) {
  SmallVector<int64_t> low, high;
  for (int64_t lane = 0; lane < cast<VectorType>(a.getType()).getNumElements(); ++lane)
    (lane % width < width / 2 ? low : high).push_back(lane);
  Value x = vector::ShuffleOp::create(k.builder(), k.loc(), a, a, low);
  Value y = vector::ShuffleOp::create(k.builder(), k.loc(), a, a, high);
  return combine(x, y);
}

Value totals(KernelBuilder& k, SmallVector<Value> vectors, int64_t width, CombineFn combine) {
  const int64_t each = cast<VectorType>(vectors.front().getType()).getNumElements() / width;
  SmallVector<SmallVector<int64_t>> elements(vectors.size()); // of each vector
  for (size_t i = 0; i < vectors.size(); ++i)
    for (int64_t element = 0; element < each; ++element)
      elements[i].push_back(static_cast<int64_t>(i) * each + element);
  for (; width > 1; width /= 2) {
    const size_t half = vectors.size() / 2;
    if (half == 0)
      vectors[0] = halved(k, vectors[0], width, combine);
    for (size_t i = 0; i < half; ++i) {
      vectors[i] = halved(k, vectors[i], vectors[i + half], width, combine);
      SmallVector<int64_t> both;
      for (auto [a, b] : llvm::zip(elements[i], elements[i + half]))
        both.append({a, b});
      elements[i] = both;
    }
    vectors.truncate(std::max<size_t>(1, half));
  }
  if (llvm::is_sorted(elements[0]))
    return vectors[0];
  SmallVector<int64_t> places(elements[0].size());
  for (size_t i = 0; i < places.size(); ++i)
    places[static_cast<size_t>(elements[0][i])] = static_cast<int64_t>(i);
  return vector::ShuffleOp::create(k.builder(), k.loc(), vectors[0], vectors[0], places);
}

Value totals(KernelBuilder& k, SmallVector<Value> vectors, int64_t width) {
  return totals(k, std::move(vectors), width, [&](Value x, Value y) -> Value {
    return arith::AddFOp::create(k.builder(), k.loc(), x, y);
  });
}

Value inOne(KernelBuilder& k, SmallVector<Value> sums) {
  for (size_t count = sums.size() / 2; count > 0; count /= 2)
    for (size_t i = 0; i < count; ++i)
      sums[i] = arith::AddFOp::create(k.builder(), k.loc(), sums[i], sums[i + count]);
  return sums[0];
}

} // namespace diptych::codegen
