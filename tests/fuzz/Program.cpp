// Running, printing, cutting.
#include "Program.h"

#include "tests/ops/Agreement.h"

namespace diptych::fuzz {

Values Program::inputs() const {
  Values inputs;
  for (const Step& step : steps)
    if (step.data)
      inputs.push_back(step.data);
  return inputs;
}

static Values runSteps(const Program& program, ValueSpan inputs) {
  Values values;
  size_t next = 0;
  for (const Step& step : program.steps) {
    if (step.data) {
      values.push_back(inputs[next++]);
      continue;
    }
    Values operands;
    for (int operand : step.operands)
      operands.push_back(values[static_cast<size_t>(operand)]);
    values.push_back(currentEmitter().emit(step.code, operands, step.attrs));
  }
  return values;
}

Values Program::run(ValueSpan inputs) const {
  const Values values = runSteps(*this, inputs);
  Values results;
  for (int output : outputs)
    results.push_back(values[static_cast<size_t>(output)]);
  return results;
}

Function Program::function() const {
  return [program = *this](ValueSpan inputs) { return program.run(inputs); };
}

Values Program::evaluate() const { return runSteps(*this, inputs()); }

bool Program::has(const std::function<bool(const Step&)>& holds) const {
  for (const Step& step : steps)
    if (holds(step))
      return true;
  return false;
}

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

std::string Program::text() const {
  std::string text;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    text += "  %" + std::to_string(i) + " = " + step.type.str() + " ";
    if (step.data) {
      text += "input";
      for (int64_t k = 0; k < std::min<int64_t>(4, step.type.numel()); ++k)
        text += (k ? ", " : " ") + suite::elementText(step.data, k);
    } else {
      text += std::string(info(step.code).name) + "(";
      for (size_t k = 0; k < step.operands.size(); ++k)
        text += (k ? ", %" : "%") + std::to_string(step.operands[k]);
      text += ")" + attrsText(step);
    }
    text += "\n";
  }
  text += "  return";
  for (int output : outputs)
    text += " %" + std::to_string(output);
  return text + "\n";
}

Program Program::pruned() const {
  std::vector<bool> needed(steps.size());
  for (int output : outputs)
    needed[static_cast<size_t>(output)] = true;
  for (size_t i = steps.size(); i-- > 0;)
    if (needed[i])
      for (int operand : steps[i].operands)
        needed[static_cast<size_t>(operand)] = true;
  Program kept;
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

namespace {

/// Takes the smaller program where it still fails.
bool accept(Program& program, Program smaller, const std::function<bool(const Program&)>& fails) {
  smaller = smaller.pruned();
  if (!fails(smaller))
    return false;
  program = std::move(smaller);
  return true;
}

bool dropOutputs(Program& program, const std::function<bool(const Program&)>& fails) {
  bool any = false;
  for (size_t i = program.outputs.size(); i-- > 0 && program.outputs.size() > 1;) {
    Program smaller = program;
    smaller.outputs.erase(smaller.outputs.begin() + static_cast<std::ptrdiff_t>(i));
    any |= accept(program, std::move(smaller), fails);
    i = std::min(i, program.outputs.size());
  }
  return any;
}

// Every operator becomes an input of the value it has.
bool cutOperators(Program& program, const std::function<bool(const Program&)>& fails) {
  bool any = false;
  for (size_t i = 0; i < program.steps.size(); ++i) {
    if (program.steps[i].data)
      continue;
    Program smaller = program;
    Step& step = smaller.steps[i];
    step.data = program.evaluate()[i];
    step.operands.clear();
    const bool cut = accept(program, std::move(smaller), fails);
    any |= cut;
    if (cut)
      i = 0;
  }
  return any;
}

// Every operator is skipped: its first operand of the same type stands for it.
bool skipOperators(Program& program, const std::function<bool(const Program&)>& fails) {
  bool any = false;
  for (size_t i = program.steps.size(); i-- > 0;) {
    i = std::min(i, program.steps.size() - 1);
    const Step step = program.steps[i];
    for (int operand : step.operands) {
      if (!(program.steps[static_cast<size_t>(operand)].type == step.type))
        continue;
      Program smaller = program;
      const auto replace = [&](int& use) { use = use == static_cast<int>(i) ? operand : use; };
      for (Step& user : smaller.steps)
        for (int& use : user.operands)
          replace(use);
      for (int& output : smaller.outputs)
        replace(output);
      if (accept(program, std::move(smaller), fails)) {
        any = true;
        break;
      }
    }
  }
  return any;
}

} // namespace

Program minimised(Program program, const std::function<bool(const Program&)>& fails) {
  for (bool smaller = true; smaller;) {
    smaller = dropOutputs(program, fails);
    smaller |= cutOperators(program, fails);
    smaller |= skipOperators(program, fails);
  }
  return program;
}

} // namespace diptych::fuzz
