// Destructors of static objects may still compute and run what is compiled; compiling is an Error.
#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace dt = diptych;

namespace {

struct Late {
  std::function<dt::Tensor(const dt::Tensor&)> compiled;
  ~Late() {
    if (!compiled)
      return;
    auto x = dt::ones({2}).requires_grad_();
    dt::sum(x * x).backward();
    const auto big = dt::ones({1 << 20});
    const bool right = x.grad().to_vector<double>() == std::vector<double>{2.0, 2.0} &&
                       dt::sum(big * big).item<double>() == 1 << 20 &&
                       dt::sum(compiled(big)).item<double>() == 1 << 20;
    try {
      compiled(x.detach());
    } catch (const dt::Error& error) {
      std::_Exit(right && std::string(error.what()).find("compile it before") != std::string::npos
                     ? 0
                     : 1);
    }
    std::_Exit(2);
  }
};
// Constructed before, so destroyed after, everything else in the program.
[[gnu::init_priority(101)]] Late late;

TEST(Exit, StaticDestructorsMayCompute) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        late.compiled = dt::jit([](const dt::Tensor& x) { return x * x; });
        late.compiled(dt::ones({1 << 20}));
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
}

} // namespace
