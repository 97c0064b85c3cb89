// Newton's interpolation: the divided differences of a polynomial with integer factors on integers
// are integers themselves, so that every step is exact, and a step that isn't shows another
// function.
#include "aot/Samples.h"

#include <algorithm>
#include <numeric>

namespace diptych::aot {

namespace {
constexpr size_t kDegree = 3;
}

Samples::Samples(std::vector<std::vector<int64_t>> nodes) : nodes_(std::move(nodes)) {
  const auto degreeOf = [&](size_t dim) {
    return std::min(kDegree, nodes_[dim].size() - std::min<size_t>(2, nodes_[dim].size()));
  };
  std::vector<size_t> index(nodes_.size(), 0);
  const auto add = [&] {
    std::vector<int64_t> sizes;
    for (size_t dim = 0; dim < index.size(); ++dim)
      sizes.push_back(nodes_[dim][index[dim]]);
    sizes_.push_back(std::move(sizes));
  };
  // All index vectors whose sum is no more than the degree.
  for (bool more = true; more;) {
    if (std::accumulate(index.begin(), index.end(), size_t{0}) <= kDegree) {
      indices_.push_back(index);
      add();
    }
    more = false;
    for (size_t dim = 0; dim < index.size() && !more; ++dim) {
      more = index[dim] < degreeOf(dim);
      index[dim] = more ? index[dim] + 1 : 0;
    }
  }
  for (size_t dim = 0; dim < index.size(); ++dim)
    index[dim] = nodes_[dim].size() - 1;
  add();
}

std::optional<Extent> Samples::fit(std::span<const int64_t> values) const {
  std::map<std::vector<size_t>, int64_t> table; // values, then differences
  for (size_t i = 0; i < indices_.size(); ++i)
    table[indices_[i]] = values[i];
  for (size_t dim = 0; dim < nodes_.size(); ++dim)
    for (size_t order = 1; order <= kDegree; ++order)
      for (auto entry = table.rbegin(); entry != table.rend(); ++entry) {
        const size_t i = entry->first[dim];
        if (i < order)
          continue;
        std::vector<size_t> below = entry->first;
        --below[dim];
        const int64_t rise = entry->second - table.at(below);
        const int64_t run = nodes_[dim][i] - nodes_[dim][i - order];
        if (rise % run != 0)
          return std::nullopt;
        entry->second = rise / run;
      }
  Extent result;
  for (const auto& [index, factor] : table) {
    Extent term(factor);
    for (size_t dim = 0; dim < index.size() && factor; ++dim)
      for (size_t i = 0; i < index[dim]; ++i)
        term = term * (Extent::of(static_cast<int>(dim)) + Extent(-nodes_[dim][i]));
    result = result + term;
  }
  for (size_t i = 0; i < count(); ++i)
    if (result.at(at(i)) != values[i])
      return std::nullopt;
  return result;
}

static bool isPrime(int64_t n) {
  for (int64_t d = 2; d * d <= n; ++d)
    if (n % d == 0)
      return false;
  return n > 1;
}

std::vector<std::vector<int64_t>>
nodesFor(std::span<const Dim> dims, std::span<const int64_t> typical, std::vector<int64_t> avoid) {
  std::vector<std::vector<int64_t>> nodes(dims.size());
  for (size_t dim = 0; dim < dims.size(); ++dim) {
    const int64_t least = dims[dim].least, most = dims[dim].most;
    const int64_t middle = std::clamp(typical[dim], least, most);
    // Outward from the middle; what is no prime, or stands elsewhere, only where all else is used.
    for (const bool choosy : {true, false})
      for (int64_t away = 0; away <= 1024 && nodes[dim].size() < kDegree + 2; ++away)
        for (const int64_t size : {middle - away, middle + away}) {
          const bool taken = std::count(nodes[dim].begin(), nodes[dim].end(), size) > 0;
          const bool fits = size >= std::max<int64_t>(least, 2) && size <= most && !taken;
          const bool good = isPrime(size) && !std::count(avoid.begin(), avoid.end(), size);
          if (fits && (good || !choosy) && nodes[dim].size() < kDegree + 2)
            nodes[dim].push_back(size);
        }
    if (nodes[dim].empty())
      nodes[dim].push_back(middle);
    avoid.insert(avoid.end(), nodes[dim].begin(), nodes[dim].end());
  }
  return nodes;
}

} // namespace diptych::aot
