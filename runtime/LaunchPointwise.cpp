// Pointwise operators, copies and fills.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/KernelRegistry.h"
#include "runtime/LaunchNest.h"
#include "runtime/ThreadPool.h"
#include "runtime/cuda/DeviceLaunch.h"

namespace diptych::runtime {

namespace {

bool isSplat(const Strided& operand) {
  for (int i = 0; i < operand.strides->size(); ++i)
    if ((*operand.strides)[i] != 0 && operand.type->shape[i] != 1)
      return false;
  return true;
}

/// Inputs and output in one list.
struct Operands {
  int count;
  const Strided* items[kMaxOperands];

  Operands(std::span<const Strided> inputs, const Strided& output)
      : count(static_cast<int>(inputs.size()) + 1) {
    if (count > kMaxOperands)
      throw Error("internal: a pointwise operator of more than three operands");
    for (int i = 0; i + 1 < count; ++i)
      items[i] = &inputs[i];
    items[count - 1] = &output;
  }
};

// Strides of the inner axis decide: all 1; all 1 but some inputs', which are 0; anything else.
uint8_t variantFor(const int64_t* inner, int operands) {
  unsigned repeated = 0;
  for (int i = 0; i < operands; ++i) {
    if (inner[i] == 1)
      continue;
    if (inner[i] != 0 || i == operands - 1)
      return kStrided;
    repeated |= 1u << i;
  }
  const unsigned inputs = (1u << (operands - 1)) - 1;
  return repeated && repeated == inputs ? kStrided : static_cast<uint8_t>(repeated);
}

AnyKernel kernelFor(OpCode code, const Operands& operands, uint8_t variant) {
  const Strided& output = *operands.items[operands.count - 1];
  const DType out = operands.items[operands.count - 1]->type->dtype;
  const DType in = operands.count > 1 ? operands.items[operands.count - 2]->type->dtype : out;
  return kernelOf(output.onDevice, code, in, out, variant);
}

// Every operand is one run of elements, or one element repeated.
bool runFlat(OpCode code, const Operands& operands) {
  int64_t inner[kMaxOperands];
  for (int i = 0; i < operands.count; ++i) {
    if (operands.items[i]->contiguous)
      inner[i] = 1;
    else if (i < operands.count - 1 && isSplat(*operands.items[i]))
      inner[i] = 0;
    else
      return false;
  }
  const int64_t n = operands.items[operands.count - 1]->type->numel();
  if (n == 0)
    return true;
  const AnyKernel kernel = kernelFor(code, operands, variantFor(inner, operands.count));
  if (!kernel)
    return false;
  auto piece = [&](int64_t lo, int64_t hi) {
    void* args[kMaxOperands];
    int64_t params[1 + 2 * kMaxOperands];
    params[0] = hi - lo;
    for (int i = 0; i < operands.count; ++i) {
      const Strided& operand = *operands.items[i];
      args[i] = operand.data + lo * inner[i] * sizeOf(operand.type->dtype);
      params[1 + 2 * i] = 0;
      params[2 + 2 * i] = inner[i];
    }
    if (kernel.host)
      kernel.host(args, params, 0, 1);
    else
      cuda::launchEager(*kernel.device, {args, static_cast<size_t>(operands.count)}, params, 1);
  };
  if (kernel.device || n < 2 * kParallelGrain) {
    piece(0, n);
    return true;
  }
  // Pieces of whole 1024-element blocks keep the vectors aligned.
  constexpr int64_t kBlock = 1024;
  ThreadPool::global().parallelFor(
      (n + kBlock - 1) / kBlock, kParallelGrain / kBlock,
      [&](int64_t lo, int64_t hi) { piece(lo * kBlock, std::min(n, hi * kBlock)); });
  return true;
}

// An input that runs down its columns is read in tiles, so that a cache line is used whole.
constexpr int64_t kTile = 8;

bool readsColumns(const Axes& axes) {
  const int inner = axes.rank - 1, outer = axes.rank - 2;
  if (outer < 0 || axes.rank == kMaxRank || axes.extent[inner] < 2 * kTile ||
      axes.extent[outer] < 2 * kTile)
    return false;
  for (int i = 0; i + 1 < axes.operands; ++i)
    if (std::abs(axes.stride[i][inner]) > std::abs(axes.stride[i][outer]) &&
        axes.stride[i][outer] != 0)
      return true;
  return false;
}

// Whether a copy is read along an axis around the one that it is written along, so that square
// blocks of it can be turned in registers: that axis then is the range.
bool findTurned(OpCode code, NestCall& call) {
  constexpr int64_t kRegister = 64;
  Axes& axes = call.rows;
  const int inner = axes.rank - 1;
  const int64_t least = kRegister / call.itemSize[0];
  if (code != OpCode::StopGradient || call.itemSize[0] < 4 || inner < 1 ||
      axes.extent[inner] < least || axes.stride[1][inner] != 1 || axes.stride[0][inner] == 0 ||
      axes.stride[0][inner] == 1)
    return false;
  for (int a = 0; a < inner; ++a)
    if (axes.stride[0][a] == 1 && axes.extent[a] >= least) {
      for (; a + 1 < inner; ++a)
        axes.swap(a, a + 1);
      call.rowBlock = least;
      return true;
    }
  return false;
}

bool runAxes(OpCode code, const Operands& operands, NestCall call, bool turned = false) {
  const int last = call.rows.rank - 1;
  for (int i = 0; i < operands.count; ++i)
    call.innerStride[i] = last >= 0 ? call.rows.stride[i][last] : 1;
  call.innerExtent = last >= 0 ? call.rows.extent[last] : 1;
  if (last >= 0)
    call.rows.erase(last);
  call.params[0] = call.innerExtent;
  for (int i = 0; i < operands.count; ++i) {
    call.params[1 + 2 * i] = call.rangeStride(i);
    call.params[2 + 2 * i] = call.innerStride[i];
  }
  const uint8_t variant = turned ? kTurned : variantFor(call.innerStride, operands.count);
  call.kernel = kernelFor(code, operands, variant);
  return call.run();
}

// The inner axis is cut into whole tiles, which become a row axis around the range, and the rest.
void runTiled(OpCode code, const Operands& operands, const NestCall& call) {
  const int inner = call.rows.rank - 1;
  const int64_t extent = call.rows.extent[inner], tiles = extent / kTile;
  NestCall whole = call;
  int64_t strides[kMaxOperands], tileStrides[kMaxOperands];
  for (int i = 0; i < operands.count; ++i) {
    strides[i] = call.rows.stride[i][inner];
    tileStrides[i] = kTile * strides[i];
  }
  whole.rows.erase(inner);
  whole.rows.push(tiles, tileStrides);
  whole.rows.swap(inner - 1, inner);
  whole.rows.push(kTile, strides);
  runAxes(code, operands, whole);
  if (extent % kTile == 0)
    return;
  NestCall rest = call;
  rest.rows.extent[inner] = extent % kTile;
  for (int i = 0; i < operands.count; ++i)
    rest.data[i] += tiles * tileStrides[i] * rest.itemSize[i];
  runAxes(code, operands, rest);
}

bool runNest(OpCode code, const Operands& operands) {
  NestCall call;
  const Dims* strides[kMaxOperands];
  for (int i = 0; i < operands.count; ++i) {
    call.setOperand(i, *operands.items[i]);
    strides[i] = operands.items[i]->strides;
  }
  const std::span<const Dims* const> all(strides, static_cast<size_t>(operands.count));
  call.rows = Axes(operands.items[operands.count - 1]->type->shape, all);
  if (call.rows.count() == 0)
    return true;
  call.rows.coalesce();
  if (operands.items[operands.count - 1]->onDevice)
    return runAxes(code, operands, call);
  if (findTurned(code, call))
    return runAxes(code, operands, call, true);
  if (!readsColumns(call.rows))
    return runAxes(code, operands, call);
  runTiled(code, operands, call);
  return true;
}

template <class T> void fillFlat(std::byte* data, int64_t n, const std::byte* value) {
  T element;
  std::memcpy(&element, value, sizeof(T));
  std::fill_n(reinterpret_cast<T*>(data), n, element);
}

void fillBytes(std::byte* data, int64_t n, const std::byte* value, int64_t size) {
  if (size == 8)
    fillFlat<int64_t>(data, n, value);
  else if (size == 4)
    fillFlat<int32_t>(data, n, value);
  else if (size == 2)
    fillFlat<int16_t>(data, n, value);
  else
    fillFlat<int8_t>(data, n, value);
}

} // namespace

void launchPointwise(OpCode code, std::span<const Strided> inputs, const Strided& output) {
  const Operands operands(inputs, output);
  if (!runFlat(code, operands) && !runNest(code, operands))
    cuda::runOnHost(code == OpCode::StopGradient ? "copy" : info(code).name, inputs, output,
                    [&](auto in, const Strided& out) { launchPointwise(code, in, out); });
}

void launchCopy(const Strided& input, const Strided& output) {
  const int64_t size = sizeOf(output.type->dtype), n = output.type->numel();
  if (n == 0)
    return;
  if (input.onDevice || output.onDevice)
    return cuda::copyArray(input, output);
  if (!output.contiguous || !(input.contiguous || isSplat(input)))
    return launchPointwise(OpCode::StopGradient, {&input, 1}, output);
  ThreadPool::global().parallelFor(n, 8 * kParallelGrain, [&](int64_t lo, int64_t hi) {
    if (input.contiguous)
      std::memcpy(output.data + lo * size, input.data + lo * size,
                  static_cast<size_t>((hi - lo) * size));
    else
      fillBytes(output.data + lo * size, hi - lo, input.data, size);
  });
}

void storeScalar(DType dtype, Scalar value, std::byte* where) {
  auto store = [&](auto element) { std::memcpy(where, &element, sizeof(element)); };
  switch (dtype) {
  case DType::f32: return store(static_cast<float>(value.asDouble()));
  case DType::f64: return store(value.asDouble());
  case DType::i32: return store(static_cast<int32_t>(value.asInteger()));
  case DType::i64: return store(value.asInteger());
  case DType::boolean: return store(static_cast<uint8_t>(value.asInteger() != 0));
  case DType::bf16: return store(bfloat16(value.asDouble()));
  case DType::f16: return store(float16(value.asDouble()));
  }
}

void launchFill(Scalar value, const Strided& output) {
  alignas(8) std::byte element[8];
  storeScalar(output.type->dtype, value, element);
  const Dims zeros(output.type->rank(), 0);
  launchCopy({element, output.type, &zeros, output.type->numel() == 1}, output);
}

void launchIota(const Strided& output) {
  const int64_t n = output.type->numel();
  const DType dtype = output.type->dtype;
  if (n == 0)
    return;
  void* args[] = {output.data};
  const int64_t params[] = {n, 0, 1};
  KernelRegistry::current().get(OpCode::Iota, dtype, dtype, kContiguous)(args, params, 0, 1);
}

} // namespace diptych::runtime
