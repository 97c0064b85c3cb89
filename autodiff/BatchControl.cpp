// Loops and branches of a batch: one loop over bodies of the whole batch. A branch whose predicate
// differs between examples becomes both branches and a choice; a loop whose condition does goes on
// while any example does, and the others stand still.
#include "autodiff/Batch.h"
#include "autodiff/ControlRules.h"
#include "autodiff/Recorder.h"

namespace diptych::autodiff {

namespace {

/// What is batched, by input of the body; and the functions that follow.
class Batching {
public:
  Batching(const ControlFlow& flow, std::vector<bool> marked, int64_t batch)
      : flow_(flow), marked_(std::move(marked)), batch_(batch), results_(flow.body.outputs.size()) {
  }

  ControlFlow run() {
    ControlFlow inner = flow_;
    switch (flow_.kind) {
    case ControlFlow::Kind::cond: branches(inner); break;
    case ControlFlow::Kind::whileLoop: loop(inner); break;
    case ControlFlow::Kind::scan: untilStable([&] { inner.body = body(flow_.body); }); break;
    }
    return inner;
  }
  /// Of the body's outputs: has the batch as axis 0.
  const std::vector<bool>& results() const { return results_; }
  const std::vector<bool>& marked() const { return marked_; }

private:
  bool isCarry(size_t output) const { return output < flow_.carry; }

  template <class F> void untilStable(const F& make) {
    do {
      grown_ = false;
      make();
    } while (grown_);
    for (size_t i = 0; i < flow_.carry; ++i)
      results_[i] = marked_[flow_.consts + i];
  }

  std::vector<TensorType> types() const {
    std::vector<TensorType> types = flow_.body.inputs;
    for (size_t i = 0; i < types.size(); ++i)
      if (marked_[i])
        types[i] = stackedType(types[i], batch_);
    return types;
  }

  Values examples(const BatchEmitter& emitter, ValueSpan inputs) const {
    Values values(inputs.begin(), inputs.end());
    for (size_t i = 0; i < values.size(); ++i)
      if (marked_[i])
        values[i] = emitter.wrapBatched(values[i]);
    return values;
  }

  // Outputs have the batch where they are marked; others must come out plain.
  using Examples = std::function<Values(ValueSpan)>;
  ClosedFunction batched(const Examples& f, bool adopt) {
    return closed(types(), [&](Recorder& recorder, ValueSpan inputs) {
      BatchEmitter own(recorder, batch_);
      Values outputs;
      {
        const EmitterScope scope(own);
        outputs = f(examples(own, inputs));
      }
      for (size_t i = 0; i < outputs.size(); ++i)
        outputs[i] = placed(own, outputs[i], i, adopt);
      return outputs;
    });
  }

  Value placed(const BatchEmitter& own, const Value& output, size_t i, bool adopt) {
    const bool has = own.isBatched(output);
    if (isCarry(i)) {
      if (has && !marked_[flow_.consts + i])
        grown_ = marked_[flow_.consts + i] = true;
      else if (!has && !marked_[flow_.consts + i])
        return output;
    } else if (adopt) {
      results_[i] = results_[i] || has;
    }
    return isCarry(i) || results_[i] ? own.unwrap(output) : output;
  }

  ClosedFunction body(const ClosedFunction& function) { return batched(function.run, true); }

  void branches(ControlFlow& inner) {
    // Both must agree on what has the batch: the second time they do.
    for (int round = 0; round < 2; ++round) {
      inner.body = body(flow_.body);
      inner.other = body(flow_.other);
    }
  }

  bool differs(const ClosedFunction& condition) const {
    bool differs = false;
    record(types(), [&](Recorder& recorder, ValueSpan inputs) {
      BatchEmitter own(recorder, batch_);
      const EmitterScope scope(own);
      differs = own.isBatched(condition.run(examples(own, inputs))[0]);
      return Values{};
    });
    return differs;
  }

  void loop(ControlFlow& inner) {
    untilStable([&] { inner.body = body(flow_.body); });
    if (!differs(flow_.other)) {
      inner.other = closed(types(), [&](Recorder& recorder, ValueSpan inputs) {
        BatchEmitter own(recorder, batch_);
        const EmitterScope scope(own);
        return flow_.other.run(examples(own, inputs));
      });
      return;
    }
    for (size_t i = 0; i < flow_.carry; ++i)
      marked_[flow_.consts + i] = true;
    untilStable([&] { inner.body = batched([this](ValueSpan in) { return step(in); }, true); });
    inner.other = closed(types(), [&](Recorder& recorder, ValueSpan inputs) {
      return Values{anyHolds(recorder, inputs)};
    });
  }

  // One example's step: none where its condition has failed.
  Values step(ValueSpan inputs) const {
    const Value holds = flow_.other.run(inputs)[0];
    Values next = flow_.body.run(inputs);
    for (size_t i = 0; i < next.size(); ++i)
      next[i] = emitted::where(emitted::broadcast(holds, next[i].shape(), {}), next[i],
                               inputs[flow_.consts + i]);
    return next;
  }

  Value anyHolds(Recorder& recorder, ValueSpan inputs) const {
    BatchEmitter own(recorder, batch_);
    Value holds;
    {
      const EmitterScope scope(own);
      holds = own.unwrap(flow_.other.run(examples(own, inputs))[0]);
    }
    const Value count = emitted::sum(emitted::convert(holds, DType::i64), {0});
    return emitted::gt(count, emitted::like(count, Scalar(int64_t{0})));
  }

  const ControlFlow& flow_;
  std::vector<bool> marked_;
  const int64_t batch_;
  std::vector<bool> results_;
  bool grown_ = false;
};

// [batch, steps, ...] and [steps, batch, ...]
Value swapFrontAxes(const Value& x) {
  Dims permutation{1, 0};
  for (int i = 2; i < x.rank(); ++i)
    permutation.push_back(i);
  return emitted::transpose(x, permutation);
}

} // namespace

Values BatchEmitter::bothBranches(const ControlFlow& cond, ValueSpan operands) {
  const EmitterScope scope(*this);
  Values results = cond.body.run(operands.subspan(1));
  const Values others = cond.other.run(operands.subspan(1));
  for (size_t i = 0; i < results.size(); ++i)
    results[i] = emitted::where(emitted::broadcast(operands[0], results[i].shape(), {}), results[i],
                                others[i]);
  return results;
}

Values BatchEmitter::control(const std::shared_ptr<const ControlFlow>& flow, ValueSpan operands) {
  std::vector<bool> marked;
  bool any = false;
  for (const Value& operand : operands) {
    marked.push_back(isBatched(operand));
    any |= marked.back();
  }
  if (!any)
    return inner_.control(flow, operands);
  const bool cond = flow->kind == ControlFlow::Kind::cond;
  if (cond && marked[0])
    return bothBranches(*flow, operands);
  Batching batching(*flow, {marked.begin() + cond, marked.end()}, batch_);
  const auto batched = std::make_shared<ControlFlow>(batching.run());
  const EmitterScope scope(inner_);
  Values inner;
  for (size_t i = 0; i < operands.size(); ++i) {
    const bool has = i >= static_cast<size_t>(cond) && batching.marked()[i - cond];
    const Value value = has ? unwrap(operands[i]) : operands[i];
    inner.push_back(has && !cond && i >= flow->consts + flow->carry ? swapFrontAxes(value) : value);
  }
  Values results = inner_.control(batched, inner);
  for (size_t i = 0; i < results.size(); ++i)
    if (batching.results()[i])
      results[i] = wrapBatched(!cond && i >= flow->carry ? swapFrontAxes(results[i]) : results[i]);
  return results;
}

} // namespace diptych::autodiff
