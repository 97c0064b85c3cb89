// The reverse sweep, and what both sweeps share. Knows node order and accumulation.
#include "autodiff/Sweep.h"

#include "autodiff/Accumulator.h"
#include "autodiff/Activity.h"
#include "autodiff/ControlRules.h"

#include <algorithm>

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

  const Value& cotangent(const Value& value) const { return cotangents_.at(activity_.slot(value)); }

private:
  void visit(const Node& node) {
    if (activity_.isRenaming(node))
      return;
    if (std::none_of(node.results.begin(), node.results.end(),
                     [&](const Value& result) { return bool(cotangent(result)); }))
      return;
    slots_.clear();
    wanted_.clear();
    for (const Value& operand : node.operands) {
      slots_.push_back(activity_.slot(operand));
      wanted_.push_back(slots_.back() >= 0);
    }
    if (std::find(wanted_.begin(), wanted_.end(), true) != wanted_.end()) {
      const LocationOverride location(node.where);
      contribute(node);
      for (size_t i = 0; i < contributions_.size(); ++i)
        cotangents_.add(slots_[i], node.operands[i], std::move(contributions_[i]));
    }
    release(node);
  }

  void contribute(const Node& node) {
    contributions_.clear();
    if (node.replayable)
      return pullReplay(node);
    if (node.custom) {
      contributions_ = pullCustom(node);
    } else if (node.control) {
      Values cotangents;
      for (const Value& result : node.results)
        cotangents.push_back(cotangent(result));
      contributions_ = pullControl(node, cotangents, wanted_);
    } else if (node.callee) {
      contributions_ = pullCall(node);
    } else {
      contributions_.resize(wanted_.size());
      pullBack(node, cotangent(node.results[0]), wanted_, contributions_);
    }
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
    for (size_t i = 0; i < slots_.size(); ++i)
      if (wanted_[i])
        inner.cotangents_.set(inner.activity_.slot(replay->operands[i]), cotangents_.at(slots_[i]));
    Values seeds;
    for (const Value& result : node.results)
      seeds.push_back(cotangent(result));
    inner.seed(replay->outputs, seeds);
    inner.run();
    for (size_t i = 0; i < slots_.size(); ++i)
      if (wanted_[i])
        cotangents_.set(slots_[i], inner.cotangent(replay->operands[i]));
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
      if (wanted_[i] && isFirst(i))
        pull.begun[i] = give(cotangents_.at(slots_[i]));
    const CalleeDerivative derivative = node.callee->vjp(pull);
    Values contributions(wanted_.size());
    if (!derivative.callee)
      return contributions;
    const Values pulled = currentEmitter().call(derivative.callee, inputs);
    for (size_t i = 0, next = 0; i < wanted_.size(); ++i) {
      if (!derivative.present[i])
        continue;
      if (pull.begun[i])
        cotangents_.clear(slots_[i]);
      contributions[i] = pulled.at(next++);
    }
    return contributions;
  }

  // A value may be several operands: its total can grow in the place of one alone.
  bool isFirst(size_t i) const {
    return std::find(slots_.begin(), slots_.end(), slots_[i]) == slots_.begin() + std::ptrdiff_t(i);
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
  // Of the visited node's operands.
  std::vector<int32_t> slots_;
  std::vector<bool> wanted_;
  Values contributions_;
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
