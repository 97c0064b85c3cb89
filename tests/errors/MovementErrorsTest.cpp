// Misuse of the functions that rearrange elements, and of einsum.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;

namespace {

const dt::Tensor x = dt::ones({4, 3}), v = dt::ones({3}), s = dt::tensor(1.0);

TEST(MovementErrors, Parts) {
  EXPECT_ERROR_HERE(dt::split(x, 0), "split: expected a size of at least 1", "chunk");
  EXPECT_ERROR_HERE((dt::split(x, std::vector<int64_t>{1, 2})), "add up to the extent of axis 0",
                    "got 3 for f64[4,3]");
  EXPECT_ERROR_HERE((dt::split(x, std::vector<int64_t>{-1, 5})), "not negative", "-1");
  EXPECT_ERROR_HERE(dt::chunk(x, 0), "chunk: expected at least 1", "0");
  EXPECT_ERROR_HERE(dt::unstack(s), "unstack:");
}

TEST(MovementErrors, RepetitionAndTurning) {
  EXPECT_ERROR_HERE(dt::repeat(x, -1, 0), "repeat:", "not negative", "-1");
  EXPECT_ERROR_HERE((dt::tile(x, {2, -1})), "tile:", "not negative");
  EXPECT_ERROR_HERE(dt::meshgrid({v, x}), "meshgrid: expected vectors", "f64[4,3]");
  EXPECT_ERROR_HERE(dt::meshgrid({v, v}, "ji"), "meshgrid:", "\"ji\"");
  EXPECT_ERROR_HERE(dt::roll(x, 1, 2), "roll:", "2");
  EXPECT_ERROR_HERE((dt::roll(x, {1}, {0, 1})), "a shift for each of 2 axes");
  EXPECT_ERROR_HERE(dt::rot90(x, 1, 0, -2), "rot90: expected two different axes", "0 and -2");
}

TEST(MovementErrors, DiagonalsAndMasks) {
  EXPECT_ERROR_HERE(dt::tril(v), "tril: expected a tensor of rank 2 or more", "f64[3]");
  EXPECT_ERROR_HERE(dt::diagonal(v), "diagonal:", "f64[3]");
  EXPECT_ERROR_HERE(dt::diagonal(x, 0, 1, 1), "diagonal: expected two different axes");
  EXPECT_ERROR_HERE(dt::diag(s), "diag: expected a vector or a matrix", "f64[]");
  EXPECT_ERROR_HERE(dt::trace(v), "trace:", "f64[3]");
  EXPECT_ERROR_HERE(dt::one_hot(v, 3), "one_hot: expected indices", "f64[3]", "astype");
  EXPECT_ERROR_HERE(dt::masked_fill(v, x > 0, 1.0), "broadcasts to [3]", "boolean[4,3]");
}

TEST(MovementErrors, Einsum) {
  EXPECT_ERROR_HERE((dt::einsum("ij,jk->ik", {x, x})), "einsum: expected one extent for 'j'",
                    "3 and 4", "ij,jk->ik");
  EXPECT_ERROR_HERE((dt::einsum("ij->i", {x, x})), "letters for each of 2 operands", "1 lists");
  EXPECT_ERROR_HERE((dt::einsum("i->i", {x})), "a letter for each axis of operand 0", "\"i\"");
  EXPECT_ERROR_HERE((dt::einsum("ij->ik", {x})), "letters that operands have", "\"ik\"");
  EXPECT_ERROR_HERE((dt::einsum("ij->ii", {x})), "each once");
  EXPECT_ERROR_HERE((dt::einsum("...j->j", {x})), "letters, commas and an arrow", "got .");
  EXPECT_ERROR_HERE((dt::einsum("ii->i", {x})), "one extent for 'i'", "f64[4,3]");
}

} // namespace
