// A model with something of everything that an artefact holds: kernels, weights, constants, a loop,
// steps that can fail, several dtypes, library code.
#include <diptych/Aot.h>
#include <diptych/diptych.h>

namespace dt = diptych;

static dt::Tensor loss(const dt::Tensor& w, const dt::Tensor& X, const dt::Tensor& rows) {
  const dt::Tensor weights = dt::tensor({0.5, -1.0, 2.0, 0.25});
  const dt::Tensor picked = dt::gather(X, rows, 0); // [2,4]
  auto [last, path] = dt::scan(
      [](const dt::Tensor& s, const dt::Tensor& x) {
        const dt::Tensor next = dt::tanh(s + x);
        return std::pair(next, dt::sum(next));
      },
      w, picked);
  return dt::sum(last * weights) + dt::mean(path) + dt::sum(dt::matmul(X, w));
}

static std::pair<dt::Tensor, dt::Tensor> kinds(const dt::Tensor& x, const dt::Tensor& flags) {
  return {dt::where(flags, x, x * 3).to(dt::DType::i32), x > 0};
}

static std::tuple<dt::Tensor, dt::Tensor, dt::Tensor> library(const dt::Tensor& a) {
  return {dt::linalg::solve(a, dt::sort(a, 0)), dt::linalg::svdvals(a),
          dt::median(a) + dt::linalg::slogdet(a).second};
}

// Shapes with a size that the caller chooses.
static std::pair<dt::Tensor, dt::Tensor> open(const dt::Tensor& m, const dt::Tensor& v) {
  return {dt::sum(m, 0) + dt::mean(v), dt::concatenate({v, v * 2.0}, 0)};
}

// For aarch64, for which there is no library code, all but that.
dt::aot::Artefact probe_model(const dt::aot::Options& options) {
  const dt::Tensor x = dt::zeros({5}, dt::DType::f32), shift = dt::tensor({0.5, 1.5, -2.5, 3.5});
  const auto shifted = [=](const dt::Tensor& y) { return y + shift; };
  const std::tuple arguments(dt::zeros({4}), dt::zeros({300, 4}), dt::tensor({0, 1}));
  dt::aot::Options chosen = options;
  chosen.shapes = {{"m", {dt::dim("days", 1, 5000), 3}}, {"v", {dt::dim("days")}}};
  if (options.targets[0] == "aarch64")
    return dt::aot::compile({{"loss", loss}, {"loss_grad", dt::value_and_grad(loss)}}, arguments,
                            options);
  return dt::aot::compile(
      {{"loss", loss},
       {"loss_grad", dt::value_and_grad(loss)},
       {"shifted", shifted, std::tuple(dt::zeros({4})), {"y"}},
       {"kinds", kinds, std::tuple(x, x > 0), {"x", "flags"}},
       {"library", library, std::tuple(dt::zeros({3, 3})), {"a"}},
       {"open", open, std::tuple(dt::zeros({100, 3}), dt::zeros({100})), {"m", "v"}},
       {"each",
        dt::aot::each(dt::dim("batch"), open, {true, false}),
        std::tuple(dt::zeros({2, 3}), dt::zeros({2})),
        {"a", "b"}}},
      arguments, chosen);
}
