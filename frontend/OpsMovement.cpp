// Shapes: the functions of the DSL that move elements, in terms of the IR's operators.
#include "frontend/Ops.h"

#include <diptych/Ops.h>

namespace diptych {

using detail::axesOf;
using detail::axisOf;
using detail::located;
using detail::misuse;
using detail::valueOf;
using detail::wrap;

// Fills in the extent that is -1.
static Shape resolved(const Shape& wanted, const Value& x) {
  Shape shape = wanted;
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0) {
      if (__builtin_mul_overflow(known, shape[i], &known))
        known = 0; // more than any tensor has
      continue;
    }
    if (shape[i] != -1 || unknown >= 0)
      misuse("reshape", "extents that are not negative, one of them perhaps -1", wanted.str(),
             "leave only one extent to be found");
    unknown = i;
  }
  if (unknown < 0)
    return shape;
  if (known == 0 || x.type().numel() % known != 0)
    misuse("reshape", "a shape of " + std::to_string(x.type().numel()) + " elements",
           wanted.str() + " for " + x.type().str(), "no extent fits in the place of -1");
  shape[unknown] = x.type().numel() / known;
  return shape;
}

Tensor reshape(const Arg& x, const Shape& shape) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    return wrap(emitted::reshape(value, resolved(shape, value)));
  });
}

Tensor flatten(const Arg& x) { return reshape(x, {-1}); }

static Dims identityPermutation(int rank) {
  Dims permutation;
  for (int i = 0; i < rank; ++i)
    permutation.push_back(i);
  return permutation;
}

Tensor transpose(const Arg& x) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    if (value.rank() < 2)
      misuse("transpose", "a tensor of rank 2 or more", value.type().str(),
             "a vector has no transpose: use unsqueeze to make it a row or a column");
    return wrap(emitted::matrixTranspose(value));
  });
}

Tensor transpose(const Arg& x, const Dims& permutation) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    if (permutation.size() != value.rank())
      misuse("transpose", "a permutation of " + std::to_string(value.rank()) + " axes",
             permutation.str() + " for " + value.type().str(), "name every axis once");
    Dims counted;
    for (int64_t axis : permutation)
      counted.push_back(axisOf("transpose", axis, value.rank()));
    return wrap(emitted::transpose(value, counted));
  });
}

Tensor permute(const Arg& x, const Dims& permutation) { return transpose(x, permutation); }

Tensor transpose(const Arg& x, int64_t axis1, int64_t axis2) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    Dims permutation = identityPermutation(value.rank());
    std::swap(permutation[axisOf("transpose", axis1, value.rank())],
              permutation[axisOf("transpose", axis2, value.rank())]);
    return wrap(emitted::transpose(value, permutation));
  });
}

Tensor broadcast_to(const Arg& x, const Shape& shape) {
  return located(x.where(),
                 [&] { return wrap(detail::broadcastTo("broadcast_to", valueOf(x), shape)); });
}

Tensor expand(const Arg& x, const Shape& shape) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    Shape full = shape;
    const int offset = shape.size() - value.rank();
    for (int i = 0; i < full.size(); ++i)
      if (full[i] == -1) {
        if (i < offset)
          misuse("expand", "an extent for every new axis",
                 shape.str() + " for " + value.type().str(),
                 "-1 keeps an extent, and a new axis has none");
        full[i] = value.shape()[i - offset];
      }
    return wrap(detail::broadcastTo("expand", value, full));
  });
}

Tensor squeeze(const Arg& x, const Axes& axes) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    const Dims dropped = axesOf("squeeze", axes, value.rank());
    Shape shape;
    for (int i = 0; i < value.rank(); ++i) {
      const int64_t extent = value.shape()[i];
      if (extent != 1 && dropped.contains(i) && !axes.all())
        misuse("squeeze", "extent 1 at axis " + std::to_string(i), value.type().str(),
               "use select to take one position of a longer axis");
      if (extent != 1 || !dropped.contains(i))
        shape.push_back(extent);
    }
    return wrap(emitted::reshape(value, shape));
  });
}

Tensor unsqueeze(const Arg& x, int64_t axis) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    Shape shape = value.shape();
    shape.insert(axisOf("unsqueeze", axis, value.rank() + 1), 1);
    return wrap(emitted::reshape(value, shape));
  });
}

static Value sliced(const Value& x, int64_t axis, int64_t begin, int64_t end, int64_t step) {
  axis = axisOf("slice", axis, x.rank());
  const int64_t extent = x.shape()[axis];
  const int64_t first = begin < 0 ? begin + extent : begin;
  const int64_t last = end < 0 ? end + extent : end;
  if (first < 0 || last > extent || first > last)
    misuse("slice", "a range within 0 to " + std::to_string(extent),
           std::to_string(begin) + " to " + std::to_string(end) + " along axis " +
               std::to_string(axis) + " of " + x.type().str(),
           "negative positions count from the end; ranges are not cut to fit");
  if (step < 1)
    misuse("slice", "a step of at least 1", std::to_string(step), "use flip to turn an axis round");
  Dims starts(x.rank(), 0), limits = x.shape(), strides(x.rank(), 1);
  starts[axis] = first;
  limits[axis] = last;
  strides[axis] = step;
  return emitted::slice(x, starts, limits, strides);
}

Tensor slice(const Arg& x, int64_t axis, int64_t begin, int64_t end, int64_t step) {
  return located(x.where(), [&] { return wrap(sliced(valueOf(x), axis, begin, end, step)); });
}

Tensor slice(const Arg& x, int64_t axis, int64_t begin) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    const int64_t end = value.shape()[axisOf("slice", axis, value.rank())];
    return wrap(sliced(value, axis, begin, end, 1));
  });
}

Tensor select(const Arg& x, int64_t axis, int64_t index) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    const int64_t counted = axisOf("select", axis, value.rank());
    const int64_t extent = value.shape()[counted];
    const int64_t position = index < 0 ? index + extent : index;
    if (position < 0 || position >= extent)
      misuse("select", "an index below " + std::to_string(extent), std::to_string(index),
             "axis " + std::to_string(counted) + " of " + value.type().str() +
                 " has no such position");
    Shape shape = value.shape();
    shape.erase(counted);
    return wrap(emitted::reshape(sliced(value, counted, position, position + 1, 1), shape));
  });
}

Tensor pad(const Arg& x, const std::vector<std::pair<int64_t, int64_t>>& widths, Scalar number) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    if (static_cast<int>(widths.size()) != value.rank())
      misuse("pad", "{before, after} for each of " + std::to_string(value.rank()) + " axes",
             std::to_string(widths.size()) + " pairs", "give {0, 0} for an axis that stays");
    Dims low, high;
    for (const auto& [before, after] : widths) {
      low.push_back(before);
      high.push_back(after);
    }
    return wrap(emitted::pad(value, low, high, Dims(value.rank(), 0), number));
  });
}

Tensor flip(const Arg& x, const Axes& axes) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    return wrap(emitted::reverse(value, axesOf("flip", axes, value.rank())));
  });
}

Tensor reverse(const Arg& x, const Axes& axes) { return flip(x, axes); }

static Tensor joined(const char* op, const std::vector<Tensor>& tensors, int64_t axis, bool isNew) {
  if (tensors.empty())
    misuse(op, "at least one tensor", "none", "check the list");
  Values values;
  for (const Tensor& tensor : tensors) {
    Value value = tensor.value();
    if (isNew) {
      if (!(tensor.shape() == tensors[0].shape()))
        misuse(op, "tensors of one shape", tensors[0].type().str() + " and " + tensor.type().str(),
               "reshape one, or use concatenate");
      Shape shape = value.shape();
      shape.insert(axisOf(op, axis, value.rank() + 1), 1);
      value = emitted::reshape(value, shape);
    }
    values.push_back(value);
  }
  return wrap(emitted::concatenate(values, axisOf(op, axis, values[0].rank())));
}

Tensor concatenate(const std::vector<Tensor>& tensors, int64_t axis, SourceLocation where) {
  return located(where, [&] { return joined("concatenate", tensors, axis, false); });
}

Tensor cat(const std::vector<Tensor>& tensors, int64_t axis, SourceLocation where) {
  return concatenate(tensors, axis, where);
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t axis, SourceLocation where) {
  return located(where, [&] { return joined("stack", tensors, axis, true); });
}

} // namespace diptych
