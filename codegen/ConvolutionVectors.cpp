// What a tile reads of V. Where a vector's elements lie apart there, neighbours are loaded and what
// is wanted of them is put together; nothing behind the last of it is read.
#include "codegen/ConvolutionEmitter.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

using namespace mlir;

// Before the loops: LLVM would multiply in them.
void ConvolutionEmitter::keepRowOffsets(Tile& tile) {
  rowOffsets_.clear(), rowBytes_.clear();
  Value bytes = k_.mul(k_.size(spec_.sRight), k_.i64(sizeOf(spec_.dtype)));
  for (int i = 0; i < tile.rows; ++i) {
    rowOffsets_.push_back(k_.mul(k_.i64(i), k_.size(spec_.sLeft)));
    rowBytes_.push_back(k_.mul(k_.i64(i), bytes));
  }
  if (!spec_.sRun.is(0))
    addJumps(tile);
}

// The first row's are the whole tile's.
void ConvolutionEmitter::addJumps(Tile& tile) {
  Value run = k_.size(spec_.sRun), jump = k_.size(spec_.sJump), place, jumps = k_.i64(0);
  tile.at.left = moved(tile.at.left, divided(tile.at.row, run, place), spec_.sJump);
  for (int i = 1; i < tile.rows; ++i) {
    place = k_.add(place, k_.i64(1));
    Value isOver = k_.notLess(place, run);
    const auto chosen = [&](Value over, Value within) -> Value {
      return arith::SelectOp::create(k_.builder(), k_.loc(), isOver, over, within);
    };
    place = chosen(k_.i64(0), place);
    jumps = chosen(k_.add(jumps, jump), jumps);
    rowOffsets_[i] = k_.add(rowOffsets_[i], jumps);
  }
}

// All pieces are full but where the tile's last vector is not.
void ConvolutionEmitter::keepPieceMasks(const Tile& tile) {
  pieceMasks_.clear();
  if (spec_.vRight.is(1))
    pieceMasks_.push_back(tile.mask);
  else if (tile.rest) {
    Value last = k_.mul(k_.sub(tile.rest, k_.i64(1)), k_.size(spec_.vRight));
    for (int64_t begin : piecesOf())
      pieceMasks_.push_back(k_.maskBelow(k_.sub(last, k_.i64(begin - 1)), spec_.lanes));
  }
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
  const std::vector<int64_t> begins = piecesOf();
  Value all;
  for (size_t i = 0; i < begins.size(); ++i) {
    Value address = k_.address(begin, spec_.dtype, k_.i64(column + j * lanes * step + begins[i]));
    Value piece = k_.loadVector(address, spec_.dtype, spec_.lanes, laneMaskOf(tile, at, j, i));
    all = i == 0 ? piece : withPiece(all, piece, i, begins[i], 0);
  }
  return all;
}

// Pieces follow each other: the last of the columns ends with the last of them.
ConvolutionEmitter::Vectors ConvolutionEmitter::vectorsTogether(const Tile& tile, Value begin,
                                                                int j) {
  const int64_t step = spec_.vRight.value, lanes = spec_.lanes;
  Vectors all(static_cast<size_t>(step));
  for (int64_t i = 0; i < step; ++i) {
    Value mask;
    if (tile.rest && j + 1 == tile.vectors)
      mask = k_.maskBelow(k_.sub(k_.mul(tile.rest, k_.i64(step)), k_.i64(i * lanes)), spec_.lanes);
    Value address = k_.address(begin, spec_.dtype, k_.i64((j * step + i) * lanes));
    Value piece = k_.loadVector(address, spec_.dtype, spec_.lanes, mask);
    for (int64_t column = 0; column < step; ++column)
      all[column] = i == 0 ? piece : withPiece(all[column], piece, i, i * lanes, column);
  }
  return all;
}

// What is wanted of the first piece is put in its place together with the second's.
Value ConvolutionEmitter::withPiece(Value all, Value piece, size_t number, int64_t begin,
                                    int64_t column) {
  const int64_t lanes = spec_.lanes, from = static_cast<int64_t>(number) * lanes;
  SmallVector<int64_t> lanesOfBoth;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const int64_t place = lane * spec_.vRight.value + column;
    lanesOfBoth.push_back(place >= from ? lanes + std::min(place - begin, lanes - 1)
                          : number == 1 ? place
                                        : lane);
  }
  return vector::ShuffleOp::create(k_.builder(), k_.loc(), all, piece, lanesOfBoth);
}

} // namespace diptych::codegen
