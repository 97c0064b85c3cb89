// Fused functions, a piece of columns after the other: what the first pass leaves for the second
// stays in the second cache.
#include "ir/FusedTable.h"
#include "runtime/Buffer.h"
#include "runtime/KernelRegistry.h"
#include "runtime/Launch.h"
#include "runtime/ThreadPool.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace diptych::runtime {

namespace {

using Element = double;

/// One row's columns [begin, end).
struct Piece {
  int64_t row, begin, end;
  int64_t columns() const { return end - begin; }
};

/// An array as [rows..., n, columns].
struct Operand {
  Strided array;
  int64_t n = 0, columns = 1; // strides
  bool isApart = false;       // of columns; a piece of them is copied before and behind

  Element* at(const Piece& piece, int first, int64_t axis) const;
};

// Rows are along the axes before `first`.
Element* Operand::at(const Piece& piece, int first, int64_t axis) const {
  int64_t offset = piece.begin * columns, row = piece.row;
  for (int a = first - 1; a >= 0; --a)
    if (a != axis) {
      offset += row % array.type->shape[a] * (*array.strides)[a];
      row /= array.type->shape[a];
    }
  return reinterpret_cast<Element*>(array.data) + offset;
}

constexpr int kMostArgs = 16;

struct Arguments {
  void* args[kMostArgs];
  int64_t params[1 + kMostArgs];
  int count = 0;

  explicit Arguments(int64_t n) { params[0] = n; }
  void add(Element* at, int64_t stride) {
    params[1 + count] = stride;
    args[count++] = at;
  }
};

class FusedCall {
public:
  FusedCall(Fused code, std::span<const Strided> inputs, int64_t axis,
            std::span<const Strided> outputs);
  void run() const;

private:
  void addNumber(const Strided& array);
  void addColumns(const Strided& array, bool isOutput);
  int64_t columnsOfPiece() const;
  void run(const Piece& piece, Element* scratch) const;
  void copy(const Operand& operand, const Piece& piece, Element* place, bool out) const;

  const FusedFunction& function_;
  const KernelRegistry::Passes kernels_;
  const TensorType& type_;
  const int64_t axis_;
  int64_t rows_ = 1, n_, columns_ = 1;
  int first_;                     // axis of the columns
  std::vector<Operand> operands_; // of both passes, and the outputs
  int64_t places_;                // of pieces in the cache
  std::vector<Buffer> copies_;
  std::vector<std::pair<Strided, Strided>> late_; // copies that are made behind
  const Dims contiguous_;
};

// The stride of all axes from `first` on, but one, as one axis; none where they are none.
std::optional<int64_t> strideAlong(const Strided& array, int first, int64_t except) {
  const Shape& shape = array.type->shape;
  std::optional<int64_t> stride;
  int64_t inner = 1;
  for (int a = shape.size() - 1; a >= first; --a) {
    if (a == except || shape[a] == 1)
      continue;
    const int64_t own = (*array.strides)[a];
    if (stride && own != *stride * inner)
      return std::nullopt;
    stride = stride.value_or(own);
    inner *= shape[a];
  }
  return stride.value_or(1);
}

FusedCall::FusedCall(Fused code, std::span<const Strided> inputs, int64_t axis,
                     std::span<const Strided> outputs)
    : function_(info(code)), kernels_(KernelRegistry::current().get(code)), type_(*outputs[0].type),
      axis_(axis), n_(type_.shape[axis]), places_(function_.back.results),
      contiguous_(contiguousStrides(type_.shape)) {
  const auto isOneRow = [&](const Strided& array) { return strideAlong(array, 0, axis); };
  const bool oneRow = std::all_of(inputs.begin(), inputs.end(), isOneRow) &&
                      std::all_of(outputs.begin(), outputs.end(), isOneRow);
  first_ = oneRow ? 0 : static_cast<int>(axis) + 1;
  for (int a = 0; a < type_.rank(); ++a)
    if (a != axis)
      (a < first_ ? rows_ : columns_) *= type_.shape[a];
  size_t next = 0;
  for (const FusedPass* pass : {&function_.back, &function_.forth})
    for (int i = 0; i < pass->operands(); ++i)
      i < pass->columns ? addColumns(inputs[next++], false) : addNumber(inputs[next++]);
  for (const Strided& output : outputs)
    addColumns(output, true);
}

void FusedCall::addNumber(const Strided& array) {
  if (columns_ > 1 && strideAlong(array, first_, axis_) != 0)
    throw Error(std::string("internal: numbers of ") + function_.forth.name + " differ in columns");
  operands_.push_back({array, (*array.strides)[axis_], 0});
}

// Where columns are several axes, which are no one axis of the array, all of it is copied.
void FusedCall::addColumns(const Strided& array, bool isOutput) {
  const std::optional<int64_t> stride = strideAlong(array, first_, axis_);
  if (stride) {
    operands_.push_back({array, (*array.strides)[axis_], *stride, *stride != 1});
    places_ += *stride != 1;
    return;
  }
  copies_.push_back(Buffer::allocate(type_.bytes()));
  const Strided copy{copies_.back().data(), &type_, &contiguous_, true};
  operands_.push_back({copy, contiguous_[axis_]});
  if (isOutput)
    late_.emplace_back(copy, array);
  else
    launchCopy(array, copy);
}

int64_t FusedCall::columnsOfPiece() const {
  constexpr int64_t kCacheBytes = 512 * 1024, kLeast = 64; // rows of whole cache lines
  const int64_t bytes = n_ * places_ * static_cast<int64_t>(sizeof(Element));
  const int64_t most = std::max(kLeast, kCacheBytes / bytes / kLeast * kLeast);
  const int64_t pieces = (columns_ + most - 1) / most;
  return std::min(columns_, (columns_ / pieces + kLeast - 1) / kLeast * kLeast);
}

void FusedCall::copy(const Operand& operand, const Piece& piece, Element* place, bool out) const {
  const TensorType type{type_.dtype, {n_, piece.columns()}};
  const Dims own{operand.n, operand.columns}, dense{piece.columns(), 1};
  Element* data = operand.at(piece, first_, axis_);
  const Strided apart{reinterpret_cast<std::byte*>(data), &type, &own, false};
  const Strided together{reinterpret_cast<std::byte*>(place), &type, &dense, true};
  out ? launchCopy(together, apart) : launchCopy(apart, together);
}

void FusedCall::run(const Piece& piece, Element* scratch) const {
  const int64_t columns = piece.columns(), size = n_ * columns;
  Element* const between = scratch;
  scratch += function_.back.results * size;
  const auto add = [&](Arguments& arguments, const Operand& operand, bool isRead) {
    if (!operand.isApart)
      return arguments.add(operand.at(piece, first_, axis_), operand.n);
    if (isRead)
      copy(operand, piece, scratch, false);
    arguments.add(scratch, columns);
    scratch += size;
  };
  auto next = operands_.begin();
  Arguments back(n_), forth(n_);
  for (int i = 0; i < function_.back.operands(); ++i)
    add(back, *next++, true);
  for (int i = 0; i < function_.back.results; ++i)
    back.add(between + i * size, columns);
  kernels_.back(back.args, back.params, 0, columns);
  for (int i = 0; i < function_.forth.operands(); ++i)
    add(forth, *next++, true);
  for (int i = 0; i < function_.back.results; ++i)
    forth.add(between + (i + 1) * size - columns, -columns);
  const int outputs = forth.count;
  for (auto output = next; output != operands_.end(); ++output)
    add(forth, *output, false);
  kernels_.forth(forth.args, forth.params, 0, columns);
  for (int i = outputs; i < forth.count; ++i, ++next)
    if (next->isApart)
      copy(*next, piece, static_cast<Element*>(forth.args[i]), true);
}

void FusedCall::run() const {
  constexpr int64_t kGrain = 4096; // elements worth a piece of their own
  const int64_t columns = columnsOfPiece(), pieces = (columns_ + columns - 1) / columns;
  const int64_t grain = std::max<int64_t>(1, kGrain / (n_ * columns));
  const int64_t bytes = places_ * n_ * columns * static_cast<int64_t>(sizeof(Element));
  ThreadPool::global().parallelFor(rows_ * pieces, grain, [&](int64_t lo, int64_t hi) {
    const Buffer scratch = Buffer::allocate(bytes);
    for (int64_t i = lo; i < hi; ++i) {
      const int64_t begin = i % pieces * columns;
      run({i / pieces, begin, std::min(columns_, begin + columns)},
          reinterpret_cast<Element*>(scratch.data()));
    }
  });
  for (const auto& [from, to] : late_)
    launchCopy(from, to);
}

} // namespace

void launchFused(Fused code, std::span<const Strided> inputs, int64_t axis,
                 std::span<const Strided> outputs) {
  if (outputs[0].type->numel() > 0)
    FusedCall(code, inputs, axis, outputs).run();
}

} // namespace diptych::runtime
