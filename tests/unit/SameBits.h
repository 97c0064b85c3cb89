// Whether two trees of tensors are equal: types, structure and every bit. All NaNs count as one:
// the payload is not part of the numerics contract.
#pragma once

#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

namespace diptych::test {

template <class T> bool sameElement(T a, T b) {
  if constexpr (std::is_floating_point_v<T> || isHalf(dtypeOf<T>))
    if (std::isnan(a) || std::isnan(b))
      return std::isnan(a) && std::isnan(b);
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T>
testing::AssertionResult sameElements(const Tensor& got, const Tensor& expected) {
  const auto a = got.to_vector<T>(), b = expected.to_vector<T>();
  for (size_t i = 0; i < a.size(); ++i)
    if (!sameElement<T>(a[i], b[i]))
      return testing::AssertionFailure()
             << "element " << i << " of " << got.type().str() << ": got " << a[i] << ", expected "
             << b[i] << ", apart by " << static_cast<double>(a[i]) - static_cast<double>(b[i]);
  return testing::AssertionSuccess();
}

inline testing::AssertionResult sameTensor(const Tensor& got, const Tensor& expected) {
  if (!(got.type() == expected.type()))
    return testing::AssertionFailure()
           << "got " << got.type().str() << ", expected " << expected.type().str();
  switch (got.dtype()) {
  case DType::f32: return sameElements<float>(got, expected);
  case DType::f64: return sameElements<double>(got, expected);
  case DType::i32: return sameElements<int32_t>(got, expected);
  case DType::i64: return sameElements<int64_t>(got, expected);
  case DType::boolean: return sameElements<bool>(got, expected);
  case DType::bf16: return sameElements<bfloat16>(got, expected);
  case DType::f16: return sameElements<float16>(got, expected);
  }
  return testing::AssertionFailure() << "an unknown dtype";
}

template <TreeLike T> testing::AssertionResult sameBits(const T& got, const T& expected) {
  std::vector<Tensor> a, b;
  forEachLeaf(got, [&](const Tensor& tensor) { a.push_back(tensor); });
  forEachLeaf(expected, [&](const Tensor& tensor) { b.push_back(tensor); });
  if (a.size() != b.size())
    return testing::AssertionFailure() << a.size() << " tensors, expected " << b.size();
  for (size_t i = 0; i < a.size(); ++i)
    if (testing::AssertionResult same = sameTensor(a[i], b[i]); !same)
      return same << " (tensor " << i << ")";
  return testing::AssertionSuccess();
}

/// jit with the numerics that promise eager's bits.
template <class F> auto strictJit(F f) { return jit(f, {.numerics = Numerics::strict}); }

/// f compiled gives eager's bits.
template <class F, class... Args> void expectEagerBits(F f, const Args&... arguments) {
  EXPECT_TRUE(sameBits(strictJit(f)(arguments...), f(arguments...)));
}

/// W1 of the workloads without costs: softmax positions, Sharpe ratio.
inline Tensor sharpeLoss(const Tensor& w, const Tensor& X, const Tensor& r) {
  auto position = softmax(matmul(X, w), -1);
  auto pnl = sum(position * r, -1);
  return -mean(pnl) / stddev(pnl);
}

struct SmallMarket {
  explicit SmallMarket(DType dtype = DType::f64) {
    manual_seed(3);
    w = randn({3}, dtype);
    X = randn({13, 37, 3}, dtype);
    r = 0.1 * randn({13, 37}, dtype);
    v = randn({3}, dtype);
  }
  Tensor w, X, r, v;
};

} // namespace diptych::test
