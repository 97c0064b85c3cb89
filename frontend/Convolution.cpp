// Convolution as users know it, in terms of the IR's operator: groups become an axis, padding an
// operator of its own.
#include "frontend/ConvolutionSupport.h"

namespace diptych {

using detail::eachAxis;
using detail::located;
using detail::misuse;
using detail::padLast;
using detail::valueOf;
using detail::wrap;

namespace detail {

Dims eachAxis(const char* op, const char* what, const PerAxis& given, int count, int64_t least) {
  Dims list = given.list();
  if (list.size() == 1 && count != 1)
    list = Dims(int64_t{count}, list[0]);
  if (list.size() != count)
    misuse(op,
           std::string("one ") + what + " or " + std::to_string(count) + ", for the spatial axes",
           list.str(), "leave out the batch and channel axes");
  for (int64_t entry : list)
    if (entry < least)
      misuse(op, std::string(what) + " of at least " + std::to_string(least), list.str(),
             least ? "count elements from 1" : "slice the tensor to cut it");
  return list;
}

Pads padsOf(const char* op, const Padding& padding, const Dims& sizes, const Dims& dilations) {
  const int count = sizes.size();
  if (!padding.isSame())
    return {eachAxis(op, "padding", padding.before(), count, 0),
            eachAxis(op, "padding", padding.after(), count, 0)};
  Pads pads;
  for (int i = 0; i < count; ++i) {
    const int64_t total = (sizes[i] - 1) * dilations[i];
    pads.before.push_back(total / 2);
    pads.after.push_back(total - total / 2);
  }
  return pads;
}

Value padLast(const Value& x, const Dims& before, const Dims& after, Scalar value) {
  return padLast(x, before, after, Dims(int64_t{before.size()}, 0), value);
}

Value padLast(const Value& x, const Dims& before, const Dims& after, const Dims& interior,
              Scalar value) {
  const int rank = x.rank(), first = rank - before.size();
  Dims low(rank, 0), high(rank, 0), between(rank, 0), starts(rank, 0);
  bool padded = false, cut = false;
  for (int i = 0; i < before.size(); ++i) {
    low[first + i] = std::max<int64_t>(before[i], 0);
    high[first + i] = std::max<int64_t>(after[i], 0);
    between[first + i] = interior[i];
    padded |= before[i] > 0 || after[i] > 0 || interior[i] > 0;
    cut |= before[i] < 0 || after[i] < 0;
  }
  const Value wide = padded ? emitted::pad(x, low, high, between, value) : x;
  if (!cut)
    return wide;
  Dims limits = wide.shape();
  for (int i = 0; i < before.size(); ++i) {
    starts[first + i] = std::max<int64_t>(-before[i], 0);
    limits[first + i] -= std::max<int64_t>(-after[i], 0);
  }
  return emitted::slice(wide, starts, limits, Dims(rank, 1));
}

} // namespace detail

namespace {

std::string both(const Value& x, const Value& w) {
  return x.type().str() + " and " + w.type().str();
}

void checkOperands(const char* op, const Value& x, const Value& w, int spatial) {
  detail::requireFloat(op, x);
  if (x.dtype() != w.dtype())
    misuse(op, "operands of one dtype", both(x, w), "convert one with astype");
  if (x.rank() != spatial + 2 || w.rank() != spatial + 2)
    misuse(op, "x [N, C, ...] and w [O, C/groups, ...] of rank " + std::to_string(spatial + 2),
           both(x, w), "add axes of extent 1 with unsqueeze");
  for (int i = 0; i < spatial; ++i)
    if (w.shape()[2 + i] < 1)
      misuse(op, "a kernel with elements", w.type().str(), "check its size");
}

void checkGroups(const char* op, const Value& x, const Value& w, int64_t groups) {
  const int64_t channels = x.shape()[1], outputs = w.shape()[0];
  if (groups < 1 || channels % groups != 0 || outputs % groups != 0)
    misuse(op,
           "groups that divide the " + std::to_string(channels) + " channels and the " +
               std::to_string(outputs) + " outputs",
           std::to_string(groups), "choose a common divisor");
  if (w.shape()[1] * groups != channels)
    misuse(op,
           "w for " + std::to_string(channels / groups) + " channels, x's " +
               std::to_string(channels) +
               (groups == 1 ? std::string() : " in " + std::to_string(groups) + " groups"),
           both(x, w), "w is [O, C/groups, ...]");
}

void checkExtents(const char* op, const Value& x, const detail::Pads& pads, const Value& w,
                  const Dims& dilation) {
  for (int i = 0; i < dilation.size(); ++i) {
    const int64_t span = (w.shape()[2 + i] - 1) * dilation[i] + 1;
    const int64_t padded = x.shape()[2 + i] + pads.before[i] + pads.after[i];
    if (padded < span)
      misuse(op,
             "a padded extent of at least " + std::to_string(span) + " at axis " +
                 std::to_string(2 + i) + ", what the kernel covers",
             std::to_string(padded) + " (w is " + w.type().str() + ")",
             "pad x or take a smaller kernel");
  }
}

// Axis `axis` becomes [groups, rest].
Value grouped(const Value& x, int axis, int64_t groups) {
  Shape shape = x.shape();
  shape[axis] /= groups;
  shape.insert(axis, groups);
  return emitted::reshape(x, shape);
}

// Of the spatial axes of [n, g, c, l...].
emitted::Zeros zerosAround(const Dims& before, const Dims& after, const Dims& between) {
  emitted::Zeros zeros{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
  for (int i = 0; i < before.size(); ++i) {
    zeros.low.push_back(before[i]);
    zeros.high.push_back(after[i]);
    zeros.interior.push_back(between[i]);
  }
  return zeros;
}

// [n, g, o, p...] as [n, g o, p...].
Value ungrouped(const Value& y) {
  Shape shape = y.shape();
  shape[1] *= shape[2];
  shape.erase(2);
  return emitted::reshape(y, shape);
}

Value convolution(const char* op, const Value& x, const Value& w, int spatial,
                  const ConvolutionOptions& options) {
  checkOperands(op, x, w, spatial);
  checkGroups(op, x, w, options.groups);
  const Dims stride = eachAxis(op, "stride", options.stride, spatial, 1);
  const Dims dilation = eachAxis(op, "dilation", options.dilation, spatial, 1);
  Dims sizes;
  for (int i = 0; i < spatial; ++i)
    sizes.push_back(w.shape()[2 + i]);
  if (options.padding.isSame())
    for (int64_t step : stride)
      if (step != 1)
        misuse(op, "stride 1 with padding 'same'", stride.str(), "give the padding in numbers");
  const detail::Pads pads = detail::padsOf(op, options.padding, sizes, dilation);
  checkExtents(op, x, pads, w, dilation);
  const Dims none(spatial, 0);
  return ungrouped(emitted::convolution(grouped(x, 1, options.groups),
                                        zerosAround(pads.before, pads.after, none),
                                        grouped(w, 0, options.groups), stride, dilation));
}

Tensor convolution(const char* op, const Arg& x, const Arg& w, int spatial,
                   const ConvolutionOptions& options) {
  return located(x.where(),
                 [&] { return wrap(convolution(op, valueOf(x), valueOf(w), spatial, options)); });
}

// The bias lies along axis 1.
Tensor biased(const char* op, const Arg& x, const Arg& w, const Tensor& bias, int spatial,
              const ConvolutionOptions& options) {
  return located(x.where(), [&] {
    const Value y = convolution(op, valueOf(x), valueOf(w), spatial, options);
    const Value& b = bias.value();
    if (b.rank() != 1 || b.shape()[0] != y.shape()[1] || b.dtype() != y.dtype())
      misuse(op, "a bias of type " + TensorType{y.dtype(), {y.shape()[1]}}.str(), b.type().str(),
             "one number for each output channel");
    return wrap(emitted::add(y, emitted::broadcast(b, y.shape(), {1})));
  });
}

// The convolution's transpose in its input: x spread out by the stride, the kernel turned round.
Value transposed(const char* op, const Value& x, const Value& w, int spatial,
                 const ConvolutionTransposeOptions& options) {
  checkOperands(op, x, w, spatial);
  const int64_t groups = options.groups;
  if (groups < 1 || x.shape()[1] % groups != 0 || w.shape()[0] != x.shape()[1])
    misuse(op, "w [C, O/groups, ...] for x's C channels, which groups divide",
           both(x, w) + " in " + std::to_string(groups) + " groups",
           "w's first axis is x's second");
  const Dims stride = eachAxis(op, "stride", options.stride, spatial, 1);
  const Dims dilation = eachAxis(op, "dilation", options.dilation, spatial, 1);
  const Dims padding = eachAxis(op, "padding", options.padding, spatial, 0);
  const Dims more = eachAxis(op, "outputPadding", options.outputPadding, spatial, 0);
  Dims before, after, interior, axes, permutation{0, 2, 1};
  for (int i = 0; i < spatial; ++i) {
    if (more[i] >= std::max(stride[i], dilation[i]) && more[i] > 0)
      misuse(op, "outputPadding below stride or dilation", more.str(), "use pad for more");
    before.push_back((w.shape()[2 + i] - 1) * dilation[i] - padding[i]);
    after.push_back(before.back() + more[i]);
    interior.push_back(stride[i] - 1);
    if ((x.shape()[2 + i] - 1) * stride[i] + 1 + before.back() + after.back() -
            (w.shape()[2 + i] - 1) * dilation[i] <
        1)
      misuse(op, "padding that leaves a result", padding.str(), "take less");
    axes.push_back(3 + i);
    permutation.push_back(3 + i);
  }
  const Value turned =
      emitted::reverse(emitted::transpose(grouped(w, 0, groups), permutation), axes);
  const Dims steps(spatial, 1);
  const auto isCut = [](int64_t count) { return count < 0; };
  if (std::any_of(before.begin(), before.end(), isCut) ||
      std::any_of(after.begin(), after.end(), isCut)) {
    const Value spread = padLast(x, before, after, interior, Scalar(0.0));
    return ungrouped(emitted::convolution(grouped(spread, 1, groups), turned, steps, dilation));
  }
  return ungrouped(emitted::convolution(grouped(x, 1, groups), zerosAround(before, after, interior),
                                        turned, steps, dilation));
}

Tensor transposed(const char* op, const Arg& x, const Arg& w, int spatial,
                  const ConvolutionTransposeOptions& options) {
  return located(x.where(),
                 [&] { return wrap(transposed(op, valueOf(x), valueOf(w), spatial, options)); });
}

} // namespace

Tensor conv1d(const Arg& x, const Arg& w, const ConvolutionOptions& options) {
  return convolution("conv1d", x, w, 1, options);
}
Tensor conv2d(const Arg& x, const Arg& w, const ConvolutionOptions& options) {
  return convolution("conv2d", x, w, 2, options);
}
Tensor conv3d(const Arg& x, const Arg& w, const ConvolutionOptions& options) {
  return convolution("conv3d", x, w, 3, options);
}
Tensor conv1d(const Arg& x, const Arg& w, const Tensor& bias, const ConvolutionOptions& options) {
  return biased("conv1d", x, w, bias, 1, options);
}
Tensor conv2d(const Arg& x, const Arg& w, const Tensor& bias, const ConvolutionOptions& options) {
  return biased("conv2d", x, w, bias, 2, options);
}
Tensor conv3d(const Arg& x, const Arg& w, const Tensor& bias, const ConvolutionOptions& options) {
  return biased("conv3d", x, w, bias, 3, options);
}

Tensor conv_transpose1d(const Arg& x, const Arg& w, const ConvolutionTransposeOptions& options) {
  return transposed("conv_transpose1d", x, w, 1, options);
}
Tensor conv_transpose2d(const Arg& x, const Arg& w, const ConvolutionTransposeOptions& options) {
  return transposed("conv_transpose2d", x, w, 2, options);
}
Tensor conv_transpose3d(const Arg& x, const Arg& w, const ConvolutionTransposeOptions& options) {
  return transposed("conv_transpose3d", x, w, 3, options);
}

} // namespace diptych
