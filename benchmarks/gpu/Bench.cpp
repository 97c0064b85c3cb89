// Rows of runs between two events, and the record.
#include "benchmarks/gpu/Bench.h"

#include <diptych/DeviceTimer.h>

#include "runtime/cuda/DeviceMemory.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace diptych::bench {

Bench::Bench(Options options) : options_(std::move(options)) {}

bool Bench::wants(const std::string& name) const {
  return options_.only.empty() || name.find(options_.only) != std::string::npos;
}

static double secondsOf(DeviceTimer& timer, int runs, const std::function<void()>& run) {
  timer.start();
  for (int i = 0; i < runs; ++i)
    run();
  timer.stop();
  return timer.seconds() / runs;
}

Timing Bench::time(const std::function<void()>& run) const {
  DeviceTimer timer;
  for (int i = 0; i < 4; ++i) // compiles, then captures, then replays
    run();
  const double once = secondsOf(timer, 1, run);
  Timing timing;
  timing.runs =
      options_.tiny
          ? 1
          : static_cast<int>(std::clamp(options_.row / std::max(once, 1e-6), 1.0, 1000.0));
  secondsOf(timer, timing.runs, run);
  const DeviceStats before = device_stats();
  std::vector<double> rows;
  for (int i = 0; i < options_.repeats; ++i)
    rows.push_back(secondsOf(timer, timing.runs, run));
  const DeviceStats after = device_stats();
  const auto perRun = [&](int64_t DeviceStats::* what) {
    return static_cast<double>(after.*what - before.*what) / (timing.runs * options_.repeats);
  };
  timing.launches = perRun(&DeviceStats::launches);
  timing.graphs = perRun(&DeviceStats::graph_launches);
  timing.calls = perRun(&DeviceStats::library_calls);
  std::sort(rows.begin(), rows.end());
  timing.median = rows[rows.size() / 2];
  timing.least = rows.front();
  timing.most = rows.back();
  return timing;
}

double Bench::copyRate() {
  if (copyRate_ != 0)
    return copyRate_;
  const int64_t bytes = options_.tiny ? int64_t{1} << 16 : int64_t{1} << 30;
  const auto from = runtime::cuda::allocateOnDevice(bytes),
             to = runtime::cuda::allocateOnDevice(bytes);
  const std::byte one[4] = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  runtime::cuda::fillOnDevice(from.data(), one, 4, bytes / 4);
  const Timing timing = time([&] { runtime::cuda::copyOnDevice(to.data(), from.data(), bytes); });
  copyRate_ = 2 * static_cast<double>(bytes) / timing.median;
  add({{"name", "device copy"},
       {"bytes", 2 * bytes},
       {"seconds", timing.median},
       {"gb_per_second", 1e-9 * copyRate_}});
  return copyRate_;
}

void Bench::add(Json row) {
  std::string line;
  for (const auto& [key, value] : row.items()) {
    if (key == "name")
      continue;
    char text[64];
    if (value.is_number_float())
      std::snprintf(text, sizeof text, "%.4g", value.get<double>());
    else
      std::snprintf(text, sizeof text, "%.48s", value.dump().c_str());
    line += "  " + key + " " + text;
  }
  std::printf("%-34s%s\n", row["name"].get<std::string>().c_str(), line.c_str());
  std::fflush(stdout);
  rows_.push_back(std::move(row));
}

void Bench::fail(const std::string& name, const std::string& why) {
  failed_ = true;
  add({{"name", name}, {"failed", why}});
}

void Bench::sample(const std::string& name, const Tensor& result) const {
  if (options_.samples.empty())
    return;
  const Tensor flat = reshape(result.to("cpu").astype(f64), {-1});
  const int64_t step = (flat.numel() + 4095) / 4096;
  const std::vector<double> all = flat.to_vector<double>();
  std::vector<double> some;
  for (size_t i = 0; i < all.size(); i += static_cast<size_t>(step))
    some.push_back(all[i]);
  std::string file = options_.samples + "/" + name + ".f64";
  std::replace(file.begin() + static_cast<std::ptrdiff_t>(options_.samples.size()) + 1, file.end(),
               ' ', '_');
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(some.data()),
             static_cast<std::streamsize>(some.size() * sizeof(double)));
}

void Bench::write() const {
  if (options_.json.empty())
    return;
  Json record;
  record["device"] = device("cuda").description;
  record["diptych"] = DIPTYCH_VERSION;
  record["tiny"] = options_.tiny;
  record["repeats"] = options_.repeats;
  record["rows"] = rows_;
  std::ofstream(options_.json) << record.dump(1) << "\n";
}

Tensor numbers(const Shape& shape, DType dtype, uint32_t seed) {
  std::vector<double> elements(static_cast<size_t>(TensorType{DType::f64, shape}.numel()));
  for (size_t i = 0; i < elements.size(); ++i)
    elements[i] = static_cast<double>(static_cast<uint32_t>(i + 1) * 2654435761u + seed * 40503u) /
                      4294967296.0 -
                  0.5;
  return tensor(elements, shape).astype(dtype);
}

// The largest difference over the largest element; NaN where either holds one.
static double distance(const Tensor& got, const Tensor& expected) {
  if (got.numel() == 0)
    return 0;
  const Tensor a = got.to("cpu").astype(f64), b = expected.astype(f64);
  return max(abs(a - b)).item<double>() / std::max(max(abs(b)).item<double>(), 1e-300);
}

static Tensors moved(const Tensors& tensors) {
  Tensors there;
  for (const Tensor& x : tensors)
    there.push_back(x.to("cuda"));
  return there;
}

static std::string compare(const Subject& subject, const Tensors& got, const Tensors& expected) {
  for (size_t i = 0; i < expected.size(); ++i) {
    const double far = distance(got[i], expected[i]);
    if (!(far <= subject.tolerance))
      return "result " + std::to_string(i) + " is " + std::to_string(far) +
             " of the largest element away from the CPU's";
  }
  return "";
}

static void put(Json& row, Bench& bench, const Subject& subject, const Timing& timing) {
  row["seconds"] = timing.median;
  row["spread"] = timing.most / timing.least;
  if (subject.bytes > 0) {
    row["gb_per_second"] = 1e-9 * subject.bytes / timing.median;
    row["of_copy"] = subject.bytes / timing.median / bench.copyRate();
  }
  if (subject.flops > 0)
    row["tflop_per_second"] = 1e-12 * subject.flops / timing.median;
  row["launches"] = timing.launches;
  row["graphs"] = timing.graphs;
  row["library_calls"] = timing.calls;
}

void measure(Bench& bench, const Subject& subject, const std::function<void(Json&)>& more) {
  if (!bench.wants(subject.name))
    return;
  try {
    const Tensors expected = subject.program(subject.inputs);
    const Tensors there = moved(subject.inputs);
    const auto compiled = jit(subject.program);
    const int64_t before = device_stats().launches;
    const Tensors got = compiled(there);
    const int64_t kernels = device_stats().launches - before;
    std::string wrong = compare(subject, got, expected);
    if (wrong.empty() && !(wrong = compare(subject, subject.program(there), expected)).empty())
      wrong = "eager: " + wrong;
    if (!wrong.empty())
      return bench.fail(subject.name, wrong);
    for (size_t i = 0; i < got.size(); ++i)
      bench.sample(subject.name + (i ? "." + std::to_string(i) : ""), got[i]);
    Json row{{"name", subject.name}, {"bytes", subject.bytes}, {"kernels", kernels}};
    put(row, bench, subject, bench.time([&] { compiled(there); }));
    const Timing eager = bench.time([&] { subject.program(there); });
    row["eager_seconds"] = eager.median;
    row["eager_launches"] = eager.launches;
    row["eager_over_jit"] = eager.median / row["seconds"].get<double>();
    more(row);
    bench.add(std::move(row));
  } catch (const std::exception& error) {
    bench.fail(subject.name, error.what());
  }
}

} // namespace diptych::bench
