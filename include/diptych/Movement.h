// Functions that rearrange, select or repeat elements, made of operators: differentiable to any
// order through what they are made of, eager and traced. Negative axes count from the last.
#pragma once

#include <diptych/Ops.h>

namespace diptych {

//===-- Parts --------------------------------------------------------------------------------===//

/// Pieces of `size` along an axis; the last one may be smaller.
std::vector<Tensor> split(const Arg& x, int64_t size, int64_t axis = 0);
/// Pieces of the given sizes, which add up to the extent (else Error).
std::vector<Tensor> split(const Arg& x, const std::vector<int64_t>& sizes, int64_t axis = 0);
/// At most so many pieces, all of the size ceil(extent / chunks) but the last. PyTorch's rule:
/// there may be fewer.
std::vector<Tensor> chunk(const Arg& x, int64_t chunks, int64_t axis = 0);
/// Every position along an axis, which is dropped: undoes stack (PyTorch's unbind).
std::vector<Tensor> unstack(const Arg& x, int64_t axis = 0);

//===-- Repetition ---------------------------------------------------------------------------===//

/// Each element `repeats` times in a row along an axis (NumPy's repeat, PyTorch's
/// repeat_interleave).
Tensor repeat(const Arg& x, int64_t repeats, int64_t axis);
/// The whole tensor so many times along each axis (NumPy's tile, PyTorch's Tensor.repeat). Missing
/// counts at the left are 1; further counts at the left make new axes.
Tensor tile(const Arg& x, const std::vector<int64_t>& counts);
/// A coordinate tensor for each vector: all have shape [n0, n1, ...]. "xy" swaps the first two axes
/// of the results, as NumPy does.
std::vector<Tensor> meshgrid(const std::vector<Tensor>& vectors, const std::string& indexing = "ij",
                             SourceLocation where = std::source_location::current());

//===-- Turning ------------------------------------------------------------------------------===//

/// Elements move `shift` places up along an axis; those that leave it come in at the other end.
Tensor roll(const Arg& x, int64_t shift, int64_t axis);
/// The same over several axes, a shift for each.
Tensor roll(const Arg& x, const std::vector<int64_t>& shifts, const std::vector<int64_t>& axes);
/// Rolls the flattened tensor.
Tensor roll(const Arg& x, int64_t shift);
/// Turned by k right angles in the plane of two axes, from the first towards the second.
Tensor rot90(const Arg& x, int64_t k = 1, int64_t axis1 = 0, int64_t axis2 = 1);

//===-- Triangles and diagonals --------------------------------------------------------------===//

/// The last two axes with zeros above (tril) or below (triu) diagonal k; k > 0 lies above the main
/// one.
Tensor tril(const Arg& x, int64_t k = 0);
Tensor triu(const Arg& x, int64_t k = 0);
/// Diagonal `offset` of the matrices in two axes, as the last axis of the result.
Tensor diagonal(const Arg& x, int64_t offset = 0, int64_t axis1 = 0, int64_t axis2 = 1);
/// Of a vector: the matrix with it on diagonal k, zeros elsewhere. Of a matrix: its diagonal k.
Tensor diag(const Arg& x, int64_t k = 0);
/// Sum of a diagonal.
Tensor trace(const Arg& x, int64_t offset = 0, int64_t axis1 = 0, int64_t axis2 = 1);

//===-- Masks --------------------------------------------------------------------------------===//

/// 1 where the last axis, which is new, has the index, else 0. An index outside 0 <= i < classes
/// gives zeros (as in JAX), in every mode.
Tensor one_hot(const Tensor& indices, int64_t classes, DType dtype = DType::i64,
               SourceLocation where = std::source_location::current());
/// `value` where the mask, which broadcasts to x, holds; x elsewhere.
Tensor masked_fill(const Arg& x, const Arg& mask, const Arg& value);

//===-- Contraction --------------------------------------------------------------------------===//

/// Einstein's sum: einsum("ij,jk->ik", {a, b}). A letter for each axis of each operand; equal
/// letters are one index; what does not stand behind the arrow is summed. Without an arrow the
/// result has the letters that occur once, in alphabetical order. A letter twice in one operand
/// takes its diagonal. Operands are contracted in pairs: at each step the pair whose loops run over
/// the fewest elements, of those the one with the smaller result, of those the first. Float pairs
/// with a summed index are one matmul. No ellipsis.
Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands,
              SourceLocation where = std::source_location::current());

} // namespace diptych
