// Marks at powers of ten; the comparison of two ends.
#include "tools/study/StudyRuns.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace diptych::study {

using Vector = std::vector<double>;

namespace {

bool isMark(int step, int last) {
  int power = 1;
  while (power < step && power <= last / 10)
    power *= 10;
  return step == power || step == last;
}

Json mark(int step, double seconds, bool measured) {
  return {{"iterations", step}, {"seconds", seconds}, {"measured", measured}};
}

} // namespace

bool Marks::begun() const { return done_ < steps_ && (done_ < 1 || elapsed() < budget_); }

void Marks::done() {
  ++done_;
  const double at = elapsed();
  first_ = done_ == 1 ? at : first_;
  if (isMark(done_, steps_))
    marks_.push_back(mark(done_, at, true));
}

Json Marks::json() const {
  const double at = elapsed(), pace = done_ > 1 ? (at - first_) / (done_ - 1) : at;
  Json marks = marks_;
  for (int later = done_ + 1; later <= steps_; ++later)
    if (isMark(later, steps_))
      marks.push_back(mark(later, at + (later - done_) * pace, false));
  return {{"iterations", done_}, {"marks", marks}, {"pace", pace}, {"complete", complete()}};
}

double larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }

double runBudget(const StudyOptions& options) {
  return std::max(20.0, 10.0 * options.sampling.seconds);
}

namespace {

std::string textOf(const char* format, const std::string& what, double got, double allowed) {
  char text[200];
  std::snprintf(text, sizeof text, format, what.c_str(), got, allowed);
  return text;
}

/// JSON has no NaN and no infinity: they arrive as null.
Vector numbersOf(const Json& list) {
  Vector numbers;
  for (const Json& number : list)
    numbers.push_back(number.is_number() ? number.get<double>() : std::nan(""));
  return numbers;
}

double largestDifference(const Vector& a, const Vector& b) {
  double apart = a.size() == b.size() ? 0.0 : std::nan("");
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::fabs(a[i] - b[i]);
    apart = larger(apart, difference);
  }
  return apart;
}

/// JSON writes a double with as many digits as give it back, so that bits survive the pipe.
bool sameBits(const Vector& a, const Vector& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

std::string failureOfEnd(const WholeRun& run, const Json& end, const char* mode) {
  if (end.contains("error"))
    return std::string(mode) + ": " + end["error"].get<std::string>();
  if (!end.value("complete", true))
    return "";
  if (const std::string failure = end.value("failure", ""); !failure.empty())
    return std::string(mode) + ": " + failure;
  if (end.contains("residual")) {
    const double residual = end["residual"].is_number() ? end["residual"].get<double>() : HUGE_VAL;
    if (!(residual <= run.residual))
      return textOf("%s is %.1e, allowed %.1e", mode + (": " + run.residualName), residual,
                    run.residual);
  }
  if (end.value("compilations", 0) > run.programs)
    return textOf("%s: compiled %.0f programs, expected %.0f", mode,
                  end["compilations"].get<double>(), run.programs);
  return "";
}

/// Steps after which jit has overtaken eager, its compiling counted; null: never.
Json breakEven(const Json& eager, const Json& jit) {
  if (!eager.contains("pace"))
    return nullptr;
  const double gained = eager["pace"].get<double>() - jit["pace"].get<double>();
  const double paid =
      jit["marks"][0]["seconds"].get<double>() - eager["marks"][0]["seconds"].get<double>();
  if (!(gained > 0.0))
    return nullptr;
  return std::max(1.0, std::ceil(1.0 + paid / gained));
}

} // namespace

Json judgeRun(const WholeRun& run, Json eager, Json jit, const Json& strict) {
  Json result = {{"method", run.method}, {"unit", run.unit}};
  std::string failure = failureOfEnd(run, eager, "eager");
  if (failure.empty())
    failure = failureOfEnd(run, jit, "jit");
  if (failure.empty() && !strict.is_null())
    failure = failureOfEnd(run, strict, "strict jit");
  if (!failure.empty()) {
    result["failure"] = failure;
    return result;
  }
  const auto stepsOf = [](const Json& end) { return end.value("iterations", 0); };
  const bool whole = eager.value("complete", true) && jit.value("complete", true);
  result["stopped"] = !whole;
  // Stopped early, the modes may have made different numbers of steps.
  const double apart = largestDifference(numbersOf(eager["w"]), numbersOf(jit["w"]));
  const bool comparable = whole || stepsOf(eager) == stepsOf(jit);
  if (comparable && !(apart <= run.apart))
    failure = textOf("%s end %.1e apart, allowed %.1e", "eager and jit", apart, run.apart);
  result["strict_bitwise"] = nullptr;
  if (!strict.is_null() && stepsOf(strict) == stepsOf(eager)) {
    result["strict_bitwise"] = sameBits(numbersOf(strict["w"]), numbersOf(eager["w"]));
    if (failure.empty() && !result["strict_bitwise"].get<bool>())
      failure = "strict jit and eager end with different bits";
  }
  result["failure"] = failure;
  if (!failure.empty())
    return result;
  result["apart"] = comparable ? Json(apart) : Json(nullptr);
  result["break_even"] = breakEven(eager, jit);
  result["eager"] = std::move(eager);
  result["jit"] = std::move(jit);
  return result;
}

Json measureRun(const WholeRun& run, const StudyOptions& options, const std::string& workload) {
  auto end = [&](const char* name, Mode mode, Numerics numerics) {
    if (options.progress)
      options.progress(workload + ": " + run.method + ", " + name);
    return inFreshProcess([&] {
      beginCell(options);
      return run.run(mode, numerics);
    });
  };
  Json eager = end("eager", Mode::eager, options.numerics);
  Json jit = end("jit", Mode::jit, options.numerics);
  const Json strict =
      options.numerics == Numerics::strict ? jit : end("strict jit", Mode::jit, Numerics::strict);
  return judgeRun(run, std::move(eager), std::move(jit), strict);
}

} // namespace diptych::study
