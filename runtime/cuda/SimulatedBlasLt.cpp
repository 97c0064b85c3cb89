// cuBLASLt on the simulated device: sums in order, then the bias. As strict as the library about
// what has to be said before, and in which order.
#include "runtime/cuda/BlasLt.h"
#include "runtime/cuda/SimulatedDriver.h"

#include <cstring>

namespace diptych::runtime::cuda {

struct LtHandle {};
struct LtPreference {
  size_t workspaceBytes = 0;
};
struct LtProduct {
  int compute = 0, scale = 0;
  int32_t transposeA = 0, transposeB = 0, epilogue = 1;
  const void* bias = nullptr;
};
struct LtLayout {
  int type = 0;
  uint64_t rows = 0, columns = 0;
  int64_t leading = 0;
};

namespace {

constexpr int kInvalid = 7, kNotSupported = 15;
constexpr uint64_t kAlgorithm = 0x616c676f; // of our own choice, to know it again

template <class T> int keep(T& place, const void* value, size_t bytes) {
  if (bytes != sizeof place)
    return kInvalid;
  std::memcpy(&place, value, bytes);
  return 0;
}

int setProduct(LtProduct* product, int attribute, const void* value, size_t bytes) {
  switch (attribute) {
  case lt::kTransposeA: return keep(product->transposeA, value, bytes);
  case lt::kTransposeB: return keep(product->transposeB, value, bytes);
  case lt::kEpilogue: return keep(product->epilogue, value, bytes);
  case lt::kBiasPointer: return keep(product->bias, value, bytes);
  }
  return kInvalid;
}

bool fit(const LtProduct& p, const LtLayout& a, const LtLayout& b, const LtLayout& c) {
  const uint64_t m = p.transposeA ? a.columns : a.rows, k = p.transposeA ? a.rows : a.columns;
  const uint64_t n = p.transposeB ? b.rows : b.columns, depth = p.transposeB ? b.columns : b.rows;
  const auto holds = [](const LtLayout& x) { return x.leading >= static_cast<int64_t>(x.rows); };
  const bool wide = c.type == lt::kReal64;
  const bool computes = wide ? p.compute == lt::kCompute64
                             : p.compute == lt::kCompute32 || p.compute == lt::kCompute32Tf32;
  return k == depth && c.rows == m && c.columns == n && holds(a) && holds(b) && holds(c) &&
         a.type == c.type && b.type == c.type && p.scale == c.type && computes &&
         p.epilogue == lt::kBias && p.bias != nullptr;
}

template <class T>
void multiply(DriverStream* stream, LtProduct p, LtLayout la, LtLayout lb, LtLayout lc, T alpha,
              const void* a, const void* b, void* c) {
  simulated::enqueue(stream, [=] {
    const auto* x = static_cast<const T*>(a);
    const auto* y = static_cast<const T*>(b);
    const auto k = static_cast<int64_t>(p.transposeA ? la.rows : la.columns);
    for (int64_t i = 0; i < static_cast<int64_t>(lc.rows); ++i)
      for (int64_t j = 0; j < static_cast<int64_t>(lc.columns); ++j) {
        T sum = 0;
        for (int64_t d = 0; d < k; ++d)
          sum += x[p.transposeA ? d + i * la.leading : i + d * la.leading] *
                 y[p.transposeB ? j + d * lb.leading : d + j * lb.leading];
        static_cast<T*>(c)[i + j * lc.leading] = alpha * sum + static_cast<const T*>(p.bias)[i];
      }
  });
}

int run(LtHandle*, LtProduct* product, const void* alpha, const void* a, LtLayout* aLayout,
        const void* b, LtLayout* bLayout, const void* beta, const void* c, LtLayout* cLayout,
        void* d, LtLayout* dLayout, const uint64_t* algorithm, void* workspace, size_t,
        DriverStream* stream) {
  if (!fit(*product, *aLayout, *bLayout, *cLayout) || c != d || cLayout != dLayout ||
      algorithm[0] != kAlgorithm || !workspace)
    return kInvalid;
  if (cLayout->type == lt::kReal64) {
    if (*static_cast<const double*>(beta) != 0)
      return kNotSupported;
    multiply<double>(stream, *product, *aLayout, *bLayout, *cLayout,
                     *static_cast<const double*>(alpha), a, b, d);
  } else {
    if (*static_cast<const float*>(beta) != 0)
      return kNotSupported;
    multiply<float>(stream, *product, *aLayout, *bLayout, *cLayout,
                    *static_cast<const float*>(alpha), a, b, d);
  }
  return 0;
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
    blas.preferenceSet = [](LtPreference* preference, int attribute, const void* value,
                            size_t bytes) {
      return attribute == lt::kMostWorkspace ? keep(preference->workspaceBytes, value, bytes)
                                             : kInvalid;
    };
    blas.heuristic = [](LtHandle*, LtProduct* product, LtLayout* a, LtLayout* b, LtLayout* c,
                        LtLayout* d, LtPreference* preference, int wanted, LtHeuristic* results,
                        int* found) {
      if (!fit(*product, *a, *b, *c) || c != d || wanted < 1 || preference->workspaceBytes == 0)
        return kInvalid;
      results[0].algorithm[0] = kAlgorithm;
      return *found = 1, 0;
    };
    blas.matmul = run;
    return blas;
  }();
  return table;
}

} // namespace diptych::runtime::cuda
