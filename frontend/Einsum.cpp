// Einstein's sum: letters, the order of contractions, and each contraction as one matmul.
#include <diptych/Movement.h>

#include "frontend/Ops.h"

#include <algorithm>
#include <map>

namespace diptych {

using detail::misuse;

namespace {

/// A tensor and a letter for each of its axes.
struct Term {
  Tensor tensor;
  std::string letters;
};

bool has(const std::string& letters, char letter) {
  return letters.find(letter) != std::string::npos;
}

std::string keepIf(const std::string& letters, const auto& condition) {
  std::string kept;
  std::copy_if(letters.begin(), letters.end(), std::back_inserter(kept), condition);
  return kept;
}

Tensor arranged(const Term& term, const std::string& letters) {
  Dims permutation;
  for (char letter : letters)
    permutation.push_back(static_cast<int64_t>(term.letters.find(letter)));
  return letters == term.letters ? term.tensor : transpose(term.tensor, permutation);
}

class Einsum {
public:
  Einsum(const std::string& equation, const std::vector<Tensor>& operands) : equation_(equation) {
    parse(operands);
    for (Term& term : terms_)
      takeDiagonals(term);
    measure();
  }

  Tensor run() {
    for (size_t i = 0; i < terms_.size(); ++i)
      sumLonely(terms_[i], neededWithout({i}));
    while (terms_.size() > 1)
      contractCheapest();
    return arranged(terms_[0], result_);
  }

private:
  [[noreturn]] void fail(const std::string& expected, const std::string& got,
                         const std::string& remedy) const {
    misuse("einsum", expected, got + " in \"" + equation_ + "\"", remedy);
  }

  void parse(const std::vector<Tensor>& operands) {
    std::string text = keepIf(equation_, [](char c) { return c != ' '; });
    const size_t arrow = text.find("->");
    const std::string inputs = text.substr(0, arrow);
    std::vector<std::string> lists(1);
    for (char c : inputs)
      if (c == ',')
        lists.emplace_back();
      else if (std::isalpha(static_cast<unsigned char>(c)))
        lists.back() += c;
      else
        fail("letters, commas and an arrow", std::string(1, c), "name every axis by a letter");
    if (lists.size() != operands.size())
      fail("letters for each of " + std::to_string(operands.size()) + " operands",
           std::to_string(lists.size()) + " lists", "separate them by commas");
    for (size_t i = 0; i < lists.size(); ++i) {
      if (static_cast<int>(lists[i].size()) != operands[i].rank())
        fail("a letter for each axis of operand " + std::to_string(i) + ", " +
                 operands[i].type().str(),
             '"' + lists[i] + '"', "there is no ellipsis: write every axis");
      terms_.push_back({operands[i], lists[i]});
    }
    result_ = arrow == std::string::npos ? implied(inputs) : text.substr(arrow + 2);
    for (char letter : result_)
      if (std::count(result_.begin(), result_.end(), letter) != 1 || !has(inputs, letter) ||
          letter == ',')
        fail("a result of letters that operands have, each once", '"' + result_ + '"',
             "use broadcast_to for new axes");
  }

  static std::string implied(const std::string& inputs) {
    std::string once = keepIf(inputs, [&](char c) {
      return c != ',' && std::count(inputs.begin(), inputs.end(), c) == 1;
    });
    std::sort(once.begin(), once.end());
    return once;
  }

  void measure() {
    for (size_t i = 0; i < terms_.size(); ++i)
      for (size_t axis = 0; axis < terms_[i].letters.size(); ++axis) {
        const int64_t extent = terms_[i].tensor.shape()[static_cast<int>(axis)];
        const auto [known, fresh] = extents_.try_emplace(terms_[i].letters[axis], extent);
        if (!fresh && known->second != extent)
          fail(std::string("one extent for '") + known->first + "'",
               std::to_string(known->second) + " and " + std::to_string(extent),
               "axes with the same letter run together");
      }
  }

  // "iij" -> "ji": the diagonal comes last.
  void takeDiagonals(Term& term) {
    for (size_t i = 0; i < term.letters.size(); ++i) {
      const char letter = term.letters[i];
      const size_t again = term.letters.find(letter, i + 1);
      if (again == std::string::npos)
        continue;
      const int first = static_cast<int>(i), second = static_cast<int>(again);
      if (term.tensor.shape()[first] != term.tensor.shape()[second])
        fail(std::string("one extent for '") + letter + "'", term.tensor.type().str(),
             "a letter twice in one operand takes its diagonal");
      term.tensor = diagonal(term.tensor, 0, first, second);
      term.letters.erase(again, 1);
      term.letters.erase(i, 1);
      term.letters += letter;
      i = static_cast<size_t>(-1);
    }
  }

  // Letters of the result, and of all terms but these.
  std::string neededWithout(std::initializer_list<size_t> those) const {
    std::string needed = result_;
    for (size_t i = 0; i < terms_.size(); ++i)
      if (std::find(those.begin(), those.end(), i) == those.end())
        needed += terms_[i].letters;
    return needed;
  }

  static void sumLonely(Term& term, const std::string& needed) {
    Dims axes;
    for (size_t i = 0; i < term.letters.size(); ++i)
      if (!has(needed, term.letters[i]))
        axes.push_back(static_cast<int64_t>(i));
    if (axes.empty())
      return;
    term.tensor = sum(term.tensor, axes);
    term.letters = keepIf(term.letters, [&](char c) { return has(needed, c); });
  }

  double elements(const std::string& letters) const {
    double count = 1;
    for (char letter : letters)
      count *= static_cast<double>(extents_.at(letter));
    return count;
  }

  static std::string unite(const std::string& a, const std::string& b) {
    return a + keepIf(b, [&](char c) { return !has(a, c); });
  }

  void contractCheapest() {
    size_t left = 0, right = 1;
    std::pair<double, double> best{-1, 0};
    for (size_t i = 0; i < terms_.size(); ++i)
      for (size_t j = i + 1; j < terms_.size(); ++j) {
        const std::string all = unite(terms_[i].letters, terms_[j].letters);
        const std::string needed = neededWithout({i, j});
        const std::pair<double, double> cost{
            elements(all), elements(keepIf(all, [&](char c) { return has(needed, c); }))};
        if (best.first < 0 || cost < best) {
          best = cost;
          left = i;
          right = j;
        }
      }
    terms_[left] = contracted(terms_[left], terms_[right], neededWithout({left, right}));
    terms_.erase(terms_.begin() + static_cast<std::ptrdiff_t>(right));
  }

  Shape shapeOf(const std::string& letters) const {
    Shape shape;
    for (char letter : letters)
      shape.push_back(extents_.at(letter));
    return shape;
  }

  // [batch, m, k] x [batch, k, n] -> [batch, m, n], each of the four a group of letters. Without k
  // nothing is summed; and sums of products of two vectors have sixteen partials, where a product
  // of matrices has one (but carries halves in single).
  Term contracted(Term& a, Term& b, const std::string& needed) const {
    const std::string both = keepIf(a.letters, [&](char c) { return has(b.letters, c); });
    const std::string batch = keepIf(both, [&](char c) { return has(needed, c); });
    const std::string summed = keepIf(both, [&](char c) { return !has(needed, c); });
    const std::string rows = keepIf(a.letters, [&](char c) { return !has(both, c); });
    const std::string columns = keepIf(b.letters, [&](char c) { return !has(both, c); });
    const std::string result = batch + rows + columns;
    const auto group = [&](const std::string& letters) {
      int64_t count = 1;
      for (char letter : letters)
        count *= extents_.at(letter);
      return count;
    };
    const int64_t m = group(rows), n = group(columns), k = group(summed), parts = group(batch);
    const Tensor x = reshape(arranged(a, batch + rows + summed), {parts, m, k});
    const Tensor y = reshape(arranged(b, batch + summed + columns), {parts, k, n});
    if (summed.empty())
      return {reshape(x * y, shapeOf(result)), result};
    if (rows.empty() && columns.empty() && !isHalf(x.dtype()))
      return {reshape(sum(reshape(x, {parts, k}) * reshape(y, {parts, k}), 1), shapeOf(result)),
              result};
    if (isFloat(x.dtype()))
      return {reshape(matmul(x, y), shapeOf(result)), result};
    return {reshape(sum(unsqueeze(x, 3) * unsqueeze(y, 1), 2), shapeOf(result)), result};
  }

  const std::string& equation_;
  std::vector<Term> terms_;
  std::string result_;
  std::map<char, int64_t> extents_;
};

} // namespace

Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands,
              SourceLocation where) {
  return detail::located(where, [&] { return Einsum(equation, operands).run(); });
}

} // namespace diptych
