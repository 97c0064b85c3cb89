// Jacobians by batched sweeps: unit seeds, all at once or in chunks, and where their axis goes.
#include "autodiff/Recorder.h"
#include "frontend/Ops.h"
#include "frontend/TransformSupport.h"

#include <algorithm>

namespace diptych::detail {

namespace {

/// Columns or rows [begin, end) of a Jacobian, computed in one sweep.
struct Chunk {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// A batched sweep of f on the current emitter, by `batch` seeds.
using Sweep = std::function<Derivatives(ValueSpan inputs, int64_t batch)>;

// Bytes of all values that the sweep computes.
double sweptBytes(const Sweep& sweep, ValueSpan inputs, int64_t batch) {
  std::vector<TensorType> types;
  for (const Value& input : inputs)
    types.push_back(input.type());
  autodiff::Recorder recorder(types);
  recorder.run([&](ValueSpan own) { return sweep(own, batch).derivatives; }, recorder.inputs());
  double bytes = 0;
  for (const autodiff::Node* node : recorder.nodes())
    for (const Value& result : node->results)
      bytes += static_cast<double>(result.type().bytes());
  return bytes;
}

// A sweep of n seeds takes a + n b bytes: two sweeps tell a and b.
int64_t chunkWithin(double limit, const Sweep& sweep, ValueSpan inputs) {
  const double one = sweptBytes(sweep, inputs, 1), two = sweptBytes(sweep, inputs, 2);
  const double each = std::max(1.0, two - one), fixed = one - each;
  return static_cast<int64_t>(std::clamp((limit - fixed) / each, 1.0, 1e15));
}

int64_t chunkSize(const Request& request, const JacobianOptions& options, const Sweep& sweep,
                  ValueSpan inputs) {
  if (options.chunk_size < 0)
    refuse(request, "a chunk_size of at least 1, or 0 for all", std::to_string(options.chunk_size),
           "choose how many derivatives one sweep computes");
  if (options.memory_limit < 0)
    refuse(request, "a memory_limit in bytes, or 0 for none", std::to_string(options.memory_limit),
           "choose how much memory one sweep may take");
  if (options.memory_limit == 0 || !sweep)
    return options.chunk_size;
  const int64_t most = attributed(request, [&] {
    return chunkWithin(static_cast<double>(options.memory_limit), sweep, inputs);
  });
  return options.chunk_size ? std::min(options.chunk_size, most) : most;
}

Chunk chunkAt(int64_t begin, int64_t total, int64_t size) {
  return {begin, size > 0 ? std::min(total, begin + size) : total};
}

// Of the unit vectors of a space in which `type` has the coordinates from `before` on: those of the
// chunk, each in the type's shape: [chunk, shape...].
Value unitSeeds(const TensorType& type, int64_t before, const Chunk& chunk) {
  const int64_t n = type.numel();
  Shape shape = type.shape;
  shape.insert(0, chunk.size());
  const int64_t first = std::max(chunk.begin, before), last = std::min(chunk.end, before + n);
  if (first >= last)
    return emitted::constant({type.dtype, shape}, 0);
  Value rows = emitted::eye(last - first, type.dtype);
  if (chunk.size() != n || last - first != n)
    rows = emitted::pad(rows, {first - chunk.begin, first - before},
                        {chunk.end - last, before + n - last}, {0, 0}, 0);
  return emitted::reshape(rows, shape);
}

int64_t elements(std::span<const TensorType> types) {
  int64_t count = 0;
  for (const TensorType& type : types)
    count += type.numel();
  return count;
}

// The chunk of rows of outputs that lie one after the other. Without rows: one empty cotangent.
Seeds rowSeeds(std::span<const TensorType> outputs, const Chunk& chunk) {
  Seeds seeds{{}, chunk.size()};
  int64_t before = 0;
  for (const TensorType& type : outputs) {
    seeds.values.push_back(elements(outputs) ? unitSeeds(type, before, chunk)
                                             : emitted::constant(type, 0));
    before += type.numel();
  }
  return seeds;
}

Shape joinedShape(const Shape& first, const Shape& second) {
  Shape joined = first;
  for (int64_t extent : second)
    joined.push_back(extent);
  return joined;
}

// [n, output...] -> output.shape + input.shape, n the input's elements.
Value batchLast(const Value& columns, const Shape& input) {
  Dims permutation;
  Shape output;
  for (int i = 1; i < columns.rank(); ++i) {
    permutation.push_back(i);
    output.push_back(columns.shape()[i]);
  }
  permutation.push_back(0);
  const Value moved = columns.rank() > 1 ? emitted::transpose(columns, permutation) : columns;
  return emitted::reshape(moved, joinedShape(output, input));
}

Value joined(const Values& chunks) {
  return chunks.size() == 1 ? chunks[0] : emitted::concatenate(chunks, 0);
}

// Rows of all outputs one after the other, [rows, input...] -> output.shape + input.shape each.
Values splitRows(const Value& rows, std::span<const TensorType> outputs, const TensorType& input) {
  Values jacobians;
  int64_t before = 0;
  for (const TensorType& type : outputs) {
    const TensorType jacobian{input.dtype, joinedShape(type.shape, input.shape)};
    if (!rows || type.numel() == 0) {
      jacobians.push_back(emitted::constant(jacobian, 0));
      continue;
    }
    Dims starts(rows.rank(), 0), limits = rows.shape();
    starts[0] = before;
    limits[0] = before += type.numel();
    const Value own = limits[0] - starts[0] == rows.shape()[0]
                          ? rows
                          : emitted::slice(rows, starts, limits, Dims(rows.rank(), 1));
    jacobians.push_back(emitted::reshape(own, jacobian.shape));
  }
  return jacobians;
}

} // namespace

Swept forwardJacobian(const Request& request, const Function& f, ValueSpan inputs, int wrt,
                      const JacobianOptions& options) {
  const int wanted[] = {wrt};
  requireDifferentiable(request, inputs, wanted);
  const TensorType type = inputs[wrt].type();
  const int64_t total = type.numel();
  const Function again = withSameDraws(f);
  const Sweep sweep = [&](ValueSpan values, int64_t batch) {
    const Value seeds = unitSeeds(type, 0, {0, std::min(batch, total)});
    return currentEmitter().jvp(recording(again), values, wanted,
                                {{seeds}, std::min(batch, total)});
  };
  const int64_t size = chunkSize(request, options, total ? sweep : nullptr, inputs);
  return attributed(request, [&] {
    Derivatives result;
    std::vector<Values> chunks; // by output
    Chunk chunk{0, 0};
    do {
      chunk = chunkAt(chunk.end, total, size);
      Seeds seeds{{}, chunk.size()};
      {
        const LocationScope scope(request.where);
        // Nothing to differentiate: one empty tangent, and zeros of no elements below.
        seeds.values.push_back(total ? unitSeeds(type, 0, chunk) : emitted::constant(type, 0));
      }
      result = currentEmitter().jvp(recording(again), inputs, wanted, seeds);
      chunks.resize(result.derivatives.size());
      for (size_t i = 0; i < chunks.size(); ++i)
        chunks[i].push_back(result.derivatives[i]);
    } while (chunk.end < total);
    const LocationScope scope(request.where);
    for (size_t i = 0; i < chunks.size(); ++i) {
      const Value columns = joined(chunks[i]);
      result.derivatives[i] =
          total ? batchLast(columns, type.shape)
                : emitted::constant({columns.dtype(), joinedShape(columns.shape(), type.shape)}, 0);
    }
    return swept(std::move(result), request);
  });
}

Swept reverseJacobian(const Request& request, const Function& f, ValueSpan inputs, int wrt,
                      const JacobianOptions& options) {
  const int wanted[] = {wrt};
  requireDifferentiable(request, inputs, wanted);
  const Function again = withSameDraws(f);
  const Sweep sweep = [&](ValueSpan values, int64_t batch) {
    return currentEmitter().vjp(recording(again), values, wanted, [&](auto outputs) {
      return rowSeeds(outputs, {0, std::min(batch, elements(outputs))});
    });
  };
  const int64_t size = chunkSize(request, options, sweep, inputs);
  std::vector<TensorType> types;
  Chunk chunk{0, 0};
  // How many rows there are is known when f has run.
  const auto seeds = [&](std::span<const TensorType> outputs) {
    const LocationScope scope(request.where);
    types.assign(outputs.begin(), outputs.end());
    chunk = chunkAt(chunk.end, elements(types), size);
    return rowSeeds(types, chunk);
  };
  return attributed(request, [&] {
    Derivatives result;
    Values chunks;
    do {
      result = currentEmitter().vjp(recording(again), inputs, wanted, seeds);
      chunks.push_back(result.derivatives.at(0));
    } while (chunk.end < elements(types));
    const LocationScope scope(request.where);
    const Value rows = elements(types) ? joined(chunks) : Value();
    result.derivatives = splitRows(rows, types, inputs[wrt].type());
    return swept(std::move(result), request);
  });
}

} // namespace diptych::detail
