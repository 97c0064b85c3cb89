// Rows of a tile that are the image's: they share the kernel's elements. Where several loops of the
// sum are written out, or one of them goes by the tile's rows, an element of the image that rows
// read at different steps is loaded once for them all. Every row still adds its steps in their
// order: all read the image from front to back.
#include "codegen/ConvolutionEmitter.h"

#include "runtime/ConvolutionPlan.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <map>

namespace diptych::codegen {

using namespace mlir;

/// Of loops that are written out: how far it stands in S, in V and along the edges' axes.
struct ConvolutionEmitter::Step {
  int64_t left = 0, right = 0;
  int64_t column = 0; // of `right`, what is along no axis that is asked for zeros
  size_t last = 0;    // step of the innermost loop
  std::vector<int64_t> ways;
};

/// An element of the image, and the rows that read it, each with its step.
struct ConvolutionEmitter::Read {
  int64_t right;
  std::vector<int64_t> ways;
  llvm::SmallVector<std::pair<int, size_t>> uses;
};

std::vector<ConvolutionEmitter::Step> ConvolutionEmitter::stepsFrom(size_t depth) const {
  std::vector<Step> steps(1);
  steps[0].ways.resize(spec_.edges.size());
  for (size_t i = depth; i < spec_.depth.size(); ++i) {
    const ConvolutionSpec::Depth& loop = spec_.depth[i];
    std::vector<Step> next;
    for (const Step& outer : steps)
      for (int64_t j = 0; j < loop.extent.value; ++j) {
        Step& step = next.emplace_back(outer);
        step.left += j * loop.left.value, step.right += j * loop.right.value;
        step.column += edgeToCut(i) ? 0 : j * loop.right.value;
        step.last = static_cast<size_t>(j);
        for (size_t edge = 0; edge < spec_.edges.size(); ++edge)
          step.ways[edge] += j * stepOf(spec_.edges[edge], i);
      }
    steps = std::move(next);
  }
  return steps;
}

// From front to back.
std::vector<ConvolutionEmitter::Read> ConvolutionEmitter::readsOf(int rows,
                                                                  ArrayRef<Step> steps) const {
  std::map<std::vector<int64_t>, Read> reads;
  for (int row = 0; row < rows; ++row)
    for (size_t i = 0; i < steps.size(); ++i) {
      Read read{row * spec_.sRight.value + steps[i].right, steps[i].ways, {}};
      for (size_t edge = 0; edge < spec_.edges.size(); ++edge)
        read.ways[edge] += row * spec_.edges[edge].strides[spec_.outer.size()];
      std::vector<int64_t> key{read.right};
      key.insert(key.end(), read.ways.begin(), read.ways.end());
      reads.try_emplace(std::move(key), read).first->second.uses.emplace_back(row, i);
    }
  std::vector<Read> all;
  for (auto& [key, read] : reads)
    all.push_back(std::move(read));
  return all;
}

// The loops that have the fewest loads for each step.
size_t ConvolutionEmitter::findTogether(int rows) const {
  size_t found = kNone, fewest = static_cast<size_t>(rows), among = 1;
  const auto isKnown = [](const ConvolutionSpec::Depth& loop) {
    return !loop.extent.isDynamic() && !loop.left.isDynamic() && !loop.right.isDynamic() &&
           loop.block.value == loop.extent.value;
  };
  if (spec_.sRight.isDynamic() || spec_.sRight.is(0))
    return found;
  int64_t count = 1;
  for (size_t depth = spec_.depth.size(); depth-- > 0 && isKnown(spec_.depth[depth]);) {
    count *= spec_.depth[depth].extent.value;
    if (count > runtime::kSharedSteps)
      break;
    const std::vector<Step> steps = stepsFrom(depth);
    for (size_t i = 0; i < steps.size(); ++i)
      if ((i && steps[i - 1].right >= steps[i].right) ||
          (mayAsk() && steps[i].column > kMostColumns))
        return found;
    const size_t reads = readsOf(rows, steps).size();
    if (reads * among < fewest * steps.size())
      found = depth, fewest = reads, among = steps.size();
  }
  return found;
}

ConvolutionEmitter::Vectors ConvolutionEmitter::multiplyRows(const Tile& tile, const Place& at,
                                                             ValueRange sums) {
  Vectors next;
  Value factor = factorOf(at, 0);
  for (int i = 0; i < tile.rows; ++i)
    for (int j = 0; j < tile.vectors; ++j)
      next.push_back(math::FmaOp::create(k_.builder(), k_.loc(), factor, vectorOf(tile, at, i, j),
                                         sums[i * tile.vectors + j]));
  return next;
}

ConvolutionEmitter::Vectors ConvolutionEmitter::multiplyTogether(const Tile& tile, const Place& at,
                                                                 ValueRange sums) {
  const std::vector<Step> steps = stepsFrom(tile.together);
  Vectors next(sums), factors(steps.size());
  std::map<std::vector<int64_t>, Value> begins; // of the image's rows, each asked once
  Place here = at;
  for (size_t depth = tile.together; depth < spec_.depth.size(); ++depth)
    if (const auto edge = edgeToCut(depth))
      here.asks |= 1U << *edge;
  for (const Read& read : readsOf(tile.rows, steps)) {
    const Step& first = steps[read.uses.front().second];
    here.step = first.last;
    std::vector<int64_t> key{read.right - first.column};
    for (size_t i = 0; i < read.ways.size(); ++i) {
      here.edges[i] = k_.add(at.edges[i], k_.i64(read.ways[i]));
      key.push_back(here.asks >> i & 1 ? read.ways[i] : 0);
    }
    Value& begin = begins[key];
    if (!begin)
      begin = insideOr(elementOf(1, k_.add(at.right, k_.i64(key[0]))), here, 0);
    for (int j = 0; j < tile.vectors; ++j) {
      Value vector = vectorFrom(tile, here, begin, first.column, j);
      for (const auto& [row, step] : read.uses) {
        Value &factor = factors[step], &sum = next[row * tile.vectors + j];
        if (!factor)
          factor = factorAt(k_.add(at.left, k_.i64(steps[step].left)));
        sum = math::FmaOp::create(k_.builder(), k_.loc(), factor, vector, sum);
      }
    }
  }
  return next;
}

// The image's rows in turn. One is read by some rows of the tile that follow each other: first by
// upper ones only, at last by lower ones.
ConvolutionEmitter::Vectors ConvolutionEmitter::multiplyShared(const Tile& tile, const Place& at,
                                                               ValueRange sums) {
  const size_t depth = spec_.depth.size() - 2;
  const ConvolutionSpec::Depth& loop = spec_.depth[depth];
  Value step =
      arith::DivSIOp::create(k_.builder(), k_.loc(), k_.size(spec_.sRight), k_.size(loop.right));
  const auto beginOf = [&](int row) { return k_.mul(k_.i64(row), step); };
  const auto endOf = [&](int row) { return k_.add(beginOf(row), end_[depth]); };
  Vectors next(sums);
  for (int first = 0; first < tile.rows; ++first)
    for (int last = first; last < tile.rows; ++last) {
      Value from = beginOf(last), to = endOf(first);
      if (first > 0)
        from = k_.max(from, endOf(first - 1));
      if (last + 1 < tile.rows)
        to = k_.min(to, beginOf(last + 1));
      next = k_.loop(from, to, 1, next, [&](Value row, ValueRange carried) {
        Sharing rows{first, last, {}, moved(at.right, row, loop.right)};
        for (int i = first; i <= last; ++i)
          rows.lefts.push_back(moved(at.left, k_.sub(row, beginOf(i)), loop.left));
        return imageRow(tile, at, rows, carried);
      });
    }
  return next;
}

// Columns that are neighbours in memory go together.
ConvolutionEmitter::Vectors ConvolutionEmitter::imageRow(const Tile& tile, const Place& at,
                                                         const Sharing& rows, ValueRange sums) {
  const size_t depth = spec_.depth.size() - 1;
  const int64_t count = spec_.vRight.value;
  Value done = k_.i64(0);
  Vectors next(sums);
  if (count > 1) {
    Value whole = k_.roundDown(end_[depth], count);
    Value areNeighbours = isZero(k_.sub(k_.size(spec_.depth[depth].right), k_.i64(1)));
    done = arith::SelectOp::create(k_.builder(), k_.loc(), areNeighbours, whole, done);
    next = k_.loop(k_.i64(0), done, count, next, [&](Value step, ValueRange carried) {
      return multiplyColumns(tile, at, rows, step, true, carried);
    });
  }
  return k_.loop(done, end_[depth], 1, next, [&](Value step, ValueRange carried) {
    return multiplyColumns(tile, at, rows, step, false, carried);
  });
}

ConvolutionEmitter::Vectors ConvolutionEmitter::multiplyColumns(const Tile& tile, const Place& at,
                                                                const Sharing& rows, Value step,
                                                                bool together, ValueRange sums) {
  const ConvolutionSpec::Depth& loop = spec_.depth.back();
  const int64_t count = together ? spec_.vRight.value : 1;
  Vectors next(sums), factors;
  for (Value left : rows.lefts)
    for (int64_t column = 0; column < count; ++column)
      factors.push_back(factorAt(moved(left, k_.add(step, k_.i64(column)), loop.left)));
  Value begin = elementOf(1, moved(rows.right, step, loop.right));
  for (int j = 0; j < tile.vectors; ++j) {
    const Vectors columns =
        together ? vectorsTogether(tile, begin, j) : Vectors{vectorFrom(tile, at, begin, 0, j)};
    for (int64_t column = 0; column < count; ++column)
      for (int i = rows.first; i <= rows.last; ++i) {
        Value& sum = next[i * tile.vectors + j];
        sum = math::FmaOp::create(k_.builder(), k_.loc(),
                                  factors[(i - rows.first) * count + column], columns[column], sum);
      }
  }
  return next;
}

} // namespace diptych::codegen
