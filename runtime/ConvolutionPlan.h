// How a convolution becomes C[i, s, v] = sum over k of S[i, s, k] V[i, v, k]: which operand is
// walked along the vectors, which loops stand outside, where the sum is cut into blocks. Numbers
// alone: eager launcher and scheduler ask it alike; knows no kernel and no memory.
#pragma once

#include <vector>

#include "ir/OpTable.h"

namespace diptych::runtime {

/// [n, g, c, l...] by [g, o, c, k...] into [n, g, o, p...], as they lie in memory.
struct ConvolutionProblem {
  Shape x, w, out;
  Dims xStrides, wStrides, outStrides;
  Dims strides, dilations;
  /// Of the spatial axes of x zeros in front, and elements in memory, where not all of x is there:
  /// x then has the strides of what is, and begins where its first element would lie.
  Dims zeros, inside;

  bool isPadded(int axis) const { return !inside.empty() && x[3 + axis] != inside[axis]; }
};

/// Register tiles of a kernel: `rows` of s by `width` elements of v.
struct ConvolutionTile {
  int64_t lanes = 8, width = 16;
  int64_t rows = 12;
  bool balance = true; // rows may be fewer where panels come out even
  bool runs = false;   // they may go through two axes of the image
  /// Of the CPU that tiles are compiled for, or none: they may be smaller then.
  int64_t registers = 0;
  /// Rows may be the image's where a group has no more outputs, and tiles as wide as this.
  int64_t fewOutputs = 0, run = 16;
  int64_t steps = 1; // so far apart may elements of the image lie that are one vector
};

/// A sum of no more terms is short: written out whole, in tiles so small that several are under way
/// at once, since to begin and to store one takes as long as its sums.
constexpr int64_t kShortSum = 20;
/// Rows of the image share what they read in no more steps, which are written out.
constexpr int64_t kSharedSteps = 64;

struct ConvolutionPlan {
  /// An extent, and strides along it in S, V and C. Of an outer loop also: how far s and v move. Of
  /// a padded axis: which spatial one, and strides along it.
  struct Loop {
    int64_t extent = 1, left = 0, right = 0, result = 0, sStep = 0, vStep = 0;
    int padded = -1;
    int64_t along = 0;
  };
  /// One loop of the sum; `block`: so many steps of it belong to one block.
  struct Depth {
    int64_t extent = 1, block = 1, left = 0, right = 0;
  };

  std::vector<Loop> outer;     // outermost first, panels of s and v among them
  Loop s, v;                   // s has a stride in V where rows are the image's
  int64_t run = 0, jump = 0;   // after so many steps of s, if any, S moves so much further
  std::vector<Depth> depth;    // c, k...
  bool kernelIsVector = false; // the kernel is V and x is S; else x is V and the kernel S
  bool imageRows = false;      // x is V, and s none of the kernel's axes
  bool sharesRows = false;     // s goes by steps of the last loop of the sum but one
  int64_t rows = 12;           // of s to a panel
  int64_t width = 16;          // of v to a panel
  int64_t packed = 16;         // outputs to a panel of the packed kernel; of one: as it lies

  int64_t range() const; // product of the outer extents
  int64_t terms() const; // of one sum
};

ConvolutionPlan planConvolution(const ConvolutionProblem& problem, const ConvolutionTile& tile);

/// A block is a box: the innermost loops whole while they have at most so many terms, then as many
/// steps of the next loop as fit.
void cutIntoBlocks(std::vector<ConvolutionPlan::Depth>& depth, int64_t terms);

/// The kernel is packed for either role, [g, panels, c, k..., outputs of a panel]: a panel is one
/// run of memory, read from end to end. The last panel's surplus is never read.
Shape packedKernelShape(const ConvolutionProblem& problem, int64_t width);

/// A strided copy that packs whole panels, or the rest.
struct KernelPacking {
  Shape shape;
  Dims from, to;
  int64_t fromOffset = 0, toOffset = 0;
};
std::vector<KernelPacking> packingOf(const ConvolutionProblem& problem, int64_t width);

} // namespace diptych::runtime
