// The choice of roles, and the blocks of the canonical order.
#include "runtime/ConvolutionPlan.h"

#include "runtime/KernelAbi.h"

#include <algorithm>
#include <cstdlib>

namespace diptych::runtime {

namespace {

using Loop = ConvolutionPlan::Loop;
using Depth = ConvolutionPlan::Depth;

constexpr int kSpatial = 3; // where spatial axes begin
constexpr int64_t kBlock = 1024;
constexpr int64_t kSmallKernel = 65536;   // elements
constexpr int64_t kLargeKernel = 1 << 18; // beyond the second cache
constexpr int64_t kRowsOfShortSums = 4;
constexpr int64_t kLongRun = 3;     // panels
constexpr double kTwoAxes = 0.95;   // what rows along two reach of rows along one
constexpr double kFewShare = 0.6;   // of the multipliers, where rows are the image's
constexpr int64_t kSharingRows = 3; // of these share a vector, if they are compiled

/// An axis of the result that x walks along with.
struct Side {
  int64_t extent, x, out;
  bool isSpatial = false; // windows share elements along it
  int padded = -1;
  int64_t along = 0;
};

// n and the spatial axes, outermost first; neighbours that are one axis to x and the result merge.
std::vector<Side> positionsOf(const ConvolutionProblem& p) {
  std::vector<Side> sides{{p.x[0], p.xStrides[0], p.outStrides[0]}};
  for (int i = 0; i < p.strides.size(); ++i) {
    Side next{p.out[kSpatial + i], p.xStrides[kSpatial + i] * p.strides[i],
              p.outStrides[kSpatial + i], true};
    if (p.isPadded(i))
      next.padded = i, next.along = p.strides[i];
    Side& last = sides.back();
    if (last.padded < 0 && next.padded < 0 && last.x == next.x * next.extent &&
        last.out == next.out * next.extent)
      last = {last.extent * next.extent, next.x, next.out, true};
    else
      sides.push_back(next);
  }
  std::erase_if(sides, [](const Side& side) { return side.extent == 1; });
  if (sides.empty())
    sides.push_back({1, 1, 1});
  return sides;
}

// Share of the lanes that compute something.
double laneShare(int64_t extent, int64_t lanes) {
  const int64_t vectors = (extent + lanes - 1) / lanes;
  return static_cast<double>(extent) / static_cast<double>(std::max<int64_t>(1, vectors * lanes));
}

// Where the innermost axis has fewer places than a tile has rows, they go through two.
bool goesThroughTwo(const std::vector<Side>& sides, size_t i, const ConvolutionTile& tile) {
  return tile.runs && i > 0 && sides[i].padded < 0 && sides[i - 1].padded < 0 &&
         sides[i - 1].out == sides[i].out * sides[i].extent && sides[i].extent < tile.rows;
}

int64_t outputRowsOf(const ConvolutionTile& tile, int64_t terms) {
  return tile.registers && terms <= kShortSum ? std::min(tile.rows, kRowsOfShortSums) : tile.rows;
}

// Few rows leave the multipliers waiting for each other.
double rowShare(int64_t extent) { return std::min(1.0, static_cast<double>(extent) / 4); }

// A vector whose elements lie `step` apart takes as many loads, and puts them together.
double stepShare(int64_t step, int64_t rows) {
  const auto work = static_cast<double>(rows);
  return work / (work + 2 * static_cast<double>(step - 1));
}

// Elements of the result that do not run along v are stored one by one, or turned first where they
// run along s.
double storeShare(int64_t stride, int64_t along, int64_t terms) {
  const auto work = static_cast<double>(terms);
  return stride == 1 ? 1.0 : work / (work + (along == 1 ? 8 : 48));
}

/// The roles that fit best.
struct Roles {
  bool kernelIsVector = true;
  size_t side = 0; // which position is v, or s where the kernel is V
};

Roles rolesOf(const ConvolutionProblem& p, const std::vector<Side>& sides, int64_t terms,
              const ConvolutionTile& tile) {
  const int64_t o = p.w[1], lanes = tile.lanes;
  const bool few = o <= tile.fewOutputs;
  const int64_t sharing =
      few ? (tile.registers ? kSharingRows : 1) : std::min(o, outputRowsOf(tile, terms));
  Roles roles;
  double best = -1;
  for (size_t i = 0; i < sides.size(); ++i) {
    const bool two = goesThroughTwo(sides, i, tile);
    const int64_t rows = sides[i].extent * (two ? sides[i - 1].extent : 1);
    const double asRows = laneShare(o, lanes) * rowShare(std::min<int64_t>(rows, 8)) *
                          (two ? kTwoAxes : 1) *
                          storeShare(o == 1 ? 1 : p.outStrides[2], sides[i].out, terms);
    // The innermost of equals: its stores lie together.
    if (asRows >= best)
      best = asRows, roles = {true, i};
  }
  for (size_t i = 0; i < sides.size(); ++i) {
    const int64_t step = sides[i].extent == 1 ? 1 : sides[i].x;
    const int64_t most = few || tile.registers ? tile.steps : 1;
    if (step < 1 || step > most || (sides[i].out != 1 && sides[i].extent != 1))
      continue;
    const double asVector = laneShare(sides[i].extent, lanes) *
                            std::min(few ? kFewShare : rowShare(o), stepShare(step, sharing));
    if (asVector >= best)
      best = asVector, roles = {false, i};
  }
  return roles;
}

// Whether rows of the image are some steps of the last loop of the sum but one apart, which is
// whole in a block.
bool sharesRows(const ConvolutionProblem& p, const std::vector<Depth>& depth, const Side& rows,
                int64_t step) {
  const size_t last = depth.size() - 1;
  const int axis = p.w.size() - 2;
  const int64_t next = p.xStrides[axis] * (axis < kSpatial ? 1 : p.dilations[axis - kSpatial]);
  const auto isWhole = [&](size_t i) { return depth[i].block == depth[i].extent; };
  return isWhole(last) && isWhole(last - 1) && rows.extent >= kConvolutionSharing && next != 0 &&
         rows.x % next == 0 && rows.x / next > 0 &&
         (step > 1 || rows.x / next < depth[last - 1].extent);
}

// The innermost axis but v along which rows share elements. Without one a row is long enough by
// itself, or images are rows; `side`: a tile has one row.
size_t rowsBeside(ConvolutionPlan& plan, const ConvolutionProblem& p,
                  const std::vector<Side>& sides, size_t side, const ConvolutionTile& tile) {
  constexpr int64_t kLongRow = 4; // vectors
  size_t rows = sides[side].extent >= kLongRow * tile.lanes ? side : 0;
  for (size_t i = 0; i < sides.size(); ++i)
    if (i != side && sides[i].isSpatial)
      rows = i;
  if (rows == side || tile.registers)
    return rows;
  const int64_t step = sides[side].extent == 1 ? 1 : sides[side].x;
  plan.sharesRows = sharesRows(p, plan.depth, sides[rows], step);
  return plan.sharesRows || step == 1 ? rows : side;
}

int64_t panelRows(int64_t extent, int64_t rows, bool balance) {
  if (!balance)
    return rows;
  const int64_t panels = std::max<int64_t>(1, (extent + rows - 1) / rows);
  return std::max<int64_t>(1, (extent + panels - 1) / panels);
}

// Beside sums and a vector of the image registers hold the kernel's elements, if these are few;
// rows of a tall kernel share more, so that fewer do and their code stays short.
int64_t imageRowsOf(const ConvolutionProblem& p, const ConvolutionTile& tile) {
  constexpr int64_t kWrittenOut = 256, kLeastRows = 4;
  if (!tile.registers)
    return tile.rows;
  int64_t elements = 1;
  for (int i = kSpatial; i < p.w.size(); ++i)
    elements *= p.w[i];
  if (elements > kSharedSteps)
    return tile.rows;
  const bool held = elements <= tile.registers / 3;
  const int64_t rows = held ? (tile.registers - 1 - elements) * tile.lanes / tile.width
                            : std::max(kLeastRows, kWrittenOut / elements);
  return std::min(tile.rows, rows);
}

// A single row is wide, so that its sums do not wait for each other.
int64_t widthOf(int64_t extent, const ConvolutionTile& tile, const ConvolutionPlan& plan,
                bool hasRows) {
  if (!plan.imageRows || (tile.balance && hasRows))
    return tile.width;
  const int64_t vectors = (extent + tile.lanes - 1) / tile.lanes;
  return panelRows(vectors, tile.run / tile.lanes, tile.balance) * tile.lanes;
}

// The loops c, k... in both operands.
void placeDepth(ConvolutionPlan& plan, const ConvolutionProblem& p, const Dims& kernel) {
  for (int i = 2; i < p.w.size(); ++i) {
    const int64_t x = p.xStrides[i] * (i < kSpatial ? 1 : p.dilations[i - kSpatial]);
    Depth& depth = plan.depth[static_cast<size_t>(i - 2)];
    depth.left = plan.kernelIsVector ? x : kernel[i];
    depth.right = plan.kernelIsVector ? kernel[i] : x;
  }
}

Loop panelsOf(const Loop& axis, int64_t size, bool rows) {
  Loop loop{(axis.extent + size - 1) / size, axis.left * size, axis.right * size,
            axis.result * size};
  (rows ? loop.sStep : loop.vStep) = size;
  loop.padded = axis.padded, loop.along = axis.along * size;
  return loop;
}

// Of a large kernel one panel stays in the cache while all positions run; a small one stays there
// whole, and what is outermost is the image. Tiles beside each other in the result follow each
// other, where they are enough to make up for beginning with them.
std::vector<Loop> orderOf(const Loop& group, const Loop& outputs, const Loop& sPanels,
                          const Loop& vPanels, const std::vector<Loop>& others,
                          const ConvolutionPlan& plan) {
  const int64_t o = plan.kernelIsVector ? plan.v.extent : plan.s.extent;
  const bool small = o * plan.terms() <= kSmallKernel && !others.empty();
  const auto inner = small ? others.end() - 1 : others.begin();
  std::vector<Loop> order{group};
  if (plan.imageRows) {
    order.insert(order.end(), others.begin(), others.end());
    order.insert(order.end(), {sPanels, vPanels, outputs});
    return order;
  }
  order.insert(order.end(), others.begin(), inner);
  order.push_back(plan.kernelIsVector ? vPanels : sPanels);
  const Loop& panels = plan.kernelIsVector ? sPanels : vPanels;
  const bool isLong = plan.kernelIsVector || panels.extent >= kLongRun;
  order.insert(order.end(), inner, others.end());
  order.insert(isLong ? order.end() : order.end() - (others.end() - inner), panels);
  return order;
}

/// The image's axes: `side` is v, or s where the kernel is V, and goes through the one around it
/// too where they are `two`; `rows` is s where rows are the image's.
struct SideRoles {
  const std::vector<Side>& sides;
  size_t side, rows;
  bool two;
};

// s, v and the loops around them, panels of the packed kernel so far apart.
void placeLoops(ConvolutionPlan& plan, const ConvolutionProblem& p, const SideRoles& roles,
                const Dims& kernel, int64_t panelStride) {
  const auto loopOf = [&](int64_t extent, int64_t x, int64_t w, int64_t out) {
    return plan.kernelIsVector ? Loop{extent, x, w, out} : Loop{extent, w, x, out};
  };
  const Loop group = loopOf(p.w[0], p.xStrides[1], kernel[0], p.outStrides[1]);
  const Loop o = loopOf(p.w[1], 0, kernel[1], p.outStrides[2]);
  const auto loopAlong = [&](const Side& side) {
    Loop loop = loopOf(side.extent, side.x, 0, side.out);
    loop.padded = side.padded, loop.along = side.along;
    return loop;
  };
  const Loop position = loopAlong(roles.sides[roles.side]);
  plan.s = plan.kernelIsVector        ? position
           : !plan.imageRows          ? o
           : roles.rows != roles.side ? loopAlong(roles.sides[roles.rows])
                                      : Loop{};
  plan.v = plan.kernelIsVector ? o : position;
  const bool two = plan.kernelIsVector && roles.two;
  if (two) {
    const Side& around = roles.sides[roles.side - 1];
    plan.run = plan.s.extent, plan.jump = around.x - plan.s.extent * plan.s.left;
    plan.s.extent *= around.extent;
  }
  Loop sPanels = panelsOf(plan.s, plan.rows, true), vPanels = panelsOf(plan.v, plan.width, false);
  if (!plan.imageRows)
    (plan.kernelIsVector ? vPanels.right : sPanels.left) = panelStride;
  std::vector<Loop> others;
  for (size_t i = 0; i < roles.sides.size(); ++i)
    if (i != roles.side && i != roles.rows && !(two && i + 1 == roles.side))
      others.push_back(loopAlong(roles.sides[i]));
  plan.outer = orderOf(group, o, sPanels, vPanels, others, plan);
}

} // namespace

void cutIntoBlocks(std::vector<Depth>& depth, int64_t terms) {
  int64_t inside = 1;
  for (size_t i = depth.size(); i-- > 0;) {
    depth[i].block = std::clamp<int64_t>(terms / inside, 1, std::max<int64_t>(1, depth[i].extent));
    // Past the first loop that is cut, one step at a time.
    inside = depth[i].block < depth[i].extent ? terms : inside * depth[i].block;
  }
}

int64_t ConvolutionPlan::range() const {
  int64_t product = 1;
  for (const Loop& loop : outer)
    product *= loop.extent;
  return product;
}

int64_t ConvolutionPlan::terms() const {
  int64_t product = 1;
  for (const Depth& loop : depth)
    product *= loop.extent;
  return product;
}

Shape packedKernelShape(const ConvolutionProblem& p, int64_t width) {
  Shape shape{p.w[0], (p.w[1] + width - 1) / width};
  for (int i = 2; i < p.w.size(); ++i)
    shape.push_back(p.w[i]);
  shape.push_back(width);
  return shape;
}

std::vector<KernelPacking> packingOf(const ConvolutionProblem& p, int64_t width) {
  const Dims packed = contiguousStrides(packedKernelShape(p, width));
  const int64_t whole = p.w[1] / width, rest = p.w[1] % width;
  KernelPacking panels, last;
  const auto axis = [](KernelPacking& copy, int64_t extent, int64_t from, int64_t to) {
    copy.shape.push_back(extent);
    copy.from.push_back(from);
    copy.to.push_back(to);
  };
  for (KernelPacking* copy : {&panels, &last}) {
    axis(*copy, p.w[0], p.wStrides[0], packed[0]);
    // What lies farther apart stands outside, so that a large kernel is read from end to end.
    const bool within =
        p.w.product() >= kLargeKernel && std::abs(p.wStrides[1] * width) < std::abs(p.wStrides[2]);
    const auto panelAxis = [&] {
      if (copy == &panels)
        axis(*copy, whole, p.wStrides[1] * width, packed[1]);
    };
    if (!within)
      panelAxis();
    for (int i = 2; i < p.w.size(); ++i) {
      axis(*copy, p.w[i], p.wStrides[i], packed[i]);
      if (i == 2 && within)
        panelAxis();
    }
    axis(*copy, copy == &panels ? width : rest, p.wStrides[1], 1);
  }
  last.fromOffset = whole * width * p.wStrides[1];
  last.toOffset = whole * packed[1];
  std::vector<KernelPacking> copies;
  if (whole)
    copies.push_back(panels);
  if (rest)
    copies.push_back(last);
  return copies;
}

ConvolutionPlan planConvolution(const ConvolutionProblem& p, const ConvolutionTile& tile) {
  const std::vector<Side> sides = positionsOf(p);
  ConvolutionPlan plan;
  for (int i = 2; i < p.w.size(); ++i)
    plan.depth.push_back({p.w[i], 1, 0, 0});
  cutIntoBlocks(plan.depth, kBlock);
  const Roles roles = rolesOf(p, sides, plan.terms(), tile);
  plan.kernelIsVector = roles.kernelIsVector;
  plan.imageRows = !roles.kernelIsVector && p.w[1] <= tile.fewOutputs;
  const size_t rowSide = plan.imageRows ? rowsBeside(plan, p, sides, roles.side, tile) : roles.side;
  const bool hasRows = !plan.imageRows || rowSide != roles.side;
  const int64_t rowsExtent = !hasRows                                ? 1
                             : plan.kernelIsVector || plan.imageRows ? sides[rowSide].extent
                                                                     : p.w[1];
  const int64_t most = plan.kernelIsVector ? tile.rows
                       : plan.imageRows    ? imageRowsOf(p, tile)
                                           : outputRowsOf(tile, plan.terms());
  plan.rows = panelRows(rowsExtent, most, tile.balance);
  plan.width = widthOf(sides[roles.side].extent, tile, plan, hasRows);
  plan.packed = plan.kernelIsVector ? plan.width : plan.imageRows ? 1 : plan.rows;
  Dims kernel = contiguousStrides(packedKernelShape(p, plan.packed)); // of g, o, c, k...
  const int64_t panelStride = kernel[1];
  kernel[1] = 1;
  if (plan.imageRows)
    kernel = p.wStrides;
  placeDepth(plan, p, kernel);
  placeLoops(plan, p, {sides, roles.side, rowSide, goesThroughTwo(sides, roles.side, tile)}, kernel,
             panelStride);
  return plan;
}

} // namespace diptych::runtime
