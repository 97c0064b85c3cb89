// What is measured on a GPU, by the device's own clock, and how: results are compared with the
// CPU's first, runs follow one another without a wait, the median of several such rows counts, and
// every rate stands beside that of a plain copy on the same device in the same process.
#pragma once

#include <diptych/Jit.h>
#include <diptych/diptych.h>

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <vector>

namespace diptych::bench {

using Json = nlohmann::ordered_json;
using Tensors = std::vector<Tensor>;
using Program = std::function<Tensors(const Tensors&)>;

struct Options {
  bool tiny = false;   // sizes for the simulated device: nothing is fast there
  int repeats = 15;    // rows of runs, of which the median counts
  double row = 0.01;   // seconds that a row lasts, about
  std::string only;    // part of the names of what is measured
  std::string json;    // file of the record
  std::string samples; // folder for elements of results, which peers compare theirs with
};

struct Timing {
  double median = 0, least = 0, most = 0;     // seconds of one run
  int runs = 0;                               // in a row
  double launches = 0, graphs = 0, calls = 0; // of one run: kernels, graphs, libraries
};

class Bench {
public:
  explicit Bench(Options options);

  const Options& options() const { return options_; }
  bool wants(const std::string& name) const;
  Timing time(const std::function<void()>& run) const;
  /// Bytes a second that a copy reads and writes together; measured when first asked for.
  double copyRate();
  /// Appends the row and prints it.
  void add(Json row);
  /// A row that cannot be trusted: said, kept, and the program's status.
  void fail(const std::string& name, const std::string& why);
  /// Up to 4096 elements of a result, spread over it, as f64.
  void sample(const std::string& name, const Tensor& result) const;

  bool failed() const { return failed_; }
  void write() const;

private:
  Options options_;
  Json rows_ = Json::array();
  double copyRate_ = 0;
  bool failed_ = false;
};

/// One program, eager and compiled. Bytes and operations are the least that any version needs.
struct Subject {
  std::string name;
  Tensors inputs; // on the CPU
  Program program;
  double bytes = 0, flops = 0;
  double tolerance = 1e-5; // of the largest element
};

/// Compares with the CPU, then times jit and eager on the device, and adds the row; what `more`
/// adds to it goes in too.
void measure(
    Bench& bench, const Subject& subject, const std::function<void(Json&)>& more = [](Json&) {});

/// Numbers in [-1/2, 1/2) that any language makes alike: element i is the fraction of
/// (i + 1) * 2654435761 + seed * 40503 over 2^32, less a half; rounded to `dtype`.
Tensor numbers(const Shape& shape, DType dtype, uint32_t seed);
/// The product of the extents.
inline double count(const Shape& shape) {
  return static_cast<double>(TensorType{DType::f64, shape}.numel());
}

void benchKernels(Bench& bench);
void benchMatmul(Bench& bench);
void benchLinalg(Bench& bench);
void benchWorkloads(Bench& bench);
void benchTraining(Bench& bench);
void benchLatency(Bench& bench);

int gpuBench(const std::vector<std::string>& arguments);

} // namespace diptych::bench
