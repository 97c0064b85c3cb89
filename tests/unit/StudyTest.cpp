// The study's options, gauges and tables. Whole runs are tested in tests/cli, where each has a
// process without threads to fork from. No time is judged.
#include "tools/study/Study.h"
#include "tools/study/StudyTable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace diptych::study {
namespace {

using testing::HasSubstr;

std::string messageOf(StudyOptions options) {
  try {
    options.complete();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Study, MisuseIsNamed) {
  StudyOptions options;
  options.T = 2;
  EXPECT_EQ(messageOf(options), "study: expected at least 3 days, got 2");
  options = {};
  options.size = "huge";
  EXPECT_EQ(messageOf(options), "study: expected size tiny, real or large, got 'huge'");
  options = {};
  options.terms.temperature = 0.0;
  EXPECT_EQ(messageOf(options), "study: expected a finite temperature above 0, got 0.000000");
  options = {};
  options.workloads = {"w1", "w99"};
  EXPECT_THAT(messageOf(options), HasSubstr("study: expected workloads among w1, "));
  EXPECT_THAT(messageOf(options), HasSubstr("or all, got 'w99'"));
  options = {};
  options.T = options.N = 100000;
  EXPECT_THAT(messageOf(options), HasSubstr("T x N x K of at most 2^29"));
}

TEST(Study, UnreadablePricesAreBadInput) {
  StudyOptions options;
  options.prices = "no-such-file.csv";
  EXPECT_THROW(loadData(options), BadInput);
}

TEST(StudyMeasure, LatencyHasItsSamplesInOrder) {
  int calls = 0;
  const Json latency = measureLatency([&] { ++calls; }, {50, 10.0, 0.0});
  EXPECT_EQ(latency["samples"], 50);
  EXPECT_EQ(calls, 51); // the first is not counted
  EXPECT_FALSE(latency["budget_hit"].get<bool>());
  EXPECT_LE(latency["p5"].get<double>(), latency["median"].get<double>());
  EXPECT_LE(latency["median"].get<double>(), latency["p95"].get<double>());
}

TEST(StudyMeasure, BudgetEndsSamplingAndSaysSo) {
  const Json latency = measureLatency([] {}, {1000000000, 0.001, 0.0});
  EXPECT_TRUE(latency["budget_hit"].get<bool>());
  EXPECT_GE(latency["samples"].get<int>(), 3);
}

TEST(StudyMeasure, QuantilesInterpolate) {
  EXPECT_EQ(quantile({1.0, 2.0, 3.0}, 0.5), 2.0);
  EXPECT_EQ(quantile({1.0, 2.0}, 0.25), 1.25);
  EXPECT_EQ(quantile({7.0}, 0.95), 7.0);
}

TEST(StudyMeasure, FreshProcessReturnsNumbersExactly) {
  const Json result = inFreshProcess([] { return Json{{"x", 0.1}, {"y", 1e-300}}; });
  EXPECT_EQ(result["x"], 0.1);
  EXPECT_EQ(result["y"], 1e-300);
}

TEST(StudyMeasure, FreshProcessThatThrowsOrDiesIsAnError) {
  EXPECT_EQ(inFreshProcess([]() -> Json { throw Error("no luck"); })["error"], "no luck");
  const Json died = inFreshProcess([]() -> Json {
    std::raise(SIGKILL);
    return {};
  });
  EXPECT_THAT(died["error"].get<std::string>(), HasSubstr("signal 9"));
}

TEST(StudyTable, NumbersHaveThreeDigitsAndUnits) {
  EXPECT_EQ(formatSeconds(8.123e-7), "812 ns");
  EXPECT_EQ(formatSeconds(1.2345e-5), "12.3 µs");
  EXPECT_EQ(formatSeconds(0.0045678), "4.57 ms");
  EXPECT_EQ(formatSeconds(78.91), "78.9 s");
  EXPECT_EQ(formatBytes(640), "640 B");
  EXPECT_EQ(formatBytes(19188.0 * 1024), "18.7 MiB");
  EXPECT_EQ(formatNumber(0.0), "0");
  EXPECT_EQ(formatNumber(12345.6), "12346");
  EXPECT_EQ(formatDifference(2.4e-16), "2e-16");
}

TEST(StudyTable, ColumnsAlign) {
  Table table({"what", "µs"});
  table.add({"a longer name", "1"});
  table.add({"b", "12 µs"});
  EXPECT_EQ(table.text(false), "  what               µs\n"
                               "  a longer name       1\n"
                               "  b               12 µs\n");
}

} // namespace
} // namespace diptych::study
