// What a tile reads of V. Where its lanes are every so manieth element there, neighbours are loaded
// and what is wanted of them is put together; nothing behind the last of it is read.
#include "codegen/ConvolutionEmitter.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

using namespace mlir;

// Before the loops: LLVM would multiply in them.
void ConvolutionEmitter::keepRowOffsets(const Tile& tile) {
  rowOffsets_.clear(), rowBytes_.clear();
  Value bytes = k_.mul(k_.size(spec_.sRight), k_.i64(sizeOf(spec_.dtype)));
  for (int i = 0; i < tile.rows; ++i) {
    rowOffsets_.push_back(k_.mul(k_.i64(i), k_.size(spec_.sLeft)));
    rowBytes_.push_back(k_.mul(k_.i64(i), bytes));
  }
}

// All pieces are full but where the tile's last vector is not.
void ConvolutionEmitter::keepPieceMasks(const Tile& tile) {
  pieceMasks_.clear();
  if (!tile.rest || spec_.vRight.is(1))
    return;
  Value last = k_.mul(k_.sub(tile.rest, k_.i64(1)), k_.size(spec_.vRight));
  for (int64_t begin : piecesOf())
    pieceMasks_.push_back(k_.maskBelow(k_.sub(last, k_.i64(begin - 1)), spec_.lanes));
}

// The last one ends with the last element that is wanted.
std::vector<int64_t> ConvolutionEmitter::piecesOf() const {
  const int64_t step = spec_.vRight.value, lanes = spec_.lanes;
  std::vector<int64_t> begins;
  for (int64_t i = 0; i + 1 < step; ++i)
    begins.push_back(i * lanes);
  begins.push_back((lanes - 1) * (step - 1));
  return begins;
}

Value ConvolutionEmitter::vectorOf(const Tile& tile, const Place& at, int row, int j) {
  if (!spec_.imageIsLeft && at.isOutside)
    return zeros();
  Value begin = elementOf(1, at.right);
  if (!spec_.sRight.is(0))
    begin = k_.rowAddress(begin, rowBytes_, row);
  return vectorFrom(tile, at, insideOr(begin, at, row), 0, j);
}

Value ConvolutionEmitter::vectorFrom(const Tile& tile, const Place& at, Value begin, int64_t column,
                                     int j) {
  const int64_t step = spec_.vRight.value, lanes = spec_.lanes;
  const auto load = [&](int64_t offset, Value mask) {
    Value address = k_.address(begin, spec_.dtype, k_.i64(column + offset));
    return k_.loadVector(address, spec_.dtype, spec_.lanes, mask);
  };
  if (step == 1)
    return load(j * lanes, laneMaskOf(tile, at, j));
  const bool isWhole = pieceMasks_.empty() || j + 1 < tile.vectors;
  const std::vector<int64_t> begins = piecesOf();
  Value all;
  for (size_t i = 0; i < begins.size(); ++i) {
    Value piece = load(j * lanes * step + begins[i], isWhole ? nullptr : pieceMasks_[i]);
    if (!all) {
      all = piece;
      continue;
    }
    SmallVector<int64_t> from; // its lanes are `lanes` and more
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t place = lane * step;
      const bool isHere = place >= static_cast<int64_t>(i) * lanes;
      from.push_back(isHere ? lanes + std::min(place - begins[i], lanes - 1)
                            : (i == 1 ? place : lane));
    }
    all = vector::ShuffleOp::create(k_.builder(), k_.loc(), all, piece, from);
  }
  return all;
}

} // namespace diptych::codegen
