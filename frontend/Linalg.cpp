// Linear algebra of the DSL: operands made to fit, packed results taken apart, composites.
#include <diptych/Linalg.h>

#include <diptych/Composites.h>
#include <diptych/Movement.h>

#include "frontend/Ops.h"
#include "ir/EmittedLinalg.h"

#include <limits>

namespace diptych::linalg {

namespace {

using detail::located;
using detail::misuse;
using detail::valueOf;
using detail::wrap;

Value matrixOf(const char* op, const Arg& arg) {
  const Value x = valueOf(arg);
  detail::requireFloat(op, x);
  if (x.rank() < 2)
    misuse(op, "a matrix [..., m, n]", x.type().str(), "add an axis with unsqueeze");
  return x;
}

Value squareOf(const char* op, const Arg& arg) {
  const Value x = matrixOf(op, arg);
  if (x.shape()[x.rank() - 2] != x.shape().back())
    misuse(op, "a square matrix [..., n, n]", x.type().str(), "see pinv and lstsq for others");
  return x;
}

Shape batchOf(const Value& x) {
  Shape batch = x.shape();
  batch.pop_back();
  batch.pop_back();
  return batch;
}

Value withBatch(const char* op, const Value& x, const Shape& batch) {
  Shape shape = batch;
  shape.push_back(x.shape()[x.rank() - 2]);
  shape.push_back(x.shape().back());
  return detail::broadcastTo(op, x, shape);
}

/// Two operands whose batch axes broadcast; a vector on the right is a matrix of one column.
struct System {
  Value a, b;
  bool vector = false;

  System(const char* op, const Arg& left, const Arg& right) : a(matrixOf(op, left)) {
    b = valueOf(right);
    detail::requireFloat(op, b);
    vector = b.rank() == 1 && a.rank() == 2;
    if (vector)
      b = emitted::reshape(b, {b.shape()[0], 1});
    if (b.rank() < 2)
      misuse(op, "a right side [..., n, k]", b.type().str(), "add an axis with unsqueeze");
    const Shape batches[] = {batchOf(a), batchOf(b)};
    const Shape common = detail::commonShape(op, batches);
    a = withBatch(op, a, common);
    b = withBatch(op, b, common);
  }
  Tensor result(const Value& x) const {
    return wrap(vector ? emitted::reshape(x, {x.shape()[0]}) : x);
  }
};

} // namespace

//===-- Systems of equations -----------------------------------------------------------------===//

Tensor cholesky(const Arg& a, bool check) {
  return located(a.where(),
                 [&] { return wrap(emitted::cholesky(squareOf("cholesky", a), check)); });
}

Tensor triangular_solve(const Arg& a, const Arg& b, const TriangularOptions& options) {
  return located(a.where(), [&] {
    const System system("triangular_solve", a, b);
    emitted::Triangle triangle{options.lower, options.transposed, options.unit};
    if (options.left)
      return system.result(emitted::triangularSolve(system.a, system.b, triangle, options.check));
    // X A = B is A^T X^T = B^T.
    triangle.transposed = !triangle.transposed;
    const Value right = emitted::matrixTranspose(system.b);
    return wrap(emitted::matrixTranspose(
        emitted::triangularSolve(system.a, right, triangle, options.check)));
  });
}

Tensor solve(const Arg& a, const Arg& b, const SolveOptions& options) {
  return located(a.where(), [&] {
    const System system("solve", a, b);
    return system.result(emitted::solve(system.a, system.b, options.transposed, options.check));
  });
}

Tensor cholesky_solve(const Arg& L, const Arg& b, bool check) {
  return located(L.where(), [&] {
    const System system("cholesky_solve", L, b);
    const Value half = emitted::triangularSolve(system.a, system.b, {}, check);
    return system.result(emitted::triangularSolve(system.a, half, {.transposed = true}, check));
  });
}

Tensor inverse(const Arg& a, bool check) {
  return located(a.where(), [&] {
    const Value x = squareOf("inverse", a);
    return wrap(emitted::solve(x, emitted::identityLike(x), false, check));
  });
}

Tensor lstsq(const Arg& a, const Arg& b) {
  return located(a.where(), [&] {
    const System system("lstsq", a, b);
    const Tensor left = pinv(wrap(system.a));
    return system.result(emitted::matmul(left.value(), system.b));
  });
}

//===-- Determinants -------------------------------------------------------------------------===//

Tensor det(const Arg& a) {
  return located(a.where(), [&] { return wrap(emitted::det(squareOf("det", a), false)); });
}

std::pair<Tensor, Tensor> slogdet(const Arg& a) {
  return located(a.where(), [&] {
    const Tensor both = wrap(emitted::slogdet(squareOf("slogdet", a)));
    return std::pair(select(both, -1, 0), select(both, -1, 1));
  });
}

//===-- Decompositions -----------------------------------------------------------------------===//

// Of a wide matrix: its first columns have Q, which takes the others to R.
std::pair<Tensor, Tensor> qr(const Arg& a) {
  return located(a.where(), [&] {
    const Value x = matrixOf("qr", a);
    const int64_t m = x.shape()[x.rank() - 2], n = x.shape().back(), k = std::min(m, n);
    const Value packed = emitted::qr(emitted::columns(x, 0, k));
    const Value Qt = emitted::columns(packed, 0, m);
    Value R = emitted::columns(packed, m, m + k);
    if (n > m) {
      const Value parts[] = {R, emitted::matmul(Qt, emitted::columns(x, m, n))};
      R = emitted::concatenate(parts, x.rank() - 1);
    }
    return std::pair(wrap(emitted::matrixTranspose(Qt)), wrap(R));
  });
}

std::pair<Tensor, Tensor> eigh(const Arg& a) {
  return located(a.where(), [&] {
    const Value packed = emitted::eigh(squareOf("eigh", a));
    const int64_t n = packed.shape().back();
    return std::pair(wrap(emitted::row(packed, n)), wrap(emitted::rows(packed, 0, n)));
  });
}

Tensor eigvalsh(const Arg& a) { return eigh(a).first; }

// A wide matrix is decomposed as its transpose.
std::tuple<Tensor, Tensor, Tensor> svd(const Arg& a) {
  return located(a.where(), [&] {
    const Value x = matrixOf("svd", a);
    const int64_t m = x.shape()[x.rank() - 2], n = x.shape().back();
    const bool wide = m < n;
    const int64_t most = std::max(m, n), k = std::min(m, n);
    const Value packed = emitted::svd(wide ? emitted::matrixTranspose(x) : x);
    const Value U = emitted::rows(packed, 0, most);
    const Value V = emitted::rows(packed, most, most + k);
    return std::tuple(wrap(wide ? V : U), wrap(emitted::row(packed, most + k)),
                      wrap(emitted::matrixTranspose(wide ? U : V)));
  });
}

Tensor svdvals(const Arg& a) { return std::get<1>(svd(a)); }

static double cutoffFor(const Value& x, double given) {
  if (given >= 0)
    return given;
  const double epsilon = x.dtype() == DType::f32 ? std::numeric_limits<float>::epsilon()
                                                 : std::numeric_limits<double>::epsilon();
  return epsilon * static_cast<double>(std::max(x.shape()[x.rank() - 2], x.shape().back()));
}

Tensor pinv(const Arg& a, double cutoff) {
  return located(a.where(), [&] {
    const Value x = matrixOf("pinv", a);
    return wrap(emitted::pinv(x, cutoffFor(x, cutoff)));
  });
}

Tensor matrix_rank(const Arg& a, double cutoff) {
  return located(a.where(), [&] {
    const Value x = matrixOf("matrix_rank", a);
    const Tensor s = svdvals(wrap(x));
    if (s.shape(-1) == 0)
      return sum(s.astype(DType::i64), -1);
    const Tensor bound = max(s, -1, true) * cutoffFor(x, cutoff);
    return sum((s > bound).astype(DType::i64), -1);
  });
}

//===-- Norms --------------------------------------------------------------------------------===//

Tensor matrix_norm(const Arg& a, Norm norm) {
  return located(a.where(), [&] {
    const Tensor x = wrap(matrixOf("matrix_norm", a));
    switch (norm) {
    case Norm::frobenius: return diptych::norm(x, {-2, -1});
    case Norm::nuclear: return sum(svdvals(x), -1);
    case Norm::spectral: return max(svdvals(x), -1);
    case Norm::one: return max(sum(abs(x), -2), -1);
    case Norm::infinity: return max(sum(abs(x), -1), -1);
    }
    throw Error("internal: unknown norm");
  });
}

Tensor cond(const Arg& a) {
  return located(a.where(), [&] {
    const Tensor s = svdvals(wrap(matrixOf("cond", a)));
    return select(s, -1, 0) / select(s, -1, -1);
  });
}

} // namespace diptych::linalg
