// Running, printing, pruning.
#include "Program.h"

#include <diptych/ControlFlow.h>
#include <diptych/CustomRules.h>
#include <diptych/Linearize.h>
#include <diptych/Vmap.h>

#include "Functions.h"
#include "tests/ops/Agreement.h"

namespace diptych::fuzz {

namespace {

const detail::Request kRequest{"fuzz", std::source_location::current()};

Function bodyOf(const std::shared_ptr<const Control>& control, size_t i, ValueSpan operands) {
  const Values captured(operands.begin(),
                        operands.begin() + static_cast<std::ptrdiff_t>(control->captures));
  return [control, i, captured](ValueSpan inputs) {
    Values all = captured;
    all.insert(all.end(), inputs.begin(), inputs.end());
    return control->bodies[i].run(all);
  };
}

// A step of a scan: an empty value ends the carry.
Function scanned(const Function& body, size_t carry) {
  return [body, carry](ValueSpan inputs) {
    Values results = body(inputs);
    results.insert(results.begin() + static_cast<std::ptrdiff_t>(carry), Value());
    return results;
  };
}

// As the public functions do it, after their templates.
Values runControl(const std::shared_ptr<const Control>& control, ValueSpan operands) {
  const ValueSpan own = operands.subspan(control->captures);
  const Function body = bodyOf(control, 0, operands);
  switch (control->kind) {
  case Control::Kind::scan:
    return detail::callScan(kRequest, scanned(body, control->carry), own.first(control->carry),
                            own.subspan(control->carry),
                            {.reverse = control->reverse, .length = control->length});
  case Control::Kind::fori: return detail::callFori(kRequest, body, own, 0, control->length);
  case Control::Kind::whileLoop:
    return detail::callWhile(kRequest, body, bodyOf(control, 1, operands), own,
                             {.max_steps = control->length});
  case Control::Kind::cond:
    return detail::callCond(kRequest, own[0], body, bodyOf(control, 1, operands), own.subspan(1));
  case Control::Kind::checkpoint: return detail::callCheckpoint(kRequest, body, own);
  case Control::Kind::linearize: {
    const detail::Linearization at(kRequest, body, own, floatsOf(own));
    Values results = at.outputs();
    const Values tangents = at.push(own);
    results.insert(results.end(), tangents.begin(), tangents.end());
    return results;
  }
  case Control::Kind::rule: {
    const detail::ValueRule rule = [body](const detail::RuleValues& at) {
      return currentEmitter().jvp(body, at.inputs, floatsOf(at.inputs), {at.seeds}).derivatives;
    };
    return detail::callWithJvp(kRequest, body, rule, own);
  }
  case Control::Kind::vmap: {
    const std::vector<detail::LeafRange> all{{0, static_cast<int>(own.size())}};
    return detail::mapped(kRequest, body, own, all, 0, 0);
  }
  }
  return {};
}

// All results of every step.
std::vector<Values> runSteps(const Program& program, ValueSpan inputs) {
  std::vector<Values> values;
  size_t next = 0;
  for (const Step& step : program.steps) {
    if (step.isInput()) {
      values.push_back({inputs[next++]});
      continue;
    }
    Values operands;
    for (int operand : step.operands)
      operands.push_back(values[static_cast<size_t>(operand)][0]);
    if (step.part > 0)
      values.push_back(
          {values[static_cast<size_t>(step.operands[0])][static_cast<size_t>(step.part)]});
    else if (step.control)
      values.push_back(runControl(step.control, operands));
    else
      values.push_back({currentEmitter().emit(step.code, operands, step.attrs)});
  }
  return values;
}

} // namespace

Values Program::inputs() const {
  Values inputs;
  for (const Step& step : steps)
    if (step.data)
      inputs.push_back(step.data);
  return inputs;
}

Values Program::run(ValueSpan inputs) const {
  const std::vector<Values> values = runSteps(*this, inputs);
  Values results;
  for (int output : outputs)
    results.push_back(values[static_cast<size_t>(output)][0]);
  return results;
}

Function Program::function() const {
  return [program = *this](ValueSpan inputs) { return program.run(inputs); };
}

Values Program::evaluate() const {
  Values first;
  for (const Values& values : runSteps(*this, inputs()))
    first.push_back(values[0]);
  return first;
}

//===-- Text ---------------------------------------------------------------------------------===//

static std::string attrsText(const Step& step) {
  const OpInfo& op = info(step.code);
  std::string text;
  for (AttrField field : op.attributes) {
    text += std::string(" ") + name(field) + "=";
    if (field == AttrField::axis)
      text += std::to_string(step.attrs.axis);
    else if (field == AttrField::value)
      text += step.attrs.literal ? "literal" : std::to_string(step.attrs.value.asDouble());
    else if (isFlag(field))
      text += step.attrs.flag(field) ? "true" : "false";
    else
      text += listOf(step.attrs, field).str();
  }
  return text;
}

static std::string listText(const std::vector<int>& steps) {
  std::string text;
  for (int step : steps)
    text += (text.empty() ? "%" : ", %") + std::to_string(step);
  return text;
}

static std::string controlText(const Control& control, int indent) {
  static constexpr const char* names[] = {"scan",       "fori", "while",     "cond",
                                          "checkpoint", "vmap", "linearize", "rule"};
  std::string text = std::string(names[static_cast<size_t>(control.kind)]) + " captures " +
                     std::to_string(control.captures) + ", carry " + std::to_string(control.carry) +
                     ", length " + std::to_string(control.length) +
                     (control.reverse ? ", reverse" : "");
  for (const Program& body : control.bodies)
    text += "\n" + std::string(static_cast<size_t>(2 * indent), ' ') + "{\n" +
            body.text(indent + 1) + std::string(static_cast<size_t>(2 * indent), ' ') + "}";
  return text;
}

std::string Program::text(int indent) const {
  const std::string margin(static_cast<size_t>(2 * indent), ' ');
  std::string text;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    text += margin + "%" + std::to_string(i) + " = " + step.type.str() + " ";
    if (step.data) {
      text += "input";
      for (int64_t k = 0; k < std::min<int64_t>(4, step.type.numel()); ++k)
        text += (k ? ", " : " ") + suite::elementText(step.data, k);
    } else if (step.parameter) {
      text += "parameter";
    } else if (step.part > 0) {
      text += "result " + std::to_string(step.part) + " of " + listText(step.operands);
    } else if (step.control) {
      text += "(" + listText(step.operands) + ") " + controlText(*step.control, indent);
    } else {
      text +=
          std::string(info(step.code).name) + "(" + listText(step.operands) + ")" + attrsText(step);
    }
    text += "\n";
  }
  return text + margin + "return " + listText(outputs) + "\n";
}

Program Program::pruned() const {
  std::vector<bool> needed(steps.size());
  for (int output : outputs)
    needed[static_cast<size_t>(output)] = true;
  for (size_t i = steps.size(); i-- > 0;) {
    if (steps[i].parameter)
      needed[i] = true;
    if (needed[i])
      for (int operand : steps[i].operands)
        needed[static_cast<size_t>(operand)] = true;
  }
  Program kept;
  kept.seed = seed;
  std::vector<int> place(steps.size(), -1);
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!needed[i])
      continue;
    place[i] = static_cast<int>(kept.steps.size());
    kept.steps.push_back(steps[i]);
    for (int& operand : kept.steps.back().operands)
      operand = place[static_cast<size_t>(operand)];
  }
  for (int output : outputs)
    kept.outputs.push_back(place[static_cast<size_t>(output)]);
  return kept;
}

} // namespace diptych::fuzz
