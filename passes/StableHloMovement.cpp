// Operators that move elements about, and contractions, as StableHLO.
#include "passes/StableHloWriter.h"

#include "llvm/Support/FormatVariadic.h"

namespace diptych::passes::hlo {

using mlir::Operation;

Term Writer::slice(Operation* op, const Attrs& attrs) {
  return slice(operand(op, 0), Shape64(attrs.starts.begin(), attrs.starts.end()),
               Shape64(attrs.limits.begin(), attrs.limits.end()),
               Shape64(attrs.strides.begin(), attrs.strides.end()));
}

// [..., m, k] x [..., k, n]
Term Writer::matmul(Operation* op) {
  const mlir::RankedTensorType type = typeOf(op->getResult(0));
  const int64_t batch = type.getRank() - 2;
  const std::string axes = listOf(counted(0, batch));
  return full("dot_general", {operand(op, 0), operand(op, 1)},
              (batch ? ", batching_dims = " + axes + " x " + axes : "") + ", contracting_dims = [" +
                  std::to_string(batch + 1) + "] x [" + std::to_string(batch) + "]",
              type);
}

// [n, g, c, l...] x [g, o, c, k...] -> [n, g, o, p...]: there, groups are parts of the channels.
Term Writer::convolution(Operation* op, const Attrs& attrs) {
  const auto merged = [](llvm::SmallVector<int64_t> shape, int at) {
    shape[at] *= shape[at + 1];
    shape.erase(shape.begin() + at + 1);
    return shape;
  };
  const mlir::RankedTensorType type = typeOf(op->getResult(0));
  const Term &x = operand(op, 0), &w = operand(op, 1);
  const Term image = reshape(x, merged(x.shape(), 1)), kernel = reshape(w, merged(w.shape(), 0));
  std::string spatial, padding;
  for (int i = 0; i < attrs.strides.size(); ++i) {
    spatial += ", " + std::to_string(i);
    padding += i ? ", [0, 0]" : "[0, 0]";
  }
  const auto list = [](const Dims& dims) {
    return listOf(llvm::ArrayRef(dims.begin(), dims.end()));
  };
  const mlir::RankedTensorType result =
      typeWith(x.element(), merged(llvm::to_vector(type.getShape()), 1));
  const std::string operation = llvm::formatv(
      "stablehlo.convolution({0}, {1}) dim_numbers = [b, f{2}]x[o, i{2}]->[b, f{2}], window "
      "= {{stride = {3}, pad = [{4}], "
      "rhs_dilate = {5}} {{batch_group_count = 1 : i64, feature_group_count = {6} "
      ": i64} : ({7}, {8}) -> {9}",
      image.name, kernel.name, spatial, list(attrs.strides), padding, list(attrs.dilations),
      x.dim(1), text(image.type), text(kernel.type), text(result));
  return reshape(line(operation, result), type.getShape());
}

//===-- By indices ---------------------------------------------------------------------------===//

/// The axes of rows chosen along `axis` that are not of the indices.
static llvm::SmallVector<int64_t> rowAxes(const Term& x, int64_t axis, const Term& indices) {
  llvm::SmallVector<int64_t> list;
  for (int64_t i = 0; i < x.rank(); ++i)
    if (i != axis)
      list.push_back(i < axis ? i : i - 1 + indices.rank());
  return list;
}

static llvm::SmallVector<int64_t> chosenShape(const Term& x, int64_t axis, const Term& indices) {
  llvm::SmallVector<int64_t> shape = x.shape();
  shape.erase(shape.begin() + axis);
  const llvm::SmallVector<int64_t> chosen = indices.shape();
  shape.insert(shape.begin() + axis, chosen.begin(), chosen.end());
  return shape;
}

// Rows of x along an axis: the indices' axes stand where that axis was.
Term Writer::gather(const Term& x, const Term& indices, int64_t axis) {
  llvm::SmallVector<int64_t> sizes = x.shape();
  sizes[axis] = 1;
  const std::string at = "[" + std::to_string(axis) + "]", list = listOf(sizes);
  const mlir::RankedTensorType type = typeWith(x.element(), chosenShape(x, axis, indices));
  return line("\"stablehlo.gather\"(" + x.name + ", " + indices.name +
                  ") <{dimension_numbers = #stablehlo.gather<offset_dims = " +
                  listOf(rowAxes(x, axis, indices)) + ", collapsed_slice_dims = " + at +
                  ", start_index_map = " + at +
                  ", index_vector_dim = " + std::to_string(indices.rank()) +
                  ">, indices_are_sorted = false, slice_sizes = array<i64: " +
                  list.substr(1, list.size() - 2) + ">}> : (" + text(x.type) + ", " +
                  text(indices.type) + ") -> " + text(type),
              type);
}

// In any order, so `combiner` must not depend on it.
Term Writer::scattered(const Term& x, const Term& indices, const Term& updates, int64_t axis,
                       const char* combiner) {
  const std::string at = "[" + std::to_string(axis) + "]";
  const std::string attributes =
      " <{indices_are_sorted = false, scatter_dimension_numbers = "
      "#stablehlo.scatter<update_window_dims = " +
      listOf(rowAxes(x, axis, indices)) + ", inserted_window_dims = " + at +
      ", scatter_dims_to_operand_dims = " + at +
      ", index_vector_dim = " + std::to_string(indices.rank()) + ">, unique_indices = false}>";
  const mlir::RankedTensorType each = typeWith(x.element(), {});
  return withRegions("scatter", {x, indices, updates}, attributes, {each, each},
                     {[&](const Terms& pair) { return Terms{binary(combiner, pair[0], pair[1])}; }},
                     {x.type})[0];
}

// The last of several updates to a place: its number is the largest.
Term Writer::scatter(Operation* op, const Attrs& attrs) {
  const Term &x = operand(op, 0), &updates = operand(op, 2);
  const int64_t axis = attrs.axis, count = operand(op, 1).type.getNumElements();
  if (count == 0)
    return x;
  const Term indices = reshape(operand(op, 1), {count});
  const Term none = splat(typeWith(i64(), {x.dim(axis)}), Scalar(int64_t{-1}));
  const Term last = scattered(none, indices, iota({count}, 0), 0, "maximum");
  const Term zeros = splat(last.type, Scalar(int64_t{0}));
  const Term rows = reshape(updates, chosenShape(x, axis, indices));
  const Term chosen = gather(rows, binary("maximum", last, zeros), axis);
  const Term has = broadcast(compare("GE", last, zeros), {axis}, x.type.getShape());
  return select(has, chosen, x);
}

//===-- Windows ------------------------------------------------------------------------------===//

// Element (i, j) of [windows, elements of a window] is x[i * stride + j * dilation].
Term Writer::places(int64_t windows, int64_t size, int64_t stride, int64_t dilation) {
  const auto scaled = [&](int64_t axis, int64_t step) {
    const Term count = iota({windows, size}, axis);
    return binary("multiply", count, splat(count.type, Scalar(step)));
  };
  const Term first = scaled(0, stride);
  return binary("add", first, scaled(1, dilation));
}

Term Writer::windows(Operation* op, const Attrs& attrs) {
  Term x = operand(op, 0);
  const auto result = typeOf(op->getResult(0)).getShape();
  // From the last axis on, so that those before keep their numbers.
  for (int i = attrs.axes.size() - 1; i >= 0; --i) {
    const int64_t axis = attrs.axes[i];
    const Term at = places(result[axis + i], attrs.sizes[i], attrs.strides[i], attrs.dilations[i]);
    x = gather(x, at, axis);
  }
  return x;
}

Term Writer::overlapAdd(Operation* op, const Attrs& attrs) {
  Term x = operand(op, 0);
  // From the first axis on: those before are merged already.
  for (int i = 0; i < attrs.axes.size(); ++i) {
    const int64_t axis = attrs.axes[i];
    const Term at = places(x.dim(axis), x.dim(axis + 1), attrs.strides[i], attrs.dilations[i]);
    llvm::SmallVector<int64_t> shape = x.shape();
    shape.erase(shape.begin() + axis);
    shape[axis] = attrs.shape[static_cast<int>(axis)];
    const Term zeros = splat(typeWith(x.element(), shape), Scalar(int64_t{0}));
    x = scattered(zeros, at, x, axis, "add");
  }
  return x;
}

} // namespace diptych::passes::hlo
