// Several schedules of one function becoming one, part by part. Internal to Merge*.cpp.
#pragma once

#include "aot/OpenPlan.h"

#include <map>

namespace diptych::aot {

/// A schedule, or that of a part of a loop or branch.
struct Merged {
  codegen::Schedule schedule;
  PlanNumbers numbers;
  Formula arenaBytes;
};

class Merger {
public:
  Merger(std::vector<codegen::Schedule> samples, const Samples& at, std::span<const Dim> dims,
         bool exact, int threads, OpenPlan& plan)
      : samples_(std::move(samples)), at_(at), dims_(dims), exact_(exact), threads_(threads),
        plan_(plan) {}
  Merged run();

private:
  using KernelSpec = codegen::KernelSpec;
  using ScheduledCall = codegen::ScheduledCall;
  using Calls = std::vector<const ScheduledCall*>; // one for each sample

  /// Params of a kernel: each formula once.
  struct Params {
    std::vector<Formula> formulas;
    std::map<std::string, int> slots;
    int add(const Formula& formula) {
      const auto [known, fresh] = slots.emplace(formula.key(), static_cast<int>(formulas.size()));
      if (fresh)
        formulas.push_back(formula);
      return known->second;
    }
  };

  Calls callsAt(size_t index) const;
  [[noreturn]] void refuse(const ScheduledCall& call, const std::string& what) const;
  void compare() const;

  void call(size_t index);
  int libraryParams(const Calls& calls, CallNumbers& numbers);
  Formula rangeOf(const Calls& calls);
  Formula grainOf(const Calls& calls, const Formula& range, std::optional<Formula>& work) const;
  void control(const Calls& calls, ScheduledCall& made, CallNumbers& numbers);

  // Numbers.
  template <class Of> std::vector<int64_t> valuesOf(const Of& of) const {
    std::vector<int64_t> values;
    for (size_t sample = 0; sample < samples_.size(); ++sample)
      values.push_back(of(sample));
    return values;
  }
  /// A polynomial, or one times the number of blocks of a product.
  std::optional<Formula> fit(const std::vector<int64_t>& values) const;
  template <class Of>
  Formula fitted(const ScheduledCall& call, const std::string& what, const Of& of) const {
    const auto formula = fit(valuesOf(of));
    if (!formula)
      refuse(call, what);
    return *formula;
  }
  /// Of an extent: it must not be negative.
  void keep(const Formula& extent);
  static Formula atLeastOne(const Formula& x) {
    return x.isFixed() ? Formula(std::max<int64_t>(1, x.at({}))) : Formula::largest({1, x});
  }

  // Kernels (MergeKernels.cpp).
  /// The kernel with params, and where they lie in the table; -1: it has none.
  int kernel(const Calls& calls, KernelSpec& made);
  void constant(const Calls& calls, const std::vector<std::vector<codegen::Line*>>& lines, size_t i,
                Params& params) const;
  void checkConvolution(const Calls& calls, const KernelSpec& kernel) const;
  std::vector<Extent> candidates() const;
  void findBlocks();
  const Formula* blocksIn(int buffer) const;

  // Memory and rows (MergeMemory.cpp).
  void group();
  void buffers();
  const ScheduledCall& userOf(int buffer) const;
  void groupNumbers();
  void describe(const runtime::RowGroup& group, const Formula& rows);
  bool holds(const runtime::RowGroup& group, const Formula& rows) const;

  std::vector<codegen::Schedule> samples_;
  const Samples& at_;
  std::span<const Dim> dims_;
  bool exact_;
  int threads_;
  OpenPlan& plan_;
  Merged merged_;
  std::vector<std::pair<int, Formula>> blocks_;    // by the buffer that their results lie in
  std::map<size_t, Formula> ranges_;               // by call
  std::map<size_t, std::optional<Formula>> works_; // by call, where known
  std::map<int, Formula> arenas_;                  // of parts and of library kernels, by buffer
  std::vector<Formula> bytes_;                     // by buffer
};

} // namespace diptych::aot
