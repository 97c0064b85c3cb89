// The batching emitter against a loop over examples; batched sweeps against one sweep a seed.
#include <gtest/gtest.h>

#include "OperatorCases.h"
#include "autodiff/Batch.h"

namespace diptych {
namespace {

using namespace autodiff;
using namespace emitted;
using namespace reference;

constexpr int64_t kBatch = 3;

Value example(const Value& batched, int64_t n) {
  TensorType type = batched.type();
  type.shape.erase(0);
  const auto& data = dataOf(batched);
  const auto begin = data.begin() + n * type.numel();
  return tensor(type, std::vector<double>(begin, begin + type.numel()));
}

Value stack(ValueSpan examples) {
  TensorType type = examples[0].type();
  type.shape.insert(0, static_cast<int64_t>(examples.size()));
  std::vector<double> data;
  for (const Value& one : examples)
    data.insert(data.end(), dataOf(one).begin(), dataOf(one).end());
  return tensor(type, data);
}

// Different numbers in every example; indices stay in range by turning the list round.
Value variants(const Value& x) {
  Values examples;
  for (int64_t n = 0; n < kBatch; ++n) {
    std::vector<double> data = dataOf(x);
    if (!data.empty())
      std::rotate(data.begin(), data.begin() + n % static_cast<int64_t>(data.size()), data.end());
    if (isFloat(x.dtype()))
      for (double& value : data)
        value *= 1 + 0.1 * static_cast<double>(n);
    examples.push_back(tensor(x.type(), data));
  }
  return stack(examples);
}

class Batch : public ::testing::Test {
protected:
  ReferenceEmitter emitter;
  EmitterScope scope{emitter};
};

// Operands whose bit is set in `subset` are batched.
void checkOperator(ReferenceEmitter& emitter, const OperatorCase& one, unsigned subset) {
  BatchEmitter batch(emitter, kBatch);
  Values operands = one.operands, stacked(one.operands.size());
  for (size_t i = 0; i < operands.size(); ++i)
    if (subset >> i & 1) {
      stacked[i] = variants(one.operands[i]);
      operands[i] = batch.wrapBatched(stacked[i]);
    }
  const Value result = batch.emit(one.code, operands, one.attrs);
  ASSERT_TRUE(batch.isBatched(result));
  const Value together = batch.unwrap(result);
  for (int64_t n = 0; n < kBatch; ++n) {
    Values own = one.operands;
    for (size_t i = 0; i < own.size(); ++i)
      if (stacked[i])
        own[i] = example(stacked[i], n);
    const Value expected = emitter.emit(one.code, own, one.attrs);
    EXPECT_EQ(result.type(), expected.type());
    EXPECT_EQ(dataOf(example(together, n)), dataOf(expected)) << "example " << n;
  }
}

TEST_F(Batch, EveryOperatorAgreesWithALoopOverExamples) {
  for (const OperatorCase& one : allCases())
    for (unsigned subset = 1; subset < 1u << one.operands.size(); ++subset) {
      SCOPED_TRACE(one.name + " batched in " + std::to_string(subset));
      checkOperator(emitter, one, subset);
    }
}

TEST_F(Batch, PlainOperandsGiveAPlainResultOfTheInnerEmitter) {
  BatchEmitter batch(emitter, kBatch);
  const Value x = sample({2}, 1);
  const Value y = batch.emit(OpCode::Exp, Values{x}, {});
  EXPECT_FALSE(batch.isBatched(y));
  EXPECT_EQ(dataOf(example(batch.unwrap(y), 2)), dataOf(y));
}

TEST_F(Batch, MatmulWithOneBatchedOperandIsOneMatmulOfRankTwo) {
  BatchEmitter batch(emitter, kBatch);
  const Value many = batch.wrapBatched(sample({kBatch, 4, 4}, 1)), one = sample({4, 4}, 2);
  const size_t before = emitter.size();
  batch.emit(OpCode::Matmul, Values{many, one}, {});
  batch.emit(OpCode::Matmul, Values{one, many}, {});
  for (const Node* node : emitter.nodes(before))
    if (node->code == OpCode::Matmul)
      EXPECT_EQ(node->results[0].rank(), 2);
}

TEST_F(Batch, IndexOutOfRangeStaysAnErrorInsideABatch) {
  BatchEmitter batch(emitter, kBatch);
  const Value x = batch.wrapBatched(sample({kBatch, 4}, 1));
  Attrs attrs;
  for (double wrong : {-1.0, 4.0}) {
    const Value rows = batch.wrapBatched(tensor({DType::i32, {kBatch, 1}}, {0, wrong, 1}));
    EXPECT_THROW(batch.emit(OpCode::Gather, Values{x, rows}, attrs), Error) << wrong;
  }
}

TEST_F(Batch, NestedBatchesKeepTheirOwnAxes) {
  BatchEmitter outer(emitter, 2);
  BatchEmitter inner(outer, kBatch);
  const Value x = outer.wrapBatched(sample({2, 4}, 1)); // [4] in each of 2
  const Value y = inner.wrapBatched(outer.wrapBatched(sample({2, kBatch, 4}, 2))); // both
  const Value z = outer.unwrap(inner.unwrap(inner.emit(OpCode::Mul, Values{x, y}, {})));
  EXPECT_EQ(z.shape(), (Shape{2, kBatch, 4}));
  const Value shared = outer.unwrap(x), both = outer.unwrap(inner.unwrap(y));
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t m = 0; m < kBatch; ++m)
      EXPECT_EQ(dataOf(example(example(z, n), m)),
                dataOf(example(shared, n) * example(example(both, n), m)));
}

// [T,K] x [K] through a nonlinearity to numbers, as a model would.
Value model(const Value& w, const Value& features) {
  const Value scores = reshape(matmul(features, reshape(w, {4, 1})), {5});
  const Value position = tanh(scores) * exp(-scores);
  return sum(position * position, {0});
}

TEST_F(Batch, HessianColumnsInOnePassAgreeWithOneSweepAColumn) {
  const Value w = sample({4}, 1), features = sample({5, 4}, 2);
  const Value y = model(w, features);
  const Value g =
      reverseSweep(emitter.nodes(), Values{y}, Values{tensor(Shape{}, {1.0})}, Values{w})[0];
  const auto nodes = emitter.nodes();
  const Value identity = eye(4, DType::f64);
  const Value forward = batchedTangentSweep(nodes, Values{w}, Values{identity}, Values{g}, 4)[0];
  const Value reverse = batchedReverseSweep(nodes, Values{g}, Values{identity}, Values{w}, 4)[0];
  for (int64_t n = 0; n < 4; ++n) {
    const Value unit = example(identity, n);
    const Value column = tangentSweep(nodes, Values{w}, Values{unit}, Values{g})[0];
    const Value row = reverseSweep(nodes, Values{g}, Values{unit}, Values{w})[0];
    EXPECT_EQ(dataOf(example(forward, n)), dataOf(column));
    EXPECT_EQ(dataOf(example(reverse, n)), dataOf(row));
  }
}

TEST_F(Batch, BatchedSweepRepeatsWhatDoesNotDependOnTheSeed) {
  const Value x = sample({2}, 1), y = exp(x);
  const Value seeds = sample({kBatch, 2}, 2);
  const auto nodes = emitter.nodes();
  const Values pulled = batchedReverseSweep(nodes, Values{y, x}, Values{seeds, Value()},
                                            Values{x, sample({2}, 3)}, kBatch);
  EXPECT_EQ(pulled[0].shape(), (Shape{kBatch, 2}));
  EXPECT_FALSE(pulled[1]);
}

TEST_F(Batch, DerivativesInsideABatchAreEachExamplesOwn) {
  // f(w, x) = sum(w x^2): the plain w gets a gradient in each example, not their sum.
  const Function f = [](ValueSpan in) { return Values{sum(in[0] * in[1] * in[1], {0})}; };
  const auto ones = [](std::span<const TensorType> types) {
    return Seeds{{constant(types[0], 1.0)}, 0};
  };
  const Value w = sample({2}, 1), stacked = sample({kBatch, 2}, 2);
  BatchEmitter batch(emitter, kBatch);
  const EmitterScope inside(batch);
  const Value x = batch.wrapBatched(stacked);
  const std::vector<int> both{0, 1};
  const Derivatives pulled = batch.vjp(f, Values{w, x}, both, ones);
  const Derivatives pushed = batch.jvp(f, Values{w, x}, both, {{like(w, 1.0), x}, 0});
  for (int64_t n = 0; n < kBatch; ++n) {
    const EmitterScope plain(emitter);
    const Values own{w, example(stacked, n)};
    const Derivatives expected = emitter.vjp(f, own, both, ones);
    for (size_t i = 0; i < 2; ++i)
      EXPECT_EQ(dataOf(example(batch.unwrap(pulled.derivatives[i]), n)),
                dataOf(expected.derivatives[i]));
    const Derivatives tangent = emitter.jvp(f, own, both, {{like(w, 1.0), own[1]}, 0});
    EXPECT_EQ(dataOf(example(batch.unwrap(pushed.derivatives[0]), n)),
              dataOf(tangent.derivatives[0]));
  }
}

TEST_F(Batch, SeedsOfADerivativeInsideABatchMayHaveTheirOwnAxis) {
  // Jacobian of x^2 in each example: diag(2 x).
  const Function square = [](ValueSpan in) { return Values{in[0] * in[0]}; };
  const auto identity = [](std::span<const TensorType>) { return Seeds{{eye(2, DType::f64)}, 2}; };
  const Value stacked = sample({kBatch, 2}, 2);
  BatchEmitter batch(emitter, kBatch);
  const EmitterScope inside(batch);
  const std::vector<int> first{0};
  const Value x = batch.wrapBatched(stacked);
  const Value rows = batch.vjp(square, Values{x}, first, identity).derivatives[0];
  const Value columns =
      batch.jvp(square, Values{x}, first, {{eye(2, DType::f64)}, 2}).derivatives[0];
  for (int64_t n = 0; n < kBatch; ++n) {
    const std::vector<double> own = dataOf(example(stacked, n));
    const std::vector<double> expected{2 * own[0], 0, 0, 2 * own[1]};
    EXPECT_EQ(dataOf(example(batch.unwrap(rows), n)), expected);
    EXPECT_EQ(dataOf(example(batch.unwrap(columns), n)), expected);
  }
}

} // namespace
} // namespace diptych
