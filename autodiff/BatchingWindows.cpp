// Batching rules of convolution, windows and their sum. A batch of images joins n, a batch of
// kernels joins o, a batch of both joins the groups: one large convolution each time.
#include "autodiff/Batching.h"

namespace diptych::autodiff::batching {

Value convolution(const Context& c) {
  const Operand &x = c.operands[0], &w = c.operands[1];
  const Dims &strides = c.attrs.strides, &dilations = c.attrs.dilations;
  if (!w.batched) { // [B,n,g,c,l]: [B*n,g,c,l]
    const int64_t n = x.value.shape()[1];
    return split(emitted::convolution(merge(x.value, 0), w.value, strides, dilations), 0, c.batch,
                 n);
  }
  if (!x.batched) { // [B,g,o,c,k]: [g,B*o,c,k] -> [n,g,B*o,p]
    const int64_t o = w.value.shape()[2];
    const Value kernels = merge(moveAxis(w.value, 0, 1), 1);
    return moveAxis(
        split(emitted::convolution(x.value, kernels, strides, dilations), 2, c.batch, o), 2, 0);
  }
  // [B,n,g,c,l]: [n,B*g,c,l]; [B,g,o,c,k]: [B*g,o,c,k] -> [n,B*g,o,p]
  const int64_t g = w.value.shape()[1];
  const Value images = merge(moveAxis(x.value, 0, 1), 1);
  return moveAxis(
      split(emitted::convolution(images, merge(w.value, 0), strides, dilations), 1, c.batch, g), 1,
      0);
}

Value windows(const Context& c) {
  return emitted::windows(c.batched(0), oneUp(c.attrs.axes), c.attrs.sizes, c.attrs.strides,
                          c.attrs.dilations);
}

Value overlapAdd(const Context& c) {
  Shape shape = c.attrs.shape;
  shape.insert(0, c.batch);
  return emitted::overlapAdd(c.batched(0), shape, oneUp(c.attrs.axes), c.attrs.strides,
                             c.attrs.dilations);
}

} // namespace diptych::autodiff::batching
