// The canonical order of sums in numbers, and a fold's own arithmetic: its identity and one
// combination. Shared by the emitters of CPU and GPU.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

constexpr int64_t kFoldBlock = 4096;
constexpr int64_t kFoldGroup = 64 * kFoldBlock; // keeps long sums of f32 from drifting
constexpr int kFoldPartials = 16;

/// e with e op x = x, bit for bit, for every x that partials starting from it can give.
mlir::Value foldIdentity(KernelBuilder& kernel, OpCode combiner, DType dtype, int lanes = 1);
/// Never contracted: order and rounding are the operator's definition.
mlir::Value foldCombine(KernelBuilder& kernel, OpCode combiner, DType dtype, mlir::Value x,
                        mlir::Value y);

} // namespace diptych::codegen
