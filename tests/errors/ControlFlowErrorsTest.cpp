// Misuse of loops and branches: the error names the function and the line of its call; what goes
// wrong in a body keeps the body's line.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;
using dt::Tensor;

namespace {

const Tensor x = dt::tensor({1.0, 2.0});
const Tensor one = dt::tensor(1.0);
auto same = [](const Tensor& c, const Tensor&) { return std::pair(c, c); };

TEST(ControlFlowErrors, TheCarryKeepsItsTypes) {
  auto grows = [](const Tensor& c, const Tensor& x) { return std::pair(dt::stack({c, x}), x); };
  EXPECT_ERROR_HERE(dt::scan(grows, one, x),
                    "scan: expected a body that keeps the type of tensor 0", "f64[]", "got f64[2]",
                    "begin with");
  auto narrows = [](const Tensor&, const Tensor& c) { return c.astype(dt::f32); };
  EXPECT_ERROR_HERE(dt::fori_loop(0, 3, narrows, one), "fori_loop:", "f64[]", "got f32[]");
  auto positive = [](const Tensor& c) { return dt::sum(c) > 0; };
  auto total = [](const Tensor& c) { return dt::sum(c); };
  EXPECT_ERROR_HERE(dt::while_loop(positive, total, x), "while_loop:", "f64[2]", "got f64[]");
  using List = std::vector<Tensor>;
  auto longer = [](const Tensor&, List c) { return c.push_back(c[0]), c; };
  EXPECT_ERROR_HERE(dt::fori_loop(0, 3, longer, List{one}), "a carry of 1 tensors", "got 2");
}

TEST(ControlFlowErrors, XsHaveOneLength) {
  auto body = [](const Tensor& c, const std::pair<Tensor, Tensor>&) { return std::pair(c, c); };
  EXPECT_ERROR_HERE(dt::scan(body, one, std::pair(x, dt::ones({3, 2}))),
                    "scan: expected xs of 2 steps", "got 3", "f64[3,2]");
  EXPECT_ERROR_HERE(dt::scan(same, one, x, {.length = 5}), "scan: expected xs of 5 steps", "got 2");
  EXPECT_ERROR_HERE(dt::scan(same, one, one), "scan: expected xs with an axis 0", "f64[]");
  auto bare = [](const Tensor& c, const std::tuple<>&) { return std::pair(c, c); };
  EXPECT_ERROR_HERE(dt::scan(bare, one, std::tuple<>()), "scan: expected the number of steps",
                    "no tensor in xs", "length");
  EXPECT_ERROR_HERE(dt::scan(bare, one, std::tuple<>(), {.length = -2}), "got -2");
}

TEST(ControlFlowErrors, PredicatesAreOneBoolean) {
  auto twice = [](const Tensor& c) { return c + c; };
  EXPECT_ERROR_HERE(dt::while_loop([](const Tensor& c) { return c; }, twice, one),
                    "while_loop: expected a condition of type bool", "got f64[]", "compare");
  EXPECT_ERROR_HERE(dt::while_loop([](const Tensor& c) { return c < 3; }, twice, x),
                    "while_loop: expected a condition", "[2]");
  EXPECT_ERROR_HERE(dt::cond(one, twice, twice, one), "cond: expected a predicate of type bool",
                    "got f64[]");
  EXPECT_ERROR_HERE(dt::cond(x < 3, twice, twice, one), "cond: expected a predicate", "[2]");
}

TEST(ControlFlowErrors, BranchesReturnTheSameTypes) {
  EXPECT_ERROR_HERE(dt::cond(
                        one > 0, [](const Tensor& x) { return x; },
                        [](const Tensor& x) { return dt::sum(x); }, x),
                    "cond: expected branches that return the same types", "(f64[2])", "(f64[])");
}

TEST(ControlFlowErrors, ALoopWithoutABoundHasNoReverseDerivative) {
  auto loop = [](const Tensor& x) {
    return dt::while_loop([](const Tensor& c) { return c < 9; },
                          [](const Tensor& c) { return c * 2; }, x);
  };
  const auto expect = [](const std::function<void()>& misuse) {
    dt::test::expectMessage(dt::test::messageOf(misuse),
                            {"while_loop: expected a bound on the number of steps", "max_steps",
                             "ControlFlowErrorsTest.cpp"});
  };
  expect([&] { dt::grad(loop)(one); });
  expect([&] { dt::jit(dt::grad(loop))(one); });
  const Tensor leaf = dt::tensor(1.0).requires_grad_();
  expect([&] { loop(leaf).backward(); });
  EXPECT_ERROR_HERE(dt::while_loop([](const Tensor& c) { return c < 9; },
                                   [](const Tensor& c) { return c * 2; }, one, {.max_steps = -1}),
                    "while_loop: expected max_steps that is not negative", "-1");
}

TEST(ControlFlowErrors, TheBodysOwnErrorsKeepTheirLine) {
  const int line = __LINE__ + 1;
  auto wrong = [](const Tensor&, const Tensor& c) { return c + dt::ones({3}); };
  const std::string expected = "ControlFlowErrorsTest.cpp:" + std::to_string(line) + ": add:";
  auto run = [&](const Tensor& x) { return dt::fori_loop(0, 3, wrong, x); };
  for (const std::string& message :
       {dt::test::messageOf([&] { run(x); }), dt::test::messageOf([&] { dt::jit(run)(x); })})
    EXPECT_EQ(message.find(expected), 0u) << message;
  EXPECT_ERROR_HERE(
      dt::fori_loop(
          0, 2, [](const Tensor&, const Tensor& c) { return c * c.item<double>(); }, one),
      "item:", "traced");
}

TEST(ControlFlowErrors, ABadIndexIsFoundInTheStepThatHasIt) {
  const int line = __LINE__ + 3;
  auto run = [](const Tensor& x) {
    return dt::fori_loop(
        0, 5, [&](const Tensor& i, const Tensor& c) { return c + dt::take(x, i); }, dt::zeros({}));
  };
  const Tensor long_ = dt::ones({5});
  EXPECT_EQ(run(long_).item<double>(), 5);
  for (const std::string& message :
       {dt::test::messageOf([&] { run(x); }), dt::test::messageOf([&] { dt::jit(run)(x); })}) {
    EXPECT_EQ(message.find("ControlFlowErrorsTest.cpp:" + std::to_string(line)), 0u) << message;
    dt::test::expectMessage(message, {"index 2 at position 0 is out of range"});
  }
}

} // namespace
