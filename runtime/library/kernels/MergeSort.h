// Sorts rows of words by merging, without a branch that depends on one: runs of a row by a network,
// many at once, then merges of runs of one length. What a word means is the caller's business.
#pragma once

#include "runtime/library/kernels/Array.h"

#include <algorithm>
#include <bit>

namespace diptych::runtime::kernels {

using Word = uint64_t;
constexpr int kWordBits = 63; // vectors compare signed
constexpr Word kLastWord = (Word{1} << kWordBits) - 1;

// A run longer than this costs more than a merge of its halves; words in the first cache, twice.
constexpr int64_t kLongestRun = 48, kCache = 1 << 11;

//===-- Runs ---------------------------------------------------------------------------------===//

using Words [[gnu::vector_size(32)]] = int64_t;
constexpr int64_t kWordsOfVector = 4, kColumns = 8;

inline Words wordsAt(const Word* words) {
  Words vector;
  __builtin_memcpy(&vector, words, sizeof vector);
  return vector;
}
inline void put(Word* words, Words vector) { __builtin_memcpy(words, &vector, sizeof vector); }

/// Sorts each of kColumns columns of n words. Merge exchange: Knuth, The Art of Computer
/// Programming, 5.2.2 M.
inline void sortColumns(Word* words, int64_t n) {
  const int64_t top = n < 2 ? 0 : static_cast<int64_t>(std::bit_floor(static_cast<Word>(n - 1)));
  for (int64_t p = top; p > 0; p /= 2)
    for (int64_t q = top, first = 0, distance = p; distance > 0;
         distance = q - p, q /= 2, first = p)
      for (int64_t start = first; start < n - distance; start += 2 * p)
        for (int64_t i = start; i < std::min(start + p, n - distance); ++i)
          for (int64_t lane = 0; lane < kColumns; lane += kWordsOfVector) {
            Word *a = words + i * kColumns + lane, *b = a + distance * kColumns;
            const Words x = wordsAt(a), y = wordsAt(b), swap = (x ^ y) & (y < x);
            put(a, x ^ swap); // a choice of x or y would become a masked store, which is slow
            put(b, y ^ swap);
          }
}

//===-- Merges -------------------------------------------------------------------------------===//

// Two runs from their beginnings, or from their ends. Neither looks whether a run has come to its
// end: whoever steps knows.
struct Forwards {
  const Word *a, *b;
  Word* out;
  int64_t taken = 0; // of b

  void step(int64_t i) {
    const Word x = a[i - taken], y = b[taken];
    out[i] = y < x ? y : x;
    taken += y < x;
  }
};
struct Backwards {
  const Word *a, *b; // the last ones
  Word* out;
  int64_t taken = 0; // of a

  void step(int64_t i) {
    const Word x = a[-taken], y = b[taken - i];
    out[-i] = y < x ? x : y;
    taken += y < x;
  }
};

inline Forwards ahead(const Word* a, const Word* b, Word* out) { return {a, b, out}; }
inline Backwards back(const Word* a, const Word* b, Word* out) { return {a - 1, b - 1, out - 1}; }

// Steps of several chains, each of which waits for its own comparisons.
template <class... Chains> void steps(int64_t first, int64_t last, Chains&... chains) {
  for (int64_t i = first; i < last; ++i)
    (chains.step(i), ...);
}

/// How many of the first n of two runs of n words are of the first run.
inline int64_t shareOf(const Word* a, const Word* b, int64_t n) {
  int64_t share = 0;
  for (int64_t width = n; width > 0;) {
    const int64_t half = (width + 1) / 2, at = share + half;
    share = a[at - 1] < b[n - at] ? at : share;
    width -= half;
  }
  return share;
}

// Nothing to merge: much of what is sorted was almost so before.
inline bool inOrder(const Word* from, int64_t n) { return from[n - 1] <= from[n]; }

/// Two runs of n words. n steps from both ends meet, as neither run can end before; in between
/// they set out from where the halves of the result meet, for as long as no run can end.
inline void merge(const Word* from, int64_t n, Word* to) {
  if (inOrder(from, n)) {
    std::copy_n(from, 2 * n, to);
    return;
  }
  const Word *a = from, *b = from + n;
  Forwards lowest = ahead(a, b, to);
  Backwards highest = back(b, b + n, to + 2 * n);
  const int64_t share = shareOf(a, b, n), safe = std::min(share, n - share);
  Backwards low = back(a + share, b + n - share, to + n);
  Forwards high = ahead(a + share, b + n - share, to + n);
  steps(0, safe, lowest, highest, low, high);
  steps(safe, n - safe, lowest, highest);
}

inline void mergeTwice(const Word* from, int64_t n, Word* to) {
  if (inOrder(from, n) || inOrder(from + 2 * n, n)) {
    merge(from, n, to);
    merge(from + 2 * n, n, to + 2 * n);
    return;
  }
  const Word *a = from, *b = a + n, *c = b + n, *d = c + n, *end = d + n;
  Forwards first = ahead(a, b, to), second = ahead(c, d, to + 2 * n);
  Backwards firstBack = back(b, c, to + 2 * n), secondBack = back(d, end, to + 4 * n);
  steps(0, n, first, firstBack, second, secondBack);
}

// `levels` of merges of runs that lie side by side; returns where the last one has put them.
inline Word* mergeRuns(Word* from, Word* to, int64_t runs, int64_t length, int64_t levels) {
  for (; levels > 0; --levels, runs /= 2, length *= 2, std::swap(from, to)) {
    int64_t run = 0;
    for (; run + 4 <= runs; run += 4)
      mergeTwice(from + run * length, length, to + run * length);
    if (run < runs)
      merge(from + run * length, length, to + run * length);
  }
  return from;
}

/// As mergeRuns of one row, but by quarters, so that most of its merges happen in cache.
inline Word* mergeRow(Word* from, Word* to, int64_t length, int64_t levels) {
  if (levels < 2 || length << levels <= kCache)
    return mergeRuns(from, to, int64_t{1} << levels, length, levels);
  const int64_t quarter = length << (levels - 2);
  for (int64_t start = 0; start < 4 * quarter; start += quarter)
    mergeRow(from + start, to + start, length, levels - 2);
  return levels % 2 ? mergeRuns(to, from, 4, quarter, 2) : mergeRuns(from, to, 4, quarter, 2);
}

//===-- Rows ---------------------------------------------------------------------------------===//

/// Rows of words, each of 2^levels runs: a few words more than n.
struct WordRows {
  explicit WordRows(int64_t n) : length(n) {
    while (length > kLongestRun)
      length = ((n - 1) >> ++levels) + 1;
  }
  int64_t size() const { return length << levels; }
  /// How many rows alternate before they are sorted: the first word of each, the second of each,
  /// and so on. There are as many, or a multiple.
  int64_t together() const { return std::max<int64_t>(1, kColumns >> levels); }
  int64_t rounded(int64_t rows) const { return (rows + together() - 1) & -together(); }

  /// Sorts the rows; returns where they are then, in `words` or in `other`.
  Word* sort(Word* words, Word* other, int64_t rows) const {
    sortRuns(words, other, rows);
    const int64_t step = std::clamp<int64_t>(kCache / size(), 1, rows);
    for (int64_t row = 0; row < rows; row += step) {
      Word *from = other + row * size(), *to = words + row * size();
      if (step > 1)
        mergeRuns(from, to, std::min(step, rows - row) << levels, length, levels);
      else
        mergeRow(from, to, length, levels);
    }
    return levels % 2 ? words : other;
  }

  int64_t length, levels = 0;

private:
  // A run is every kColumns-th word of a part of its row, or of several rows that alternate.
  void sortRuns(Word* words, Word* runs, int64_t rows) const {
    const int64_t several = together();
    for (int64_t start = 0; start < rows * size(); start += kColumns * length) {
      if (several == 1 && std::is_sorted(words + start, words + start + kColumns * length)) {
        std::copy_n(words + start, kColumns * length, runs + start);
        continue;
      }
      sortColumns(words + start, length);
      Word* next = runs + start;
      for (int64_t row = 0; row < several; ++row)
        for (int64_t column = row; column < kColumns; column += several)
          for (int64_t i = 0; i < length; ++i)
            *next++ = words[start + i * kColumns + column];
    }
  }
};

} // namespace diptych::runtime::kernels
