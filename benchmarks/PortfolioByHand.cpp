// A day in two passes over its rows, the second from cache; days added up at the end.
#include "benchmarks/PortfolioByHand.h"

#include "runtime/ThreadPool.h"

#include <immintrin.h>

#include <algorithm>
#include <vector>

#define WIDE __attribute__((target("avx512f")))

// glibc's, of eight lanes.
extern "C" WIDE __m512d _ZGVeN8v_exp(__m512d);

namespace diptych::bench {

namespace {

constexpr int64_t kFactors = 158, kLanes = 8;
constexpr int kVectors = (kFactors + kLanes - 1) / kLanes;
constexpr __mmask8 kTail = (1 << kFactors % kLanes) - 1;
constexpr __mmask8 maskOf(int vector) { return vector + 1 == kVectors ? kTail : 0xff; }

// s = x w, four rows at a time.
WIDE void scoresOf(const double* x, const double* w, int64_t stocks, double* s) {
  constexpr int kRows = 4;
  for (int64_t n = 0; n < stocks; n += kRows) {
    __m512d sums[kRows] = {};
#pragma GCC unroll 20
    for (int i = 0; i < kVectors; ++i) {
      const __m512d weights = _mm512_maskz_loadu_pd(maskOf(i), w + i * kLanes);
      for (int row = 0; row < kRows; ++row) {
        const double* from = x + (n + row) * kFactors + i * kLanes;
        sums[row] = _mm512_fmadd_pd(_mm512_maskz_loadu_pd(maskOf(i), from), weights, sums[row]);
      }
    }
    for (int row = 0; row < kRows; ++row)
      s[n + row] = _mm512_reduce_add_pd(sums[row]);
  }
}

// x' v, all factors in registers.
WIDE void timesRows(const double* x, const double* v, int64_t stocks, double* result) {
  __m512d sums[kVectors] = {};
  for (int64_t n = 0; n < stocks; ++n) {
    const __m512d factor = _mm512_set1_pd(v[n]);
#pragma GCC unroll 20
    for (int i = 0; i < kVectors; ++i) {
      const double* from = x + n * kFactors + i * kLanes;
      sums[i] = _mm512_fmadd_pd(_mm512_maskz_loadu_pd(maskOf(i), from), factor, sums[i]);
    }
  }
  for (int i = 0; i < kVectors; ++i)
    _mm512_mask_storeu_pd(result + i * kLanes, maskOf(i), sums[i]);
}

// The day's return; s becomes its derivative in the scores.
WIDE double returnOf(const double* r, int64_t stocks, double* s) {
  const __m512d most = _mm512_set1_pd(*std::max_element(s, s + stocks));
  __m512d total = {}, sum = {};
  for (int64_t n = 0; n < stocks; n += kLanes) {
    const auto mask = static_cast<__mmask8>(0xff >> std::max<int64_t>(0, n + kLanes - stocks));
    const __m512d weight =
        _mm512_maskz_mov_pd(mask, _ZGVeN8v_exp(_mm512_maskz_loadu_pd(mask, s + n) - most));
    _mm512_mask_storeu_pd(s + n, mask, weight);
    total += weight;
    sum = _mm512_fmadd_pd(weight, _mm512_maskz_loadu_pd(mask, r + n), sum);
  }
  const double all = _mm512_reduce_add_pd(total), result = _mm512_reduce_add_pd(sum) / all;
  for (int64_t n = 0; n < stocks; ++n)
    s[n] *= (r[n] - result) / all;
  return result;
}

// d objective / d return of each day: sqrt(252) m / sd, with stddev's T - 1.
std::vector<double> sharpeCotangents(const std::vector<double>& returns) {
  const auto days = static_cast<double>(returns.size());
  double mean = 0, squares = 0;
  for (double x : returns)
    mean += x / days;
  for (double x : returns)
    squares += (x - mean) * (x - mean);
  const double sd = std::sqrt(squares / (days - 1));
  std::vector<double> cotangents;
  for (double x : returns)
    cotangents.push_back(std::sqrt(252.0) *
                         (1 / (days * sd) - mean * (x - mean) / ((days - 1) * sd * sd * sd)));
  return cotangents;
}

} // namespace

bool hasByHand() { return __builtin_cpu_supports("avx512f"); }

Tensor gradientByHand(const Portfolio& p) {
  const int64_t days = p.X.shape()[0], stocks = p.X.shape()[1];
  const double *X = p.X.data<double>(), *r = p.r.data<double>(), *w = p.w.data<double>();
  std::vector<double> returns(days), rows(days * kFactors);
  runtime::ThreadPool::global().parallelFor(days, 8, [&](int64_t lo, int64_t hi) {
    std::vector<double> s(stocks);
    for (int64_t day = lo; day < hi; ++day) {
      const double* x = X + day * stocks * kFactors;
      scoresOf(x, w, stocks, s.data());
      returns[day] = returnOf(r + day * stocks, stocks, s.data());
      timesRows(x, s.data(), stocks, &rows[day * kFactors]);
    }
  });
  const std::vector<double> cotangents = sharpeCotangents(returns);
  std::vector<double> gradient(kFactors);
  for (int64_t k = 0; k < kFactors; ++k)
    gradient[k] = -0.1 * w[k];
  for (int64_t day = 0; day < days; ++day)
    for (int64_t k = 0; k < kFactors; ++k)
      gradient[k] += cotangents[day] * rows[day * kFactors + k];
  return tensor(gradient, {kFactors});
}

} // namespace diptych::bench
