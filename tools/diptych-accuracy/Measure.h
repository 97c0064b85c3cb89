// The error of a pointwise function over the whole range of a dtype, as the library computes it:
// through the kernels that eager and compiled programs share.
#pragma once

#include "References.h"

#include "ir/OpTable.h"

#include <cstdint>
#include <string>

namespace diptych::accuracy {

/// The worst of what was measured.
struct Worst {
  double ulp = 0; // infinity: an infinity, a NaN or the sign of a zero is wrong
  double x = 0, y = 0;
  int64_t samples = 0;
};

/// Those with rows on the page: pointwise functions of floats alone, with float results.
std::vector<const OpInfo*> measuredOperators();

/// About `samples` arguments: every exponent and sign alike with random mantissas (in f32 a sweep
/// at equal distances in bits), more of them between 2^-12 and 2^12, and the neighbours of special
/// points. Of functions of two variables, pairs.
Worst measure(const OpInfo& op, const Reference& reference, DType dtype, int64_t samples,
              uint64_t seed);
/// At every f32, on `threads` threads; for references with `ofNarrow`.
Worst measureAll(const OpInfo& op, const Reference& reference, int threads);
/// At one argument.
Worst measureAt(const OpInfo& op, const Reference& reference, DType dtype, double x, double y);

/// A line of the table: "exp f64 0.512 0x1.8p+3 0 16777216".
struct Row {
  std::string op, dtype;
  Worst worst;
};
std::string text(const Row& row);
/// Throws Error with the line's number if it is none.
std::vector<Row> readTable(const std::string& path);

} // namespace diptych::accuracy
