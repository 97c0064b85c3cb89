// Options, and everything in turn.
#include "benchmarks/gpu/Bench.h"

#include <cstdio>

namespace diptych::bench {

static const char* const kUsage =
    R"(usage: diptych-gpu bench [--tiny] [--only TEXT] [--repeats N] [--json FILE] [--samples FOLDER]
  --tiny     small sizes: shows that everything runs, on the simulated device too, and times nothing
  --only     what has TEXT in its name
  --repeats  rows of runs, of which the median counts (15)
  --json     the record
  --samples  elements of the results, for peers to compare theirs with
)";

static bool read(const std::vector<std::string>& arguments, Options& options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name == "--tiny") {
      options.tiny = true;
      options.repeats = 1;
      continue;
    }
    if (i + 1 == arguments.size())
      return false;
    const std::string& value = arguments[++i];
    if (name == "--only")
      options.only = value;
    else if (name == "--json")
      options.json = value;
    else if (name == "--samples")
      options.samples = value;
    else if (name == "--repeats" && std::atoi(value.c_str()) > 0)
      options.repeats = std::atoi(value.c_str());
    else
      return false;
  }
  return true;
}

int gpuBench(const std::vector<std::string>& arguments) {
  Options options;
  if (!read(arguments, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (!cuda_available()) {
    std::fprintf(stderr, "gpu-bench: skipped, no GPU: %s\n", cuda_status().c_str());
    return 77;
  }
  std::printf("%s\n", cuda_status().c_str());
  Bench bench(options);
  bench.copyRate();
  for (const auto part :
       {benchKernels, benchMatmul, benchLinalg, benchWorkloads, benchTraining, benchLatency}) {
    part(bench);
    release_device_cache();
  }
  bench.write();
  return bench.failed() ? 1 : 0;
}

} // namespace diptych::bench
