// Jacobians by batched sweeps: unit seeds, all at once or in chunks, and where their axis goes.
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

int64_t chunkSize(const Request& request, const JacobianOptions& options) {
  if (options.chunk_size < 0)
    refuse(request, "a chunk_size of at least 1, or 0 for all", std::to_string(options.chunk_size),
           "choose how many derivatives one sweep computes");
  return options.chunk_size;
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

int64_t elements(std::span<const TensorType> types) {
  int64_t count = 0;
  for (const TensorType& type : types)
    count += type.numel();
  return count;
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
  const int64_t size = chunkSize(request, options);
  const TensorType type = inputs[wrt].type();
  const int64_t total = type.numel();
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
      result = currentEmitter().jvp(recording(f), inputs, wanted, seeds);
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
  const int64_t size = chunkSize(request, options);
  std::vector<TensorType> types;
  Chunk chunk{0, 0};
  // How many rows there are is known when f has run.
  const auto seeds = [&](std::span<const TensorType> outputs) {
    const LocationScope scope(request.where);
    types.assign(outputs.begin(), outputs.end());
    const int64_t total = elements(types);
    chunk = chunkAt(chunk.end, total, size);
    Seeds result{{}, chunk.size()};
    int64_t before = 0;
    for (const TensorType& type : types) {
      result.values.push_back(total ? unitSeeds(type, before, chunk) : emitted::constant(type, 0));
      before += type.numel();
    }
    return result;
  };
  return attributed(request, [&] {
    Derivatives result;
    Values chunks;
    do {
      result = currentEmitter().vjp(recording(f), inputs, wanted, seeds);
      chunks.push_back(result.derivatives.at(0));
    } while (chunk.end < elements(types));
    const LocationScope scope(request.where);
    const Value rows = elements(types) ? joined(chunks) : Value();
    result.derivatives = splitRows(rows, types, inputs[wrt].type());
    return swept(std::move(result), request);
  });
}

} // namespace diptych::detail
