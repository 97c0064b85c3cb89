// diptych-steps: training steps (W8) that other systems are measured on too. Of every row it writes
// the parameters, the batch and what the first steps make of them, and its times.
#include "benchmarks/peers/Turns.h"
#include "examples/training_steps/Models.h"

#include <algorithm>

namespace dt = diptych;
using dt::study::Json;
using dt::study::now;

namespace {

struct Request : dt::bench::Turns {
  std::vector<std::string> sizes{"tiny", "real"}, dtypes{"f64", "f32"};
};

/// Steps that are compared: Adam's first hardly depends on how long a gradient is.
constexpr int kCompared = 3;

void put(steps::nn::State& file, const std::string& kind, const steps::nn::State& parameters) {
  for (const auto& [name, parameter] : parameters)
    file.emplace(kind + "/" + name, parameter);
}

bool among(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

template <class Model>
Json measured(const Request& request, const Model& model, const steps::Batch& batch,
              const std::string& path) {
  const steps::optim::Rule rule = steps::optim::adam({.lr = 0.001});
  // What is given is given away. Compiling is compiling: what lies on disk does not count.
  const auto step =
      dt::jit(steps::trainingStep(model, rule), {.diskCache = false, .donate = {0, 1}});
  steps::nn::State parameters = model.parameter_dict(), file{{"x", batch.x}, {"y", batch.y}};
  put(file, "start", parameters);
  auto moments = rule.init(parameters);
  dt::Tensor loss;
  const auto next = [&] {
    std::tie(loss, parameters, moments) = step(parameters, moments, batch.x, batch.y);
  };
  std::vector<double> losses;
  const double begin = now();
  next();
  const double first = now() - begin;
  for (losses.push_back(loss.astype(dt::f64).item<double>()); losses.size() < kCompared;) {
    next();
    losses.push_back(loss.astype(dt::f64).item<double>());
  }
  put(file, "after", parameters);
  steps::nn::save_npz(path, file);
  file.clear(); // or the next step could not take the parameters over
  Json row = {{"file", path},
              {"losses", losses},
              {"first_call", first},
              {"latency", measureLatency(next, request.plan)}};
  if (request.profile)
    std::cerr << step.ir("profile");
  return row;
}

class Rows {
public:
  explicit Rows(const Request& request) : request_(request) {}

  /// `size` is tiny or real, `number` what the batch has rows.
  template <class Make, class MakeBatch>
  void add(const std::string& size, const std::string& network, int64_t number, const Make& make,
           const MakeBatch& makeBatch) const {
    const std::string name = network + " " + std::to_string(number);
    for (const dt::DType dtype : {dt::f64, dt::f32}) {
      const std::string type = dt::name(dtype);
      if (!among(request_.sizes, size) || !among(request_.dtypes, type) ||
          !request_.wants(name + " " + type))
        continue;
      dt::set_default_dtype(dtype);
      dt::manual_seed(1);
      Json row = {{"size", size}, {"name", name}, {"model", network}, {"dtype", type}};
      row.update(measured(request_, make(), makeBatch(number), request_.file(name + " " + type)));
      request_.give(std::move(row));
    }
  }

private:
  const Request& request_;
};

void measureAll(const Request& request) {
  const Rows rows(request);
  const auto dense = [] { return steps::Dense(); };
  const auto series = [] { return steps::Cnn1d(); };
  const auto blocks = [] { return steps::Tcn(); };
  const auto digits = [] { return steps::LeNet(); };
  const auto factors = [] { return steps::FactorCnn(); };
  const auto blocksOf = [](int64_t n) { return steps::Tcn::batch(n); };
  rows.add("tiny", "dense", 100, dense, steps::Dense::batch);
  rows.add("real", "dense", 1000, dense, steps::Dense::batch);
  rows.add("tiny", "cnn1d", 195, series, steps::Cnn1d::batch);
  rows.add(
      "tiny", "lstm", 5, [] { return steps::Recurrent(20); },
      [](int64_t n) { return steps::Recurrent::batch(n, 8); });
  rows.add(
      "real", "lstm", 800, [] { return steps::Recurrent(64); },
      [](int64_t n) { return steps::Recurrent::batch(n, 20); });
  rows.add("tiny", "tcn", 16, blocks, blocksOf);
  rows.add("real", "tcn", 2000, blocks, blocksOf);
  rows.add("tiny", "lenet", 4, digits, steps::LeNet::batch);
  rows.add("real", "lenet", 64, digits, steps::LeNet::batch);
  rows.add("tiny", "factor_cnn", 64, factors, steps::FactorCnn::batch);
  rows.add("real", "factor_cnn", 2000, factors, steps::FactorCnn::batch);
}

} // namespace

int main(int argc, char** argv) try {
  Request request;
  CLI::App app("Times training steps, and writes what other systems need to be timed on them.");
  request.addOptions(app);
  app.add_option("--size", request.sizes, "tiny, real or both")
      ->delimiter(',')
      ->check(CLI::IsMember({"tiny", "real"}))
      ->capture_default_str();
  app.add_option("--dtype", request.dtypes, "f64, f32 or both")
      ->delimiter(',')
      ->check(CLI::IsMember({"f64", "f32"}))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  measureAll(request);
} catch (const std::exception& error) {
  std::cerr << "diptych-steps: " << error.what() << "\n";
  return 1;
}
