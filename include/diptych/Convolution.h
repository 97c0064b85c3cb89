// Convolution in PyTorch's layout, windows of an axis, and pooling made of them. Spatial axes are
// the last ones. Everything is differentiable to any order, eager and traced, and has a batching
// rule. Errors carry the caller's line.
#pragma once

#include <diptych/Ops.h>

namespace diptych {

/// One number for every spatial axis, or one for each.
class PerAxis {
public:
  template <std::integral T>
    requires(!std::is_same_v<T, bool>)
  PerAxis(T all) : list_{static_cast<int64_t>(all)} {}
  PerAxis(std::initializer_list<int64_t> each) : list_(each) {}
  PerAxis(const Dims& each) : list_(each) {}
  const Dims& list() const { return list_; }

private:
  Dims list_;
};

/// Elements added before and after every spatial axis: one number, one for each axis, or so many
/// that a convolution of stride 1 keeps the extents (if their number is odd, one more after).
class Padding {
public:
  template <std::integral T>
    requires(!std::is_same_v<T, bool>)
  Padding(T all) : before_{static_cast<int64_t>(all)} {}
  Padding(std::initializer_list<int64_t> each) : before_(each) {}
  Padding(const Dims& each) : before_(each) {}
  Padding(const Dims& before, const Dims& after) : before_(before), after_(after) {}
  static Padding same() {
    Padding padding(0);
    padding.same_ = true;
    return padding;
  }

  bool isSame() const { return same_; }
  const Dims& before() const { return before_; }
  const Dims& after() const { return after_.empty() ? before_ : after_; }

private:
  Dims before_, after_;
  bool same_ = false;
};

//===-- Convolution --------------------------------------------------------------------------===//

struct ConvolutionOptions {
  PerAxis stride = 1;
  Padding padding = 0; // of zeros
  PerAxis dilation = 1;
  int64_t groups = 1;
};

/// Cross-correlation of x [N, C, L...] with w [O, C/groups, K...], plus a bias [O] if one is given:
/// [N, O, P...] with P = (L + padding - dilation (K - 1) - 1) / stride + 1, rounded down. Group i
/// of the outputs sees group i of the channels. Floats of one dtype. Error where channels do not
/// match, groups do not divide C and O, or the kernel is larger than the padded x.
Tensor conv1d(const Arg& x, const Arg& w, const ConvolutionOptions& options = {});
Tensor conv2d(const Arg& x, const Arg& w, const ConvolutionOptions& options = {});
Tensor conv3d(const Arg& x, const Arg& w, const ConvolutionOptions& options = {});
Tensor conv1d(const Arg& x, const Arg& w, const Tensor& bias,
              const ConvolutionOptions& options = {});
Tensor conv2d(const Arg& x, const Arg& w, const Tensor& bias,
              const ConvolutionOptions& options = {});
Tensor conv3d(const Arg& x, const Arg& w, const Tensor& bias,
              const ConvolutionOptions& options = {});

struct ConvolutionTransposeOptions {
  PerAxis stride = 1;
  PerAxis padding = 0; // of the convolution this is the transpose of
  PerAxis dilation = 1;
  PerAxis outputPadding = 0; // elements more at the end, below stride or dilation
  int64_t groups = 1;
};

/// The transpose of a convolution: x [N, C, P...] with w [C, O/groups, K...] gives [N, O, L...]
/// with L = (P - 1) stride - 2 padding + dilation (K - 1) + outputPadding + 1.
Tensor conv_transpose1d(const Arg& x, const Arg& w,
                        const ConvolutionTransposeOptions& options = {});
Tensor conv_transpose2d(const Arg& x, const Arg& w,
                        const ConvolutionTransposeOptions& options = {});
Tensor conv_transpose3d(const Arg& x, const Arg& w,
                        const ConvolutionTransposeOptions& options = {});

//===-- Windows ------------------------------------------------------------------------------===//

/// Each of the axes, of extent L, becomes two, [o, k]: element (i, j) is x[i stride + j dilation],
/// k the window's size, o the number of windows that fit whole. A view: nothing is copied. Error
/// where not one fits. The result has rank 8 at most.
Tensor windows(const Arg& x, const Axes& axes, const PerAxis& size, const PerAxis& stride = 1,
               const PerAxis& dilation = 1);
/// The transpose of windows: x as windows() of a tensor of `shape` gives it; where windows overlap
/// their elements are added, in row-major order of the places in a window.
Tensor overlap_add(const Arg& x, const Shape& shape, const Axes& axes, const PerAxis& stride = 1,
                   const PerAxis& dilation = 1);

/// PyTorch's im2col: windows of x [N, C, L...] as columns, [N, C K..., P...flattened].
Tensor unfold(const Arg& x, const Dims& size, const ConvolutionOptions& options = {});
/// Columns added up to [N, C, L...], `shape` being L...: the transpose of unfold.
Tensor fold(const Arg& x, const Shape& shape, const Dims& size,
            const ConvolutionOptions& options = {});

//===-- Pooling ------------------------------------------------------------------------------===//
// Over windows of the last axes of x; any number of axes before them.

struct PoolOptions {
  PerAxis stride = Dims{}; // the window's size where none is given
  Padding padding = 0;
  PerAxis dilation = 1;
  bool countIncludePad = true; // avg_pool: padding counts as elements
};

/// The largest of a window; padding never is. NaN if any element is. Tied elements share the
/// derivative equally. Error where padding is more than half of the window.
Tensor max_pool1d(const Arg& x, const PerAxis& size, const PoolOptions& options = {});
Tensor max_pool2d(const Arg& x, const PerAxis& size, const PoolOptions& options = {});
Tensor max_pool3d(const Arg& x, const PerAxis& size, const PoolOptions& options = {});
/// The mean of a window. Floats.
Tensor avg_pool1d(const Arg& x, const PerAxis& size, const PoolOptions& options = {});
Tensor avg_pool2d(const Arg& x, const PerAxis& size, const PoolOptions& options = {});
Tensor avg_pool3d(const Arg& x, const PerAxis& size, const PoolOptions& options = {});
/// Means of `size` windows that cover an axis of extent L: window i is [floor(i L / size),
/// ceil((i + 1) L / size)).
Tensor adaptive_avg_pool1d(const Arg& x, const PerAxis& size);
Tensor adaptive_avg_pool2d(const Arg& x, const PerAxis& size);

} // namespace diptych
