// What a kernel computes, as plain data: loops, a scalar program, strided operands. Made from the
// dialect (jit) or from a table row (eager kernels); emitted for the CPU by NestEmitter and
// friends. Two kernels with equal text() are the same kernel. Knows no MLIR.
#pragma once

#include "ir/OpTable.h"
#include "runtime/KernelAbi.h"
#include "runtime/MatmulPlan.h"

#include <optional>
#include <variant>

namespace diptych::codegen {

/// A loop extent or stride: a number, or a slot of the kernel's params.
struct Size {
  Size(int64_t value = 0) : value(value) {}
  static Size param(int slot) {
    Size size;
    size.slot = slot;
    return size;
  }
  bool isDynamic() const { return slot >= 0; }
  bool is(int64_t number) const { return !isDynamic() && value == number; }
  friend bool operator==(const Size&, const Size&) = default;

  int64_t value = 0;
  int slot = -1;
};

/// How many registers hold a vector of so many bytes: AVX-512 has twice as many as what is
/// narrower.
constexpr int vectorRegisters(int64_t bytes) { return bytes == 64 ? 32 : 16; }

/// An operand in memory as the loops see it: element offset + sum of index * stride.
struct Access {
  int arg = 0;
  DType dtype = DType::f64;
  std::vector<Size> strides; // one a loop
  Size offset = 0;
  bool ahead = false; // where vectors are read, the same of the kernel's next call is fetched
};

/// One line of the scalar program. Operands are earlier lines.
struct Line {
  struct Load {
    Access from;
  };
  struct Index {
    int loop;
  }; // i64
  struct Constant {
    Scalar value;
  };
  struct Parameter {
    int slot; // of the kernel's params, which holds the number's bits
  };
  /// Of a cumulative operator: its value so far along the innermost loop.
  struct Apply {
    OpCode code;
    std::vector<int> operands;
  };

  bool isScan() const;

  std::variant<Load, Index, Constant, Parameter, Apply> what;
  DType dtype = DType::f64;
};

struct Store {
  int line = 0;
  Access to;
};

/// Folds `line` over the reduced loop by `combiner` in the canonical order (docs/design.md,
/// Numerics).
struct Fold {
  OpCode combiner;
  int line = 0;
  Access to; // stride 0 along the reduced loop
};

/// Loops around a scalar program. Without folds and scans it is pointwise. With folds the innermost
/// loop is the reduced one, with scans the one that goes in order.
struct NestSpec {
  std::vector<Size> extents; // outermost first; the outermost runs over [lo, hi)
  std::vector<Line> lines;
  std::vector<Store> stores;
  std::vector<Fold> folds;
  int vectorLoop = -1; // -1: scalar code
  int lanes = 1;
  bool tiles = false;         // columns are folded in tiles, where sizes do not tell
  bool maskRegisters = false; // whether masks have registers of their own
  /// Not 0: the second loop is over pieces of so many columns, the vector loop over those of one,
  /// of which the last may have fewer; the range is that of both outer loops.
  int64_t columns = 0;

  /// Operations of its lines for one element, by the operators' table.
  int cost() const;
  bool hasScans() const;
};

/// Index of the least or greatest element along the innermost loop; the first of ties, NaN wins.
struct ArgSpec {
  std::vector<Size> extents;
  bool greatest = true;
  Access from, to;
  int vectorLoop = -1; // along which both have stride 1, or the input if it is the innermost
  int lanes = 8;
};

/// A cumulative operator along the innermost loop, in order: element i of the result depends on
/// elements 0 to i. The loop around it is the one that vectors, or several chains of scalars, run
/// over.
struct CumulativeSpec {
  OpCode code = OpCode::Cumsum;
  std::vector<Size> extents; // at least two; the outermost runs over [lo, hi)
  std::vector<Access> from;
  Access to;
  int lanes = 1;  // of a vector along the loop before the last; strides there are 1, or 0 to read
  int chains = 1; // without vectors: so many rows at once
};
/// Rows that scalar code runs at once, and bytes of the widest thing a lane carries.
constexpr int kCumulativeChains = 4, kCumulativeLaneBytes = 8;

using runtime::kMatmulBlock;

/// C[s,v] = sum over k of S[s,k] V[k,v]; loops are (batch, s, v, k), strides in that order.
/// The range [lo, hi) is over the batch if there is one, else over s or v.
struct MatmulSpec {
  DType dtype = DType::f64;
  Size batch = 1, s, v, k;
  Access left, right, result;
  /// Where there are lines, V[k,v] is the last of them instead, computed where it is read; none
  /// depends on s. `right` then is the load that has both k and v.
  std::vector<Line> lines;
  bool rangeOverV = false;
  /// The range counts tiles instead: of `rows` rows, or two vectors of v.
  bool byTiles = false;
  /// The range is over parts of k instead, each into a C of its own, stride(C, batch) apart: for
  /// long sums of few elements. A BlockSumSpec adds them in order.
  bool rangeOverBlocks = false;
  int64_t depth = kMatmulBlock; // of a block of k
  int64_t partBlocks = 1;       // blocks of a part
  bool upper = false;           // only tiles that have elements with s <= v
  /// Added to C, strides in the order above, and relu of that stored. For GPUs only
  /// (codegen/cuda/GpuBias).
  std::optional<Access> bias;
  bool relu = false;
  /// Stored instead of a sum: the last of these lines, in which a load of the result's argument is
  /// the sum. Strides in the order above. For CPUs, where sums have one block.
  std::vector<Line> after;
  bool pack = false; // V is copied first, a panel for many tiles
  enum class Way : uint8_t {
    tiles, // of rows by vectors
    sweep, // V is read from end to end for each row of S, of which there should be one
    /// There is one row, and k is summed like an axis (NestSpec's folds): element k goes to partial
    /// sum k mod 16. S and V lie along k.
    partialSums
  };
  Way way = Way::tiles;
  runtime::Turned turned = runtime::Turned::bySeveral; // V, in tiles
  /// So many columns behind whole vectors of 64 bytes, at most half of one, have partial sums: in
  /// a block element k goes to number k mod p, as many as fit in 128 bytes for all of them and in
  /// 64 for one. S lies along k, V along v. Of tiles only.
  int64_t tail = 0;
  int lanes = 8;
  int rows = 8; // of the register tile
};

/// C[i, s, v] = sum over k of S[i, s, k] V[i, v, k] with several loops i and k: convolution.
/// Strides are in S, V and C. The range is over the outer loops, flattened.
struct ConvolutionSpec {
  static constexpr int kResult = 2; // its argument
  struct Loop {
    Size extent, left, right, result;
    Size sStep, vStep; // of a loop over panels: how far s or v goes
    bool isPanels() const { return !sStep.is(0) || !vStep.is(0); }
  };
  struct Depth {
    Size extent, block, left, right; // `block` steps belong to one block
  };
  /// An axis of the image that has zeros around it, which are not in memory: where an element
  /// stands on it, by strides along the outer loops, s, v and the loops of the sum.
  struct Edge {
    int64_t extent = 0, first = 0; // elements in memory; where the sum of strides begins
    std::vector<int64_t> strides;
  };
  DType dtype = DType::f64;
  std::vector<Loop> outer;
  Size s, sLeft, sResult;
  /// Where it is not 0, s goes through two axes: after so many rows S moves `sJump` further.
  Size sRun = 0, sJump = 0;
  Size sRight = 0; // where rows are the image's, which is V: they share elements of S
  /// That is some steps of the last loop of the sum but one, which is whole in a block: an element
  /// of V is loaded once for all rows of a tile that read it.
  bool sharesRows = false;
  Size v, vResult;
  Size vRight = 1; // V's stride along v, a constant
  std::vector<Depth> depth;
  int64_t leftOffset = 0, rightOffset = 0, resultOffset = 0;
  std::vector<Edge> edges;
  bool imageIsLeft = false; // the image is S
  /// The innermost loop of the sum lies along S and V: its element j goes to partial sum j mod p,
  /// as many as 64 bytes hold. A tile has all of the loops `places` for its rows; v has one step.
  bool partialSums = false;
  std::vector<Loop> places;
  /// As in MatmulSpec; strides are along the outer loops, s and v.
  std::vector<Line> after;
  /// In memory, if 16 bits. For GPUs only (codegen/cuda/GpuHalves).
  std::optional<DType> leftType, rightType, resultType;
  /// The range is over blocks of k instead, each into a C of its own, so far apart.
  bool rangeOverBlocks = false;
  int64_t blockStride = 0;
  Size continues = 0; // not 0: all totals are added to what C holds
  int lanes = 8;
  int rows = 12;      // of the register tile
  int panelRows = 12; // of a panel: `rows` where that is known
  int panelWidth = 16;
};

/// y[i] = x[0,i] + x[1,i] + ..., in order; args x [blocks, n], y [n]; the range is over i.
struct BlockSumSpec {
  DType dtype = DType::f64;
  Size blocks = 1, n = 1;
  int lanes = 8;
};

/// x [outer, n, inner] by indices [m], all contiguous; args and range as in runtime/KernelAbi.h.
struct IndexSpec {
  OpCode code = OpCode::Gather; // or ScatterAdd or Scatter
  DType dtype = DType::f64;
  Size outer, n, m, inner;
  int lanes = 8;
};

/// Of each element of x [outer, n, inner] in the window that ends at it: the position of an
/// extremum or of the element that k others stand before, or its own rank. All contiguous; args as
/// in runtime/KernelAbi.h. For GPUs only: CPUs have runtime/library/kernels/Rolling.h.
struct RollingSpec {
  OpCode code = OpCode::RollingArgmax;
  DType dtype = DType::f64;
  Size rows; // outer * inner
  Size n, inner, window;
  Size picks = 1; // values of k for each element
};
/// Whether the operator is one of these.
bool isRolling(const OpInfo& op);

/// out[r, i] = sum over k of matrix[r, i, k] vector[r, k], in the order of a product of matrices. A
/// row's matrix lies in memory without gaps, turned or not.
struct RowProduct {
  DType dtype = DType::f64;
  int64_t outputs = 0, depth = 0;
  Access matrix;         // strides along row, i and k
  Access vector, result; // along row and k; along row and i

  bool isAlong() const { return matrix.strides[2].is(1); } // k is what runs in memory
  /// The matrix as it lies in memory.
  int64_t height() const { return isAlong() ? outputs : depth; }
  int64_t width() const { return isAlong() ? depth : outputs; }
};

/// Nests that treat the same rows independently, one after the other for each row: their outermost
/// loop. Those that fold have one loop beside it. Products all have one matrix, which nobody
/// writes. For GPUs only (codegen/cuda/GpuRowFusion).
struct RowsSpec {
  using Part = std::variant<NestSpec, RowProduct>;
  int64_t rows = 1;
  int args = 0;    // what has a number beyond these stays in the kernel, for later parts to load
  int cluster = 1; // blocks that share a row
  std::vector<Part> parts;
};

struct KernelSpec {
  std::variant<NestSpec, ArgSpec, CumulativeSpec, MatmulSpec, ConvolutionSpec, BlockSumSpec,
               IndexSpec, RollingSpec, RowsSpec>
      what;
  bool contract = false; // numerics `standard`: a*b+c may become one fma

  /// A text that says everything that decides the kernel's code.
  std::string text() const;
};

/// Whether the kernel writes its argument number `arg`; the others it only reads.
bool writes(const KernelSpec& kernel, size_t arg);

} // namespace diptych::codegen
