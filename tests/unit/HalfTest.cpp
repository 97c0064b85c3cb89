// bf16 and f16: conversions bit for bit, operators as f32's rounded once, and what is built on
// them.
#include "tests/errors/Throws.h"
#include "tests/unit/SameBits.h"

#include <diptych/nn/nn.h>
#include <diptych/optim/optim.h>

#include <gmock/gmock.h>

#include <sstream>

namespace dt = diptych;
namespace nn = diptych::nn;
namespace optim = diptych::optim;
using namespace diptych::test;
using dt::bfloat16, dt::float16, dt::Tensor;

namespace {

template <class T> struct Halves : testing::Test {
  static constexpr dt::DType dtype = dt::dtypeOf<T>;
  /// Every number of the format.
  static std::vector<T> all() {
    std::vector<T> list;
    for (int bits = 0; bits < 0x10000; ++bits)
      list.push_back(T::fromBits(static_cast<uint16_t>(bits)));
    return list;
  }
  /// Magnitudes that lie on, and just beside, the middle between each number and the next.
  static std::vector<double> middles() {
    std::vector<double> list;
    const uint16_t last = std::numeric_limits<T>::infinity().bits;
    for (uint16_t bits = 0; bits < last; ++bits) {
      const double low = T::fromBits(bits);
      const double step = bits + 1 == last ? low - static_cast<double>(T::fromBits(bits - 1))
                                           : static_cast<double>(T::fromBits(bits + 1)) - low;
      const double middle = low + step / 2;
      for (const double x : {std::nextafter(middle, 0.0), middle, std::nextafter(middle, 1e300)}) {
        list.push_back(x);
        list.push_back(-x);
      }
    }
    return list;
  }
  static uint16_t nearest(double x) {
    const double size = std::abs(x);
    uint16_t low = 0, high = std::numeric_limits<T>::infinity().bits;
    while (high - low > 1) {
      const auto middle = static_cast<uint16_t>((low + high) / 2);
      (static_cast<double>(T::fromBits(middle)) <= size ? low : high) = middle;
    }
    const double least = T::fromBits(low);
    const double next = high == std::numeric_limits<T>::infinity().bits
                            ? 2 * least - static_cast<double>(T::fromBits(low - 1))
                            : static_cast<double>(T::fromBits(high));
    const bool raise = size - least > next - size || (size - least == next - size && low % 2 == 1);
    return static_cast<uint16_t>((raise ? high : low) | (std::signbit(x) ? 0x8000 : 0));
  }
};
using Formats = testing::Types<bfloat16, float16>;
TYPED_TEST_SUITE(Halves, Formats);

template <class T> std::vector<uint16_t> bitsOf(const Tensor& x) {
  std::vector<uint16_t> bits;
  for (const T element : x.to_vector<T>())
    bits.push_back(element.bits);
  return bits;
}

// Eagerly, compiled, and in C++.
TYPED_TEST(Halves, RoundToTheNearestEvenNumberOnce) {
  const std::vector<double> numbers = this->middles();
  const Tensor wide = dt::tensor(numbers);
  const auto narrow = [&](const Tensor& x) { return x.astype(this->dtype); };
  const std::vector<uint16_t> got = bitsOf<TypeParam>(narrow(wide));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const uint16_t expected = this->nearest(numbers[i]);
    ASSERT_EQ(got[i], expected) << numbers[i];
    ASSERT_EQ(TypeParam(numbers[i]).bits, expected) << numbers[i];
  }
  EXPECT_EQ(bitsOf<TypeParam>(strictJit(narrow)(wide)), got);
  const Tensor single = wide.astype(dt::f32);
  const std::vector<float> floats = single.to_vector<float>();
  const std::vector<uint16_t> fromSingle = bitsOf<TypeParam>(narrow(single));
  for (size_t i = 0; i < floats.size(); ++i)
    ASSERT_EQ(fromSingle[i], this->nearest(floats[i])) << floats[i];
  EXPECT_EQ(bitsOf<TypeParam>(strictJit(narrow)(single)), fromSingle);
}

TYPED_TEST(Halves, WidenExactlyAndComeBack) {
  const std::vector<TypeParam> all = this->all();
  const Tensor halves = dt::tensor(all);
  const std::vector<float> wide = halves.astype(dt::f32).to_vector<float>();
  for (size_t i = 0; i < all.size(); ++i)
    ASSERT_TRUE(sameElement<float>(wide[i], all[i])) << i;
  for (const dt::DType dtype : {dt::f32, dt::f64})
    EXPECT_TRUE(sameBits(halves.astype(dtype).astype(this->dtype), halves));
}

TYPED_TEST(Halves, IntegersRoundOnce) {
  std::vector<int64_t> integers{0, 1, -1, INT64_MAX, INT64_MIN, 65504, 65519, 65520, -65520};
  // Ties of 8 and of 11 digits, whose last bit f64 would lose.
  for (int shift = 12; shift < 62; ++shift)
    for (const int64_t digits : {0x101, 0x103, 0x801, 0x803})
      for (const int64_t rest : {-1, 0, 1})
        if (digits < (int64_t{1} << (62 - shift)))
          for (const int64_t sign : {-1, 1})
            integers.push_back(sign * ((digits << shift) + rest));
  const Tensor x = dt::tensor(integers);
  const auto narrow = [&](const Tensor& i) { return i.astype(this->dtype); };
  const std::vector<uint16_t> got = bitsOf<TypeParam>(narrow(x));
  for (size_t i = 0; i < integers.size(); ++i) {
    // The remainder below 2^40 of what has more digits cannot decide but by being there.
    const int64_t size = std::abs(integers[i] == INT64_MIN ? INT64_MAX : integers[i]);
    const double near = size < (int64_t{1} << 52)
                            ? static_cast<double>(size)
                            : static_cast<double>((size >> 11 | ((size & 0x7ff) != 0)) << 11);
    ASSERT_EQ(got[i], this->nearest(std::copysign(near, integers[i] < 0 ? -1 : 1))) << integers[i];
  }
  EXPECT_EQ(bitsOf<TypeParam>(strictJit(narrow)(x)), got);
}

TYPED_TEST(Halves, LimitsAreThoseOfTheFormat) {
  using Limits = std::numeric_limits<TypeParam>;
  EXPECT_EQ(float(Limits::epsilon()), std::ldexp(1.0F, 1 - Limits::digits));
  EXPECT_EQ(float(Limits::min()), std::ldexp(1.0F, Limits::min_exponent - 1));
  EXPECT_EQ(float(Limits::denorm_min()), float(Limits::min()) * float(Limits::epsilon()));
  EXPECT_TRUE(std::isinf(float(Limits::infinity())));
  EXPECT_TRUE(std::isfinite(float(Limits::max())));
  EXPECT_EQ(TypeParam::fromBits(Limits::max().bits + 1).bits, Limits::infinity().bits);
  EXPECT_TRUE(std::isnan(float(Limits::quiet_NaN())));
}

// A long chain: in strict numerics every operator rounds, wherever it runs.
template <class T> Tensor chain(const Tensor& x, const Tensor& y) {
  const Tensor a = dt::tanh(x * y + 0.3) / (1 + dt::exp(-x));
  return dt::softmax(dt::matmul(a, dt::transpose(y)), -1) - dt::mean(a) +
         dt::sum(dt::where(x > y, a, x), 1, true);
}

TYPED_TEST(Halves, StrictIsEagerAndStandardIsNear) {
  dt::manual_seed(4);
  const Tensor x = dt::randn({37, 51}, this->dtype), y = dt::randn({37, 51}, this->dtype);
  const Tensor eager = chain<TypeParam>(x, y);
  EXPECT_EQ(eager.dtype(), this->dtype);
  expectEagerBits(chain<TypeParam>, x, y);
  const auto f = [](const Tensor& a, const Tensor& b) {
    return dt::sum(dt::square(chain<TypeParam>(a, b)));
  };
  expectEagerBits(dt::grad(f), x, y);
  const Tensor wide = chain<TypeParam>(x.astype(dt::f32), y.astype(dt::f32));
  const Tensor standard = dt::jit(chain<TypeParam>)(x, y);
  const double roundings = 12 * float(std::numeric_limits<TypeParam>::epsilon());
  const double largest = dt::max(dt::abs(wide)).item<double>();
  for (const Tensor& result : {eager, standard})
    EXPECT_LT(dt::max(dt::abs(result.astype(dt::f32) - wide)).template item<double>(),
              roundings * largest);
}

// Standard numerics may leave out a rounding inside a kernel, but never one that was asked for.
TYPED_TEST(Halves, ACastRoundsInEveryNumerics) {
  const auto f = [&](const Tensor& x) { return x.astype(this->dtype).astype(dt::f32) - x; };
  const Tensor x = dt::linspace(0.1, 3, 100, dt::f32);
  EXPECT_TRUE(sameBits(dt::jit(f)(x), f(x)));
}

TYPED_TEST(Halves, SumsDoNotRoundOnTheWay) {
  const Tensor ones = dt::ones({3000}, this->dtype);
  EXPECT_EQ(dt::sum(ones).template item<float>(), float(TypeParam(3000)));
  EXPECT_EQ(dt::mean(dt::full({1001}, 300, this->dtype)).template item<float>(), 300);
  EXPECT_EQ(dt::matmul(ones, ones).template item<float>(), float(TypeParam(3000)));
  EXPECT_EQ(dt::cumsum(ones, 0).to_vector<TypeParam>().back().bits, TypeParam(3000).bits);
}

TYPED_TEST(Halves, NumbersDoNotPromoteAndTensorsDoNotMix) {
  const Tensor x = dt::tensor(std::vector<TypeParam>{TypeParam(1.5), TypeParam(-2)});
  EXPECT_EQ((x * 0.1 + 1).dtype(), this->dtype);
  EXPECT_ERROR_HERE(x + dt::ones({2}, dt::f32), "add: expected operands of one dtype", "astype");
  EXPECT_ERROR_HERE(dt::linalg::det(dt::eye(2, this->dtype)), "f32 or f64", "astype");
}

TEST(HalfTensors, ArePrintedAndReadAsNumbers) {
  std::ostringstream text;
  text << dt::tensor({1.5, 0.1}).astype(dt::f16) << ' ' << dt::tensor({3.0}).astype(dt::bf16);
  EXPECT_EQ(text.str(), "[      1.5, 0.0999756] f16[2] [3] bf16[1]");
  EXPECT_EQ(dt::tensor(float16(2.5)).item<double>(), 2.5);
  EXPECT_EQ(dt::arange(300).astype(dt::bf16).to_vector<bfloat16>()[299], 300.0F);
}

TEST(HalfTensors, BothFormatsConvertToEachOther) {
  const Tensor x = dt::tensor({70000.0, 1.0009765625, 1e-8}).astype(dt::bf16);
  EXPECT_THAT(bitsOf<float16>(x.astype(dt::f16)), testing::ElementsAre(0x7c00, 0x3c00, 0));
  EXPECT_ERROR_HERE(x + x.astype(dt::f16), "bf16[3] and f16[3]");
}

TEST(HalfTensors, DrawsAreNumbersOfTheFormat) {
  for (const dt::DType dtype : {dt::bf16, dt::f16}) {
    const Tensor u = dt::rand({4096}, dtype).astype(dt::f32);
    EXPECT_LT(dt::max(u).item<float>(), 1);
    EXPECT_NEAR(dt::mean(u).item<float>(), 0.5, 0.02);
    const Tensor z = dt::randn({4096}, dtype).astype(dt::f32);
    EXPECT_NEAR(dt::stddev(z).item<float>(), 1, 0.05);
  }
}

struct Mlp : nn::Module {
  nn::Linear first{1, 32, {.dtype = dt::f32}}, second{32, 1, {.dtype = dt::f32}};
  nn::LayerNorm normal{dt::Shape{32}, {.dtype = dt::f32}};
  Mlp() : Module("Mlp") {
    register_module("first", first);
    register_module("normal", normal);
    register_module("second", second);
  }
  Tensor forward(const Tensor& x) const { return second(dt::tanh(normal(first(x)))); }
};

// Parameters live in f32 and are rounded where the model reads them.
TEST(HalfTraining, MastersInSingleTrainAModelInHalf) {
  dt::manual_seed(2);
  const Tensor x = dt::reshape(dt::linspace(-1, 1, 64, dt::f32), {64, 1});
  const Tensor y = dt::sin(3 * x);
  Mlp model;
  nn::State masters = model.parameter_dict();
  model.to(dt::bf16);
  EXPECT_EQ(model.first.weight->dtype(), dt::bf16);
  const optim::Rule rule = optim::adam({.lr = 0.02});
  auto state = rule.init(masters);
  const auto loss = [&](const nn::State& parameters) {
    nn::State rounded;
    for (const auto& [name, parameter] : parameters)
      rounded[name] = parameter.astype(dt::bf16);
    const Tensor predicted = nn::functional_call(model, rounded, x.astype(dt::bf16));
    return nn::mse_loss(predicted.astype(dt::f32), y);
  };
  auto step = dt::jit([&](const nn::State& parameters, const optim::RuleState<nn::State>& before) {
    auto [value, gradients] = dt::value_and_grad(loss)(parameters);
    auto [moved, next] = rule.update(parameters, gradients, before);
    return std::tuple(value, moved, next);
  });
  Tensor value;
  for (int i = 0; i < 300; ++i)
    std::tie(value, masters, state) = step(masters, state);
  EXPECT_EQ(masters.at("first.weight").dtype(), dt::f32);
  EXPECT_LT(value.item<float>(), 2e-3);
}

TEST(HalfTraining, ModulesAreRoundedAndKeepTheirGradients) {
  Mlp model;
  model.to(dt::f16);
  EXPECT_TRUE(model.first.weight->requires_grad());
  const Tensor out = model.forward(dt::ones({2, 1}, dt::f16));
  EXPECT_EQ(out.dtype(), dt::f16);
  dt::sum(out).backward({.retain_graph = true});
  dt::sum(out).backward(); // into the gradient that is there
  EXPECT_EQ(model.first.weight->grad().dtype(), dt::f16);
  EXPECT_ERROR_HERE(model.to(dt::i32), "Module::to: expected f32, f64, bf16 or f16, got i32");
}

} // namespace
