// Which operations keep a matrix a few diagonals, and what its products and sums are then.
#include "passes/Bands.h"

#include "passes/Identity.h"

#include <algorithm>

namespace diptych::passes {

using namespace mlir;

namespace {
constexpr size_t kMostDiagonals = 8;

TensorType typeOf(Value value) { return ir::tensorTypeOf(value.getType()); }

bool isMatrix(Value value) {
  const TensorType type = typeOf(value);
  return type.rank() == 2 && isFloat(type.dtype) && type.numel() > 0;
}

bool isZero(Value value) {
  const auto number = ir::splatOf(value);
  return number && !number->isInteger && number->floating == 0;
}
} // namespace

std::optional<Banded> Bands::of(Value value) {
  Operation* op = value.getDefiningOp();
  if (!op || !isMatrix(value))
    return std::nullopt;
  if (auto known = known_.find(value); known != known_.end())
    return known->second;
  Result result = bandedOf(op);
  if (result) {
    llvm::erase_if(result->diagonals, [&](const Diagonal& diagonal) {
      const Range range = shown(diagonal, result->rows, result->columns);
      return range.first >= range.last;
    });
    if (result->diagonals.size() > kMostDiagonals)
      result.reset();
  }
  return known_[value] = result;
}

Bands::Result Bands::bandedOf(Operation* op) {
  const std::optional<OpCode> code = ir::opCodeOf(op);
  if (!code)
    return std::nullopt;
  switch (*code) {
  case OpCode::Convert:
    return isIdentityMatrix(op->getResult(0)) ? identity(op->getResult(0)) : mapped(op);
  case OpCode::Neg:
  case OpCode::StopGradient: return mapped(op);
  case OpCode::Add:
  case OpCode::Sub: return added(op, *code);
  case OpCode::Mul: {
    Result result = scaled(op, 0);
    return result ? result : scaled(op, 1);
  }
  case OpCode::Div: return scaled(op, 0);
  case OpCode::Where: return chosen(cast<ir::WhereOp>(op));
  case OpCode::Slice: return sliced(cast<ir::SliceOp>(op));
  case OpCode::Pad: return padded(cast<ir::PadOp>(op));
  case OpCode::Transpose: return transposed(cast<ir::TransposeOp>(op));
  default: return std::nullopt;
  }
}

Bands::Result Bands::identity(Value value) {
  const TensorType type = typeOf(value);
  return Banded{type.shape[0], type.shape[1], {{1, 0, splat({type.dtype, {type.shape[1]}}, 1)}}};
}

//===-- Elements -----------------------------------------------------------------------------===//

Bands::Result Bands::mapped(Operation* op) {
  Result x = of(op->getOperand(0));
  if (!x)
    return std::nullopt;
  const Attrs attrs = ir::attrsOf(op);
  for (Diagonal& diagonal : x->diagonals)
    diagonal.along = make(*ir::opCodeOf(op), diagonal.along, attrs);
  ++x->operations;
  return x;
}

Bands::Result Bands::added(Operation* op, OpCode code) {
  Result x = of(op->getOperand(0)), y = x ? of(op->getOperand(1)) : std::nullopt;
  if (!y)
    return std::nullopt;
  for (const Diagonal& diagonal : y->diagonals) {
    auto* same = llvm::find_if(x->diagonals,
                               [&](const Diagonal& own) { return own.isSamePlaceAs(diagonal); });
    if (same != x->diagonals.end())
      same->along = make(code, {same->along, diagonal.along});
    else if (code == OpCode::Sub)
      x->diagonals.push_back({diagonal.step, diagonal.offset, make(OpCode::Neg, diagonal.along)});
    else
      x->diagonals.push_back(diagonal);
  }
  x->operations += y->operations + 1;
  return x;
}

// What is infinite beside a 0 leaves no NaN there, as where tangents are sums of products.
Bands::Result Bands::scaled(Operation* op, int matrix) {
  Result x = of(op->getOperand(matrix));
  if (!x)
    return std::nullopt;
  for (Diagonal& diagonal : x->diagonals) {
    Value factors = alongOf(op->getOperand(1 - matrix), diagonal);
    if (!factors)
      return std::nullopt;
    diagonal.along = matrix == 0 ? make(*ir::opCodeOf(op), {diagonal.along, factors})
                                 : make(*ir::opCodeOf(op), {factors, diagonal.along});
  }
  ++x->operations;
  return x;
}

Bands::Result Bands::chosen(ir::WhereOp op) {
  const auto side = [&](Value value) -> Result {
    if (isZero(value))
      return Banded{typeOf(value).shape[0], typeOf(value).shape[1], {}};
    return of(value);
  };
  Result x = side(op.getX()), y = x ? side(op.getY()) : std::nullopt;
  if (!y)
    return std::nullopt;
  Banded result{x->rows, x->columns, {}, x->operations + y->operations + 1};
  const auto numberIn = [&](const Banded& banded, const Diagonal& place) {
    const auto* own = llvm::find_if(
        banded.diagonals, [&](const Diagonal& diagonal) { return diagonal.isSamePlaceAs(place); });
    return own != banded.diagonals.end() ? own->along
                                         : splat({typeOf(op.getX()).dtype, {banded.columns}}, 0);
  };
  llvm::SmallVector<Diagonal, 8> places = llvm::to_vector<8>(x->diagonals);
  for (const Diagonal& diagonal : y->diagonals)
    if (llvm::none_of(places, [&](const Diagonal& own) { return own.isSamePlaceAs(diagonal); }))
      places.push_back(diagonal);
  for (const Diagonal& place : places) {
    Value condition = alongOf(op.getCondition(), place);
    if (!condition)
      return std::nullopt;
    result.diagonals.push_back(
        {place.step, place.offset,
         make(OpCode::Where, {condition, numberIn(*x, place), numberIn(*y, place)})});
  }
  return result;
}

Value Bands::alongOf(Value matrix, const Diagonal& diagonal) {
  const TensorType type = typeOf(matrix);
  if (const auto number = ir::splatOf(matrix)) {
    Attrs attrs;
    attrs.shape = {type.shape[1]};
    attrs.dtype = type.dtype;
    attrs.value = *number;
    return make(OpCode::Constant, {}, attrs);
  }
  auto wide = matrix.getDefiningOp<ir::BroadcastOp>();
  if (!wide || wide.getAxes().size() > 1)
    return nullptr;
  if (wide.getAxes().empty())
    return repeat(wide.getX(), {}, {type.shape[1]});
  if (wide.getAxes()[0] == 1)
    return wide.getX();
  return type.dtype == DType::boolean ? nullptr : taken(wide.getX(), diagonal, type.shape[1]);
}

//===-- Places -------------------------------------------------------------------------------===//

Bands::Result Bands::sliced(ir::SliceOp op) {
  Result x = of(op.getX());
  const int64_t row = op.getStarts()[0], column = op.getStarts()[1], stride = op.getStrides()[1];
  if (!x || op.getStrides()[0] != 1)
    return std::nullopt;
  const Shape shape = typeOf(op.getResult()).shape;
  const bool someColumns = shape[1] != x->columns;
  for (Diagonal& diagonal : x->diagonals) {
    // i = step (column + stride j) + offset - row
    diagonal.offset += diagonal.step * column - row;
    diagonal.step *= stride;
    if (someColumns)
      diagonal.along = slice(diagonal.along, 0, column, op.getLimits()[1], stride);
  }
  x->rows = shape[0], x->columns = shape[1];
  ++x->operations;
  return x;
}

Bands::Result Bands::padded(ir::PadOp op) {
  Result x = of(op.getX());
  const Attrs attrs = ir::attrsOf(op);
  const int64_t interior = attrs.interior[1], low = attrs.low[1], high = attrs.high[1];
  if (!x || attrs.value.asDouble() != 0 || attrs.interior[0] != 0 || low < 0 || high < 0)
    return std::nullopt;
  const Shape shape = typeOf(op.getResult()).shape;
  for (Diagonal& diagonal : x->diagonals) {
    // Rows that come new must not show what no row showed before.
    const Range range = shown(diagonal, x->rows, x->columns);
    const bool isWhole = range.first == 0 && range.last == x->columns;
    if (diagonal.step % (interior + 1) != 0 || (shape[0] > x->rows && !isWhole))
      return std::nullopt;
    // i = step (j - low) / (interior + 1) + offset
    diagonal.step /= interior + 1;
    diagonal.offset += attrs.low[0] - diagonal.step * low;
    if (shape[1] != x->columns)
      diagonal.along = pad(diagonal.along, 0, low, interior, high);
  }
  x->rows = shape[0], x->columns = shape[1];
  ++x->operations;
  return x;
}

Bands::Result Bands::transposed(ir::TransposeOp op) {
  Result x = of(op.getX());
  if (!x || op.getAxes()[0] == 0 ||
      llvm::any_of(x->diagonals, [](const Diagonal& diagonal) { return diagonal.step != 1; }))
    return std::nullopt;
  for (Diagonal& diagonal : x->diagonals) {
    diagonal.along = placed(diagonal, x->rows, x->columns);
    diagonal.offset = -diagonal.offset;
  }
  std::swap(x->rows, x->columns);
  ++x->operations;
  return x;
}

Bands::Range Bands::shown(const Diagonal& diagonal, int64_t rows, int64_t columns) {
  const auto roundedUp = [&](int64_t distance) {
    return distance <= 0 ? int64_t{0} : (distance + diagonal.step - 1) / diagonal.step;
  };
  return {std::min(columns, roundedUp(-diagonal.offset)),
          std::min(columns, roundedUp(rows - diagonal.offset))};
}

Value Bands::taken(Value v, const Diagonal& diagonal, int64_t columns) {
  const auto [first, last] = shown(diagonal, typeOf(v).shape[0], columns);
  if (first >= last)
    return zeros(v, {columns});
  const int64_t start = diagonal.step * first + diagonal.offset;
  Value some = slice(v, 0, start, start + diagonal.step * (last - first - 1) + 1, diagonal.step);
  return pad(some, 0, first, 0, columns - last);
}

Value Bands::placed(const Diagonal& diagonal, int64_t rows, int64_t columns) {
  const auto [first, last] = shown(diagonal, rows, columns);
  const int64_t low = diagonal.step * first + diagonal.offset;
  return pad(slice(diagonal.along, 0, first, last, 1), 0, low, diagonal.step - 1,
             rows - low - diagonal.step * (last - first - 1) - 1);
}

//===-- What is made of them -----------------------------------------------------------------===//

Value Bands::matrix(const Banded& banded) {
  const Shape shape{banded.rows, banded.columns};
  Value result;
  for (const Diagonal& diagonal : llvm::reverse(banded.diagonals)) {
    const Value rest = result ? result : zeros(diagonal.along, shape);
    const bool isApart = llvm::all_of(
        banded.diagonals, [&](const Diagonal& other) { return other.step == diagonal.step; });
    const Value numbers = repeat(diagonal.along, {1}, shape),
                here = mask(diagonal, banded.rows, banded.columns);
    if (isApart || !result)
      result = make(OpCode::Where, {here, numbers, rest});
    else
      result = make(OpCode::Add,
                    {make(OpCode::Where, {here, numbers, zeros(diagonal.along, shape)}), rest});
  }
  return result;
}

// Where i - offset = step j.
Value Bands::mask(const Diagonal& diagonal, int64_t rows, int64_t columns) {
  const auto index = [&](int64_t axis, OpCode code, int64_t number) {
    Attrs attrs;
    attrs.dtype = DType::i64;
    attrs.shape = {axis == 0 ? rows : columns};
    Value place = make(OpCode::Iota, {}, attrs);
    attrs.value = Scalar(number);
    if (number != (code == OpCode::Mul ? 1 : 0))
      place = make(code, {place, make(OpCode::Constant, {}, attrs)});
    return repeat(place, {axis}, {rows, columns});
  };
  return make(OpCode::Eq,
              {index(0, OpCode::Sub, diagonal.offset), index(1, OpCode::Mul, diagonal.step)});
}

Value Bands::sums(const Banded& banded) {
  Value result;
  for (const Diagonal& diagonal : banded.diagonals) {
    const Value own = placed(diagonal, banded.rows, banded.columns);
    result = result ? make(OpCode::Add, {result, own}) : own;
  }
  return result;
}

Value Bands::product(const Banded& banded, Value x) {
  Value result;
  for (const Diagonal& diagonal : banded.diagonals) {
    const auto [first, last] = shown(diagonal, banded.rows, banded.columns);
    const Value some = slice(x, 0, first, last, 1),
                numbers = slice(diagonal.along, 0, first, last, 1),
                own = make(OpCode::Mul, {some, repeat(numbers, {0}, typeOf(some).shape)});
    const int64_t low = diagonal.step * first + diagonal.offset;
    const Value rows = pad(own, 0, low, diagonal.step - 1,
                           banded.rows - low - diagonal.step * (last - first - 1) - 1);
    result = result ? make(OpCode::Add, {result, rows}) : rows;
  }
  return result;
}

Value Bands::product(Value x, const Banded& banded) {
  Value result;
  for (const Diagonal& diagonal : banded.diagonals) {
    const auto [first, last] = shown(diagonal, banded.rows, banded.columns);
    const int64_t start = diagonal.step * first + diagonal.offset;
    const Value some = slice(x, 1, start, start + diagonal.step * (last - first - 1) + 1,
                             diagonal.step),
                numbers = slice(diagonal.along, 0, first, last, 1),
                own = make(OpCode::Mul, {some, repeat(numbers, {1}, typeOf(some).shape)}),
                columns = pad(own, 1, first, 0, banded.columns - last);
    result = result ? make(OpCode::Add, {result, columns}) : columns;
  }
  return result;
}

//===-- Operations ---------------------------------------------------------------------------===//

Value Bands::slice(Value x, int64_t axis, int64_t start, int64_t limit, int64_t stride) {
  Attrs attrs;
  const Shape shape = typeOf(x).shape;
  attrs.starts = Dims(shape.size(), 0), attrs.strides = Dims(shape.size(), 1);
  attrs.limits = shape;
  attrs.starts[axis] = start, attrs.limits[axis] = limit, attrs.strides[axis] = stride;
  return start == 0 && limit == shape[axis] && stride == 1 ? x : make(OpCode::Slice, x, attrs);
}

Value Bands::pad(Value x, int64_t axis, int64_t low, int64_t interior, int64_t high) {
  Attrs attrs;
  const TensorType type = typeOf(x);
  attrs.low = attrs.high = attrs.interior = Dims(type.rank(), 0);
  attrs.low[axis] = low, attrs.high[axis] = high;
  attrs.interior[axis] = type.shape[axis] > 1 ? interior : 0;
  attrs.value = castTo(type.dtype, Scalar(0.0));
  return low == 0 && high == 0 && attrs.interior[axis] == 0 ? x : make(OpCode::Pad, x, attrs);
}

Value Bands::repeat(Value x, const Dims& axes, const Shape& shape) {
  Attrs attrs;
  attrs.axes = axes, attrs.shape = shape;
  return make(OpCode::Broadcast, x, attrs);
}

Value Bands::splat(const TensorType& type, double number) {
  Attrs attrs;
  attrs.dtype = type.dtype, attrs.shape = type.shape;
  attrs.value = castTo(type.dtype, Scalar(number));
  return make(OpCode::Constant, {}, attrs);
}

Value Bands::zeros(Value like, const Shape& shape) { return splat({typeOf(like).dtype, shape}, 0); }

Value Bands::make(OpCode code, ValueRange operands, const Attrs& attrs) {
  const Location location = operands.empty() ? builder_.getUnknownLoc() : operands.front().getLoc();
  return ir::createOp(builder_, location, code, operands, attrs)->getResult(0);
}

} // namespace diptych::passes
