// Chains of fma, sums and copies of an array.
#include "benchmarks/Machine.h"

#include <immintrin.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <memory>

namespace diptych::bench {

namespace {

template <class F> double least(int times, F run) {
  double best = 1e300;
  for (int i = 0; i < times; ++i) {
    const double begin = now();
    run();
    best = std::min(best, now() - begin);
  }
  return best;
}

// 16 chains of the widest fma there is.
__attribute__((target("avx512f"))) double wideChains(int steps) {
  __m512d sums[16];
  const __m512d x = _mm512_set1_pd(1e-9), y = _mm512_set1_pd(0.5);
  for (__m512d& sum : sums)
    sum = x;
  for (int i = 0; i < steps; ++i)
    for (__m512d& sum : sums)
      sum = _mm512_fmadd_pd(sum, y, x);
  double total = 0;
  for (const __m512d& sum : sums)
    total += _mm512_reduce_add_pd(sum);
  return total;
}
__attribute__((target("avx2,fma"))) double narrowChains(int steps) {
  __m256d sums[12];
  const __m256d x = _mm256_set1_pd(1e-9), y = _mm256_set1_pd(0.5);
  for (__m256d& sum : sums)
    sum = x;
  for (int i = 0; i < steps; ++i)
    for (__m256d& sum : sums)
      sum = _mm256_fmadd_pd(sum, y, x);
  double total = 0;
  for (const __m256d& sum : sums)
    total += sum[0] + sum[1] + sum[2] + sum[3];
  return total;
}

__attribute__((target("avx2"))) double sumOf(const double* array, size_t count) {
  __m256d sums[8] = {};
  for (size_t i = 0; i + 32 <= count; i += 32)
    for (size_t j = 0; j < 8; ++j)
      sums[j] += _mm256_loadu_pd(&array[i + 4 * j]);
  double total = 0;
  for (const __m256d& sum : sums)
    total += sum[0] + sum[1] + sum[2] + sum[3];
  return total;
}

/// Memory as tensors have it: on huge pages where it is large.
class Array {
public:
  explicit Array(int64_t bytes) : count_(static_cast<size_t>(bytes) / sizeof(double)) {
    constexpr size_t kHugePage = 2 << 20;
    const bool huge = static_cast<size_t>(bytes) >= 2 * kHugePage;
    const size_t unit = huge ? kHugePage : 64;
    const size_t rounded = (static_cast<size_t>(bytes) + unit - 1) / unit * unit;
    memory_.reset(static_cast<double*>(std::aligned_alloc(unit, rounded)));
    if (huge)
      madvise(memory_.get(), rounded, MADV_HUGEPAGE);
    std::fill_n(memory_.get(), count_, 1.0);
  }
  double* data() const { return memory_.get(); }
  size_t count() const { return count_; }

private:
  struct Free {
    void operator()(double* memory) const { std::free(memory); }
  };
  std::unique_ptr<double, Free> memory_;
  size_t count_;
};

constexpr int kTimes = 20;

} // namespace

double peak(DType dtype) {
  constexpr int kSteps = 100000;
  const bool wide = __builtin_cpu_supports("avx512f");
  const double seconds = least(
      kTimes, [&] { benchmark::DoNotOptimize(wide ? wideChains(kSteps) : narrowChains(kSteps)); });
  const double flops = 2.0 * kSteps * (wide ? 16 * 8 : 12 * 4) / seconds;
  return dtype == f32 ? 2 * flops : flops;
}

double readRate(int64_t bytes) {
  const Array array(bytes);
  return static_cast<double>(bytes) /
         least(kTimes, [&] { benchmark::DoNotOptimize(sumOf(array.data(), array.count())); });
}

double readOnce(const double* array, int64_t count) {
  constexpr int64_t kPiece = 1 << 17;
  std::atomic<double> total = 0;
  runtime::ThreadPool::global().parallelFor(count, kPiece, [&](int64_t lo, int64_t hi) {
    total += sumOf(array + lo, static_cast<size_t>(hi - lo));
  });
  return total;
}

double copyRate(int64_t bytes) {
  const Array from(bytes), to(bytes);
  return 2.0 * static_cast<double>(bytes) / least(kTimes, [&] {
           std::memcpy(to.data(), from.data(), from.count() * sizeof(double));
           benchmark::ClobberMemory();
         });
}

} // namespace diptych::bench
