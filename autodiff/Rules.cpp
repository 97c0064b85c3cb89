// The table of rules, and how each kind of derivative turns a rule into a vjp and a jvp.
#include "autodiff/Rules.h"

#include "autodiff/Batching.h"

namespace diptych::autodiff {

using namespace emitted;

const Attrs& Node::attrs() const { return attributes ? *attributes : kNoAttrs; }

namespace {

// Of pointwise operators.
using KnownPartials = std::array<Partial, Partials::kFew>;

// In all three the rule object lives while its lazy parts run.
template <class Rule>
KnownPartials run(const RuleContext& context, const std::vector<bool>& wanted) {
  const Rule rule{context};
  const Partials parts = rule.rule();
  KnownPartials results;
  for (size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i])
      results[i] = parts[i].get();
  return results;
}

template <class Rule>
void run(const RuleContext& context, const std::vector<bool>& wanted, Values& results) {
  const Rule rule{context};
  const Cotangents parts = rule.rule();
  for (size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i])
      results[i] = parts[i].get();
}

template <class Rule> Value run(const RuleContext& context) {
  const Rule rule{context};
  return rule.rule();
}

struct Row {
  KnownPartials (*partials)(const RuleContext&, const std::vector<bool>& wanted);
  void (*cotangents)(const RuleContext&, const std::vector<bool>& wanted, Values& results);
  Value (*tangent)(const RuleContext&);
  batching::Rule batching;
};

const Row table[] = {
#include "autodiff/Rules.cpp.inc"
};

const Row& rulesOf(OpCode code) { return table[static_cast<size_t>(code)]; }

[[noreturn]] void failNotDifferentiable(const Node& node) {
  const OpInfo& op = info(node.code);
  throw Error(node.where, std::string(op.name) + ": expected an operator that has a derivative; " +
                              op.reason + "; use stop_gradient where none is needed");
}

void addTo(Value& total, const Value& term) {
  if (term)
    total = total ? add(total, term) : term;
}

// Linear in all float operands at once: f(dx1, dx2, ...). The constant part of an affine operator,
// the value of pad, is left out.
Value pushLinear(const Node& node, ValueSpan tangents) {
  Values operands(tangents.begin(), tangents.end());
  for (size_t i = 0; i < operands.size(); ++i) {
    const Value& operand = node.operands[i];
    if (!operands[i])
      operands[i] = isFloat(operand.dtype()) ? like(operand, 0.0) : operand;
  }
  if (!info(node.code).has(AttrField::value))
    return currentEmitter().emit(node.code, operands, node.attrs());
  Attrs attrs = node.attrs();
  attrs.value = castTo(node.results[0].dtype(), 0.0);
  return currentEmitter().emit(node.code, operands, attrs);
}

// d f(x, y) = f(dx, y) + f(x, dy)
Value pushBilinear(const Node& node, ValueSpan tangents) {
  Value total;
  for (size_t i = 0; i < tangents.size(); ++i) {
    if (!tangents[i])
      continue;
    Values operands(node.operands.begin(), node.operands.end());
    operands[i] = tangents[i];
    addTo(total, currentEmitter().emit(node.code, operands, node.attrs()));
  }
  return total;
}

Value pushPointwise(const Node& node, const RuleContext& context, ValueSpan tangents,
                    const std::vector<bool>& wanted) {
  const KnownPartials partials = rulesOf(node.code).partials(context, wanted);
  Value total;
  for (size_t i = 0; i < tangents.size(); ++i)
    if (wanted[i])
      addTo(total, partials[i](tangents[i]));
  return total;
}

} // namespace

bool propagates(const Node& node) {
  return node.callee || node.custom || node.replayable || node.control ||
         info(node.code).derivative != DerivativeKind::Zero;
}

void pullBack(const Node& node, const Value& cotangent, const std::vector<bool>& wanted,
              Values& contributions) {
  const RuleContext context(node, cotangent, {});
  const Row& rules = rulesOf(node.code);
  switch (info(node.code).derivative) {
  case DerivativeKind::Pointwise: {
    const KnownPartials partials = rules.partials(context, wanted);
    for (size_t i = 0; i < wanted.size(); ++i)
      if (wanted[i])
        contributions[i] = partials[i](cotangent);
    return;
  }
  case DerivativeKind::Linear:
  case DerivativeKind::Bilinear:
  case DerivativeKind::Custom: return rules.cotangents(context, wanted, contributions);
  case DerivativeKind::Zero: return;
  case DerivativeKind::NotDifferentiable: failNotDifferentiable(node);
  }
  throw Error("internal: unknown derivative kind");
}

Value pushForward(const Node& node, ValueSpan tangents) {
  const Value nothing;
  const RuleContext context(node, nothing, tangents);
  std::vector<bool> wanted(tangents.size());
  for (size_t i = 0; i < tangents.size(); ++i)
    wanted[i] = static_cast<bool>(tangents[i]);
  switch (info(node.code).derivative) {
  case DerivativeKind::Pointwise: return pushPointwise(node, context, tangents, wanted);
  case DerivativeKind::Linear: return pushLinear(node, tangents);
  case DerivativeKind::Bilinear: return pushBilinear(node, tangents);
  case DerivativeKind::Custom: return rulesOf(node.code).tangent(context);
  case DerivativeKind::Zero: return {};
  case DerivativeKind::NotDifferentiable: failNotDifferentiable(node);
  }
  throw Error("internal: unknown derivative kind");
}

batching::Rule batching::ruleOf(OpCode code) { return rulesOf(code).batching; }

} // namespace diptych::autodiff
