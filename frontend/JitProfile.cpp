// The cost model against the clock. Knows no kernel: steps carry what they cost.
#include "frontend/JitProfile.h"

#include <diptych/diptych.h>

#include "frontend/JitPipeline.h"
#include "frontend/TensorImpl.h"
#include "runtime/ThreadPool.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace diptych {

namespace {

constexpr int kRuns = 5;

template <class F> double leastSeconds(const F& run) {
  double least = 1e300;
  for (int i = 0; i < kRuns; ++i) {
    const double begin = milliseconds();
    run();
    least = std::min(least, (milliseconds() - begin) * 1e-3);
  }
  return least;
}

void measureMachine(JitProfile& profile) {
  const int64_t n = 512, elements = 8 << 20;
  const Tensor square = ones({n, n}), array = ones({1024, elements / 1024});
  const double product = leastSeconds([&] { matmul(square, square); });
  const double read = leastSeconds([&] { sum(array, 1); });
  profile.flopRate = 2.0 * n * n * n / product;
  profile.byteRate = 8.0 * elements / read;
}

// Steps of a group are one row; an array that several of them touch counts once.
std::vector<KernelProfile> rowsOf(const runtime::Program& program,
                                  const std::vector<double>& seconds) {
  std::vector<KernelProfile> rows;
  auto group = program.rowGroups.begin();
  for (size_t begin = 0; begin < program.steps.size();) {
    const bool grouped = group != program.rowGroups.end() && group->first == begin;
    const size_t end = begin + (grouped ? group++->count : 1);
    KernelProfile row;
    std::map<std::pair<runtime::ArgPlace::Kind, int64_t>, int64_t> arrays;
    for (size_t i = begin; i < end; ++i) {
      const runtime::ProgramStep& step = program.steps[i];
      row.name += (i == begin ? "" : " | ") + (step.control ? "loop or branch" : step.name);
      row.flops += step.flops;
      row.took += seconds[i];
      for (size_t arg = 0; arg < step.argBytes.size(); ++arg) {
        if (step.args[arg].kind == runtime::ArgPlace::Kind::Lane) // never leaves the cache
          continue;
        int64_t& bytes = arrays[{step.args[arg].kind, step.args[arg].position}];
        bytes = std::max(bytes, step.argBytes[arg]);
      }
    }
    for (const auto& [place, bytes] : arrays)
      row.bytes += static_cast<double>(bytes);
    const SourceLocation& where = program.steps[begin].where;
    if (where.line > 0)
      row.name += std::string(" at ") + where.file + ":" + std::to_string(where.line);
    rows.push_back(row);
    begin = end;
  }
  return rows;
}

// Numbers about 1, no two rows alike: of ones a matrix would have no inverse.
Tensor madeUp(const TensorType& type) {
  const Tensor one = ones(type.shape, type.dtype);
  if (!isFloat(type.dtype))
    return one.contiguous();
  const Tensor places = reshape(arange(type.numel()), type.shape);
  return (one + 0.5 * sin(places.astype(DType::f64)).astype(type.dtype)).contiguous();
}

std::vector<double> leastTimes(const runtime::Program& program) {
  std::vector<runtime::Buffer> data;
  std::vector<Tensor> inputs;
  std::vector<void*> in, out;
  for (const TensorType& type : program.inputs) {
    inputs.push_back(madeUp(type));
    in.push_back(eagerTensor(inputs.back().value()).strided().data);
  }
  for (const TensorType& type : program.outputs) {
    data.push_back(runtime::Buffer::allocate(type.bytes()));
    out.push_back(data.back().data());
  }
  std::vector<double> least = program.profile(in, out);
  for (int run = 1; run < kRuns; ++run) {
    const std::vector<double> again = program.profile(in, out);
    for (size_t i = 0; i < least.size(); ++i)
      least[i] = std::min(least[i], again[i]);
  }
  return least;
}

} // namespace

JitProfile profileOf(const runtime::Program& program) {
  JitProfile profile;
  measureMachine(profile);
  profile.arenaBytes = program.arenaBytes(program.threadsHere());
  profile.kernels = rowsOf(program, leastTimes(program));
  for (KernelProfile& kernel : profile.kernels)
    kernel.least = std::max(kernel.flops / profile.flopRate, kernel.bytes / profile.byteRate);
  return profile;
}

std::string profileText(const JitProfile& profile) {
  char line[160];
  std::snprintf(line, sizeof line,
                "arena %lld bytes; %d threads; products %.3g flop/s, reading %.3g byte/s\n",
                static_cast<long long>(profile.arenaBytes), runtime::ThreadPool::global().threads(),
                profile.flopRate, profile.byteRate);
  std::string text = line;
  text += "     flops      bytes  flop/byte   least us    took us   times\n";
  for (const KernelProfile& row : profile.kernels) {
    std::snprintf(line, sizeof line, "%10.3g %10.3g %10.3g %10.4g %10.4g %7.2f  ", row.flops,
                  row.bytes, row.flops / std::max(1.0, row.bytes), row.least * 1e6, row.took * 1e6,
                  row.took / std::max(1e-12, row.least));
    text += line + row.name + "\n";
  }
  return text;
}

} // namespace diptych
