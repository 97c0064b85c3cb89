// Folds and maps of the same rows are one kernel, whatever the shape: the CPU's bits, one launch.
#include "tests/cuda/Device.h"

#include <diptych/Jit.h>

using namespace diptych;

namespace {

using Function = std::vector<Tensor> (*)(const Tensor& x);

std::vector<Tensor> softmaxOf(const Tensor& x) { return {softmax(x, -1)}; }
std::vector<Tensor> normalised(const Tensor& x) {
  const Tensor centred = x - mean(x, -1, true);
  return {centred / sqrt(mean(square(centred), -1, true) + 1e-5)};
}
// Totals that are results too, and two folds of one part.
std::vector<Tensor> logSoftmaxAndTotals(const Tensor& x) {
  const Tensor most = max(x, -1, true), shifted = x - most;
  const Tensor total = log(sum(exp(shifted), -1, true));
  return {shifted - total, most, total};
}
std::vector<Tensor> softmaxGradient(const Tensor& x) {
  return {grad([](const Tensor& x) { return sum(softmax(x, -1) * tanh(x)); })(x)};
}

struct Case {
  const char* name;
  Function of;
  Shape shape;
  DType dtype = f32;
  int64_t launches = 1; // 0: any
};

void PrintTo(const Case& one, std::ostream* os) { *os << one.name << " " << one.shape; }

class DeviceRows : public testing::TestWithParam<Case> {};

TEST_P(DeviceRows, OneLaunchGivesTheCpusBits) {
  if (!cuda_available())
    GTEST_SKIP() << "no GPU: " << cuda_status();
  const Case& one = GetParam();
  const Tensor x =
      reshape(3.0 * sin(arange(static_cast<double>(TensorType{f64, one.shape}.numel()))), one.shape)
          .astype(one.dtype);
  const auto compiled = jit(one.of, {.numerics = Numerics::strict});
  const Tensor there = x.to("cuda");
  compiled(there);
  const int64_t before = device_stats().launches;
  const std::vector<Tensor> got = jit(one.of, {.numerics = Numerics::strict})(there),
                            expected = one.of(x);
  if (one.launches > 0)
    EXPECT_EQ(device_stats().launches - before, one.launches);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(got[i].astype(f64).to_vector<double>() ==
                expected[i].astype(f64).to_vector<double>())
        << "result " << i;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, DeviceRows,
    testing::Values(Case{"softmax", softmaxOf, {64, 1000}}, Case{"softmax", softmaxOf, {3, 7}},
                    Case{"softmax of odd rows", softmaxOf, {37, 129}},
                    Case{"softmax in f64", softmaxOf, {37, 130}, f64},
                    Case{"softmax of three axes", softmaxOf, {5, 6, 50}},
                    Case{"softmax of many rows", softmaxOf, {700, 24}},
                    Case{"softmax of rows that fill shared memory", softmaxOf, {9, 4096}, f64},
                    Case{"softmax of two blocks", softmaxOf, {6, 4097}},
                    Case{"softmax of three blocks", softmaxOf, {5, 9000}, f64},
                    Case{"softmax of more blocks than a block has", softmaxOf, {2, 32768}},
                    Case{"normalised", normalised, {64, 1000}},
                    Case{"normalised", normalised, {9, 257}, f64},
                    Case{"normalised three blocks", normalised, {3, 10000}},
                    Case{"log-softmax and totals", logSoftmaxAndTotals, {19, 200}},
                    Case{"log-softmax and totals", logSoftmaxAndTotals, {4, 5000}, f64},
                    Case{"gradient of softmax", softmaxGradient, {19, 200}, f64, 0},
                    Case{"gradient of softmax", softmaxGradient, {4, 4500}, f32, 0}));

// More blocks than a group has, on rows enough to keep a device busy.
TEST(DeviceLongRows, GroupsOf64BlocksAreAddedInOrder) {
  if (!cuda_available())
    GTEST_SKIP() << "no GPU: " << cuda_status();
  const Tensor x = reshape(sin(arange(16.0 * 270000)), {16, 270000}).astype(f32);
  const auto compiled = jit(softmaxOf, {.numerics = Numerics::strict});
  EXPECT_TRUE(compiled(x.to("cuda"))[0].to_vector<float>() == softmaxOf(x)[0].to_vector<float>());
}

} // namespace
