// Random numbers whose every bit we own: std::mt19937_64 (fixed by the standard) and transforms
// written out in exact or correctly rounded operations. Refuses std:: distributions and libm.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

namespace diptych::study {

class MarketStream {
public:
  explicit MarketStream(std::uint64_t seed) : engine_(seed) {}

  /// In (0, 1), never an end point: 52 random bits and a half, which a double holds exactly.
  double uniform() { return (static_cast<double>(engine_() >> 12) + 0.5) * 0x1p-52; }

  /// Uniform with mean 0 and variance 1.
  double centred() { return (uniform() - 0.5) * 3.4641016151377544; } // sqrt(12)

  /// Nearly normal: twelve uniforms have variance 1 and no need of a logarithm.
  double bell() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i)
      sum += uniform();
    return sum;
  }

  /// Student-t with 4 degrees of freedom, scaled to variance 1. Bailey's polar method for 4 degrees
  /// needs square roots only: t = u sqrt(4 (w^(-1/2) - 1) / w), w = u^2 + v^2 < 1.
  double fatTailed() {
    for (;;) {
      double u = 2.0 * uniform() - 1.0;
      double v = 2.0 * uniform() - 1.0;
      double w = u * u + v * v;
      if (w > 0.0 && w < 1.0)
        return u * std::sqrt(2.0 * (1.0 / std::sqrt(w) - 1.0) / w);
    }
  }

private:
  std::mt19937_64 engine_;
};

} // namespace diptych::study
