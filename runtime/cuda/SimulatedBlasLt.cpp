// cuBLASLt on the simulated device: sums in order, then the epilogue. As strict as the library
// about what has to be said before, and in which order; where it promises nothing, it is off: relu
// drops NaN, gelu has 11 bits.
#include "runtime/cuda/BlasLt.h"
#include "runtime/cuda/SimulatedDriver.h"

#include <diptych/Half.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

namespace diptych::runtime::cuda {

struct LtHandle {};
struct LtPreference {
  size_t workspaceBytes = 0;
  uint32_t alignments[4] = {256, 256, 256, 256};
};
struct LtProduct {
  int compute = 0, scale = 0;
  int32_t transposeA = 0, transposeB = 0, epilogue = 1;
  const void* vector = nullptr;
};
struct LtLayout {
  int type = 0;
  uint64_t rows = 0, columns = 0;
  int64_t leading = 0;
};

namespace simulated {
static std::atomic<LtRefuses> ltRefuses{LtRefuses::nothing};
void setLtRefuses(LtRefuses what) { ltRefuses = what; }
} // namespace simulated

namespace {

using simulated::LtRefuses;

constexpr uint64_t kAlgorithm = 0x616c676f; // of our own choice, to know it again
constexpr int kSums = lt::kSumsOfA | lt::kSumsOfB;

template <class T> int keep(T& place, const void* value, size_t bytes) {
  if (bytes != sizeof place)
    return blas::kInvalidValue;
  std::memcpy(&place, value, bytes);
  return 0;
}

int setProduct(LtProduct* product, int attribute, const void* value, size_t bytes) {
  switch (attribute) {
  case lt::kTransposeA: return keep(product->transposeA, value, bytes);
  case lt::kTransposeB: return keep(product->transposeB, value, bytes);
  case lt::kEpilogue: return keep(product->epilogue, value, bytes);
  case lt::kBiasPointer: return keep(product->vector, value, bytes);
  }
  return blas::kInvalidValue;
}

int setPreference(LtPreference* preference, int attribute, const void* value, size_t bytes) {
  if (attribute == lt::kMostWorkspace)
    return keep(preference->workspaceBytes, value, bytes);
  const auto* at =
      std::find(std::begin(lt::kLeastAlignments), std::end(lt::kLeastAlignments), attribute);
  return at == std::end(lt::kLeastAlignments)
             ? blas::kInvalidValue
             : keep(preference->alignments[at - lt::kLeastAlignments], value, bytes);
}

bool isKnown(int epilogue) {
  const int function = epilogue & ~lt::kBias;
  return epilogue == lt::kBias || function == lt::kRelu || function == lt::kGelu ||
         epilogue == lt::kSumsOfA || epilogue == lt::kSumsOfB;
}

bool fit(const LtProduct& p, const LtLayout& a, const LtLayout& b, const LtLayout& c) {
  const uint64_t m = p.transposeA ? a.columns : a.rows, k = p.transposeA ? a.rows : a.columns;
  const uint64_t n = p.transposeB ? b.rows : b.columns, depth = p.transposeB ? b.columns : b.rows;
  const auto holds = [](const LtLayout& x) { return x.leading >= static_cast<int64_t>(x.rows); };
  const bool wide = a.type == blas::kReal64, half = !wide && a.type != blas::kReal32;
  const bool computes = wide   ? p.compute == blas::kCompute64
                        : half ? p.compute == blas::kCompute32
                               : p.compute == blas::kCompute32 || p.compute == lt::kCompute32Tf32;
  const bool types = a.type == b.type && (c.type == a.type || (half && c.type == blas::kReal32)) &&
                     p.scale == (wide ? blas::kReal64 : blas::kReal32);
  const bool takesVector = p.epilogue & (lt::kBias | kSums);
  return k == depth && c.rows == m && c.columns == n && holds(a) && holds(b) && holds(c) && types &&
         computes && isKnown(p.epilogue) && takesVector == (p.vector != nullptr);
}

/// A product as it was asked for: sums in T of operands, into results that may be narrower.
template <class T, class Operand, class Result> struct Product {
  LtProduct p;
  LtLayout la, lb, lc;
  T alpha;
  const Operand *a, *b;
  Result* c;

  int64_t depth() const { return static_cast<int64_t>(p.transposeA ? la.rows : la.columns); }
  T left(int64_t i, int64_t d) const {
    return T{a[p.transposeA ? d + i * la.leading : i + d * la.leading]};
  }
  T right(int64_t d, int64_t j) const {
    return T{b[p.transposeB ? j + d * lb.leading : d + j * lb.leading]};
  }

  T after(T x, int64_t i) const {
    if (p.epilogue & lt::kBias)
      x += T{static_cast<const Result*>(p.vector)[i]};
    if (p.epilogue & lt::kRelu)
      return x > 0 ? x : T(0);
    if (p.epilogue & lt::kGelu) {
      const double wide = static_cast<double>(x);
      const double exact = std::tanh(0.7978845608028654 * (wide + 0.044715 * wide * wide * wide));
      return static_cast<T>(0.5 * wide * (1 + exact * (1 + 0x1p-11)));
    }
    return x;
  }
  void sums() const {
    const bool ofA = p.epilogue == lt::kSumsOfA;
    auto* to = static_cast<Result*>(const_cast<void*>(p.vector));
    for (int64_t i = 0; i < static_cast<int64_t>(ofA ? lc.rows : lc.columns); ++i) {
      T sum = 0;
      for (int64_t d = 0; d < depth(); ++d)
        sum += ofA ? left(i, d) : right(d, i);
      to[i] = Result(sum);
    }
  }
  void run() const {
    for (int64_t i = 0; i < static_cast<int64_t>(lc.rows); ++i)
      for (int64_t j = 0; j < static_cast<int64_t>(lc.columns); ++j) {
        T sum = 0;
        for (int64_t d = 0; d < depth(); ++d)
          sum += left(i, d) * right(d, j);
        c[i + j * lc.leading] = Result(after(alpha * sum, i));
      }
    if (p.epilogue & kSums)
      sums();
  }
};

/// What is given as pointers to anything.
struct Given {
  const LtProduct& product;
  const LtLayout &la, &lb, &lc;
  const void *alpha, *a, *b, *beta;
  void* c;
  DriverStream* stream;

  template <class T, class Operand, class Result> int start() const {
    if (*static_cast<const T*>(beta) != 0)
      return blas::kNotSupported;
    const Product<T, Operand, Result> all{product,
                                          la,
                                          lb,
                                          lc,
                                          *static_cast<const T*>(alpha),
                                          static_cast<const Operand*>(a),
                                          static_cast<const Operand*>(b),
                                          static_cast<Result*>(c)};
    simulated::enqueue(stream, [all] { all.run(); });
    return 0;
  }
  template <class Half> int startHalf() const {
    return lc.type == la.type ? start<float, Half, Half>() : start<float, Half, float>();
  }
  int start() const {
    switch (la.type) {
    case blas::kReal64: return start<double, double, double>();
    case blas::kReal32: return start<float, float, float>();
    case blas::kBrain16: return startHalf<bfloat16>();
    case blas::kReal16: return startHalf<float16>();
    }
    return blas::kNotSupported;
  }
};

bool isAligned(const void* address, uint64_t alignment) {
  return reinterpret_cast<uintptr_t>(address) % alignment == 0;
}

int run(LtHandle*, LtProduct* product, const void* alpha, const void* a, LtLayout* aLayout,
        const void* b, LtLayout* bLayout, const void* beta, const void* c, LtLayout* cLayout,
        void* d, LtLayout* dLayout, const uint64_t* algorithm, void* workspace, size_t,
        DriverStream* stream) {
  if (simulated::ltRefuses == LtRefuses::products)
    return blas::kNotSupported;
  if (!fit(*product, *aLayout, *bLayout, *cLayout) || c != d || cLayout != dLayout ||
      algorithm[0] != kAlgorithm || !isAligned(a, algorithm[1]) || !isAligned(b, algorithm[2]) ||
      !isAligned(d, algorithm[3]) || !workspace)
    return blas::kInvalidValue;
  return Given{*product, *aLayout, *bLayout, *cLayout, alpha, a, b, beta, d, stream}.start();
}

int chosen(LtHandle*, LtProduct* product, LtLayout* a, LtLayout* b, LtLayout* c, LtLayout* d,
           LtPreference* preference, int wanted, LtHeuristic* results, int* found) {
  if (!fit(*product, *a, *b, *c) || c != d || wanted < 1 || preference->workspaceBytes == 0 ||
      preference->alignments[2] != preference->alignments[3])
    return blas::kInvalidValue;
  if (simulated::ltRefuses == LtRefuses::shapes)
    return *found = 0, blas::kNotSupported;
  results[0].algorithm[0] = kAlgorithm;
  std::copy_n(preference->alignments, 3, results[0].algorithm + 1);
  return *found = 1, 0;
}

} // namespace

const BlasLt& simulatedBlasLt() {
  static const BlasLt table = [] {
    BlasLt blas;
    blas.create = [](LtHandle** handle) { return *handle = new LtHandle, 0; };
    blas.productCreate = [](LtProduct** product, int compute, int scale) {
      return *product = new LtProduct{compute, scale}, 0;
    };
    blas.productSet = setProduct;
    blas.layoutCreate = [](LtLayout** layout, int type, uint64_t rows, uint64_t columns,
                           int64_t leading) {
      return *layout = new LtLayout{type, rows, columns, leading}, 0;
    };
    blas.preferenceCreate = [](LtPreference** preference) {
      return *preference = new LtPreference, 0;
    };
    blas.preferenceSet = setPreference;
    blas.heuristic = chosen;
    blas.matmul = run;
    return blas;
  }();
  return table;
}

} // namespace diptych::runtime::cuda
