// Windows of axes, and what is made of them: pooling, unfold and fold.
#include "frontend/ConvolutionSupport.h"

#include <algorithm>
#include <limits>

namespace diptych {

using detail::eachAxis;
using detail::located;
using detail::misuse;
using detail::padLast;
using detail::Pads;
using detail::valueOf;
using detail::wrap;

namespace {

/// A window's options, one entry for each of the last axes.
struct Pool {
  Dims size, stride, dilation;
  Pads pads;

  Pool(const char* op, const PerAxis& sizes, int count, const PoolOptions& options)
      : size(eachAxis(op, "window size", sizes, count, 1)),
        stride(options.stride.list().empty() ? size
                                             : eachAxis(op, "stride", options.stride, count, 1)),
        dilation(eachAxis(op, "dilation", options.dilation, count, 1)),
        pads(detail::padsOf(op, options.padding, size, dilation)) {}
};

void checkWindows(const char* op, const Value& x, const Dims& axes, const Dims& sizes,
                  const Dims& dilations) {
  for (int i = 0; i < axes.size(); ++i) {
    const int64_t span = (sizes[i] - 1) * dilations[i] + 1, extent = x.shape()[axes[i]];
    if (extent < span)
      misuse(op,
             "an extent of at least " + std::to_string(span) + ", one window, at axis " +
                 std::to_string(axes[i]),
             x.type().str(), "pad the tensor or take a smaller window");
  }
}

Dims lastAxes(int rank, int count) {
  Dims axes;
  for (int i = rank - count; i < rank; ++i)
    axes.push_back(i);
  return axes;
}

// Windows of the last axes: [..., o, k, o, k].
Value lastWindows(const char* op, const Value& padded, const Pool& pool) {
  const Dims axes = lastAxes(padded.rank(), pool.size.size());
  checkWindows(op, padded, axes, pool.size, pool.dilation);
  return emitted::windows(padded, axes, pool.size, pool.stride, pool.dilation);
}

// Where the k axes of such windows are.
Dims placeAxes(const Value& windows, int count) {
  Dims axes;
  for (int i = 0; i < count; ++i)
    axes.push_back(windows.rank() - 2 * count + 2 * i + 1);
  return axes;
}

// Leading axes as one, so that windows of three axes leave room for others.
template <class Body> Value withOneLeadingAxis(const Value& x, int count, Body body) {
  const int leading = x.rank() - count;
  if (leading <= 1 || count < 3)
    return body(x);
  Shape rows, shape{1};
  for (int i = 0; i < x.rank(); ++i) {
    if (i < leading) {
      rows.push_back(x.shape()[i]);
      shape[0] *= x.shape()[i];
    } else {
      shape.push_back(x.shape()[i]);
    }
  }
  const Value result = body(emitted::reshape(x, shape));
  for (int i = 1; i < result.rank(); ++i)
    rows.push_back(result.shape()[i]);
  return emitted::reshape(result, rows);
}

void checkRank(const char* op, const Value& x, int count) {
  if (x.rank() < count)
    misuse(op, "a tensor of rank " + std::to_string(count) + " at least", x.type().str(),
           "windows go over the last axes");
}

// Below every element; integers have a least one.
Scalar lowest(DType dtype) {
  if (isFloat(dtype))
    return Scalar(-std::numeric_limits<double>::infinity());
  return Scalar(dtype == DType::i32 ? int64_t{std::numeric_limits<int32_t>::min()}
                                    : std::numeric_limits<int64_t>::min());
}

Tensor maxPool(const char* op, const Arg& arg, const PerAxis& size, int count,
               const PoolOptions& options) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    checkRank(op, x, count);
    const Pool pool(op, size, count, options);
    for (int i = 0; i < count; ++i)
      if (2 * std::max(pool.pads.before[i], pool.pads.after[i]) > pool.size[i])
        misuse(op, "padding of at most half the window", pool.pads.before.str(),
               "a window of padding alone has no largest element");
    return wrap(withOneLeadingAxis(x, count, [&](const Value& rows) {
      const Value seen = lastWindows(
          op, padLast(rows, pool.pads.before, pool.pads.after, lowest(x.dtype())), pool);
      return emitted::reduce(OpCode::Max, seen, placeAxes(seen, count));
    }));
  });
}

// How many elements that are not padding a window has: a product over the axes.
Value countsOf(const Value& x, const Pool& pool) {
  const int count = pool.size.size();
  Shape shape;
  std::vector<Value> along;
  for (int i = 0; i < count; ++i) {
    const Value ones = emitted::constant({x.dtype(), {x.shape()[x.rank() - count + i]}}, 1.0);
    const Value padded = padLast(ones, {pool.pads.before[i]}, {pool.pads.after[i]}, Scalar(0.0));
    const Value seen =
        emitted::windows(padded, {0}, {pool.size[i]}, {pool.stride[i]}, {pool.dilation[i]});
    along.push_back(emitted::sum(seen, {1}));
    shape.push_back(along.back().shape()[0]);
  }
  Value product = emitted::broadcast(along[0], shape, {0});
  for (int i = 1; i < count; ++i)
    product = emitted::mul(product, emitted::broadcast(along[static_cast<size_t>(i)], shape, {i}));
  return product;
}

Tensor avgPool(const char* op, const Arg& arg, const PerAxis& size, int count,
               const PoolOptions& options) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    detail::requireFloat(op, x);
    checkRank(op, x, count);
    const Pool pool(op, size, count, options);
    return wrap(withOneLeadingAxis(x, count, [&](const Value& rows) {
      const Value seen =
          lastWindows(op, padLast(rows, pool.pads.before, pool.pads.after, Scalar(0.0)), pool);
      const Value sums = emitted::sum(seen, placeAxes(seen, count));
      if (options.countIncludePad)
        return emitted::div(sums, emitted::like(sums, static_cast<double>(pool.size.product())));
      return emitted::div(sums, emitted::broadcast(countsOf(rows, pool), sums.shape(),
                                                   lastAxes(sums.rank(), count)));
    }));
  });
}

// Row i of the matrix holds window i's weights: [size, extent].
Value meansMatrix(DType dtype, int64_t size, int64_t extent) {
  using namespace emitted;
  const TensorType index{DType::i64, {size, extent}};
  const Value row = iota(index, 0), column = iota(index, 1);
  const Value sizes = like(row, Scalar(size)), extents = like(row, Scalar(extent));
  // column >= floor(i L / s) is (column + 1) s > i L; column < ceil((i + 1) L / s) is column s < (i
  // + 1) L.
  const Value one = like(row, Scalar(int64_t{1}));
  const Value inside = logical_and(gt(mul(column + one, sizes), mul(row, extents)),
                                   lt(mul(column, sizes), mul(row + one, extents)));
  const Value ones = convert(inside, dtype);
  return ones / expand(sum(ones, {1}), ones.shape(), {1});
}

// Along the last axis: windows where they come out even, else a product with the means' weights.
Value adaptiveLast(const Value& x, int64_t size) {
  const int64_t extent = x.shape().back();
  if (extent % size == 0) {
    const Value seen = emitted::windows(x, {x.rank() - 1}, {extent / size}, {extent / size}, {1});
    const Value sums = emitted::sum(seen, {seen.rank() - 1});
    return emitted::div(sums, emitted::like(sums, static_cast<double>(extent / size)));
  }
  Shape rows = x.shape();
  rows.pop_back();
  const Value flat = emitted::reshape(x, {rows.product(), extent});
  rows.push_back(size);
  return emitted::reshape(
      emitted::matmul(flat, emitted::matrixTranspose(meansMatrix(x.dtype(), size, extent))), rows);
}

Value lastTwoSwapped(const Value& x) { return emitted::matrixTranspose(x); }

Value adaptive(const char* op, const Value& x, const PerAxis& size, int count) {
  detail::requireFloat(op, x);
  checkRank(op, x, count);
  const Dims sizes = eachAxis(op, "size", size, count, 1);
  for (int i = 0; i < count; ++i)
    if (x.shape()[x.rank() - count + i] == 0)
      misuse(op, "axes with elements", x.type().str(), "nothing has no mean");
  Value result = adaptiveLast(x, sizes.back());
  if (count == 2)
    result = lastTwoSwapped(adaptiveLast(lastTwoSwapped(result), sizes[0]));
  return result;
}

} // namespace

Tensor windows(const Arg& arg, const Axes& given, const PerAxis& size, const PerAxis& stride,
               const PerAxis& dilation) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    const Dims axes = detail::axesOf("windows", given, x.rank());
    const Dims sizes = eachAxis("windows", "size", size, axes.size(), 1);
    const Dims dilations = eachAxis("windows", "dilation", dilation, axes.size(), 1);
    checkWindows("windows", x, axes, sizes, dilations);
    return wrap(emitted::windows(x, axes, sizes,
                                 eachAxis("windows", "stride", stride, axes.size(), 1), dilations));
  });
}

Tensor overlap_add(const Arg& arg, const Shape& shape, const Axes& given, const PerAxis& stride,
                   const PerAxis& dilation) {
  return located(arg.where(), [&] {
    const Dims axes = detail::axesOf("overlap_add", given, shape.size());
    return wrap(emitted::overlapAdd(valueOf(arg), shape, axes,
                                    eachAxis("overlap_add", "stride", stride, axes.size(), 1),
                                    eachAxis("overlap_add", "dilation", dilation, axes.size(), 1)));
  });
}

Tensor unfold(const Arg& arg, const Dims& size, const ConvolutionOptions& options) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    const int count = size.size();
    if (x.rank() != count + 2)
      misuse("unfold", "x [N, C, ...] with a window size for each spatial axis",
             x.type().str() + " and " + size.str(), "add a batch axis with unsqueeze");
    const Pool pool("unfold", size, count,
                    {options.stride, options.padding, options.dilation, true});
    const Value seen = lastWindows(
        "unfold", padLast(x, pool.pads.before, pool.pads.after, Scalar(int64_t{0})), pool);
    Dims order{0, 1};
    for (int64_t axis : placeAxes(seen, count))
      order.push_back(axis);
    int64_t columns = 1;
    for (int i = 0; i < count; ++i) {
      order.push_back(2 + 2 * i);
      columns *= seen.shape()[2 + 2 * i];
    }
    return wrap(emitted::reshape(emitted::transpose(seen, order),
                                 {x.shape()[0], x.shape()[1] * size.product(), columns}));
  });
}

Tensor fold(const Arg& arg, const Shape& shape, const Dims& size,
            const ConvolutionOptions& options) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    const int count = size.size();
    const Pool pool("fold", size, count, {options.stride, options.padding, options.dilation, true});
    if (x.rank() != 3 || shape.size() != count || x.shape()[1] % size.product() != 0)
      misuse("fold",
             "x [N, C K..., columns], and an extent and a window size for each spatial axis",
             x.type().str() + ", " + shape.str() + " and " + size.str(), "undo what unfold did");
    const int64_t channels = x.shape()[1] / size.product();
    Shape split{x.shape()[0], channels}, padded{x.shape()[0], channels}, order{0, 1};
    Dims cutBefore, cutAfter;
    for (int64_t extent : size)
      split.push_back(extent);
    int64_t columns = 1;
    for (int i = 0; i < count; ++i) {
      padded.push_back(shape[i] + pool.pads.before[i] + pool.pads.after[i]);
      const int64_t span = (size[i] - 1) * pool.dilation[i] + 1;
      split.push_back(std::max<int64_t>(0, (padded.back() - span) / pool.stride[i] + 1));
      columns *= split.back();
      order.push_back(2 + count + i);
      order.push_back(2 + i);
      cutBefore.push_back(-pool.pads.before[i]);
      cutAfter.push_back(-pool.pads.after[i]);
    }
    if (columns != x.shape()[2])
      misuse("fold", std::to_string(columns) + " columns", x.type().str(),
             "one for each window of the padded shape");
    const Value windows = emitted::transpose(emitted::reshape(x, split), order);
    const Value sums = emitted::overlapAdd(windows, padded, lastAxes(padded.size(), count),
                                           pool.stride, pool.dilation);
    return wrap(padLast(sums, cutBefore, cutAfter, Scalar(int64_t{0})));
  });
}

Tensor max_pool1d(const Arg& x, const PerAxis& size, const PoolOptions& options) {
  return maxPool("max_pool1d", x, size, 1, options);
}
Tensor max_pool2d(const Arg& x, const PerAxis& size, const PoolOptions& options) {
  return maxPool("max_pool2d", x, size, 2, options);
}
Tensor max_pool3d(const Arg& x, const PerAxis& size, const PoolOptions& options) {
  return maxPool("max_pool3d", x, size, 3, options);
}
Tensor avg_pool1d(const Arg& x, const PerAxis& size, const PoolOptions& options) {
  return avgPool("avg_pool1d", x, size, 1, options);
}
Tensor avg_pool2d(const Arg& x, const PerAxis& size, const PoolOptions& options) {
  return avgPool("avg_pool2d", x, size, 2, options);
}
Tensor avg_pool3d(const Arg& x, const PerAxis& size, const PoolOptions& options) {
  return avgPool("avg_pool3d", x, size, 3, options);
}
Tensor adaptive_avg_pool1d(const Arg& x, const PerAxis& size) {
  return located(x.where(),
                 [&] { return wrap(adaptive("adaptive_avg_pool1d", valueOf(x), size, 1)); });
}
Tensor adaptive_avg_pool2d(const Arg& x, const PerAxis& size) {
  return located(x.where(),
                 [&] { return wrap(adaptive("adaptive_avg_pool2d", valueOf(x), size, 2)); });
}

} // namespace diptych
