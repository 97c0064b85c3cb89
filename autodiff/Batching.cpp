// Batching rules of the pointwise operators, movement and reductions: the batch axis goes in front
// and every axis the attributes name moves one up.
#include "autodiff/Batching.h"

namespace diptych::autodiff::batching {

Value withBatchAxis(const Value& plain, int64_t batch) {
  Shape shape = plain.shape();
  shape.insert(0, batch);
  Dims axes;
  for (int i = 0; i < plain.rank(); ++i)
    axes.push_back(i + 1);
  return emitted::broadcast(plain, shape, axes);
}

Value Context::batched(size_t i) const {
  return operands[i].batched ? operands[i].value : withBatchAxis(operands[i].value, batch);
}

Values Context::allBatched() const {
  Values values;
  for (size_t i = 0; i < operands.size(); ++i)
    values.push_back(batched(i));
  return values;
}

Value Context::emit(ValueSpan values, const Attrs& attributes) const {
  return currentEmitter().emit(code, values, attributes);
}

Dims oneUp(const Dims& axes) {
  Dims moved = axes;
  for (int64_t& axis : moved)
    ++axis;
  return moved;
}

// For lists with an entry for each axis: `entry` is the batch axis's.
static Dims withFront(const Dims& list, int64_t entry) {
  Dims longer = list;
  longer.insert(0, entry);
  return longer;
}

Value pointwise(const Context& c) { return c.emit(c.allBatched(), c.attrs); }

// Emitted even where nothing changes: an operator left out would change the order in which
// cotangents are added.
Value broadcast(const Context& c) {
  Attrs attrs;
  attrs.shape = withFront(c.attrs.shape, c.batch);
  attrs.axes = withFront(oneUp(c.attrs.axes), 0);
  return c.emit(c.allBatched(), attrs);
}

Value reshape(const Context& c) {
  Attrs attrs;
  attrs.shape = withFront(c.attrs.shape, c.batch);
  return c.emit(c.allBatched(), attrs);
}

Value transpose(const Context& c) {
  return emitted::transpose(c.batched(0), withFront(oneUp(c.attrs.axes), 0));
}

Value slice(const Context& c) {
  return emitted::slice(c.batched(0), withFront(c.attrs.starts, 0),
                        withFront(c.attrs.limits, c.batch), withFront(c.attrs.strides, 1));
}

Value pad(const Context& c) {
  return emitted::pad(c.batched(0), withFront(c.attrs.low, 0), withFront(c.attrs.high, 0),
                      withFront(c.attrs.interior, 0), c.attrs.value);
}

Value reverse(const Context& c) { return emitted::reverse(c.batched(0), oneUp(c.attrs.axes)); }

Value concatenate(const Context& c) {
  return emitted::concatenate(c.allBatched(), c.attrs.axis + 1);
}

Value reduction(const Context& c) {
  Attrs attrs;
  attrs.axes = oneUp(c.attrs.axes);
  return c.emit(c.allBatched(), attrs);
}

// Of every operator along an axis.
Value argReduction(const Context& c) {
  Attrs attrs = c.attrs;
  ++attrs.axis;
  return c.emit(c.allBatched(), attrs);
}

// An operator without an axis keeps one that nobody reads.
Value library(const Context& c) { return argReduction(c); }

} // namespace diptych::autodiff::batching
