// The sizes of the workloads, and which requests make sense.
#include "tools/study/StudyOptions.h"

#include <diptych/Error.h>

#include <cmath>

namespace diptych::study {

const char* name(Numerics numerics) {
  return numerics == Numerics::strict     ? "strict"
         : numerics == Numerics::standard ? "standard"
                                          : "fast";
}

namespace {

struct SizeTable {
  const char* name;
  std::size_t T, N, K;
  std::vector<std::size_t> n;
};

const SizeTable& sizesOf(const std::string& size) {
  static const SizeTable sizes[] = {
      {"tiny", 16, 8, 3, {8}}, {"real", 1000, 300, 8, {20, 95}}, {"large", 1000, 468, 158, {468}}};
  for (const SizeTable& known : sizes)
    if (size == known.name)
      return known;
  throw Error("study: expected size tiny, real or large, got '" + size + "'");
}

void require(bool fits, const std::string& what, const std::string& got) {
  if (!fits)
    throw Error("study: expected " + what + ", got " + got);
}

void requireFinite(const char* what, double value, bool positive) {
  require(std::isfinite(value) && (positive ? value > 0.0 : value >= 0.0),
          std::string("a finite ") + what + (positive ? " above 0" : " of at least 0"),
          std::to_string(value));
}

} // namespace

void StudyOptions::complete() {
  const SizeTable& sizes = sizesOf(size);
  require(portfolio || riskParity, "a workload, w1 or w3", "none");
  // A file decides for itself unless a number is asked for.
  if (prices.empty()) {
    T = T ? T : sizes.T;
    N = N ? N : sizes.N;
    K = K ? K : sizes.K;
  }
  n = n.empty() ? sizes.n : n;
  for (std::size_t assets : n)
    require(assets >= 2 && assets <= 5000, "2 to 5000 assets for w3", std::to_string(assets));
  if (T)
    require(T >= 3, "at least 3 days", std::to_string(T));
  if (N)
    require(N >= 2, "at least 2 stocks", std::to_string(N));
  if (T && N && K)
    require(double(T) * double(N) * double(K) <= double(1 << 29),
            "T x N x K of at most 2^29 values (4 GiB)",
            std::to_string(T) + " x " + std::to_string(N) + " x " + std::to_string(K));
  require(iterations >= 1 && iterations <= 10000000, "1 to 10 million iterations",
          std::to_string(iterations));
  require(threads >= 0 && threads <= 1024, "1 to 1024 threads", std::to_string(threads));
  requireFinite("cost", terms.cost, false);
  requireFinite("temperature", terms.temperature, true);
  requireFinite("ridge", terms.ridge, false);
  requireFinite("tolerance", tolerance, false);
  requireFinite("time budget", sampling.seconds, true);
  requireFinite("limit of the Hessian's memory", hessianLimit, false);
}

Json StudyOptions::json() const {
  return {{"size", size},
          {"numerics", name(numerics)},
          {"seed", seed},
          {"prices", prices},
          {"cost", terms.cost},
          {"temperature", terms.temperature},
          {"ridge", terms.ridge},
          {"iterations", iterations},
          {"tolerance", tolerance},
          {"samples", sampling.samples},
          {"seconds", sampling.seconds}};
}

} // namespace diptych::study
