// Products of matrices among the parts of rows: a row's matrix is read once, for the product that
// leads to a weight and for the one that leads back. The CPU's bits, one launch; a matrix too large
// for a block belongs to the blocks of a cluster.
#include "codegen/cuda/GpuCompiler.h"
#include "tests/cuda/Device.h"
#include "tests/cuda/Simulated.h"
#include "tools/study/Models.h"

#include <diptych/Jit.h>

using namespace diptych;

namespace {

using Tensors = std::vector<Tensor>;
using Numbers = std::vector<std::vector<double>>;

Numbers numbers(const Tensors& results) {
  Numbers all;
  for (const Tensor& x : results)
    all.push_back(x.astype(f64).to_vector<double>());
  return all;
}

// Of the return of each row: its gradient in w, X_t' u_t, the positions, and the return itself.
Tensors rowGradients(const Tensors& in) {
  const Tensor &X = in[0], &w = in[1], &Y = in[2];
  const Tensor p = softmax(matmul(X, w), -1);
  const Tensor r = sum(p * Y, -1, true);
  return {matmul(unsqueeze(p * (Y - r), 1), X), p, r};
}
// The results of products are used again, and another follows.
Tensors thereAndBack(const Tensors& in) {
  const Tensor &X = in[0], &w = in[1];
  const Tensor scores = tanh(matmul(X, w));
  const Tensor back = tanh(matmul(unsqueeze(scores, 1), X)); // [T,1,K]
  return {back, matmul(X, transpose(back))};
}

struct Case {
  const char* name;
  Tensors (*of)(const Tensors& in);
  int64_t rows, height, width;
  DType dtype = f64;
};
void PrintTo(const Case& one, std::ostream* os) {
  *os << one.name << " of " << one.rows << " rows of " << one.height << " by " << one.width << " "
      << one.dtype;
}

Tensors inputsOf(const Case& one) {
  manual_seed(5);
  return {randn({one.rows, one.height, one.width}, one.dtype), 0.3 * randn({one.width}, one.dtype),
          randn({one.rows, one.height}, one.dtype)};
}
Tensors moved(const Tensors& in) {
  Tensors there;
  for (const Tensor& x : in)
    there.push_back(x.to("cuda"));
  return there;
}

class DeviceRowProducts : public testing::TestWithParam<Case> {};

TEST_P(DeviceRowProducts, OneLaunchGivesTheCpusBits) {
  if (!cuda_available())
    GTEST_SKIP() << "no GPU: " << cuda_status();
  const Case& one = GetParam();
  const Tensors in = inputsOf(one), there = moved(in);
  const auto compiled = jit(one.of, {.numerics = Numerics::strict});
  const int64_t before = device_stats().launches;
  const Numbers got = numbers(compiled(there));
  EXPECT_EQ(device_stats().launches - before, 1);
  EXPECT_TRUE(got == numbers(one.of(in)));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, DeviceRowProducts,
    testing::Values(Case{"gradients", rowGradients, 5, 9, 3},
                    Case{"gradients", rowGradients, 3, 40, 32},
                    Case{"gradients", rowGradients, 4, 33, 7, f32},
                    Case{"gradients", rowGradients, 2, 64, 64, f32},
                    Case{"gradients of deep rows", rowGradients, 2, 2100, 5, f32},
                    Case{"gradients of wide rows", rowGradients, 2, 5, 1500},
                    Case{"gradients of a large block", rowGradients, 2, 150, 160},
                    Case{"gradients of a cluster of three", rowGradients, 22, 470, 158, f64},
                    Case{"gradients of a cluster", rowGradients, 22, 467, 157, f32},
                    Case{"there and back", thereAndBack, 6, 12, 10},
                    Case{"there and back in a cluster", thereAndBack, 24, 400, 128}));

codegen::ScheduledCall callOf(const Case& one, int capability, const std::string& name) {
  const Tensors in = inputsOf(one);
  Values values;
  for (const Tensor& x : in)
    values.push_back(x.contiguous().value());
  const auto program = [&](ValueSpan in) -> Values {
    Values all;
    for (const Tensor& x : one.of({Tensor(in[0]), Tensor(in[1]), Tensor(in[2])}))
      all.push_back(x.value());
    return all;
  };
  const codegen::Schedule schedule =
      suite::gpuSchedule(program, values, Numerics::strict, nullptr, capability);
  for (const codegen::ScheduledCall& call : schedule.calls)
    if (call.name.find(name) != std::string::npos)
      return call;
  return {};
}

// What the matrix of a large W1 needs: three blocks in f64, where an sm_80 has none that share.
TEST(RowProducts, ClustersAreChosenByWhatABlockHolds) {
  const auto clusterOf = [](const Case& one, int capability) {
    const auto call = callOf(one, capability, "matmul");
    auto* rows = std::get_if<codegen::RowsSpec>(&call.kernel.what);
    return rows ? rows->cluster : 0;
  };
  const Case large{"", rowGradients, 80, 468, 158, f64}, half{"", rowGradients, 80, 468, 158, f32};
  EXPECT_EQ(clusterOf(large, 90), 3);
  EXPECT_EQ(clusterOf(half, 90), 3);
  EXPECT_EQ(clusterOf(large, 80), 0);
  const Case small{"", rowGradients, 80, 100, 100, f64};
  EXPECT_EQ(clusterOf(small, 80), 1);
  EXPECT_EQ(clusterOf(small, 0), 0); // 80 KB, where a block is sure of 48
}

TEST(RowProducts, AMatrixReadOnceStaysWithTheProducts) {
  const Case one{"", [](const Tensors& in) { return Tensors{softmax(matmul(in[0], in[1]), -1)}; },
                 40, 40, 30};
  EXPECT_TRUE(std::holds_alternative<codegen::MatmulSpec>(callOf(one, 90, "matmul").kernel.what));
}

// W1's value and gradient in `standard`: X is an operand of one kernel.
TEST(RowProducts, W1ReadsItsArrayOnce) {
  const auto program = [](ValueSpan in) -> Values {
    const Tensor X(in[1]), Y(in[2]);
    const auto f = [&](const Tensor& w) { return study::factorPortfolio(w, X, Y, {}); };
    const auto [value, slope] = value_and_grad(f)(Tensor(in[0]));
    return {value.value(), slope.value()};
  };
  manual_seed(3);
  const Values in{(0.3 * randn({158})).contiguous().value(),
                  zeros({50, 468, 158}).contiguous().value(),
                  zeros({50, 468}).contiguous().value()};
  const codegen::Schedule schedule =
      suite::gpuSchedule(program, in, Numerics::standard, nullptr, 90);
  int touched = 0;
  for (const codegen::ScheduledCall& call : schedule.calls)
    for (const int buffer : call.buffers) {
      const auto& planned = schedule.buffers[static_cast<size_t>(buffer)];
      touched += planned.kind == codegen::PlannedBuffer::Kind::Input && planned.index == 1;
    }
  EXPECT_EQ(touched, 1);
}

TEST(RowProducts, W1OnTheDeviceIsTheCpusInStandardToo) {
  if (!cuda_available())
    GTEST_SKIP() << "no GPU: " << cuda_status();
  manual_seed(3);
  const Tensors in{0.3 * randn({30}), randn({40, 90, 30}), 0.02 * randn({40, 90})};
  const auto both = [](const Tensors& x) {
    const auto f = [&](const Tensor& w) { return study::factorPortfolio(w, x[1], x[2], {}); };
    const auto [value, slope] = value_and_grad(f)(x[0]);
    return Tensors{value, slope};
  };
  const Numbers there = numbers(jit(both)(moved(in))), here = numbers(both(in));
  for (size_t i = 0; i < here.size(); ++i)
    for (size_t j = 0; j < here[i].size(); ++j)
      EXPECT_NEAR(there[i][j], here[i][j], 1e-12 * std::max(1.0, std::abs(here[i][j])));
}

} // namespace
