// The reverse sweep, and what both sweeps share. Knows node order and accumulation.
#include "autodiff/Sweep.h"

#include "autodiff/Accumulator.h"
#include "autodiff/Activity.h"
#include "autodiff/ControlRules.h"

namespace diptych::autodiff {

Values materialize(Values derivatives, ValueSpan values) {
  for (size_t i = 0; i < derivatives.size(); ++i)
    if (!derivatives[i])
      derivatives[i] = emitted::like(values[i], 0.0);
  return derivatives;
}

Values customInputs(const Node& node, const std::vector<bool>& active) {
  for (size_t i = node.inputCount; i < active.size(); ++i)
    if (active[i])
      throw Error(node.where, node.custom->name +
                                  ": expected a function of its arguments alone, but it captures " +
                                  node.operands[i].type().str() +
                                  ", which is being differentiated and has no rule; pass it as an "
                                  "argument, or stop its derivative with stop_gradient");
  Values inputs(node.operands.begin(),
                node.operands.begin() + static_cast<std::ptrdiff_t>(node.inputCount));
  inputs.insert(inputs.end(), node.results.begin(), node.results.end());
  return inputs;
}

namespace {

class ReverseSweep {
public:
  ReverseSweep(Nodes nodes, ValueSpan wrt)
      : nodes_(nodes), activity_(nodes, wrt), cotangents_(activity_.count()) {}

  void seed(ValueSpan outputs, ValueSpan cotangents) {
    for (size_t i = 0; i < outputs.size(); ++i)
      cotangents_.add(activity_.slot(outputs[i]), outputs[i], cotangents[i]);
  }

  void run() {
    for (size_t i = nodes_.size(); i-- > 0;)
      visit(*nodes_[i]);
  }

  Value cotangent(const Value& value) const { return cotangents_.at(activity_.slot(value)); }

private:
  void visit(const Node& node) {
    if (activity_.isRenaming(node))
      return;
    bool reached = false;
    for (const Value& result : node.results)
      reached |= static_cast<bool>(cotangent(result));
    if (!reached)
      return;
    wanted_.assign(node.operands.size(), false);
    bool any = false;
    for (size_t i = 0; i < wanted_.size(); ++i)
      any |= wanted_[i] = activity_.slot(node.operands[i]) >= 0;
    if (any) {
      const LocationOverride location(node.where);
      const Values contributions = contributionsOf(node);
      for (size_t i = 0; i < contributions.size(); ++i)
        cotangents_.add(activity_.slot(node.operands[i]), node.operands[i], contributions[i]);
    }
    release(node);
  }

  Values contributionsOf(const Node& node) {
    if (node.replayable) {
      pullReplay(node);
      return {};
    }
    if (node.custom)
      return pullCustom(node);
    if (node.control) {
      Values cotangents;
      for (const Value& result : node.results)
        cotangents.push_back(cotangent(result));
      return pullControl(node, cotangents, wanted_);
    }
    return node.callee ? pullCall(node) : pullBack(node, cotangent(node.results[0]), wanted_);
  }

  // The totals go on growing in the inner sweep, so that everything is added in the order in which
  // it would be without the node around.
  void pullReplay(const Node& node) {
    const std::unique_ptr<Replay> replay = node.replayable->replay(node.operands, true);
    Values wrt;
    for (size_t i = 0; i < wanted_.size(); ++i)
      if (wanted_[i])
        wrt.push_back(replay->operands[i]);
    ReverseSweep inner(replay->nodes(), wrt);
    for (size_t i = 0; i < node.operands.size(); ++i)
      if (const int32_t slot = activity_.slot(node.operands[i]); slot >= 0)
        inner.cotangents_.set(inner.activity_.slot(replay->operands[i]), cotangents_.at(slot));
    Values seeds;
    for (const Value& result : node.results)
      seeds.push_back(cotangent(result));
    inner.seed(replay->outputs, seeds);
    inner.run();
    for (size_t i = 0; i < node.operands.size(); ++i)
      if (const int32_t slot = activity_.slot(node.operands[i]); slot >= 0)
        cotangents_.set(slot, inner.cotangent(replay->operands[i]));
  }

  Values pullCustom(const Node& node) {
    Values inputs = customInputs(node, wanted_);
    for (const Value& result : node.results)
      if (isFloat(result.dtype())) {
        const Value own = cotangent(result);
        inputs.push_back(own ? own : emitted::like(result, 0));
      }
    // The rule is the user's code: its lines are its own.
    const LocationOverride location{SourceLocation()};
    const Values pulled = node.custom->vjp(inputs);
    Values contributions(wanted_.size());
    size_t next = 0;
    for (size_t i = 0; i < node.inputCount; ++i)
      if (isFloat(node.operands[i].dtype()))
        contributions[i] = wanted_[i] ? pulled.at(next++) : (++next, Value());
    return contributions;
  }

  // The totals that there are go on growing inside, as they would if the callee's nodes stood here.
  Values pullCall(const Node& node) {
    Pull pull{wanted_, std::vector<bool>(wanted_.size()), {}};
    Values inputs(node.operands.begin(), node.operands.end());
    const auto give = [&](const Value& own) {
      if (own)
        inputs.push_back(own);
      return static_cast<bool>(own);
    };
    for (const Value& result : node.results)
      pull.seeded.push_back(give(cotangent(result)));
    for (size_t i = 0; i < wanted_.size(); ++i)
      if (wanted_[i] && isFirst(node, i))
        pull.begun[i] = give(cotangent(node.operands[i]));
    const CalleeDerivative derivative = node.callee->vjp(pull);
    Values contributions(wanted_.size());
    if (!derivative.callee)
      return contributions;
    const Values pulled = currentEmitter().call(derivative.callee, inputs);
    for (size_t i = 0, next = 0; i < wanted_.size(); ++i) {
      if (!derivative.present[i])
        continue;
      if (pull.begun[i])
        cotangents_.clear(activity_.slot(node.operands[i]));
      contributions[i] = pulled.at(next++);
    }
    return contributions;
  }

  // A value may be several operands: its total can grow in the place of one alone.
  bool isFirst(const Node& node, size_t i) const {
    for (size_t before = 0; before < i; ++before)
      if (activity_.slot(node.operands[before]) == activity_.slot(node.operands[i]))
        return false;
    return true;
  }

  // All users of the results have been visited: nobody reads their cotangents again.
  void release(const Node& node) {
    for (const Value& result : node.results)
      if (const int32_t slot = activity_.slot(result); slot >= 0 && !activity_.isWrt(slot))
        cotangents_.clear(slot);
  }

  const Nodes nodes_;
  const Activity activity_;
  Accumulator cotangents_;
  std::vector<bool> wanted_;
};

} // namespace

Values reverseSweep(Nodes nodes, ValueSpan outputs, ValueSpan cotangents, ValueSpan wrt) {
  if (outputs.size() != cotangents.size())
    throw Error("internal: a reverse sweep needs one cotangent for each output");
  ReverseSweep sweep(nodes, wrt);
  sweep.seed(outputs, cotangents);
  sweep.run();
  Values results;
  for (const Value& value : wrt)
    results.push_back(sweep.cotangent(value));
  return results;
}

} // namespace diptych::autodiff
