// Convolution, windows and pooling that do not fit: the function by its name, both sides, the
// user's line and the remedy.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>
#include <diptych/nn/nn.h>

namespace dt = diptych;

namespace {

const dt::Tensor x = dt::ones({2, 4, 5, 6});
const dt::Tensor w = dt::ones({3, 4, 3, 3});

TEST(ConvolutionErrors, OperandsDoNotFit) {
  EXPECT_ERROR_HERE(dt::conv2d(x, dt::ones({3, 5, 3, 3})), "conv2d: expected w for 4 channels",
                    "f64[2,4,5,6] and f64[3,5,3,3]", "[O, C/groups, ...]");
  EXPECT_ERROR_HERE(dt::conv2d(x, w, {.groups = 3}), "conv2d: expected groups that divide",
                    "got 3");
  EXPECT_ERROR_HERE(dt::conv2d(x, w, {.groups = 0}), "groups that divide", "got 0");
  EXPECT_ERROR_HERE(dt::conv2d(x, dt::ones({4, 4, 3, 3}), {.groups = 2}), "2 channels",
                    "in 2 groups");
  EXPECT_ERROR_HERE(dt::conv2d(x, dt::ones({3, 4, 6, 3})), "padded extent of at least 6 at axis 2",
                    "got 5", "pad x");
  EXPECT_ERROR_HERE(dt::conv2d(x, w, {.dilation = 3}), "at least 7 at axis 2");
  EXPECT_ERROR_HERE(dt::conv1d(x, w), "conv1d: expected x [N, C, ...]", "rank 3");
  EXPECT_ERROR_HERE(dt::conv2d(x, w.astype(dt::f32)), "operands of one dtype", "astype");
  EXPECT_ERROR_HERE(dt::conv2d(dt::ones({2, 4, 5, 6}, dt::i64), w), "conv2d:", "i64[2,4,5,6]");
  EXPECT_ERROR_HERE(dt::conv2d(x, w, dt::ones({4})), "a bias of type f64[3]", "got f64[4]");
  EXPECT_ERROR_HERE(dt::conv_transpose2d(x, w), "conv_transpose2d: expected w [C, O/groups, ...]");
}

TEST(ConvolutionErrors, Options) {
  EXPECT_ERROR_HERE(dt::conv2d(x, w, {.stride = 0}), "conv2d: expected stride of at least 1",
                    "[0,0]");
  EXPECT_ERROR_HERE(dt::conv2d(x, w, {.stride = {1, 2, 3}}), "one stride or 2", "got [1,2,3]");
  EXPECT_ERROR_HERE(dt::conv2d(x, w, {.padding = -1}), "padding of at least 0", "slice");
  EXPECT_ERROR_HERE(dt::conv2d(x, w, {.dilation = {1, -1}}), "dilation of at least 1");
  EXPECT_ERROR_HERE(dt::conv2d(x, w, {.stride = 2, .padding = dt::Padding::same()}),
                    "stride 1 with padding 'same'");
  EXPECT_ERROR_HERE(dt::conv_transpose1d(dt::ones({1, 2, 3}), dt::ones({2, 1, 2}),
                                         {.stride = 2, .outputPadding = 2}),
                    "outputPadding below stride or dilation");
}

TEST(ConvolutionErrors, WindowsAndPooling) {
  EXPECT_ERROR_HERE(dt::windows(x, 2, 6), "windows: expected an extent of at least 6", "axis 2",
                    "f64[2,4,5,6]");
  EXPECT_ERROR_HERE(dt::windows(x, 2, -1), "windows: expected size of at least 1");
  EXPECT_ERROR_HERE(dt::windows(x, 4, 2), "windows: expected an axis from -4 to 3, got 4");
  EXPECT_ERROR_HERE(dt::windows(dt::ones({2, 2, 2, 2, 2}), {0, 1, 2, 3}, 2), "rank 8 at most");
  EXPECT_ERROR_HERE(dt::overlap_add(dt::ones({4, 3}), {5}, 0), "overlap_add: expected windows",
                    "f64[4,3]");
  // A span of 2^64 + 1 elements is not one of one element.
  const dt::Tensor endless = dt::broadcast_to(dt::ones({1, 1}), {1, (int64_t{1} << 40) + 1});
  EXPECT_ERROR_HERE(dt::overlap_add(endless, {3}, 0, 1, 1 << 24), "overlap_add: expected windows");
  EXPECT_ERROR_HERE(dt::max_pool2d(x, 7), "max_pool2d: expected an extent of at least 7");
  EXPECT_ERROR_HERE(dt::max_pool2d(x, 3, {.padding = 2}), "at most half the window");
  EXPECT_ERROR_HERE(dt::max_pool3d(dt::ones({2, 2}), 2), "max_pool3d: expected a tensor of rank 3");
  EXPECT_ERROR_HERE(dt::avg_pool2d(dt::ones({4, 4}, dt::i64), 2), "avg_pool2d:", "i64[4,4]");
  EXPECT_ERROR_HERE(dt::adaptive_avg_pool2d(x, 0), "adaptive_avg_pool2d: expected size");
  EXPECT_ERROR_HERE(dt::fold(dt::ones({1, 8, 5}), {4, 4}, {2, 2}), "fold: expected 9 columns");
}

TEST(ConvolutionErrors, Layers) {
  namespace nn = dt::nn;
  dt::manual_seed(1);
  const auto message = [](auto make) { return dt::test::messageOf([&] { make(); }); };
  EXPECT_NE(message([] { nn::Conv2d(3, 4, 3, {.groups = 2}); }).find("Conv2d: expected groups"),
            std::string::npos);
  EXPECT_NE(message([] { nn::Conv2d(3, 0, 3); }).find("at least one channel"), std::string::npos);
  EXPECT_NE(message([] { nn::Conv1d(3, 4, {3, 3}); }).find("kernel size"), std::string::npos);
  const nn::Conv2d layer(4, 2, 3);
  EXPECT_ERROR_HERE(layer(dt::ones({2, 3, 5, 5})), "conv2d: expected w for 3 channels");
  EXPECT_NE(message([] { nn::GroupNorm(3, 4); }).find("GroupNorm: expected groups"),
            std::string::npos);
  EXPECT_ERROR_HERE(nn::BatchNorm2d(3)(dt::ones({2, 3})), "BatchNorm2d: expected [N,3,H,W]");
}

} // namespace
