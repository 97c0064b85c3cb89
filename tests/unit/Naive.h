// Convolution and pooling by loops over single numbers: what the tests compare with.
#pragma once

#include <diptych/diptych.h>

#include <cmath>
#include <limits>

namespace diptych::test {

/// Two spatial axes; a third of extent 1 in front makes it serve one axis as well.
struct NaiveConvolution {
  int64_t strideH = 1, strideW = 1, padH = 0, padW = 0, dilationH = 1, dilationW = 1, groups = 1;

  Tensor operator()(const Tensor& x, const Tensor& w) const {
    const Shape &a = x.shape(), &b = w.shape();
    const int64_t oh = (a[2] + 2 * padH - dilationH * (b[2] - 1) - 1) / strideH + 1;
    const int64_t ow = (a[3] + 2 * padW - dilationW * (b[3] - 1) - 1) / strideW + 1;
    const auto in = x.to_vector<double>(), kernel = w.to_vector<double>();
    std::vector<double> out;
    for (int64_t n = 0; n < a[0]; ++n)
      for (int64_t o = 0; o < b[0]; ++o)
        for (int64_t i = 0; i < oh; ++i)
          for (int64_t j = 0; j < ow; ++j) {
            double sum = 0;
            for (int64_t c = 0; c < b[1]; ++c)
              for (int64_t p = 0; p < b[2]; ++p)
                for (int64_t q = 0; q < b[3]; ++q) {
                  const int64_t channel = o / (b[0] / groups) * b[1] + c;
                  const int64_t row = i * strideH + p * dilationH - padH;
                  const int64_t column = j * strideW + q * dilationW - padW;
                  if (row < 0 || row >= a[2] || column < 0 || column >= a[3])
                    continue;
                  sum += in[((n * a[1] + channel) * a[2] + row) * a[3] + column] *
                         kernel[((o * b[1] + c) * b[2] + p) * b[3] + q];
                }
            out.push_back(sum);
          }
    return reshape(tensor(out), {a[0], b[0], oh, ow});
  }
};

/// Of [rows, H, W]: fold(values of a window that are no padding) for each window.
template <class Fold>
Tensor naivePool(const Tensor& x, int64_t size, int64_t stride, int64_t pad, Fold fold) {
  const Shape& a = x.shape();
  const auto in = x.to_vector<double>();
  const int64_t oh = (a[1] + 2 * pad - size) / stride + 1,
                ow = (a[2] + 2 * pad - size) / stride + 1;
  std::vector<double> out;
  for (int64_t r = 0; r < a[0]; ++r)
    for (int64_t i = 0; i < oh; ++i)
      for (int64_t j = 0; j < ow; ++j) {
        std::vector<double> window;
        for (int64_t p = 0; p < size; ++p)
          for (int64_t q = 0; q < size; ++q) {
            const int64_t row = i * stride + p - pad, column = j * stride + q - pad;
            if (row >= 0 && row < a[1] && column >= 0 && column < a[2])
              window.push_back(in[(r * a[1] + row) * a[2] + column]);
          }
        out.push_back(fold(window));
      }
  return reshape(tensor(out), {a[0], oh, ow});
}

} // namespace diptych::test
