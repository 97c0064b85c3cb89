"""Softmax and normalisation of a row in one block, in Triton."""
import triton
import triton.language as tl


@triton.jit
def softmax(out, x, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    place = tl.arange(0, BLOCK)
    there = place < columns
    value = tl.load(x + row * columns + place, mask=there, other=-float("inf"))
    value = tl.exp(value - tl.max(value, 0))
    tl.store(out + row * columns + place, value / tl.sum(value, 0), mask=there)


@triton.jit
def layerNorm(out, x, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    place = tl.arange(0, BLOCK)
    there = place < columns
    value = tl.load(x + row * columns + place, mask=there, other=0.0)
    centred = tl.where(there, value - tl.sum(value, 0) / columns, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(centred * centred, 0) / columns + 1e-5)
    tl.store(out + row * columns + place, centred * scale, mask=there)
