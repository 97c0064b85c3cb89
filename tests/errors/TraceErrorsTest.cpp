// What a traced function cannot do beside reading elements (JitErrorsTest.cpp): draw numbers, use
// the tape, let a value out of a transform.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;

namespace {

const dt::Tensor x = dt::tensor({1.0, 2.0, 3.0});

// The message of a traced call names line `line` of this file first.
template <class F> void expectInTrace(F f, int line, std::initializer_list<const char*> pieces) {
  dt::test::expectErrorAt([&] { dt::jit(f)(x); }, __FILE__, line, pieces);
}

TEST(TraceErrors, DrawsAreInputs) {
  auto draws = [](const dt::Tensor& x) { return x + dt::randn({3}); };
  expectInTrace(draws, __LINE__ - 1, {"randn:", "a key", "nn::RandomScope"});
}

TEST(TraceErrors, TheTapeIsOutside) {
  auto sweeps = [](const dt::Tensor& x) { return dt::sum(x).backward(), x; };
  expectInTrace(sweeps, __LINE__ - 1, {"backward:", "grad(f)"});
  auto asks = [](const dt::Tensor& x) { return x.requires_grad_(); };
  expectInTrace(asks, __LINE__ - 1, {"requires_grad_:", "grad(f)"});
}

TEST(TraceErrors, MisuseInsideKeepsItsLine) {
  auto wrong = [](const dt::Tensor& x) { return dt::matmul(x, dt::ones({2})); };
  expectInTrace(wrong, __LINE__ - 1, {"matmul:", "f64[3] and f64[2]"});
  auto nested = [](const dt::Tensor& x) {
    return dt::grad([](const dt::Tensor& y) { return dt::sum(y + dt::ones({2})); })(x);
  };
  expectInTrace(nested, __LINE__ - 2, {"add:", "[3] and [2]"});
}

TEST(TraceErrors, ValuesDoNotLeaveTheirTransform) {
  dt::Tensor leaked;
  auto inner = [&](const dt::Tensor& x) {
    return dt::grad([&](const dt::Tensor& y) { return dt::sum(leaked = y * y); })(x) + leaked;
  };
  expectInTrace(inner, __LINE__ - 2, {"trace"});
}

} // namespace
