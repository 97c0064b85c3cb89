// Sums of arrays that are zero but for pieces apart from each other, as the derivatives of slices
// leave them: one array made of the pieces. Keeps every bit: what is added to 0 loses no more than
// the sign of -0, and so does piece + 0.
#include "passes/SumsOfPads.h"

#include "ir/Dialect.h"

#include <algorithm>
#include <cmath>

namespace diptych::passes {

namespace {
using namespace ir;

/// A pad by zeros along one axis.
struct Piece {
  mlir::Value value;
  int64_t axis = 0, begin = 0, end = 0;
};

std::optional<Piece> pieceOf(mlir::Value value) {
  auto pad = value.getDefiningOp<PadOp>();
  if (!pad || !value.hasOneUse())
    return std::nullopt;
  const Attrs attrs = attrsOf(pad);
  const double fill = attrs.value.asDouble();
  if (fill != 0 || std::signbit(fill))
    return std::nullopt;
  const Shape shape = tensorTypeOf(pad.getX().getType()).shape;
  std::optional<Piece> piece;
  for (int axis = 0; axis < shape.size(); ++axis) {
    if (attrs.interior[axis] != 0 || attrs.low[axis] < 0 || attrs.high[axis] < 0)
      return std::nullopt;
    if (attrs.low[axis] == 0 && attrs.high[axis] == 0)
      continue;
    if (piece)
      return std::nullopt;
    piece = {pad.getX(), axis, attrs.low[axis], attrs.low[axis] + shape[axis]};
  }
  return piece;
}

bool staysApart(llvm::ArrayRef<Piece> pieces, const Piece& next) {
  return llvm::all_of(pieces, [&](const Piece& piece) {
    return piece.axis == next.axis && (piece.end <= next.begin || next.end <= piece.begin);
  });
}

/// ((t0 + t1) + t2) + ..., the sums between used nowhere else.
llvm::SmallVector<mlir::Value> termsOf(AddOp sum) {
  llvm::SmallVector<mlir::Value> terms{sum.getY()};
  mlir::Value rest = sum.getX();
  for (auto add = rest.getDefiningOp<AddOp>(); add && rest.hasOneUse();
       add = rest.getDefiningOp<AddOp>()) {
    terms.push_back(add.getY());
    rest = add.getX();
  }
  terms.push_back(rest);
  std::reverse(terms.begin(), terms.end());
  return terms;
}

class Joiner {
public:
  explicit Joiner(AddOp sum) : sum_(sum), builder_(sum) {}

  void run() {
    const llvm::SmallVector<mlir::Value> terms = termsOf(sum_);
    llvm::SmallVector<mlir::Value> joined;
    for (size_t i = 0; i < terms.size();) {
      llvm::SmallVector<Piece> pieces;
      size_t end = i;
      for (; end < terms.size(); ++end) {
        const auto piece = pieceOf(terms[end]);
        if (!piece || !staysApart(pieces, *piece))
          break;
        pieces.push_back(*piece);
      }
      if (pieces.size() < 2) {
        joined.push_back(terms[i++]);
        continue;
      }
      joined.push_back(join(pieces));
      i = end;
    }
    if (joined.size() == terms.size())
      return;
    mlir::Value total = joined[0];
    for (size_t i = 1; i < joined.size(); ++i)
      total = make(OpCode::Add, {total, joined[i]});
    sum_.replaceAllUsesWith(total);
  }

private:
  mlir::Value make(OpCode code, mlir::ValueRange operands, const Attrs& attrs = {}) {
    return createOp(builder_, sum_.getLoc(), code, operands, attrs)->getResult(0);
  }

  mlir::Value zeros(Shape shape, DType dtype) {
    Attrs attrs;
    attrs.dtype = dtype;
    attrs.shape = shape;
    attrs.value = castTo(dtype, Scalar(0.0));
    return make(OpCode::Constant, {}, attrs);
  }

  mlir::Value join(llvm::SmallVector<Piece>& pieces) {
    // One without elements goes before what begins in the same place.
    llvm::sort(pieces, [](const Piece& a, const Piece& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    const TensorType type = tensorTypeOf(sum_.getType());
    const int64_t axis = pieces[0].axis;
    llvm::SmallVector<mlir::Value> parts;
    int64_t at = 0;
    const auto gapUntil = [&](int64_t end) {
      Shape shape = type.shape;
      shape[axis] = end - at;
      if (at < end)
        parts.push_back(zeros(shape, type.dtype));
      at = end;
    };
    for (const Piece& piece : pieces) {
      gapUntil(piece.begin);
      const TensorType own = tensorTypeOf(piece.value.getType());
      parts.push_back(make(OpCode::Add, {piece.value, zeros(own.shape, own.dtype)}));
      at = piece.end;
    }
    gapUntil(type.shape[axis]);
    Attrs attrs;
    attrs.axis = axis;
    return make(OpCode::Concatenate, parts, attrs);
  }

  AddOp sum_;
  mlir::OpBuilder builder_;
};

} // namespace

void joinPads(mlir::func::FuncOp function) {
  llvm::SmallVector<AddOp> sums;
  function.walk([&](AddOp sum) {
    const bool inside = sum.getResult().hasOneUse() && llvm::isa<AddOp>(*sum->user_begin()) &&
                        llvm::cast<AddOp>(*sum->user_begin()).getX() == sum.getResult();
    if (!inside && (pieceOf(sum.getY()) || pieceOf(sum.getX())))
      sums.push_back(sum);
  });
  for (AddOp sum : sums)
    Joiner(sum).run();
}

} // namespace diptych::passes
