// Random programs, each by its seed. A failure prints its seed and the smallest program that still
// fails, as steps and as C++.
#include "CppText.h"
#include "Seeds.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace diptych::fuzz {
namespace {

void run(uint64_t seed, const Recipe& recipe, std::span<const Check> checks) {
  const Program program = generate(seed, recipe);
  for (const Check& check : checks) {
    const std::string found = find(check, program);
    if (found.empty())
      continue;
    const auto threw = [](const std::string& what) { return what.starts_with("threw"); };
    const Program least = minimised(program, [&](const Program& smaller) {
      const std::string again = find(check, smaller);
      return !again.empty() && threw(again) == threw(found);
    });
    ADD_FAILURE() << check.name << ", seed " << seed << ": " << found
                  << "\nleast program: " << find(check, least) << "\n"
                  << least.text() << "\n"
                  << cppText(least, check);
    return;
  }
}

/// A line every ten seconds, and one at the end, where DIPTYCH_FUZZ_PROGRESS is set.
class Progress : public testing::EmptyTestEventListener {
  using Clock = std::chrono::steady_clock;

  void OnTestEnd(const testing::TestInfo&) override {
    ++programs_;
    if (Clock::now() - told_ < std::chrono::seconds(10))
      return;
    told_ = Clock::now();
    tell("so far");
  }
  void OnTestProgramEnd(const testing::UnitTest&) override { tell("in all"); }

  void tell(const char* when) const {
    const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
    const testing::UnitTest& all = *testing::UnitTest::GetInstance();
    std::fprintf(stderr, "fuzz: %lld of %d programs %s, %d failed, %.1f a second\n",
                 static_cast<long long>(programs_), all.test_to_run_count(), when,
                 all.failed_test_count(), static_cast<double>(programs_) / seconds);
  }

  int64_t programs_ = 0;
  Clock::time_point begun_ = Clock::now(), told_ = begun_;
};

const bool kTold = [] {
  if (std::getenv("DIPTYCH_FUZZ_PROGRESS"))
    testing::UnitTest::GetInstance()->listeners().Append(new Progress);
  return true;
}();

struct Programs : testing::TestWithParam<int64_t> {
  uint64_t seed() const { return static_cast<uint64_t>(GetParam()); }
  int operators() const { return 5 + static_cast<int>(seed() * 7 % 36); }
  /// Some are cut over threads, and into groups of rows.
  int64_t largest() const { return seed() % 10 == 3 ? 300000 : 2000; }
};

TEST_P(Programs, StrictAgreesEverywhere) {
  run(seed(), {.operators = operators(), .wild = seed() % 2 == 0, .largest = largest()},
      strictChecks());
}

TEST_P(Programs, StandardIsNear) {
  run(seed(), {.operators = operators(), .continuous = true}, standardChecks());
}

TEST_P(Programs, TransformsNest) {
  run(seed(),
      {.operators = 3 + static_cast<int>(seed() % 6),
       .continuous = true,
       .largest = 60,
       .control = 12},
      nestingChecks());
}

TEST_P(Programs, BatchesAreTheirExamples) {
  run(seed(),
      {.operators = 3 + static_cast<int>(seed() * 5 % 20),
       .wild = seed() % 2 == 0,
       .largest = 300,
       .control = 8},
      batchChecks());
}

TEST_P(Programs, CallsAgree) {
  run(seed(), {.operators = operators(), .wild = seed() % 2 == 0, .largest = largest()},
      callChecks());
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Programs, seeds(), testing::PrintToStringParamName());

} // namespace
} // namespace diptych::fuzz
