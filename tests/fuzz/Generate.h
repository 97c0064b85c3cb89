// Random well-typed programs over the operator table.
#pragma once

#include "Program.h"

namespace diptych::fuzz {

struct Recipe {
  int operators = 20;
  /// Bit patterns of every kind among the inputs; else numbers in [-2, 2].
  bool wild = false;
  /// f64 only, and no operator that jumps: results depend continuously on the inputs.
  bool continuous = false;
  /// Elements of the largest value.
  int64_t largest = 2000;
  /// Percentage of the steps tried that are loops, branches or transforms, with bodies that are
  /// programs again.
  int control = 4;
};

/// The same for the same seed and recipe. Its outputs are values nothing else uses, and one more.
Program generate(uint64_t seed, const Recipe& recipe);

} // namespace diptych::fuzz
