// Parts, repetition, turning, diagonals and masks, in terms of the DSL's operators.
#include <diptych/Movement.h>

#include "frontend/Ops.h"

#include <algorithm>

namespace diptych {

using detail::axisOf;
using detail::located;
using detail::misuse;
using detail::tensorOf;
using detail::valueOf;
using detail::wrap;

//===-- Parts --------------------------------------------------------------------------------===//

static std::vector<Tensor> pieces(const Tensor& x, const std::vector<int64_t>& sizes,
                                  int64_t axis) {
  std::vector<Tensor> result;
  int64_t begin = 0;
  for (int64_t size : sizes) {
    result.push_back(slice(x, axis, begin, begin + size));
    begin += size;
  }
  return result;
}

// At least one piece, so that an empty axis gives an empty piece.
static std::vector<Tensor> equalPieces(const Tensor& x, int64_t size, int64_t axis) {
  const int64_t extent = x.shape()[static_cast<int>(axis)];
  std::vector<int64_t> sizes;
  for (int64_t begin = 0; begin < extent || sizes.empty(); begin += size)
    sizes.push_back(std::min(size, extent - begin));
  return pieces(x, sizes, axis);
}

std::vector<Tensor> split(const Arg& arg, int64_t size, int64_t axis) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    if (size < 1)
      misuse("split", "a size of at least 1", std::to_string(size),
             "use chunk for a number of parts");
    return equalPieces(x, size, axisOf("split", axis, x.rank()));
  });
}

std::vector<Tensor> split(const Arg& arg, const std::vector<int64_t>& sizes, int64_t axis) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    const int64_t counted = axisOf("split", axis, x.rank());
    int64_t total = 0;
    for (int64_t size : sizes) {
      if (size < 0)
        misuse("split", "sizes that are not negative", std::to_string(size), "check the list");
      total += size;
    }
    if (total != x.shape()[static_cast<int>(counted)])
      misuse("split", "sizes that add up to the extent of axis " + std::to_string(counted),
             std::to_string(total) + " for " + x.type().str(), "check the list");
    return pieces(x, sizes, counted);
  });
}

std::vector<Tensor> chunk(const Arg& arg, int64_t chunks, int64_t axis) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    if (chunks < 1)
      misuse("chunk", "at least 1 chunk", std::to_string(chunks), "check the number");
    const int64_t counted = axisOf("chunk", axis, x.rank());
    const int64_t extent = x.shape()[static_cast<int>(counted)];
    return equalPieces(x, std::max<int64_t>(1, (extent + chunks - 1) / chunks), counted);
  });
}

std::vector<Tensor> unstack(const Arg& arg, int64_t axis) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    const int64_t counted = axisOf("unstack", axis, x.rank());
    std::vector<Tensor> result;
    for (int64_t i = 0; i < x.shape()[static_cast<int>(counted)]; ++i)
      result.push_back(select(x, counted, i));
    return result;
  });
}

//===-- Repetition ---------------------------------------------------------------------------===//

static void requireCount(const char* op, int64_t count) {
  if (count < 0)
    misuse(op, "counts that are not negative", std::to_string(count), "check the number");
}

Tensor repeat(const Arg& arg, int64_t repeats, int64_t axis) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    requireCount("repeat", repeats);
    const int counted = static_cast<int>(axisOf("repeat", axis, x.rank()));
    Shape wide = x.shape(), merged = x.shape();
    wide.insert(counted + 1, repeats);
    merged[counted] *= repeats;
    Dims axes;
    for (int i = 0; i < x.rank(); ++i)
      axes.push_back(i <= counted ? i : i + 1);
    return wrap(emitted::reshape(emitted::broadcast(x, wide, axes), merged));
  });
}

Tensor tile(const Arg& arg, const std::vector<int64_t>& counts) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    const int rank = std::max(x.rank(), static_cast<int>(counts.size()));
    const int missing = rank - static_cast<int>(counts.size()), fresh = rank - x.rank();
    Shape wide, merged; // [count, extent] for each axis
    Dims axes;
    for (int i = 0; i < rank; ++i) {
      const int64_t count = i < missing ? 1 : counts[static_cast<size_t>(i - missing)];
      requireCount("tile", count);
      if (count != 1)
        wide.push_back(count);
      merged.push_back(count * (i < fresh ? 1 : x.shape()[i - fresh]));
      if (i < fresh)
        continue;
      axes.push_back(wide.size());
      wide.push_back(x.shape()[i - fresh]);
    }
    return wrap(emitted::reshape(emitted::broadcast(x, wide, axes), merged));
  });
}

std::vector<Tensor> meshgrid(const std::vector<Tensor>& vectors, const std::string& indexing,
                             SourceLocation where) {
  return located(where, [&] {
    if (indexing != "ij" && indexing != "xy")
      misuse("meshgrid", "indexing \"ij\" or \"xy\"", '"' + indexing + '"',
             "\"ij\" is the default");
    std::vector<size_t> order;
    for (size_t i = 0; i < vectors.size(); ++i)
      order.push_back(i);
    if (indexing == "xy" && vectors.size() > 1)
      std::swap(order[0], order[1]);
    Shape shape;
    for (size_t i : order) {
      if (vectors[i].rank() != 1)
        misuse("meshgrid", "vectors", vectors[i].type().str(), "flatten it");
      shape.push_back(vectors[i].shape()[0]);
    }
    std::vector<Tensor> result;
    for (size_t i = 0; i < vectors.size(); ++i)
      result.push_back(
          wrap(emitted::broadcast(vectors[i].value(), shape, {static_cast<int64_t>(order[i])})));
    return result;
  });
}

//===-- Turning ------------------------------------------------------------------------------===//

static Tensor rolled(const Tensor& x, int64_t shift, int64_t axis) {
  const int64_t extent = x.shape()[static_cast<int>(axis)];
  const int64_t first = extent == 0 ? 0 : ((shift % extent) + extent) % extent;
  if (first == 0)
    return x;
  return concatenate({slice(x, axis, extent - first, extent), slice(x, axis, 0, extent - first)},
                     axis);
}

Tensor roll(const Arg& arg, int64_t shift, int64_t axis) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    return rolled(x, shift, axisOf("roll", axis, x.rank()));
  });
}

Tensor roll(const Arg& arg, const std::vector<int64_t>& shifts, const std::vector<int64_t>& axes) {
  return located(arg.where(), [&] {
    Tensor x = tensorOf(arg);
    if (shifts.size() != axes.size())
      misuse("roll", "a shift for each of " + std::to_string(axes.size()) + " axes",
             std::to_string(shifts.size()), "check the lists");
    for (size_t i = 0; i < axes.size(); ++i)
      x = rolled(x, shifts[i], axisOf("roll", axes[i], x.rank()));
    return x;
  });
}

Tensor roll(const Arg& arg, int64_t shift) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    return reshape(rolled(flatten(x), shift, 0), x.shape());
  });
}

Tensor rot90(const Arg& arg, int64_t k, int64_t axis1, int64_t axis2) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    const int64_t a = axisOf("rot90", axis1, x.rank()), b = axisOf("rot90", axis2, x.rank());
    if (a == b)
      misuse("rot90", "two different axes", std::to_string(axis1) + " and " + std::to_string(axis2),
             "a plane has two");
    switch (((k % 4) + 4) % 4) {
    case 1: return transpose(flip(x, b), a, b);
    case 2: return flip(x, {a, b});
    case 3: return flip(transpose(x, a, b), b);
    default: return x;
    }
  });
}

//===-- Triangles and diagonals --------------------------------------------------------------===//

// Where column - row <= k (lower) or >= k, with x's elements; zeros elsewhere, whatever stands
// there.
static Tensor triangle(const char* op, const Arg& arg, int64_t k, bool lower) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    if (x.rank() < 2)
      misuse(op, "a tensor of rank 2 or more", x.type().str(),
             "its last two axes are the matrices");
    const int rank = x.rank();
    const TensorType plane{DType::i64, {x.shape()[rank - 2], x.shape()[rank - 1]}};
    const Tensor distance = wrap(emitted::iota(plane, 1)) - wrap(emitted::iota(plane, 0));
    const Tensor kept = lower ? distance <= k : distance >= k;
    return where(kept, x, wrap(emitted::like(x.value(), 0)));
  });
}

Tensor tril(const Arg& x, int64_t k) { return triangle("tril", x, k, true); }
Tensor triu(const Arg& x, int64_t k) { return triangle("triu", x, k, false); }

// Every (columns + 1)-th element of the rows laid end to end.
static Tensor diagonalOf(const char* op, const Tensor& x, int64_t offset, int64_t axis1,
                         int64_t axis2) {
  if (x.rank() < 2)
    misuse(op, "a tensor of rank 2 or more", x.type().str(), "a diagonal lies in two axes");
  const int64_t a = axisOf(op, axis1, x.rank()), b = axisOf(op, axis2, x.rank());
  if (a == b)
    misuse(op, "two different axes", std::to_string(axis1) + " and " + std::to_string(axis2),
           "a diagonal lies in two");
  const int64_t rows = x.shape()[static_cast<int>(a)], columns = x.shape()[static_cast<int>(b)];
  Dims permutation;
  Shape flat;
  for (int i = 0; i < x.rank(); ++i)
    if (i != a && i != b) {
      permutation.push_back(i);
      flat.push_back(x.shape()[i]);
    }
  permutation.push_back(a);
  permutation.push_back(b);
  flat.push_back(rows * columns);
  const int64_t length = std::max<int64_t>(0, offset >= 0 ? std::min(rows, columns - offset)
                                                          : std::min(rows + offset, columns));
  const int64_t first = offset >= 0 ? offset : -offset * columns;
  const Tensor ends = reshape(transpose(x, permutation), flat);
  if (length == 0)
    return slice(ends, -1, 0, 0);
  return slice(ends, -1, first, first + (length - 1) * (columns + 1) + 1, columns + 1);
}

Tensor diagonal(const Arg& arg, int64_t offset, int64_t axis1, int64_t axis2) {
  return located(arg.where(),
                 [&] { return diagonalOf("diagonal", tensorOf(arg), offset, axis1, axis2); });
}

Tensor diag(const Arg& arg, int64_t k) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    if (x.rank() == 2)
      return diagonalOf("diag", x, k, 0, 1);
    if (x.rank() != 1)
      misuse("diag", "a vector or a matrix", x.type().str(), "use diagonal for stacks of matrices");
    const int64_t length = x.shape()[0], n = length + std::abs(k);
    const int64_t low = k >= 0 ? k : -k * n;
    if (length == 0)
      return wrap(emitted::constant({x.dtype(), {n, n}}, 0));
    const int64_t used = low + (length - 1) * (n + 1) + 1;
    return wrap(emitted::reshape(emitted::pad(x.value(), {low}, {n * n - used}, {n}, 0), {n, n}));
  });
}

Tensor trace(const Arg& arg, int64_t offset, int64_t axis1, int64_t axis2) {
  return located(arg.where(),
                 [&] { return sum(diagonalOf("trace", tensorOf(arg), offset, axis1, axis2), -1); });
}

//===-- Masks --------------------------------------------------------------------------------===//

Tensor one_hot(const Tensor& indices, int64_t classes, DType dtype, SourceLocation where) {
  return located(where, [&] {
    if (indices.dtype() != DType::i32 && indices.dtype() != DType::i64)
      misuse("one_hot", "indices of i32 or i64", indices.type().str(), "convert them with astype");
    requireCount("one_hot", classes);
    Shape shape = indices.shape();
    shape.push_back(classes);
    const Tensor positions =
        wrap(emitted::iota({indices.dtype(), shape}, static_cast<int64_t>(shape.size()) - 1));
    return (unsqueeze(indices, -1) == positions).astype(dtype);
  });
}

Tensor masked_fill(const Arg& arg, const Arg& mask, const Arg& value) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    return where(broadcast_to(tensorOf(mask), x.shape()), value, x);
  });
}

} // namespace diptych
