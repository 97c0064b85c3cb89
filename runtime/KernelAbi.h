// What a kernel looks like to whoever calls it: the signature, and for each family of eager kernels
// the meaning of `args` and `params`. Kernels compiled for a whole graph use the same signature and
// ignore `params`: their extents and strides are constants.
//
// Strides are in elements. A kernel works on the range [lo, hi) of its outermost loop.
//
// Pointwise (one operator; the inner loop is vectorised)
//   args   inputs..., output
//   params inner extent; then for each arg: outer stride, inner stride
//   range  the outer loop
//   variant below 7: its bits are the inputs whose inner stride is 0, all but one at most; every
//   other inner stride is 1
//   variant kStrided: any strides
//   variant kTurned: the input's outer stride and the output's inner stride are 1; StopGradient,
//   which copies, of elements of 4 or 8 bytes, not on GPUs
// Iota is Pointwise without inputs; its value is the inner index (outer extent 1), variant 0.
//
// Reduction and ArgReduction (one axis; the input is [outer, reduced, inner])
//   args   input, output
//   params reduced extent, inner extent; input strides outer, reduced, inner; output strides outer,
//   inner range  the outer loop variant kRows: reduced stride 1, vectorised along the reduced axis
//   variant kColumns: inner stride 1 of input and output, vectorised along the inner axis
//   variant kTiledColumns: the same in tiles, for what leaves the second cache; not on GPUs, nor of
//   indices
//   variant kStrided: any strides
//
// Cumulative (operands and output are [outer, n, inner])
//   args   inputs..., output
//   params n, inner extent; then for each arg: strides outer, n, inner
//   range  the outer loop
//   variant kColumns: inner strides are 1, vectorised along the inner axis
//   variant kStrided: any strides
//
// A pass of a fused function (ir/FusedTable.h; operands and outputs are [n, columns])
//   args   operands..., outputs...
//   params n; then the stride along n of each arg; the other is 1, of numbers 0
//   range  columns
//
// Matmul: C[s,v] = sum over k of S[s,k] V[k,v]
//   args   S, V, C
//   params k extent, v extent; strides S(s,k), V(k,v), C(s,v)
//   range  s
//   variant kRows: V's v stride and C's v stride are 1
//   variant kColumns: V's k stride is 1 and C's v stride is 1 (V is transposed in registers)
//   variant kStrided: any strides
//   variants kPackedRows, kPackedColumns: the same as kRows and kColumns, for many s: panels of V
//   are copied first; not on GPUs
//   variant kNarrow: V's k stride and C's s stride are 1, for few s; not on GPUs
//   variants kPackedRowsInSet, kPackedColumnsInSet: the same, where rows of S share a set of the
//   nearest cache (kRowsInSet in runtime/MatmulPlan); not on GPUs
//   variants kHeldRow, kSweptRows: the same as kRows, for one s: its sums in registers, or in
//   memory while V is read from end to end; not on GPUs
//   variants kOneTurned, kSinglyTurned, kTurnedAhead: the same as kColumns, for one s (Turned in
//   runtime/MatmulPlan); not on GPUs
//
// Convolution: C[i,s,v] = sum over k of S[i,s,k] V[i,v,k], several i and k
//   args   S, V, C
//   params of each of kConvolutionLoops outer loops: extent, strides in S, V and C, and how far s
//   and v go at a step (of loops over panels); s extent, its strides in S and C; after how many
//   steps of s S moves how much further (not on GPUs); v extent, its stride in C; of each of
//   kConvolutionDepth loops of the sum: extent, steps to a block, strides in S and V; whether
//   totals are added to what C holds (not on GPUs). Panels are kConvolutionPanelRows of s and
//   kConvolutionPanelBytes of v; V's v stride is 1.
//   range  the outer loops, flattened
//   variant kRows: S's s stride and C's v stride are 1 (S is the packed kernel); kColumns: C's s
//   stride is 1, not on GPUs; kStrided: any
//   variants kImageRows, kSharedRows, kSteppedRows: rows are V's, so that the s stride given is V's
//   instead, and S has none; C's v stride is 1; panels are kConvolutionRunBytes of v; not on GPUs
//   variant kSharedRows: the s stride is some steps of the last loop of the sum but one, which is
//   whole in a block as is the last, or s has one step; kSteppedRows: the same, and V's v stride is
//   kConvolutionStep
//
// Gather (contiguous operands; x is [outer, n, inner], indices i64 [m], output [outer, m, inner])
//   args   x, indices, output, status
//   params n, m, inner, outer; on GPUs the range is the last of these
//   range  rows of the output, outer * m
// ScatterAdd, Scatter (contiguous; output is [outer, n, inner] and holds x; updates [outer, m,
// inner])
//   args   indices, updates, output, status
//   params as for gather
//   range  rows of the output, outer * max(n, 1): what goes to others is left alone
// Both write 1 + position of an index out of range to the i64 `status` and skip it (gather writes
// 0).
//
// On GPUs only, in one launch what would be many:
// StopGradient, which copies, of kMaxRank loops
//   args   input, output
//   params extents of all loops but the outermost; strides of the input, of the output
//   range  the outermost loop; variant kManyAxes
// Matmul of many matrices
//   args   S, V, C
//   params k, v and s extent; strides S(batch,s,k), V(batch,k,v), C(batch,s,v)
//   range  the batch; variant kBatches
//
// Rolling extrema, ranks and choices, on GPUs only (contiguous; x is [outer, n, inner], k has m
// values for each element of x): what runtime/library says of the same operators
//   args   x, k if there is one, result
//   params n, inner, window, m if there is k
//   range  outer * inner
#pragma once

#include "ir/OpTable.h"

namespace diptych::runtime {

using KernelFn = void (*)(void* const* args, const int64_t* params, int64_t lo, int64_t hi);

enum Variant : uint8_t {
  kContiguous = 0,
  kManyAxes = 98,
  kBatches = 99,
  kRows = 100,
  kColumns = 101,
  kStrided = 102,
  kPackedRows = 103,
  kPackedColumns = 104,
  kSweptRows = 105,
  kNarrow = 106,
  kTiledColumns = 107,
  kOneTurned = 108,
  kSinglyTurned = 109,
  kTurnedAhead = 110,
  kImageRows = 111,
  kSteppedRows = 112,
  kHeldRow = 113,
  kPackedRowsInSet = 114,
  kPackedColumnsInSet = 115,
  kSharedRows = 116,
  kTurned = 117,
  kLastVariant = kTurned
};

constexpr int kConvolutionLoops = 6;
constexpr int kConvolutionDepth = 4;
constexpr int64_t kConvolutionPanelRows = 12;
constexpr int64_t kConvolutionPanelBytes = 128;
constexpr int64_t kConvolutionRunBytes = 512;
constexpr int64_t kConvolutionStep = 2;
constexpr int64_t kConvolutionFewOutputs = 3; // rows are the image's then
constexpr int64_t kConvolutionSharing = 3;    // rows that share what they read of it

/// A row of the table that diptych-kernelgen writes. `in` is the dtype of the operands (of Where:
/// of x and y), `out` of the result. Behind the operators' codes come two
/// for each fused function.
struct KernelEntry {
  uint16_t code;
  uint8_t in, out, variant;
  KernelFn function;
};

} // namespace diptych::runtime
