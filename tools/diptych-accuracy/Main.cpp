// diptych-accuracy: measures pointwise functions and prints the table that docs/operators.md shows.
#include "Measure.h"

#include <diptych/Error.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>

namespace diptych::accuracy {
namespace {

constexpr const char* kUsage =
    "usage: diptych-accuracy [--samples N] [operator...]\n"
    "Prints the largest error of every pointwise function of floats, in units in the last place:\n"
    "operator, dtype, ulp, where (x and y), samples. N is 16777216 unless given; unless it is,\n"
    "most functions of one variable are measured at every f32.\n";

constexpr const char* kHeader =
    "# Largest errors of pointwise functions: operator, dtype, ulp, x, y, samples.\n"
    "# Written by diptych-accuracy > docs/accuracy.txt; tests measure samples against it.\n";

/// Zero samples: every f32 where the reference can, else as many as usual.
Worst measured(const OpInfo& op, const Reference& reference, DType dtype, int64_t samples) {
  if (samples == 0 && dtype == DType::f32 && reference.ofNarrow)
    return measureAll(op, reference, static_cast<int>(std::thread::hardware_concurrency()));
  return measure(op, reference, dtype, samples == 0 ? int64_t{1} << 24 : samples, 1);
}

void run(int64_t samples, const std::set<std::string>& wanted) {
  std::fputs(kHeader, stdout);
  for (const OpInfo* op : measuredOperators()) {
    if (!wanted.empty() && !wanted.contains(op->name))
      continue;
    const Reference* reference = referenceFor(op->name);
    if (!reference)
      throw Error(std::string(op->name) +
                  ": has no reference; add one in tools/diptych-accuracy/References*.cpp");
    for (DType dtype : {DType::f32, DType::f64}) {
      const Worst worst = measured(*op, *reference, dtype, samples);
      std::puts(text({op->name, name(dtype), worst}).c_str());
      std::fflush(stdout);
    }
  }
}

} // namespace
} // namespace diptych::accuracy

int main(int argc, char** argv) {
  int64_t samples = 0;
  std::set<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--samples") == 0 && i + 1 < argc)
      samples = std::max(1LL, std::atoll(argv[++i]));
    else if (argv[i][0] == '-')
      return std::fputs(diptych::accuracy::kUsage, stderr), 2;
    else
      wanted.insert(argv[i]);
  }
  try {
    diptych::accuracy::run(samples, wanted);
  } catch (const diptych::Error& error) {
    std::fprintf(stderr, "diptych-accuracy: %s\n", error.what());
    return 1;
  }
  return 0;
}
