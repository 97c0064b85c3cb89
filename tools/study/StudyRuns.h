// Whole runs, each in both modes from start to end: what iterating costs with everything in it, and
// whether both modes end at the same place. Knows no workload.
#pragma once

#include "tools/study/StudyCell.h"

namespace diptych::study {

/// Counts the steps of a run and notes the seconds since it was made at 1, 10, 100, ... steps and
/// at the last.
class Marks {
public:
  /// Beyond `budget` seconds, begun() turns false.
  Marks(int steps, double budget) : steps_(steps), budget_(budget), begin_(now()) {}
  /// Whether there is another step to make; the first always.
  bool begun() const;
  void done();
  int count() const { return done_; }
  bool complete() const { return done_ >= steps_; }
  double elapsed() const { return now() - begin_; }
  /// {"iterations", "marks", "pace"}: pace is the mean seconds of a step after the first. Marks of
  /// steps that were not made go on at it, "measured" false.
  Json json() const;

private:
  int steps_, done_ = 0;
  double budget_, begin_, first_ = 0.0;
  Json marks_ = Json::array();
};

/// A run and what must be true of it.
struct WholeRun {
  std::string method;
  std::string unit = "steps"; ///< of its iterations
  /// Called in a fresh process. Keys: see docs/study.md; "w" is compared between the modes.
  std::function<Json(Mode, Numerics)> run;
  double apart = 0.0;         ///< allowed between the modes' w; strict must give eager's bits
  double residual = HUGE_VAL; ///< allowed of "residual", where there is one
  std::string residualName = "residual";
  /// Programs a jitted run may compile: it is an error to compile another.
  int programs = 1;
};

/// `loop` is given `step` itself, or `step` jitted, which then owns the arguments in `donate`.
template <class F, class Loop>
WholeRun makeRun(std::string method, F step, Loop loop, std::vector<int> donate = {}) {
  WholeRun run;
  run.method = std::move(method);
  run.run = [step, loop, donate](Mode mode, Numerics numerics) -> Json {
    if (mode == Mode::eager)
      return loop(step);
    auto jitted = jit(step, {.numerics = numerics, .donate = donate});
    Json end = loop(jitted);
    end["compilations"] = jitted.stats().compilations;
    return end;
  };
  return run;
}

/// The larger of two; NaN if either is.
double larger(double a, double b);

/// Seconds that a run of the options' study may take: enough for tiny sizes on a busy machine.
double runBudget(const StudyOptions& options);

/// Runs it eagerly, jitted and jitted in strict mode, each in a fresh process, and judges:
/// {"method", "unit", "failure", "eager", "jit", "apart", "strict_bitwise", "break_even",
/// "stopped"}; "failure" alone where a check fails. A run that its budget stopped isn't compared.
Json measureRun(const WholeRun& run, const StudyOptions& options, const std::string& workload);

/// The verdict on two ends, of which "strict" may be null.
Json judgeRun(const WholeRun& run, Json eager, Json jit, const Json& strict);

} // namespace diptych::study
