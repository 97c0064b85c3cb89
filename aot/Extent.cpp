// Sizes as polynomials of those that a caller chooses.
#include <diptych/Aot.h>

#include <algorithm>

namespace diptych::aot {

Extent::Extent(int64_t number) {
  if (number)
    terms_[{}] = number;
}

Extent Extent::of(int dim) {
  Extent extent;
  extent.terms_[{dim}] = 1;
  return extent;
}

int64_t Extent::at(std::span<const int64_t> sizes) const {
  int64_t sum = 0;
  for (const auto& [dims, factor] : terms_) {
    int64_t product = factor;
    for (int dim : dims)
      product *= sizes[static_cast<size_t>(dim)];
    sum += product;
  }
  return sum;
}

std::string Extent::str(std::span<const Dim> dims) const {
  if (terms_.empty())
    return "0";
  std::string text;
  // Products of most sizes first, the number last.
  std::vector<std::pair<std::vector<int>, int64_t>> terms(terms_.begin(), terms_.end());
  std::sort(terms.begin(), terms.end(), [](const auto& a, const auto& b) {
    return std::pair(b.first.size(), a.first) < std::pair(a.first.size(), b.first);
  });
  for (const auto& [product, factor] : terms) {
    const int64_t positive = factor < 0 ? -factor : factor;
    if (text.empty())
      text = factor < 0 ? "-" : "";
    else
      text += factor < 0 ? " - " : " + ";
    std::string names;
    for (int dim : product)
      names += (names.empty() ? "" : "*") + dims[static_cast<size_t>(dim)].name;
    if (names.empty() || positive != 1)
      text += std::to_string(positive) + (names.empty() ? "" : "*");
    text += names;
  }
  return text;
}

Extent operator+(const Extent& a, const Extent& b) {
  Extent sum = a;
  for (const auto& [dims, factor] : b.terms_)
    if (int64_t& total = sum.terms_[dims]; (total += factor) == 0)
      sum.terms_.erase(dims);
  return sum;
}

Extent operator*(const Extent& a, const Extent& b) {
  Extent product;
  for (const auto& [left, factor] : a.terms_)
    for (const auto& [right, other] : b.terms_) {
      std::vector<int> dims = left;
      dims.insert(dims.end(), right.begin(), right.end());
      std::sort(dims.begin(), dims.end());
      Extent term;
      term.terms_[dims] = factor * other;
      product = product + term;
    }
  return product;
}

} // namespace diptych::aot
