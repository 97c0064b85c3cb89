// What products, convolutions and sums of their blocks are as contractions.
#include "codegen/cuda/GpuContraction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace diptych::codegen::cuda {

using namespace mlir;

// Loops of one step say nothing.
static bool isTrivial(const Size& extent) { return extent.is(1); }

void emitMatmul(Emission& emission, const MatmulSpec& spec) {
  Contraction c(spec.dtype);
  c.leftType = spec.left.dtype, c.rightType = spec.right.dtype, c.resultType = spec.result.dtype;
  c.left = spec.left.arg, c.right = spec.right.arg, c.result = spec.result.arg;
  c.leftOffset = spec.left.offset.value, c.rightOffset = spec.right.offset.value;
  c.resultOffset = spec.result.offset.value;
  c.bias = spec.bias;
  c.relu = spec.relu;
  if (spec.rangeOverBlocks) {
    c.overBlocks = true;
    c.blockStride = spec.result.strides[0];
  } else if (!isTrivial(spec.batch)) {
    c.addBatch(spec.batch, spec.left.strides[0], spec.right.strides[0], spec.result.strides[0]);
  }
  c.s.add(spec.s, spec.left.strides[1], spec.result.strides[1]);
  c.v.add(spec.v, spec.right.strides[2], spec.result.strides[2]);
  c.depth.push_back({spec.k, kMatmulBlock, spec.left.strides[3], spec.right.strides[3]});
  emitContraction(emission, std::move(c));
}

// Loops that only one operand follows belong to its side: images, rows and columns are one long
// side of an implicit product.
void emitConvolution(Emission& emission, const ConvolutionSpec& spec) {
  Contraction c(spec.dtype);
  c.leftType = spec.leftType.value_or(spec.dtype);
  c.rightType = spec.rightType.value_or(spec.dtype);
  c.resultType = spec.resultType.value_or(spec.dtype);
  c.leftOffset = spec.leftOffset, c.rightOffset = spec.rightOffset;
  c.resultOffset = spec.resultOffset;
  c.overBlocks = spec.rangeOverBlocks;
  c.blockStride = spec.blockStride;
  const bool panels = spec.s.isDynamic(); // eager: any of the loops may be one over panels
  if (panels)
    c.panelHeight = spec.panelRows, c.panelWidth = spec.panelWidth;
  for (const ConvolutionSpec::Loop& loop : spec.outer) {
    if (panels) {
      c.addBatch(loop.extent, loop.left, loop.right, loop.result);
      c.batchS.push_back(loop.sStep);
      c.batchV.push_back(loop.vStep);
      continue;
    }
    if (isTrivial(loop.extent))
      continue;
    if (loop.isPanels())
      throw Error("internal: a convolution in panels came to the GPU");
    if (loop.right.is(0))
      c.s.add(loop.extent, loop.left, loop.result);
    else if (loop.left.is(0))
      c.v.add(loop.extent, loop.right, loop.result);
    else
      c.addBatch(loop.extent, loop.left, loop.right, loop.result);
  }
  c.s.add(spec.s, spec.sLeft, spec.sResult);
  c.v.add(spec.v, 1, spec.vResult);
  for (const ConvolutionSpec::Depth& loop : spec.depth)
    c.depth.push_back(loop);
  emitContraction(emission, std::move(c));
}

// y[i] = x[0, i] + x[1, i] + ..., in order.
void emitBlockSum(Emission& emission, const BlockSumSpec& spec) {
  constexpr int threads = 128;
  emission.launch(countOf({spec.n}, threads), threads, [&](GpuKernel& k) {
    Value i = k.globalThread();
    k.when(k.less(i, k.size(spec.n)), [&] {
      auto part = [&](Value block) {
        Value offset = k.add(k.mul(block, k.size(spec.n)), i);
        return k.loadScalar(k.address(k.pointer(0), spec.dtype, offset), spec.dtype);
      };
      auto total = k.loop(k.i64(1), k.size(spec.blocks), 1, part(k.i64(0)),
                          [&](Value b, ValueRange so) -> SmallVector<Value> {
                            return {arith::AddFOp::create(k.builder(), k.loc(), so[0], part(b))};
                          });
      k.storeScalar(total[0], k.address(k.pointer(1), spec.dtype, i), spec.dtype);
    });
  });
}

} // namespace diptych::codegen::cuda
