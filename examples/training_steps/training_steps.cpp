// Training steps of six networks, eager and compiled as one program each: the same losses bit for
// bit, then how long a step takes; and the noisy sine learnt to a loss below 0.02.
#include "Models.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

using namespace steps;

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool failed = false;

// Runs `count` steps; the last loss.
template <class Step>
double train(const Step& step, const optim::Rule& rule, nn::State parameters, const Batch& batch,
             int count, double& best) {
  auto state = rule.init(parameters);
  Tensor loss;
  best = 1e9;
  for (int i = 0; i < count; ++i) {
    const double start = seconds();
    std::tie(loss, parameters, state) = step(parameters, state, batch.x, batch.y);
    best = std::min(best, seconds() - start);
  }
  return loss.item<double>();
}

template <class Model>
void compare(const char* name, const Model& model, const Batch& batch, int count) {
  const optim::Rule rule = optim::adam({.lr = 0.001});
  const auto step = trainingStep(model, rule);
  // What a step is given it may overwrite: the new parameters take the memory of the old.
  const auto compiled = dt::jit(step, {.numerics = dt::Numerics::strict, .donate = {0, 1}});
  double eager = 0, jitted = 0;
  const nn::State start = model.parameter_dict();
  const double a = train(step, rule, start, batch, count, eager);
  const double b = train(compiled, rule, start, batch, count, jitted);
  const bool same = std::memcmp(&a, &b, sizeof a) == 0;
  failed |= !same;
  std::printf("%-10s %8lld parameters  eager %9.3f ms  compiled %9.3f ms, peak %8.2f MB  "
              "loss %.6f %s\n",
              name, static_cast<long long>(model.parameter_count()), 1e3 * eager, 1e3 * jitted,
              1e-6 * static_cast<double>(compiled.stats().peakBytes), b, same ? "" : "DIFFERS");
}

void learnNoisySine() {
  dt::manual_seed(7);
  const Cnn1d model;
  const Batch batch = Cnn1d::batch(195);
  const optim::Rule rule = optim::adam({.lr = 0.01});
  double best = 0;
  const double loss = train(dt::jit(trainingStep(model, rule), {.donate = {0, 1}}), rule,
                            model.parameter_dict(), batch, 100, best);
  failed |= !(loss < 0.02);
  std::printf("noisy sine after 100 epochs: loss %.4f\n", loss);
}

} // namespace

int main(int argc, char** argv) {
  const bool real = argc > 1 && std::strcmp(argv[1], "real") == 0;
  dt::manual_seed(1);
  compare("Dense", Dense(), Dense::batch(real ? 1000 : 100), 20);
  compare("Cnn1d", Cnn1d(), Cnn1d::batch(195), 20);
  compare("LSTM", Recurrent(real ? 64 : 20), Recurrent::batch(real ? 800 : 5, real ? 20 : 8), 5);
  compare("TCN", Tcn(), Tcn::batch(real ? 2000 : 16), real ? 3 : 5);
  compare("LeNet", LeNet(), LeNet::batch(real ? 64 : 4), real ? 3 : 5);
  compare("FactorCnn", FactorCnn(), FactorCnn::batch(real ? 2000 : 64), 10);
  learnNoisySine();
  return failed;
}
