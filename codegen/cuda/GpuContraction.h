// Products and convolutions as one thing: C[b, s, v] = sum over k of S[b, s, k] V[b, v, k] with
// several loops b, s, v and k.
#pragma once

#include "codegen/cuda/GpuEmitters.h"

namespace diptych::codegen::cuda {

struct Side {
  std::vector<Size> extents, from, result; // strides in the operand and in C
  Size fromUnit() const { return from.empty() ? Size(0) : from.back(); }
  void add(const Size& extent, const Size& step, const Size& resultStep) {
    extents.push_back(extent);
    from.push_back(step);
    result.push_back(resultStep);
  }
};

struct Contraction {
  DType dtype;                           // of sums
  DType leftType, rightType, resultType; // in memory; 16 bits are widened and rounded there
  std::vector<Size> batch, batchLeft, batchRight, batchResult;
  std::vector<Size> batchS, batchV; // how far s and v go at a step: of loops over panels
  Side s, v;
  int64_t panelHeight = 0, panelWidth = 0;   // not 0: the most of s and v, the rest in other panels
  std::vector<ConvolutionSpec::Depth> depth; // at least one
  int left = 0, right = 1, result = 2;       // args
  int64_t leftOffset = 0, rightOffset = 0, resultOffset = 0;
  std::optional<Access> bias; // added to C; its last stride but one is along v
  bool relu = false;          // of that
  bool overBlocks = false;
  Size blockStride;

  explicit Contraction(DType dtype)
      : dtype(dtype), leftType(dtype), rightType(dtype), resultType(dtype) {}

  void addBatch(const Size& extent, const Size& l, const Size& r, const Size& c) {
    batch.push_back(extent);
    batchLeft.push_back(l);
    batchRight.push_back(r);
    batchResult.push_back(c);
  }
};

void emitContraction(Emission& emission, Contraction contraction);

} // namespace diptych::codegen::cuda
