// Matrix products: compiled in standard numerics (cuBLAS where it is), compiled in strict (our own
// kernels), and cuBLAS called by itself.
#include "benchmarks/gpu/Bench.h"

#include "frontend/TensorImpl.h"
#include "runtime/cuda/Blas.h"
#include "runtime/cuda/DeviceMemory.h"

namespace diptych::bench {

namespace {

using runtime::cuda::Gemm;

// C = A B for row-major matrices, one after the other in the batch.
Gemm gemmOf(DType dtype, int64_t batch, int64_t m, int64_t k, int64_t n) {
  Gemm gemm;
  gemm.dtype = gemm.result = dtype;
  gemm.count = batch;
  gemm.m = m;
  gemm.n = n;
  gemm.k = k;
  gemm.a.leading = k;
  gemm.a.batch = m * k;
  gemm.b.leading = n;
  gemm.b.batch = k * n;
  gemm.c.leading = n;
  gemm.c.batch = m * n;
  return gemm;
}

struct Case {
  std::string name;
  DType dtype;
  int64_t batch, m, k, n;
};

void addLibrary(const Bench& bench, const Case& one, const Tensors& inputs, double flops,
                Json& row) {
  std::string why;
  if (!runtime::cuda::findBlas(why)) {
    row["cublas"] = why;
    return;
  }
  const Tensor a = inputs[0].to("cuda"), b = inputs[1].to("cuda");
  const auto result =
      runtime::cuda::allocateOnDevice(one.batch * one.m * one.n * sizeOf(one.dtype));
  const Gemm gemm = gemmOf(one.dtype, one.batch, one.m, one.k, one.n);
  void* pointers[] = {eagerTensor(a.value()).data(), eagerTensor(b.value()).data(), result.data()};
  const double seconds = bench.time([&] { gemm.enqueue(pointers); }).median;
  row["cublas_seconds"] = seconds;
  row["cublas_tflop_per_second"] = 1e-12 * flops / seconds;
  row["of_cublas"] = seconds / row["seconds"].get<double>();
}

void addOwn(const Bench& bench, const Subject& subject, Json& row) {
  const auto own = jit(subject.program, {.numerics = Numerics::strict});
  const Tensors there{subject.inputs[0].to("cuda"), subject.inputs[1].to("cuda")};
  const double seconds = bench.time([&] { own(there); }).median;
  row["own_seconds"] = seconds;
  row["own_tflop_per_second"] = 1e-12 * subject.flops / seconds;
  if (row.contains("cublas_seconds"))
    row["own_of_cublas"] = row["cublas_seconds"].get<double>() / seconds;
}

Tensors layer(const Tensors& x) { return {matmul(x[0], x[1]) + x[2]}; }
Tensors gradients(const Tensors& x) { return {matmul(transpose(x[0]), x[1]), sum(x[1], 0)}; }

// What cuBLASLt does beside the product: a bias, or the gradient of one.
void withEpilogue(Bench& bench, const char* what, Tensors (*of)(const Tensors&), DType dtype) {
  const int64_t n = bench.options().tiny ? 70 : 1024;
  const std::string name =
      std::string(what) + (dtype == f32 ? " f32 " : " f64 ") + std::to_string(n);
  if (!bench.wants(name))
    return;
  Subject subject;
  subject.name = name;
  subject.inputs = {numbers({n, n}, dtype, 1), numbers({n, n}, dtype, 2), numbers({n}, dtype, 3)};
  subject.program = of;
  subject.flops = 2.0 * static_cast<double>(n * n * n);
  subject.tolerance = dtype == f32 ? 1e-4 : 1e-12;
  measure(bench, subject);
}

} // namespace

void benchMatmul(Bench& bench) {
  std::vector<Case> cases;
  if (bench.options().tiny)
    cases = {{"matmul f32 70", f32, 1, 70, 60, 80}, {"matmul batch f64 20", f64, 3, 20, 20, 20}};
  else
    for (const DType dtype : {f32, f64}) {
      const std::string suffix = dtype == f32 ? " f32 " : " f64 ";
      for (const int64_t n : {512, 1024, 4096})
        cases.push_back({"matmul" + suffix + std::to_string(n), dtype, 1, n, n, n});
      cases.push_back({"matmul batch" + suffix + "128", dtype, 256, 128, 128, 128});
    }
  // Half the bytes and, in cuBLAS, tensor cores.
  for (const DType dtype : {bf16, f16})
    for (const int64_t n :
         bench.options().tiny ? std::vector<int64_t>{70} : std::vector<int64_t>{1024, 4096})
      cases.push_back(
          {std::string("matmul ") + name(dtype) + " " + std::to_string(n), dtype, 1, n, n, n});
  for (const Case& one : cases) {
    if (!bench.wants(one.name))
      continue;
    Subject subject;
    subject.name = one.name;
    const auto shaped = [&](int64_t rows, int64_t columns) {
      return one.batch == 1 ? Shape{rows, columns} : Shape{one.batch, rows, columns};
    };
    subject.inputs = {numbers(shaped(one.m, one.k), one.dtype, 1),
                      numbers(shaped(one.k, one.n), one.dtype, 2)};
    subject.program = [](const Tensors& x) { return Tensors{matmul(x[0], x[1])}; };
    subject.flops = 2.0 * static_cast<double>(one.batch * one.m * one.k * one.n);
    subject.tolerance = isHalf(one.dtype) ? 0x1p-7 : one.dtype == f32 ? 1e-4 : 1e-12;
    measure(bench, subject, [&](Json& row) {
      addLibrary(bench, one, subject.inputs, subject.flops, row);
      addOwn(bench, subject, row);
    });
  }
  for (const DType dtype : {f32, f64}) {
    withEpilogue(bench, "matmul with bias", layer, dtype);
    withEpilogue(bench, "matmul and sums", gradients, dtype);
  }
}

} // namespace diptych::bench
