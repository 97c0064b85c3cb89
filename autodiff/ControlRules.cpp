// Which rule a loop or branch has, what makes a loop ready for a reverse sweep, and branches.
#include "autodiff/ControlRules.h"

#include "autodiff/ControlLoops.h"
#include "autodiff/Recorder.h"

namespace diptych::autodiff {

namespace {

Function identityOn(size_t first) {
  return [first](ValueSpan inputs) {
    return Values(inputs.begin() + static_cast<std::ptrdiff_t>(first), inputs.end());
  };
}

std::span<const TensorType> carryTypes(const ControlFlow& loop) {
  return std::span(loop.body.inputs).subspan(loop.consts, loop.carry);
}

// Once the condition fails it fails for ever: nothing in the carry changes any more.
ControlFlow boundedScan(const ControlFlow& loop) {
  auto step = std::make_shared<ControlFlow>();
  step->kind = ControlFlow::Kind::cond;
  step->body = loop.body;
  step->other = {loop.body.inputs, loop.body.outputs, identityOn(loop.consts)};
  ControlFlow scan{ControlFlow::Kind::scan};
  scan.consts = loop.consts;
  scan.carry = loop.carry;
  scan.length = loop.length;
  scan.body = {loop.body.inputs, loop.body.outputs,
               [step = std::shared_ptr<const ControlFlow>(step),
                condition = loop.other.run](ValueSpan inputs) {
                 Values operands = condition(inputs);
                 append(operands, inputs);
                 return currentEmitter().control(step, operands);
               }};
  return scan;
}

void keepCarries(ControlFlow& scan) {
  const size_t consts = scan.consts, carry = scan.carry;
  scan.kept = carry;
  append(scan.body.outputs, std::vector(carryTypes(scan).begin(), carryTypes(scan).end()));
  scan.body.run = [run = scan.body.run, consts, carry](ValueSpan inputs) {
    Values outputs = run(inputs);
    append(outputs, inputs.subspan(consts, carry));
    return outputs;
  };
}

} // namespace

std::shared_ptr<const ControlFlow> forReverse(const std::shared_ptr<const ControlFlow>& flow) {
  const bool bounded = flow->kind == ControlFlow::Kind::whileLoop && flow->length >= 0;
  const bool bare = flow->kind == ControlFlow::Kind::scan && flow->kept == 0;
  if ((!bounded && !bare) || flow->carry == 0)
    return flow;
  auto ready = std::make_shared<ControlFlow>(bounded ? boundedScan(*flow) : *flow);
  keepCarries(*ready);
  return ready;
}

//===-- Branches -----------------------------------------------------------------------------===//

namespace {

// A derivative of one branch; null where it has none.
using BranchDerivative =
    std::function<Values(Recorder& recorder, const ClosedFunction& branch, ValueSpan inputs)>;

// The derivative of a branch is the branch of the derivatives. Null: null in both branches.
Values derivedCond(const Node& node, ValueSpan extra, const BranchDerivative& derivative) {
  const ControlFlow& cond = *node.control;
  std::vector<TensorType> types = cond.body.inputs;
  for (const Value& value : extra)
    types.push_back(value.type());
  std::vector<TensorType> found; // those of either branch; rank and all are the same in both
  std::vector<bool> has;
  const auto look = [&](const ClosedFunction& branch) {
    record(types, [&](Recorder& recorder, ValueSpan inputs) {
      const Values results = derivative(recorder, branch, inputs);
      has.resize(results.size());
      found.resize(results.size());
      for (size_t i = 0; i < results.size(); ++i)
        if (results[i]) {
          has[i] = true;
          found[i] = results[i].type();
        }
      return Values{};
    });
  };
  look(cond.body);
  look(cond.other);
  const auto make = [&](const ClosedFunction& branch) {
    return closed(types, [&](Recorder& recorder, ValueSpan inputs) {
      const Values results = derivative(recorder, branch, inputs);
      Values outputs;
      for (size_t i = 0; i < results.size(); ++i)
        if (has[i])
          outputs.push_back(results[i] ? results[i] : emitted::constant(found[i], 0));
      return outputs;
    });
  };
  ControlFlow derived{ControlFlow::Kind::cond};
  derived.body = make(cond.body);
  derived.other = make(cond.other);
  if (derived.body.outputs.empty())
    return Values(has.size());
  Values operands(node.operands.begin(), node.operands.end());
  append(operands, extra);
  const Values results =
      currentEmitter().control(std::make_shared<ControlFlow>(std::move(derived)), operands);
  Values all;
  Deal deal(results);
  for (bool one : has)
    all.push_back(one ? deal.next() : Value());
  return all;
}

Values pullCond(const Node& node, ValueSpan cotangents, const std::vector<bool>& wanted) {
  Values seeds;
  for (const Value& cotangent : cotangents)
    if (cotangent)
      seeds.push_back(cotangent);
  const size_t count = node.operands.size() - 1;
  const Values pulled = derivedCond(
      node, seeds, [&](Recorder& recorder, const ClosedFunction& branch, ValueSpan inputs) {
        Deal deal(inputs);
        const ValueSpan arguments = deal.take(count);
        const Values outputs = recorder.run(branch.run, arguments, true);
        Values given, by;
        for (const Value& cotangent : cotangents)
          given.push_back(cotangent ? deal.next() : Value());
        for (size_t i = 0; i < count; ++i)
          if (wanted[i + 1])
            by.push_back(arguments[i]);
        return reverseSweep(recorder.nodes(), outputs, given, by);
      });
  Values contributions{Value()}; // the predicate's
  Deal deal(pulled);
  for (size_t i = 0; i < count; ++i)
    contributions.push_back(wanted[i + 1] ? deal.next() : Value());
  return contributions;
}

Values pushCond(const Node& node, ValueSpan tangents) {
  Values seeds;
  for (const Value& tangent : tangents)
    if (tangent)
      seeds.push_back(tangent);
  const size_t count = node.operands.size() - 1;
  return derivedCond(node, seeds,
                     [&](Recorder& recorder, const ClosedFunction& branch, ValueSpan inputs) {
                       Deal deal(inputs);
                       const ValueSpan arguments = deal.take(count);
                       const Values outputs = recorder.run(branch.run, arguments);
                       Values by;
                       for (size_t i = 0; i < count; ++i)
                         if (tangents[i + 1])
                           by.push_back(arguments[i]);
                       return tangentSweep(recorder.nodes(), by, deal.rest(), outputs);
                     });
}

} // namespace

Values pullControl(const Node& node, ValueSpan cotangents, const std::vector<bool>& wanted) {
  if (node.control->kind == ControlFlow::Kind::cond)
    return pullCond(node, cotangents, wanted);
  return pullLoop(node, cotangents, wanted);
}

Values pushControl(const Node& node, ValueSpan tangents) {
  if (node.control->kind == ControlFlow::Kind::cond)
    return pushCond(node, tangents);
  return pushLoop(node, tangents);
}

} // namespace diptych::autodiff
