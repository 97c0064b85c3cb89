// log2(lanes) rounds of shuffles, each of which exchanges one bit of the row with one of the
// column.
#include "codegen/Transpose.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

using namespace mlir;

static int64_t lanesOf(Value vector) { return cast<VectorType>(vector.getType()).getNumElements(); }

static Value shuffled(KernelBuilder& k, Value a, Value b, ArrayRef<int64_t> mask) {
  return vector::ShuffleOp::create(k.builder(), k.loc(), a, b, mask);
}

// Each quarter of a and b by turns: a0 b0 a1 b1 from the low half of its elements, or the high one.
static Value interleaved(KernelBuilder& k, Value a, Value b, int64_t quarter, bool high) {
  const int64_t lanes = lanesOf(a);
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < lanes; ++lane)
    mask.push_back(lane / quarter * quarter + lane % quarter / 2 + (high ? quarter / 2 : 0) +
                   (lane % 2 ? lanes : 0));
  return shuffled(k, a, b, mask);
}

Value everySecondQuarter(KernelBuilder& k, Value a, Value b, int64_t elementBytes, bool odd) {
  const int64_t lanes = lanesOf(a), quarter = kQuarterBytes / elementBytes;
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < lanes; ++lane)
    mask.push_back((2 * (lane / quarter) + (odd ? 1 : 0)) * quarter + lane % quarter);
  return shuffled(k, a, b, mask);
}

Value joined(KernelBuilder& k, Value a, Value b) {
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < 2 * lanesOf(a); ++lane)
    mask.push_back(lane);
  return shuffled(k, a, b, mask);
}

void transposeQuarters(KernelBuilder& k, MutableArrayRef<Value> rows, int64_t elementBytes) {
  const int64_t quarter = kQuarterBytes / elementBytes;
  for (int64_t width = quarter / 2; width > 0; width /= 2)
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i & static_cast<size_t>(width))
        continue;
      Value &a = rows[i], &b = rows[i + static_cast<size_t>(width)];
      Value low = interleaved(k, a, b, quarter, false);
      b = interleaved(k, a, b, quarter, true);
      a = low;
    }
}

void transposeSquare(KernelBuilder& k, MutableArrayRef<Value> rows, int64_t elementBytes) {
  for (auto width = static_cast<size_t>(kQuarterBytes / elementBytes); width < rows.size();
       width *= 2)
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i & width)
        continue;
      Value &a = rows[i], &b = rows[i + width];
      Value even = everySecondQuarter(k, a, b, elementBytes, false);
      b = everySecondQuarter(k, a, b, elementBytes, true);
      a = even;
    }
  transposeQuarters(k, rows, elementBytes);
}

void storeTransposed(KernelBuilder& k, ArrayRef<Value> rows, Value mask, int64_t elementBytes,
                     StoreColumn store) {
  const auto lanes = static_cast<int>(lanesOf(rows.front())), all = static_cast<int>(rows.size());
  for (int first = 0; first < all; first += lanes) {
    const int count = std::min(lanes, all - first);
    Value rowMask = count < lanes ? k.maskBelow(k.i64(count), lanes) : nullptr;
    SmallVector<Value> square(static_cast<size_t>(lanes), rows.front());
    llvm::copy(rows.slice(first, count), square.begin());
    transposeSquare(k, square, elementBytes);
    for (int lane = 0; lane < lanes; ++lane) {
      const auto put = [&] { store(square[lane], first, lane, rowMask); };
      if (mask)
        k.when(vector::ExtractOp::create(k.builder(), k.loc(), mask, int64_t{lane}), put);
      else
        put();
    }
  }
}

} // namespace diptych::codegen
