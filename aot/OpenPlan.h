// From schedules of one function for several sizes to one for all of them.
#pragma once

#include "aot/Formula.h"
#include "aot/PlanNumbers.h"
#include "aot/Samples.h"

namespace diptych::aot {

/// Numbers that a call computes before it begins.
class SizeTable {
public:
  /// The number itself, or the slot that holds it.
  Size size(const Formula& formula);
  /// The first of consecutive slots.
  int block(const std::vector<Formula>& formulas);
  const std::vector<Formula>& formulas() const { return formulas_; }

private:
  std::vector<Formula> formulas_;
  std::map<std::string, int> slots_, blocks_;
};

struct OpenPlan {
  codegen::Schedule schedule; // its kernels read what depends on sizes from their params
  PlanNumbers numbers;
  SizeTable table;
  Formula arenaBytes;
  /// Extents that might be negative within the bounds; a call asks that none is.
  std::vector<Extent> constraints;
};

/// What the samples have in common, and how their numbers follow from the sizes. Throws Error that
/// names the operator, its line and the dims, where schedules differ in more than numbers, or a
/// number follows no rule that is known. `exact`: constants of the program must have the samples'
/// bits. `threads`: the most of a call.
OpenPlan mergeSchedules(std::vector<codegen::Schedule> samples, const Samples& at,
                        std::span<const Dim> dims, bool exact, int threads);

/// Leaves those that some sizes within the bounds break, each once.
void keepConstraints(std::vector<Extent>& constraints, std::span<const Dim> dims);

/// The largest size for which no number of the plan comes near overflowing.
int64_t mostSize(const OpenPlan& plan, const EntryInfo& entry);

/// A place for each temporary of a schedule, by its buffers' sizes: those that live at different
/// times share slots, which are as large as the largest of them.
struct OpenArena {
  std::vector<Formula> places;
  Formula bytes;
};
OpenArena planArena(const codegen::Schedule& schedule, const std::vector<Formula>& bytes,
                    std::span<const int64_t> typical);

/// How a constant of the program follows from sizes.
class NumberFinder {
public:
  NumberFinder(const Samples& at, std::vector<Extent> candidates, bool exact)
      : at_(at), candidates_(std::move(candidates)), exact_(exact) {}
  std::optional<Formula> find(DType dtype, std::span<const Scalar> values) const;

private:
  using Steps = std::vector<SizedNumber::Step>;
  std::optional<SizedNumber> withSteps(DType dtype, std::span<const double> values,
                                       const Steps& steps) const;
  bool agrees(const SizedNumber& number, std::span<const double> values, double tolerance) const;

  const Samples& at_;
  std::vector<Extent> candidates_;
  bool exact_;
};

} // namespace diptych::aot
