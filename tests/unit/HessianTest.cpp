// Hessians of functions that cut their parameters out of one vector: computed part by part, above
// the diagonal only, with identities followed instead of multiplied. The same numbers as eagerly,
// in little memory, and not where a Jacobian need not be symmetric.
#include "SameBits.h"

namespace diptych::test {
namespace {

double apart(const Tensor& got, const Tensor& expected) {
  EXPECT_EQ(got.shape(), expected.shape());
  const auto of = [](const Tensor& x) { return max(abs(x)).astype(f64).item<double>(); };
  return of(got - expected) / std::max(1e-300, of(expected));
}

// Jitted as eagerly: to rounding, and bit for bit in strict numerics.
template <class F, class... Args> void expectEager(F f, const Args&... args) {
  const Tensor expected = f(args...);
  EXPECT_LT(apart(jit(f)(args...), expected), 1e-12);
  EXPECT_TRUE(sameBits(jit(f, {.numerics = Numerics::strict})(args...), expected));
}

// Two layers, their biases and an output, side by side in p.
struct Net {
  int64_t in, hidden, out;
  int64_t size() const { return in * hidden + hidden + hidden * out + out; }
  Tensor operator()(const Tensor& p, const Tensor& x) const {
    int64_t at = 0;
    const auto next = [&](Shape shape) {
      at += shape.product();
      return reshape(slice(p, 0, at - shape.product(), at), shape);
    };
    const Tensor W = next({in, hidden}), b = next({hidden}), V = next({hidden, out});
    return matmul(tanh(matmul(x, W) + b), V) + next({out});
  }
};

struct Data {
  explicit Data(const Net& net) {
    manual_seed(3);
    p = 0.5 * randn({net.size()});
    x = randn({23, net.in});
    y = randn({23, net.out});
  }
  Tensor p, x, y;
};

TEST(Hessian, OfANetwork) {
  const Net net{6, 12, 2};
  const Data d(net);
  const auto loss = [=](const Tensor& p, const Tensor& x, const Tensor& y) {
    return mean(square(net(p, x) - y));
  };
  expectEager(hessian(loss), d.p, d.x, d.y);
  // Each tangent of the hidden layer alone would have 98 x 23 x 12 elements.
  const auto jitted = jit(hessian(loss));
  jitted(d.p, d.x, d.y);
  EXPECT_LT(jitted.stats().arenaBytes, 98 * 23 * 12 * 8);
  // What else is asked of the same program.
  expectEager(hessian(loss, 1), d.p, d.x, d.y);
  expectEager(jacfwd(grad(loss)), d.p, d.x, d.y);
  expectEager(jacrev(grad(loss)), d.p, d.x, d.y);
  expectEager(hessian(loss, 0, {.chunk_size = 20}), d.p, d.x, d.y);
}

// The whole vector is read too, before and after its parts.
TEST(Hessian, WithWeightDecay) {
  const Net net{6, 12, 2};
  const Data d(net);
  expectEager(hessian([=](const Tensor& p, const Tensor& x, const Tensor& y) {
                return mean(square(net(p, x) - y)) + 0.01 * sum(p * p * p);
              }),
              d.p, d.x, d.y);
  expectEager(hessian([=](const Tensor& p, const Tensor& x, const Tensor& y) {
                const Tensor decay = log(1.0 + sum(p * p));
                return decay * mean(square(net(p, x) - y));
              }),
              d.p, d.x, d.y);
}

TEST(Hessian, DerivedOnceMore) {
  const Net net{2, 4, 1};
  const Data d(net);
  const auto loss = [=](const Tensor& p, const Tensor& x, const Tensor& y) {
    return mean(square(net(p, x) - y));
  };
  expectEager(jacfwd(hessian(loss)), d.p, d.x, d.y);
  expectEager(grad([=](const Tensor& p, const Tensor& x, const Tensor& y) {
                return sum(square(hessian(loss)(p, x, y)));
              }),
              d.p, d.x, d.y);
  const Tensor many = 0.5 * randn({3, net.size()});
  expectEager(vmap([=](const Tensor& p) { return hessian(loss)(p, d.x, d.y); }), many);
}

// Parts that overlap, leave steps or gaps, have one element, or are many.
TEST(Hessian, OfOtherParts) {
  manual_seed(4);
  const Tensor p = randn({40}), M = randn({20, 30});
  const auto cut = [](const Tensor& p, int64_t from, int64_t to) { return slice(p, 0, from, to); };
  expectEager(
      hessian([=](const Tensor& p) { return sum(exp(cut(p, 0, 30) * cut(p, 10, 40)) * sum(p)); }),
      p);
  expectEager(hessian([=](const Tensor& p) { // three diagonals (Rosenbrock)
                const Tensor b = cut(p, 0, 199), d = cut(p, 1, 200) - b * b;
                return sum(100.0 * d * d + square(1.0 - b));
              }),
              randn({200}));
  expectEager(hessian([=](const Tensor& p) {
                return sum(tanh(slice(p, 0, 0, 40, 2) * slice(p, 0, 1, 40, 2)) * sum(p * p));
              }),
              p);
  expectEager(hessian([=](const Tensor& p, const Tensor& M) {
                return sum(exp(0.1 * matmul(M, cut(p, 3, 33)))) * sum(cut(p, 36, 37));
              }),
              p, M);
  expectEager(hessian([=](const Tensor& p) {
                Tensor total = sum(p);
                for (int64_t i = 0; i < 40; i += 4)
                  total = total * (1.0 + 0.1 * sum(sin(cut(p, i, i + 4))));
                return total;
              }),
              p);
}

// Rows of a matrix; a number; one element; none.
TEST(Hessian, OfOtherShapes) {
  manual_seed(6);
  const Tensor P = randn({9, 4}), x = randn({11, 4});
  expectEager(hessian([](const Tensor& P, const Tensor& x) {
                const Tensor a = slice(P, 0, 0, 5), b = slice(P, 0, 5, 9);
                return sum(tanh(matmul(matmul(x, transpose(a)), slice(a, 0, 0, 5))) * matmul(x, b));
              }),
              P, x);
  expectEager(hessian([](const Tensor& a) { return exp(a) * a; }), tensor(0.7));
  expectEager(hessian([](const Tensor& a) { return sum(exp(slice(a, 0, 0, 1)) * a); }), randn({1}));
  EXPECT_EQ(jit(hessian([](const Tensor& a) { return sum(a * a); }))(zeros({0})).shape(),
            (Shape{0, 0}));
}

TEST(Hessian, OfFloats) {
  const Net net{6, 12, 2};
  const Data d(net);
  const auto loss = [=](const Tensor& p, const Tensor& x, const Tensor& y) {
    return mean(square(net(p, x) - y));
  };
  const Tensor wide = hessian(loss)(d.p, d.x, d.y);
  const auto narrow = [](const Tensor& x) { return x.astype(f32); };
  const Tensor got = jit(hessian(loss))(narrow(d.p), narrow(d.x), narrow(d.y));
  EXPECT_LT(apart(got.astype(f64), wide), 1e-5);
}

// What is known of the result is not seen in the product: its rows were centred.
TEST(Hessian, IsMadeOfHalves) {
  manual_seed(5);
  const Tensor w = 0.1 * randn({47}), X = randn({300, 47});
  const auto loss = [](const Tensor& w, const Tensor& X) {
    return logsumexp(matmul(X, w), 0) + sum(w * w * w);
  };
  expectEager(hessian(loss), w, X);
  const auto f = jit(hessian(loss));
  const Tensor H = f(w, X);
  EXPECT_TRUE(sameBits(H, transpose(H)));
  EXPECT_NE(f.ir("simplified").find("diptych.upper"), std::string::npos) << f.ir("simplified");
  // Where it is not the result, or not a Hessian, products stay whole.
  const auto along = [&](const Tensor& w, const Tensor& X, const Tensor& V) {
    return vmap([&](const Tensor& v) { return hvp(loss)(w, v, X); })(V);
  };
  expectEager(along, w, X, randn({47, 47}));
  const auto solved = [&](const Tensor& w, const Tensor& X) {
    return matmul(hessian(loss)(w, X), w);
  };
  expectEager(solved, w, X);
  const auto rows = [&](const Tensor& w, const Tensor& X) {
    return jacfwd([&](const Tensor& v) { return grad(loss)(v, X) * v; })(w);
  };
  expectEager(rows, w, X);
  const auto g = jit(rows);
  g(w, X);
  EXPECT_EQ(g.ir("simplified").find("diptych.upper"), std::string::npos) << g.ir("simplified");
}

// What is held is held in every order. A rule that somebody gave need not be a derivative.
TEST(Hessian, NeedNotBeSymmetric) {
  manual_seed(7);
  const Tensor p = randn({20});
  const auto halves = [](const Tensor& p) {
    return std::pair(slice(p, 0, 0, 10), slice(p, 0, 10, 20));
  };
  expectEager(hessian([=](const Tensor& p) {
                const auto [a, b] = halves(p);
                return sum(exp(a * stop_gradient(b)) + b * b * a);
              }),
              p);
  // A gradient beside what follows from the same argument, and is given.
  const auto beside = jacfwd([=](const Tensor& p) {
    const Tensor given = square(halves(p).second);
    return grad([=](const Tensor& x) {
      const auto [a, b] = halves(x);
      return sum(exp(a) * b * given);
    })(p);
  });
  EXPECT_GT(apart(beside(p), transpose(beside(p))), 0.01);
  expectEager(beside, p);
  const auto own = custom_vjp([](const Tensor& x) { return sin(x); },
                              [](const Tensor& x, const Tensor&, const Tensor& ct) {
                                return ct * (1.0 + x * slice(x, 0, 0, 1));
                              });
  const auto given = hessian([=](const Tensor& p) {
    const auto [a, b] = halves(p);
    return sum(own(a) * b);
  });
  const Tensor H = given(p);
  EXPECT_GT(apart(H, transpose(H)), 0.01);
  expectEager(given, p);
}

// A jitted Hessian equals its transpose, and the gradient of its sum in a square does not.
TEST(Hessian, SymmetryEndsWhereItsDerivativesBegin) {
  manual_seed(9);
  const Tensor w = randn({40}), B = 0.2 * randn({40, 40}), X = 0.3 * randn({100, 40}),
               M = randn({40, 40});
  const auto H =
      hessian([=](const Tensor& w, const Tensor& B) { return sum(tanh(matmul(matmul(X, B), w))); });
  const auto inB = [&](const auto& H) {
    return grad([&](const Tensor& B) { return sum(H(w, B) * M); })(B);
  };
  EXPECT_LT(apart(inB(jit(H)), inB(H)), 1e-12);
}

// diag(s) - s s' times R' scales R's columns and takes their mean away; nothing is multiplied
// twice.
TEST(Hessian, ThroughASoftmax) {
  manual_seed(8);
  const Tensor w = 0.1 * randn({60}), R = 0.01 * randn({300, 60});
  const auto sharpe = [](const Tensor& w, const Tensor& R) {
    const Tensor r = matmul(R, softmax(w, 0));
    return mean(r) / stddev(r);
  };
  const auto jitted = jit(hessian(sharpe));
  EXPECT_LT(apart(jitted(w, R), hessian(sharpe)(w, R)), 1e-12);
  EXPECT_LT(jitted.stats().flops, 3 * (2.0 * 300 * 60 * 60)); // two such products, and scalings
}

} // namespace
} // namespace diptych::test
