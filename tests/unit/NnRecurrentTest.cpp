// Recurrent layers and attention against loops over single numbers, written from the formulas.
#include "tests/errors/Throws.h"
#include "tests/unit/SameBits.h"

#include <diptych/nn/nn.h>

#include <gmock/gmock.h>

namespace dt = diptych;
namespace nn = diptych::nn;
using namespace diptych::test;
using dt::Tensor;
using testing::HasSubstr;

namespace {

using Numbers = std::vector<double>;
using Rows = std::vector<Numbers>; // [T][features]

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// W x + b for one gate's rows.
Numbers affine(const nn::State& p, const std::string& which, const std::string& end,
               const Numbers& x, size_t from, size_t count) {
  const Numbers w = p.at("weight_" + which + end).to_vector<double>();
  const Numbers b = p.at("bias_" + which + end).to_vector<double>();
  Numbers result;
  for (size_t row = from; row < from + count; ++row) {
    double sum = b[row];
    for (size_t k = 0; k < x.size(); ++k)
      sum += w[row * x.size() + k] * x[k];
    result.push_back(sum);
  }
  return result;
}

struct CellState {
  Numbers h, c;
};

CellState step(const std::string& kind, const nn::State& p, const std::string& end,
               const Numbers& x, const CellState& s) {
  const size_t H = s.h.size();
  const auto in = [&](size_t gate) { return affine(p, "ih", end, x, gate * H, H); };
  const auto own = [&](size_t gate) { return affine(p, "hh", end, s.h, gate * H, H); };
  CellState next = s;
  for (size_t k = 0; k < H; ++k) {
    const auto both = [&](size_t gate) { return in(gate)[k] + own(gate)[k]; };
    if (kind == "RNN") {
      next.h[k] = std::tanh(both(0));
    } else if (kind == "GRU") {
      const double r = logistic(both(0)), z = logistic(both(1));
      const double n = std::tanh(in(2)[k] + r * own(2)[k]);
      next.h[k] = (1 - z) * n + z * s.h[k];
    } else {
      next.c[k] = logistic(both(1)) * s.c[k] + logistic(both(0)) * std::tanh(both(2));
      next.h[k] = logistic(both(3)) * std::tanh(next.c[k]);
    }
  }
  return next;
}

// Two layers, both directions, one sequence; states start from 0.
struct Reference {
  Rows output;
  std::vector<CellState> last;
};
Reference reference(const std::string& kind, const nn::State& p, Rows x, size_t H) {
  Reference result;
  for (const char* layer : {"_l0", "_l1"}) {
    Rows joined(x.size());
    for (bool reversed : {false, true}) {
      CellState s{Numbers(H), Numbers(H)};
      for (size_t i = 0; i < x.size(); ++i) {
        const size_t t = reversed ? x.size() - 1 - i : i;
        s = step(kind, p, std::string(layer) + (reversed ? "_reverse" : ""), x[t], s);
        joined[t].insert(joined[t].end(), s.h.begin(), s.h.end());
      }
      result.last.push_back(s);
    }
    x = joined;
  }
  result.output = x;
  return result;
}

constexpr int64_t T = 4, N = 3, in = 2, H = 3;
const nn::RecurrentOptions kBoth{.num_layers = 2, .bidirectional = true};

Rows rowsOf(const Tensor& x, int64_t n) { // x [T,N,F]
  Rows rows;
  for (int64_t t = 0; t < x.shape(0); ++t)
    rows.push_back(dt::select(dt::select(x, 0, t), 0, n).to_vector<double>());
  return rows;
}

void expectRow(const Tensor& got, const Numbers& expected) {
  const Numbers numbers = got.to_vector<double>();
  ASSERT_EQ(numbers.size(), expected.size());
  for (size_t i = 0; i < numbers.size(); ++i)
    EXPECT_NEAR(numbers[i], expected[i], 1e-13);
}

void expectReference(const std::string& kind, const nn::Module& module, const Tensor& x,
                     const Tensor& output, const Tensor& h, const Tensor& c) {
  EXPECT_EQ(output.shape(), (dt::Shape{T, N, 2 * H}));
  EXPECT_EQ(h.shape(), (dt::Shape{4, N, H}));
  for (int64_t n = 0; n < N; ++n) {
    const Reference expected = reference(kind, module.state_dict(), rowsOf(x, n), H);
    for (int64_t t = 0; t < T; ++t)
      expectRow(dt::select(dt::select(output, 0, t), 0, n), expected.output[t]);
    for (int64_t k = 0; k < 4; ++k) {
      expectRow(dt::select(dt::select(h, 0, k), 0, n), expected.last[k].h);
      if (c.defined())
        expectRow(dt::select(dt::select(c, 0, k), 0, n), expected.last[k].c);
    }
  }
}

TEST(NnRecurrent, TwoLayersBothWaysFollowTheFormulas) {
  dt::manual_seed(1);
  const Tensor x = dt::randn({T, N, in});
  nn::RNN rnn(in, H, {kBoth});
  auto [rnnOutput, rnnLast] = rnn(x);
  expectReference("RNN", rnn, x, rnnOutput, rnnLast, {});
  nn::GRU gru(in, H, kBoth);
  auto [gruOutput, gruLast] = gru(x);
  expectReference("GRU", gru, x, gruOutput, gruLast, {});
  nn::LSTM lstm(in, H, kBoth);
  auto [lstmOutput, states] = lstm(x);
  expectReference("LSTM", lstm, x, lstmOutput, states.first, states.second);
}

TEST(NnRecurrent, LayoutsAndStates) {
  dt::manual_seed(2);
  const Tensor x = dt::randn({T, N, in});
  nn::LSTM lstm(in, H);
  const auto [output, states] = lstm(x);
  // In two halves, the states handed over.
  const auto [head, middle] = lstm(dt::slice(x, 0, 0, 2));
  const auto [tail, end] = lstm(dt::slice(x, 0, 2), middle);
  EXPECT_TRUE(sameBits(dt::concatenate({head, tail}), output));
  EXPECT_TRUE(sameBits(end.second, states.second));
  // Batch first, and without a batch.
  nn::LSTM first(in, H, {.batch_first = true});
  first.load_state_dict(lstm.state_dict());
  EXPECT_TRUE(sameBits(dt::transpose(first(dt::transpose(x, 0, 1)).first, 0, 1), output));
  const auto [single, last] = lstm(dt::select(x, 1, 1));
  EXPECT_TRUE(dt::allclose(single, dt::select(output, 1, 1), 1e-14));
  EXPECT_EQ(last.first.shape(), (dt::Shape{1, H}));
  nn::GRU gru(in, H);
  const auto [all, h] = gru(x, dt::zeros({1, N, H}));
  EXPECT_TRUE(sameBits(all, gru(x).first));
  nn::RNN relu(in, H, {{}, nn::RNNOptions::Nonlinearity::relu});
  EXPECT_GE(dt::min(relu(x).first).item<double>(), 0);
  EXPECT_ERROR_HERE(gru(x, dt::zeros({1, N, H + 1})), "GRU: expected states of shape [1,3,3]");
  EXPECT_ERROR_HERE(lstm(dt::zeros({T, N, in + 1})), "LSTM: expected [T,N,2]");
}

TEST(NnRecurrent, GradientsAreCompiledBitForBitAndRight) {
  dt::manual_seed(3);
  const Tensor x = dt::randn({T, N, in});
  nn::LSTM lstm(in, H, {.num_layers = 2});
  auto loss = [&](const nn::State& p, const Tensor& x) {
    return dt::mean(dt::square(nn::functional_call(lstm, p, x).first));
  };
  const nn::State p = lstm.parameter_dict();
  expectEagerBits(dt::value_and_grad(loss), p, x);
  const nn::State g = dt::grad(loss)(p, x);
  for (const auto& [name, value] : p) {
    const double h = 1e-5;
    nn::State up = p, down = p;
    up[name] = value + h;
    down[name] = value - h;
    EXPECT_NEAR(dt::sum(g.at(name)).item<double>(),
                ((loss(up, x) - loss(down, x)) / (2 * h)).item<double>(), 1e-9)
        << name;
  }
}

//===-- Attention ----------------------------------------------------------------------------===//

Numbers projected(const Numbers& w, const Numbers& b, const Numbers& x, size_t from, size_t count) {
  Numbers y;
  for (size_t row = from; row < from + count; ++row) {
    double sum = b[row];
    for (size_t k = 0; k < x.size(); ++k)
      sum += w[row * x.size() + k] * x[k];
    y.push_back(sum);
  }
  return y;
}

// One sequence, row by row, head by head; keys that `left` names are left out.
TEST(NnAttention, FollowsTheFormula) {
  dt::manual_seed(4);
  constexpr size_t E = 4, heads = 2, d = 2, L = 3, S = 5, left = 3;
  nn::MultiheadAttention layer(E, heads, {.batch_first = true});
  nn::init::normal_(layer.in_proj_bias);
  nn::init::normal_(layer.out_proj.bias);
  const Tensor q = dt::randn({2, L, E}), kv = dt::randn({2, S, E});
  const Tensor padding = dt::broadcast_to(dt::arange(int64_t(S)) == int64_t(left), {2, int64_t(S)});
  const auto [output, weights] = layer(q, kv, kv, {.key_padding_mask = padding});
  EXPECT_EQ(weights.shape(), (dt::Shape{2, L, S}));
  const Numbers w = layer.in_proj_weight->to_vector<double>(),
                b = layer.in_proj_bias->to_vector<double>(),
                wo = layer.out_proj.weight->to_vector<double>(),
                bo = layer.out_proj.bias->to_vector<double>();
  const auto row = [](const Tensor& x, size_t n, size_t i) {
    return dt::select(dt::select(x, 0, int64_t(n)), 0, int64_t(i)).to_vector<double>();
  };
  for (size_t n = 0; n < 2; ++n)
    for (size_t l = 0; l < L; ++l) {
      const Numbers query = projected(w, b, row(q, n, l), 0, E);
      Numbers joined(E), averaged(S);
      for (size_t head = 0; head < heads; ++head) {
        Numbers scores(S);
        double total = 0;
        for (size_t s = 0; s < S; ++s) {
          const Numbers key = projected(w, b, row(kv, n, s), E, E);
          for (size_t k = head * d; k < (head + 1) * d; ++k)
            scores[s] += query[k] * key[k] / std::sqrt(double(d));
          total += scores[s] = s == left ? 0 : std::exp(scores[s]);
        }
        for (size_t s = 0; s < S; ++s) {
          const Numbers value = projected(w, b, row(kv, n, s), 2 * E, E);
          averaged[s] += scores[s] / total / heads;
          for (size_t k = head * d; k < (head + 1) * d; ++k)
            joined[k] += scores[s] / total * value[k];
        }
      }
      expectRow(dt::select(dt::select(output, 0, int64_t(n)), 0, int64_t(l)),
                projected(wo, bo, joined, 0, E));
      expectRow(dt::select(dt::select(weights, 0, int64_t(n)), 0, int64_t(l)), averaged);
    }
}

TEST(NnAttention, LayoutsAndMasks) {
  dt::manual_seed(5);
  nn::MultiheadAttention layer(4, 2), first(4, 2, {.batch_first = true});
  first.load_state_dict(layer.state_dict());
  const Tensor x = dt::randn({3, 2, 4}); // [L,N,E]
  const Tensor turned = dt::transpose(x, 0, 1);
  EXPECT_TRUE(
      sameBits(dt::transpose(first(turned, turned, turned).first, 0, 1), layer(x, x, x).first));
  const Tensor single = dt::select(x, 1, 0);
  EXPECT_TRUE(dt::allclose(layer(single, single, single).first,
                           dt::select(layer(x, x, x).first, 1, 0), 1e-13));
  // A causal mask, as booleans and as numbers, shared and for each head.
  const Tensor causal = dt::unsqueeze(dt::arange(3), 1) < dt::arange(3);
  const Tensor added = dt::where(causal, -1e300, dt::zeros({3, 3}));
  const auto expected = layer(x, x, x, {.attn_mask = causal, .average_attn_weights = false});
  EXPECT_EQ(expected.second.shape(), (dt::Shape{2, 2, 3, 3}));
  EXPECT_TRUE(
      sameBits(expected, layer(x, x, x, {.attn_mask = added, .average_attn_weights = false})));
  EXPECT_TRUE(sameBits(expected.first,
                       layer(x, x, x, {.attn_mask = dt::broadcast_to(causal, {4, 3, 3})}).first));
  auto loss = [&](const nn::State& p, const Tensor& x) {
    return dt::mean(dt::square(nn::functional_call(layer, p, x, x, x).first));
  };
  expectEagerBits(dt::value_and_grad(loss), layer.parameter_dict(), x);
  EXPECT_THROW(nn::MultiheadAttention(4, 3), dt::Error);
  EXPECT_THAT(messageOf([&] { layer(x, x, x, {.attn_mask = dt::zeros({2, 2})}); }),
              HasSubstr("an attn_mask [3,3] or [4,3,3]"));
}

} // namespace
