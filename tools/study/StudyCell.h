// One function of a workload in one mode, measured in a process of its own and checked there.
// Knows no workload; the rows that cells make up are the report's material.
#pragma once

#include "tools/study/StudyOptions.h"

namespace diptych::study {

enum class Mode { eager, jit };
using Tensors = std::vector<Tensor>;

/// A fresh jitted function bound to its arguments.
struct Compiled {
  std::function<Tensors()> call;
  std::function<JitStats()> stats;
  std::function<JitProfile()> profile;
};

/// A function of tensors bound to its arguments, ready to run either way.
struct Job {
  std::string name;
  Tensors arguments; ///< leaves, in order
  std::function<Tensors()> eager;
  std::function<Compiled(Numerics)> compile;
  std::function<void(const Tensors&)> finish; ///< what C++ does with the results; timed with them
  std::vector<std::vector<double>> expected; ///< the results in closed form; empty if there is none
  std::string skip;                          ///< why it isn't run; empty: it is
};

template <TreeLike T> Tensors leavesOf(const T& tree) {
  Tensors leaves;
  forEachLeaf(tree, [&](const Tensor& leaf) { leaves.push_back(leaf); });
  return leaves;
}

template <class F, class... Args> Job makeJob(std::string name, F f, Args... arguments) {
  Job job;
  job.name = std::move(name);
  job.arguments = leavesOf(std::tuple(arguments...));
  job.eager = [f, arguments...] { return leavesOf(f(arguments...)); };
  job.compile = [f, arguments...](Numerics numerics) {
    auto jitted = jit(f, {.numerics = numerics});
    return Compiled{[jitted, arguments...] { return leavesOf(jitted(arguments...)); },
                    [jitted] { return jitted.stats(); }, [jitted] { return jitted.profile(); }};
  };
  return job;
}

/// Stages of compiling in the order they run, and the seconds each took.
std::vector<std::pair<const char*, double>> compileStages(const JitStats& stats);

/// Applies options that belong to a process: threads. To be called inside inFreshProcess.
void beginCell(const StudyOptions& options);

/// Seconds the compiler takes to start, by compiling one addition.
double startCompiler();

/// Measures a job both ways, each in a fresh process, and checks it: see docs/study.md for the
/// keys. Times are left out where a check fails; "failure" then says which.
Json measureRow(const Job& job, const StudyOptions& options, const std::string& workload);

} // namespace diptych::study
