// The tangent sweep. Knows node order and accumulation; knows no operator.
#include "autodiff/Accumulator.h"
#include "autodiff/Activity.h"
#include "autodiff/ControlRules.h"

#include <algorithm>

namespace diptych::autodiff {

namespace {

class TangentSweep {
public:
  TangentSweep(Nodes nodes, ValueSpan wrt, ValueSpan outputs)
      : nodes_(nodes), activity_(nodes, wrt), tangents_(activity_.count()),
        uses_(static_cast<size_t>(activity_.count())), useful_(nodes.size()) {
    for (const Value& output : outputs)
      countUse(output);
    for (size_t i = nodes.size(); i-- > 0;)
      markUseful(i);
  }

  void seed(ValueSpan wrt, ValueSpan tangents) {
    for (size_t i = 0; i < wrt.size(); ++i)
      tangents_.add(activity_.slot(wrt[i]), wrt[i], tangents[i]);
  }

  void run() {
    for (size_t i = 0; i < nodes_.size(); ++i)
      if (useful_[i])
        visit(*nodes_[i]);
  }

  const Value& tangent(const Value& value) const { return tangents_.at(activity_.slot(value)); }

private:
  void countUse(const Value& value) {
    if (const int32_t slot = activity_.slot(value); slot >= 0)
      ++uses_[static_cast<size_t>(slot)];
  }

  // Useful: a result has a use among the outputs or in a later useful node.
  void markUseful(size_t i) {
    const Node& node = *nodes_[i];
    if (!propagates(node) || activity_.isRenaming(node))
      return;
    for (const Value& result : node.results) {
      const int32_t slot = activity_.slot(result);
      useful_[i] = useful_[i] || (slot >= 0 && uses_[static_cast<size_t>(slot)] > 0);
    }
    if (useful_[i])
      for (const Value& operand : node.operands)
        countUse(operand);
  }

  void visit(const Node& node) {
    operands_.clear();
    bool any = false;
    for (const Value& operand : node.operands) {
      operands_.push_back(tangent(operand));
      any |= static_cast<bool>(operands_.back());
    }
    if (any) {
      const LocationOverride location(node.where);
      Values results = tangentsOf(node);
      for (size_t i = 0; i < results.size(); ++i)
        tangents_.add(activity_.slot(node.results[i]), node.results[i], std::move(results[i]));
    }
    for (const Value& operand : node.operands)
      release(operand);
  }

  Values tangentsOf(const Node& node) const {
    if (node.replayable) {
      const std::unique_ptr<Replay> replay = node.replayable->replay(node.operands, false);
      Values wrt, tangents;
      for (size_t i = 0; i < operands_.size(); ++i)
        if (std::find(wrt.begin(), wrt.end(), replay->operands[i]) == wrt.end()) {
          wrt.push_back(replay->operands[i]);
          tangents.push_back(operands_[i]);
        }
      return tangentSweep(replay->nodes(), wrt, tangents, replay->outputs);
    }
    if (node.custom)
      return pushCustom(node);
    if (node.control)
      return pushControl(node, operands_);
    return node.callee ? pushCall(node) : Values{pushForward(node, operands_)};
  }

  Values pushCustom(const Node& node) const {
    std::vector<bool> active;
    for (const Value& tangent : operands_)
      active.push_back(static_cast<bool>(tangent));
    Values inputs = customInputs(node, active);
    for (size_t i = 0; i < node.inputCount; ++i)
      if (isFloat(node.operands[i].dtype()))
        inputs.push_back(operands_[i] ? operands_[i] : emitted::like(node.operands[i], 0));
    const LocationOverride location{SourceLocation()};
    const Values pushed = node.custom->jvp(inputs);
    Values results(node.results.size());
    size_t next = 0;
    for (size_t i = 0; i < results.size(); ++i)
      if (isFloat(node.results[i].dtype()))
        results[i] = pushed.at(next++);
    return results;
  }

  Values pushCall(const Node& node) const {
    Values inputs(node.operands.begin(), node.operands.end());
    std::vector<bool> active;
    for (const Value& tangent : operands_) {
      active.push_back(static_cast<bool>(tangent));
      if (tangent)
        inputs.push_back(tangent);
    }
    const CalleeDerivative derivative = node.callee->jvp(active);
    Values results(node.results.size());
    if (!derivative.callee)
      return results;
    const Values pushed = currentEmitter().call(derivative.callee, inputs);
    for (size_t i = 0, next = 0; i < results.size(); ++i)
      if (derivative.present[i])
        results[i] = pushed.at(next++);
    return results;
  }

  // After its last use nobody reads a tangent again; an output has one use that never ends.
  void release(const Value& operand) {
    if (const int32_t slot = activity_.slot(operand); slot >= 0)
      if (--uses_[static_cast<size_t>(slot)] == 0)
        tangents_.clear(slot);
  }

  const Nodes nodes_;
  const Activity activity_;
  Accumulator tangents_;
  std::vector<int32_t> uses_; // by slot: uses still to come
  std::vector<bool> useful_;  // by node
  Values operands_;           // tangents of the visited node's operands
};

} // namespace

Values tangentSweep(Nodes nodes, ValueSpan wrt, ValueSpan tangents, ValueSpan outputs) {
  if (wrt.size() != tangents.size())
    throw Error("internal: a tangent sweep needs one tangent for each differentiated value");
  TangentSweep sweep(nodes, wrt, outputs);
  sweep.seed(wrt, tangents);
  sweep.run();
  Values results;
  for (const Value& output : outputs)
    results.push_back(sweep.tangent(output));
  return results;
}

} // namespace diptych::autodiff
