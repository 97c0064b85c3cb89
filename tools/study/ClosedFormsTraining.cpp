// A small network's outputs and gradients, written out as loops over one sample after the other.
#include "tools/study/ClosedForms.h"

#include <algorithm>

namespace diptych::study {

using Vector = std::vector<double>;

namespace {

/// What a sample leaves in each layer; h1 and h2 after relu.
struct Activations {
  Vector h1, h2, out;
};

Vector affine(const Vector& W, const Vector& b, const Vector& x) {
  Vector y = b;
  for (std::size_t i = 0; i < b.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j)
      y[i] += W[i * x.size() + j] * x[j];
  return y;
}

void rectify(Vector& x) {
  for (double& value : x)
    value = std::max(value, 0.0);
}

Activations activationsOf(const Network& network, double x) {
  const std::vector<Vector>& p = network.parameters;
  Activations a;
  a.h1 = affine(p[0], p[1], {x});
  rectify(a.h1);
  a.h2 = affine(p[2], p[3], a.h1);
  rectify(a.h2);
  a.out = affine(p[4], p[5], a.h2);
  return a;
}

/// Adds cot x' to dW and cot to db; returns W' cot where the layer's input x is above 0.
Vector affineBack(const Vector& W, const Vector& x, const Vector& cot, Vector& dW, Vector& db) {
  Vector back(x.size(), 0.0);
  for (std::size_t i = 0; i < cot.size(); ++i) {
    if (cot[i] == 0.0)
      continue;
    db[i] += cot[i];
    for (std::size_t j = 0; j < x.size(); ++j) {
      dW[i * x.size() + j] += cot[i] * x[j];
      back[j] += x[j] > 0.0 ? W[i * x.size() + j] * cot[i] : 0.0;
    }
  }
  return back;
}

} // namespace

Vector networkOutput(const Network& network, double x) { return activationsOf(network, x).out; }

LossAndGradients networkLoss(const Network& network, std::span<const double> x,
                             std::span<const std::size_t> chosen, std::span<const double> target) {
  LossAndGradients result;
  for (const Vector& parameter : network.parameters)
    result.gradients.emplace_back(parameter.size(), 0.0);
  std::vector<Vector>& g = result.gradients;
  const std::vector<Vector>& p = network.parameters;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Activations a = activationsOf(network, x[i]);
    const double off = a.out[chosen[i]] - target[i];
    result.loss += off * off / double(x.size());
    Vector cot(network.out, 0.0);
    cot[chosen[i]] = 2.0 * off / double(x.size());
    cot = affineBack(p[4], a.h2, cot, g[4], g[5]);
    cot = affineBack(p[2], a.h1, cot, g[2], g[3]);
    affineBack(p[0], {x[i]}, cot, g[0], g[1]);
  }
  return result;
}

} // namespace diptych::study
