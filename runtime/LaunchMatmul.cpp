// Matrix products: which operand is walked along the vectors, what must be copied first, and how
// batches are looped. fma(a, b, c) = fma(b, a, c): exchanging the operands keeps every bit.
#include <algorithm>
#include <string_view>

#include "runtime/Buffer.h"
#include "runtime/KernelRegistry.h"
#include "runtime/LaunchNest.h"
#include "runtime/MatmulPlan.h"
#include "runtime/ThreadPool.h"
#include "runtime/cuda/DeviceLaunch.h"

namespace diptych::runtime {

namespace {

/// One operand of C[s,v] = sum over k of S[s,k] V[k,v], with its batch strides apart.
struct Side {
  const Strided* array;
  int64_t free, contracted; // strides along s or v, and along k
  Dims batch;
};

/// A product as the kernel sees it.
struct Roles {
  Side scalar, vector; // S, V
  int64_t sExtent, vExtent;
  int64_t cs, cv; // strides of C
  Dims cBatch;

  // The variant that fits, kStrided where no vector does.
  uint8_t variant() const {
    if (cv != 1 && vExtent != 1)
      return cs == 1 && vector.contracted == 1 ? kNarrow : kStrided;
    if (vector.free == 1)
      return kRows;
    return vector.contracted == 1 ? kColumns : kStrided;
  }
};

Dims batchOf(const Dims& strides) {
  return Dims(strides.span().first(static_cast<size_t>(strides.size() - 2)));
}

Roles assign(const Strided& x, const Strided& y, const Strided& out, bool exchanged) {
  const Dims &xs = *x.strides, &ys = *y.strides, &cs = *out.strides;
  const int m = out.type->rank() - 2, n = m + 1;
  const Side left{&x, xs[m], xs[n], batchOf(xs)}, right{&y, ys[n], ys[m], batchOf(ys)};
  const Shape& shape = out.type->shape;
  if (exchanged)
    return {right, left, shape[n], shape[m], cs[n], cs[m], batchOf(cs)};
  return {left, right, shape[m], shape[n], cs[m], cs[n], batchOf(cs)};
}

int64_t vectorBytes() {
  static const int64_t bytes =
      KernelRegistry::builtInLevel() == std::string_view("x86-64-v4") ? 64 : 32;
  return bytes;
}

// Exchanged for matrix times vector, or times few: there the rows of the matrix are what a vector
// can run along.
bool shouldExchange(const Strided& x, const Strided& y, int64_t k, const Strided& out) {
  const Shape& shape = out.type->shape;
  const int64_t m = shape[shape.size() - 2], n = shape[shape.size() - 1];
  const bool narrow = !out.onDevice && isNarrow(m, n, k, vectorBytes() / sizeOf(out.type->dtype));
  if (n == 1 ? m == 1 : !narrow)
    return false;
  const uint8_t variant = assign(x, y, out, true).variant();
  return narrow ? variant == kNarrow : variant != kStrided;
}

/// A contiguous copy of an operand that no variant takes as it lies.
struct Copy {
  Buffer buffer;
  Dims strides;
  Strided array;

  explicit Copy(const Strided& source)
      : buffer(allocateBeside(source, source.type->bytes())),
        strides(contiguousStrides(source.type->shape)),
        array{buffer.data(), source.type, &strides, true, source.onDevice} {
    launchCopy(source, array);
  }
};

// Rows of the nest: batches, then s. Where V repeats over the batch and S and C run on, one s.
Axes rowAxes(const Roles& roles, const Shape& shape) {
  Axes rows;
  rows.operands = 3;
  for (int a = 0; a < roles.cBatch.size(); ++a) {
    const int64_t strides[] = {roles.scalar.batch[a], roles.vector.batch[a], roles.cBatch[a]};
    if (shape[a] != 1)
      rows.push(shape[a], strides);
  }
  const int64_t strides[] = {roles.scalar.free, 0, roles.cs};
  rows.push(roles.sExtent, strides);
  rows.coalesce();
  // The kernel's range moves S and C only: an axis that moves V is looped around it.
  const int64_t none[] = {0, 0, 0};
  if (rows.rank && rows.stride[1][rows.rank - 1] != 0)
    rows.push(1, none);
  return rows;
}

// Batches of matrix times one shared vector: the batch joins the axis the vectors run along.
void mergeIntoVector(Roles& roles, Shape& shape) {
  while (!roles.cBatch.empty()) {
    const int a = roles.cBatch.size() - 1;
    const bool joins = roles.scalar.batch[a] == 0 &&
                       roles.vector.batch[a] == roles.vector.free * roles.vExtent &&
                       roles.cBatch[a] == roles.cv * roles.vExtent;
    if (!joins && shape[a] != 1)
      return;
    roles.vExtent *= shape[a];
    roles.scalar.batch.pop_back();
    roles.vector.batch.pop_back();
    roles.cBatch.pop_back();
    shape.erase(a);
  }
}

// All matrices in one launch, where they are one axis.
bool runBatches(const Roles& roles, const Shape& shape, int64_t k, const Strided& output) {
  NestCall call;
  call.setOperand(0, *roles.scalar.array);
  call.setOperand(1, *roles.vector.array);
  call.setOperand(2, output);
  call.rows.operands = 3;
  for (int a = 0; a < roles.cBatch.size(); ++a) {
    const int64_t strides[] = {roles.scalar.batch[a], roles.vector.batch[a], roles.cBatch[a]};
    call.rows.push(shape[a], strides);
  }
  call.rows.coalesce();
  const int64_t params[] = {k,
                            roles.vExtent,
                            roles.sExtent,
                            call.rangeStride(0),
                            roles.scalar.free,
                            roles.scalar.contracted,
                            call.rangeStride(1),
                            roles.vector.contracted,
                            roles.vector.free,
                            call.rangeStride(2),
                            roles.cs,
                            roles.cv};
  std::copy(std::begin(params), std::end(params), call.params);
  const DType dtype = output.type->dtype;
  call.kernel = kernelOf(/*onDevice=*/true, OpCode::Matmul, dtype, dtype, kBatches);
  return call.run();
}

uint8_t turnedVariant(Turned turned) {
  switch (turned) {
  case Turned::bySeveral:
  case Turned::byMany: return kColumns;
  case Turned::byOne: return kOneTurned;
  case Turned::singly: return kSinglyTurned;
  case Turned::ahead: return kTurnedAhead;
  }
}

// What the same operands take on a CPU by their shape; `inSet`: rows of S share a set.
uint8_t onHost(uint8_t variant, const MatmulShape& product, bool inSet) {
  if (variant == kStrided)
    return kStrided;
  if (packsRight(product)) {
    if (variant == kRows)
      return inSet ? kPackedRowsInSet : kPackedRows;
    return inSet ? kPackedColumnsInSet : kPackedColumns;
  }
  if (product.s == 1 && variant == kRows) {
    const int64_t most = mostVectorsOfRow(vectorBytes()) * vectorBytes();
    const bool held = product.v * product.elementBytes <= most;
    return !held && sweepsRight(product) ? kSweptRows : kHeldRow;
  }
  return product.s == 1 && variant == kColumns ? turnedVariant(turnsForOne(product)) : variant;
}

bool isInSet(uint8_t variant) {
  return variant == kPackedRowsInSet || variant == kPackedColumnsInSet;
}
bool isPacked(uint8_t variant) {
  return variant == kPackedRows || variant == kPackedColumns || isInSet(variant);
}
int64_t rowsOfTile(uint8_t variant, DType dtype) {
  if (isInSet(variant))
    return kRowsInSet;
  return variant == kNarrow || (variant == kColumns && dtype == DType::f32) ? kEagerRowsTurning
                                                                            : kEagerRows;
}

// Parts of n elements that lie one behind the other, added in order.
template <class T> void addParts(const std::byte* parts, int64_t count, int64_t n, std::byte* sum) {
  const T* from = reinterpret_cast<const T*>(parts);
  T* to = reinterpret_cast<T*>(sum);
  ThreadPool::global().parallelFor(n, std::max<int64_t>(64, kParallelGrain / count / 64 * 64),
                                   [&](int64_t lo, int64_t hi) {
                                     std::copy(from + lo, from + hi, to + lo);
                                     for (int64_t part = 1; part < count; ++part)
                                       for (int64_t i = lo; i < hi; ++i)
                                         to[i] += from[part * n + i];
                                   });
}

/// Each block of k on some thread, into a C of its own; these are added in order, as one kernel
/// adds them. False where that is not worth it.
bool sumBlocks(const NestCall& call, const MatmulShape& product, DType dtype) {
  ThreadPool& pool = ThreadPool::global();
  const int64_t n = product.s * product.v, size = sizeOf(dtype), work = n * kMatmulBlock;
  if (!call.kernel.host || pool.threads() == 1 || ThreadPool::inRegion() ||
      n * product.k < 2 * kParallelGrain)
    return false;
  const int64_t blocks = (product.k + kMatmulBlock - 1) / kMatmulBlock;
  const Buffer parts = Buffer::allocate(blocks * n * size);
  pool.parallelFor(blocks, std::max<int64_t>(1, kParallelGrain / work),
                   [&](int64_t lo, int64_t hi) {
                     for (int64_t block = lo; block < hi; ++block) {
                       const int64_t begin = block * kMatmulBlock;
                       NestCall part = call;
                       part.data[0] += begin * call.params[3] * size;
                       part.data[1] += begin * call.params[4] * size;
                       part.data[2] = parts.data() + block * n * size;
                       part.params[0] = std::min(kMatmulBlock, product.k - begin);
                       part.run();
                     }
                   });
  (dtype == DType::f32 ? addParts<float> : addParts<double>)(parts.data(), blocks, n, call.data[2]);
  return true;
}

bool runMatmul(Roles roles, int64_t k, const Strided& output) {
  Shape shape = output.type->shape;
  mergeIntoVector(roles, shape);
  NestCall call;
  call.setOperand(0, *roles.scalar.array);
  call.setOperand(1, *roles.vector.array);
  call.setOperand(2, output);
  call.rows = rowAxes(roles, shape);
  if (output.onDevice && call.rows.rank > 1)
    return runBatches(roles, shape, k, output);
  call.innerExtent = roles.vExtent;
  call.innerStride[1] = roles.vector.free;
  call.innerStride[2] = roles.cv;
  const int64_t params[] = {k,
                            roles.vExtent,
                            call.rangeStride(0),
                            roles.scalar.contracted,
                            roles.vector.contracted,
                            roles.vector.free,
                            call.rangeStride(2),
                            roles.cv};
  std::copy(std::begin(params), std::end(params), call.params);
  call.innerParam = 1;
  call.innerBlock = 64;
  call.workPerElement = k;
  uint8_t variant = roles.variant();
  const MatmulShape product{call.rows.rank ? call.rows.extent[call.rows.rank - 1] : 1,
                            roles.vExtent,
                            k,
                            roles.vector.contracted,
                            roles.vector.free,
                            sizeOf(output.type->dtype),
                            kEagerRows};
  if (!output.onDevice)
    variant = onHost(variant, product, sharesSets(roles.scalar.free * product.elementBytes));
  const DType dtype = output.type->dtype;
  call.cutsInner = isPacked(variant);
  call.rowBlock = call.rows.rank != 1 ? 1 : rowsOfTile(variant, dtype);
  call.kernel = kernelOf(output.onDevice, OpCode::Matmul, dtype, dtype, variant);
  const bool isDense = !output.onDevice && isContiguous(output.type->shape, *output.strides);
  if (isDense && call.rows.rank <= 1 && isLongSum(product) && sumBlocks(call, product, dtype))
    return true;
  return call.run();
}

bool multiply(const Strided& x, const Strided& y, int64_t k, const Strided& output) {
  const bool exchanged = shouldExchange(x, y, k, output);
  const Roles roles = assign(x, y, output, exchanged);
  if (roles.variant() != kStrided)
    return runMatmul(roles, k, output);
  const Copy copy(exchanged ? x : y);
  const Roles fitting =
      exchanged ? assign(copy.array, y, output, true) : assign(x, copy.array, output, false);
  return runMatmul(fitting, k, output);
}

} // namespace

void launchMatmul(const Strided& x, const Strided& y, const Strided& output) {
  const int64_t k = x.type->shape.back();
  if (output.type->numel() == 0)
    return;
  if (k == 0)
    return launchFill(Scalar(0), output);
  if (multiply(x, y, k, output))
    return;
  const Strided inputs[] = {x, y};
  cuda::runOnHost("matmul", inputs, output,
                  [](auto in, const Strided& out) { launchMatmul(in[0], in[1], out); });
}

} // namespace diptych::runtime
