// The sizes for which a function with open shapes is traced, and polynomials through what is found
// there.
#pragma once

#include <diptych/Aot.h>

namespace diptych::aot {

class Samples {
public:
  /// A grid over some values of each dim: as many points as a polynomial of total degree 3 has
  /// terms, and one more, which must lie on it too. Fewer values allow a lower degree in that dim.
  explicit Samples(std::vector<std::vector<int64_t>> nodes);

  size_t count() const { return sizes_.size(); }
  std::span<const int64_t> at(size_t sample) const { return sizes_[sample]; }

  /// The polynomial with integer factors that has these values, one for each sample, at all of
  /// them; none if there is none.
  std::optional<Extent> fit(std::span<const int64_t> values) const;

private:
  std::vector<std::vector<int64_t>> nodes_, sizes_;
  std::vector<std::vector<size_t>> indices_; // of the nodes of each sample, without the last sample
};

/// Values of each dim, of `count` if its bounds have so many, around `typical`: primes as far as
/// possible, none of them in `avoid`, none twice.
std::vector<std::vector<int64_t>>
nodesFor(std::span<const Dim> dims, std::span<const int64_t> typical, std::vector<int64_t> avoid);

} // namespace diptych::aot
