// From a rule of the user's to the two that sweeps ask for: seeds with the structure the user sees,
// checked answers, the missing rule as a transpose.
#include <diptych/CustomRules.h>

#include <numeric>
#include <utility>

#include "frontend/Ops.h"
#include "frontend/RandomKeys.h"
#include "frontend/TransformSupport.h"

namespace diptych::detail {

namespace {

Values floatsOf(ValueSpan values) {
  Values floats;
  for (const Value& value : values)
    if (isFloat(value.dtype()))
      floats.push_back(value);
  return floats;
}

// One seed for each of `primals`; zeros for those that have none, being no floats.
Values spread(ValueSpan seeds, ValueSpan primals) {
  Values all;
  size_t next = 0;
  for (const Value& primal : primals)
    all.push_back(isFloat(primal.dtype()) ? seeds[next++] : emitted::like(primal, 0));
  return all;
}

// A rule answers for the floats alone, or for everything.
Values checked(const Request& request, const char* seed, Values answer, ValueSpan primals) {
  const Values floats = floatsOf(primals);
  if (answer.size() == primals.size())
    answer = [&] {
      Values own;
      for (size_t i = 0; i < primals.size(); ++i)
        if (isFloat(primals[i].dtype()))
          own.push_back(answer[i]);
      return own;
    }();
  if (answer.size() != floats.size())
    refuse(request,
           std::string("the rule to return a ") + seed + " for each of " +
               std::to_string(floats.size()) + " tensors of floats",
           std::to_string(answer.size()), "return them in order, as a tuple or a vector");
  for (size_t i = 0; i < floats.size(); ++i)
    requireFits(request, seed, floats[i].type(), answer[i]);
  return answer;
}

// Splits what a sweep gives a rule: inputs, outputs, seeds.
RuleValues ruleValues(ValueSpan values, size_t inputs, size_t outputs) {
  const auto part = [&](size_t begin, size_t count) {
    const ValueSpan span = values.subspan(begin, count);
    return Values(span.begin(), span.end());
  };
  return {part(0, inputs), part(inputs, outputs),
          part(inputs + outputs, values.size() - inputs - outputs)};
}

// The transpose of a linear function at `cotangents`, its arguments being like `arguments`.
Values transposed(const Function& linear, ValueSpan arguments, ValueSpan cotangents) {
  Values zeros;
  for (const Value& argument : arguments)
    zeros.push_back(emitted::like(argument, 0));
  std::vector<int> wrt(zeros.size());
  std::iota(wrt.begin(), wrt.end(), 0);
  const Seeds seeds{{cotangents.begin(), cotangents.end()}, 0};
  return currentEmitter()
      .vjp(recording(linear), zeros, wrt, [&](std::span<const TensorType>) { return seeds; })
      .derivatives;
}

/// One of the two rules, and how the other follows.
class Rules {
public:
  Rules(const Request& request, ValueRule rule, bool isVjp, size_t inputs, size_t outputs)
      : request_(request), rule_(std::move(rule)), isVjp_(isVjp), inputs_(inputs),
        outputs_(outputs) {}

  Values given(ValueSpan values) const {
    RuleValues parts = ruleValues(values, inputs_, outputs_);
    parts.seeds = spread(parts.seeds, isVjp_ ? parts.outputs : parts.inputs);
    return checked(request_, isVjp_ ? "cotangent" : "tangent", rule_(parts),
                   isVjp_ ? parts.inputs : parts.outputs);
  }

  Values other(ValueSpan values) const {
    const RuleValues parts = ruleValues(values, inputs_, outputs_);
    const Function linear = [&](ValueSpan seeds) {
      Values all = parts.inputs;
      all.insert(all.end(), parts.outputs.begin(), parts.outputs.end());
      all.insert(all.end(), seeds.begin(), seeds.end());
      return given(all);
    };
    return transposed(linear, floatsOf(isVjp_ ? parts.outputs : parts.inputs), parts.seeds);
  }

private:
  Request request_;
  ValueRule rule_;
  bool isVjp_;
  size_t inputs_, outputs_;
};

Values callCustom(const Request& request, Function f, ValueRule rule, bool isVjp,
                  ValueSpan inputs) {
  return attributed(request, [&] {
    const LocationScope scope(request.where);
    const size_t count = inputs.size();
    auto outputs = std::make_shared<size_t>(0);
    const Function counted = [f = onOwnLines(std::move(f)), outputs](ValueSpan values) {
      Values results = f(values);
      *outputs = results.size();
      return results;
    };
    const Function given = [=](ValueSpan values) {
      return Rules(request, rule, isVjp, count, *outputs).given(values);
    };
    const Function other = [=](ValueSpan values) {
      return Rules(request, rule, isVjp, count, *outputs).other(values);
    };
    const auto custom = std::make_shared<CustomFunction>(
        CustomFunction{request.transform, counted, isVjp ? given : other, isVjp ? other : given});
    return asUserSees(currentEmitter().custom(custom, inputs));
  });
}

} // namespace

Function withSameDraws(Function f) {
  return [f = std::move(f), start = random::KeySource::position(),
          again = std::make_shared<bool>(false)](ValueSpan inputs) {
    if (!std::exchange(*again, true) || !start)
      return f(inputs);
    const random::Scope replay = random::KeySource::replay(*start);
    return f(inputs);
  };
}

Values callWithVjp(const Request& request, Function f, ValueRule rule, ValueSpan inputs) {
  return callCustom(request, std::move(f), std::move(rule), true, inputs);
}

Values callWithJvp(const Request& request, Function f, ValueRule rule, ValueSpan inputs) {
  return callCustom(request, std::move(f), std::move(rule), false, inputs);
}

Values callCheckpoint(const Request& request, Function f, ValueSpan inputs) {
  return attributed(request, [&] {
    const LocationScope scope(request.where);
    return asUserSees(currentEmitter().checkpoint(withSameDraws(onOwnLines(std::move(f))), inputs));
  });
}

} // namespace diptych::detail
