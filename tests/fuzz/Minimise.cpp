// Cutting a program that fails down to what makes it fail. Each cut is tried, and kept where the
// program still fails; bodies of loops and branches are cut in the same way.
#include "Program.h"

namespace diptych::fuzz {

namespace {

using Fails = std::function<bool(const Program&)>;

/// Takes the smaller program where it still fails.
bool accept(Program& program, Program smaller, const Fails& fails) {
  smaller = smaller.pruned();
  if (!fails(smaller))
    return false;
  program = std::move(smaller);
  return true;
}

bool dropOutputs(Program& program, const Fails& fails) {
  bool any = false;
  for (size_t i = program.outputs.size(); i-- > 0 && program.outputs.size() > 1;) {
    Program smaller = program;
    smaller.outputs.erase(smaller.outputs.begin() + static_cast<std::ptrdiff_t>(i));
    any |= accept(program, std::move(smaller), fails);
    i = std::min(i, program.outputs.size());
  }
  return any;
}

// An operand stands for the operator that is an output.
bool raiseOutputs(Program& program, const Fails& fails) {
  bool any = false;
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const Step step = program.steps[static_cast<size_t>(program.outputs[i])];
    for (int operand : step.operands) {
      if (step.part > 0)
        continue;
      Program smaller = program;
      smaller.outputs[i] = operand;
      if (accept(program, std::move(smaller), fails)) {
        any = true;
        break;
      }
    }
  }
  return any;
}

Step constantOf(const TensorType& type) {
  Step step{.type = type, .code = OpCode::Constant};
  step.attrs.dtype = type.dtype;
  step.attrs.shape = type.shape;
  step.attrs.value = castTo(type.dtype, 1);
  return step;
}

// None where the program does not even run.
Values valuesOf(const Program& program) {
  try {
    return program.evaluate();
  } catch (const std::exception&) {
    return {};
  }
}

// Every step becomes an input of the value it has, in a body a constant; a loop with all results.
bool cutSteps(Program& program, const Fails& fails, bool isBody) {
  bool any = false;
  for (size_t i = 0; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    if (step.isInput() || (step.isOperator() && step.operands.empty() && isBody))
      continue;
    Program smaller = program;
    const Values values = isBody ? Values() : valuesOf(program);
    if (values.empty() && !isBody)
      return any;
    const auto cut = [&](size_t k) {
      smaller.steps[k] = isBody ? constantOf(program.steps[k].type)
                                : Step{.type = program.steps[k].type, .data = values[k]};
    };
    cut(i);
    for (size_t k = i + 1; k < program.steps.size(); ++k)
      if (program.steps[k].part > 0 && program.steps[k].operands[0] == static_cast<int>(i))
        cut(k);
    if (accept(program, std::move(smaller), fails)) {
      any = true;
      i = 0;
    }
  }
  return any;
}

// Every step is skipped: an operand of the same type stands for it.
bool skipSteps(Program& program, const Fails& fails) {
  bool any = false;
  for (size_t i = program.steps.size(); i-- > 0;) {
    i = std::min(i, program.steps.size() - 1);
    const Step step = program.steps[i];
    for (int operand : step.operands) {
      if (!(program.steps[static_cast<size_t>(operand)].type == step.type))
        continue;
      Program smaller = program;
      bool changed = false;
      const auto replace = [&](int& use) {
        changed |= use == static_cast<int>(i);
        use = use == static_cast<int>(i) ? operand : use;
      };
      for (Step& user : smaller.steps)
        if (user.part == 0)
          for (int& use : user.operands)
            replace(use);
      for (int& output : smaller.outputs)
        replace(output);
      if (changed && accept(program, std::move(smaller), fails)) {
        any = true;
        break;
      }
    }
  }
  return any;
}

bool usesParameter(const Program& body, size_t k) {
  for (int output : body.outputs)
    if (output == static_cast<int>(k))
      return true;
  for (const Step& step : body.steps)
    for (int operand : step.operands)
      if (operand == static_cast<int>(k))
        return true;
  return false;
}

void eraseParameter(Program& body, size_t k) {
  body.steps.erase(body.steps.begin() + static_cast<std::ptrdiff_t>(k));
  const auto lower = [&](int& use) { use -= use > static_cast<int>(k); };
  for (Step& step : body.steps)
    for (int& use : step.operands)
      lower(use);
  for (int& output : body.outputs)
    lower(output);
}

bool dropCaptures(Program& program, size_t i, const Fails& fails) {
  bool any = false;
  for (size_t k = program.steps[i].control->captures; k-- > 0;) {
    Control control = *program.steps[i].control;
    bool used = false;
    for (const Program& body : control.bodies)
      used |= usesParameter(body, k);
    if (used)
      continue;
    for (Program& body : control.bodies)
      eraseParameter(body, k);
    --control.captures;
    Program smaller = program;
    std::vector<int>& operands = smaller.steps[i].operands;
    operands.erase(operands.begin() + static_cast<std::ptrdiff_t>(k));
    smaller.steps[i].control = std::make_shared<const Control>(std::move(control));
    if (!fails(smaller)) // not pruned: i stays where it is
      continue;
    program = std::move(smaller);
    any = true;
  }
  return any;
}

bool shrink(Program& program, const Fails& fails, bool isBody);

// The bodies, the captures and the number of steps of every loop and branch.
bool shrinkControl(Program& program, const Fails& fails) {
  bool any = false;
  for (size_t i = 0; i < program.steps.size(); ++i) {
    if (!program.steps[i].control)
      continue;
    const auto with = [&](const auto& change) {
      Control control = *program.steps[i].control;
      change(control);
      Program smaller = program;
      smaller.steps[i].control = std::make_shared<const Control>(std::move(control));
      return smaller;
    };
    const Control::Kind kind = program.steps[i].control->kind;
    if (kind == Control::Kind::fori || kind == Control::Kind::whileLoop)
      if (program.steps[i].control->length > 1) {
        Program once = with([](Control& control) { control.length = 1; });
        if (fails(once)) {
          program = std::move(once);
          any = true;
        }
      }
    for (size_t b = 0; b < program.steps[i].control->bodies.size(); ++b) {
      Program body = program.steps[i].control->bodies[b];
      const auto within = [&](const Program& smaller) {
        return with([&](Control& control) { control.bodies[b] = smaller; });
      };
      if (shrink(body, [&](const Program& smaller) { return fails(within(smaller)); }, true)) {
        program = within(body);
        any = true;
      }
    }
    any |= dropCaptures(program, i, fails);
  }
  return any;
}

bool shrink(Program& program, const Fails& fails, bool isBody) {
  bool smaller = !isBody && dropOutputs(program, fails);
  smaller |= !isBody && raiseOutputs(program, fails);
  smaller |= cutSteps(program, fails, isBody);
  smaller |= skipSteps(program, fails);
  return shrinkControl(program, fails) || smaller;
}

} // namespace

Program minimised(Program program, const std::function<bool(const Program&)>& fails) {
  while (shrink(program, fails, false)) {
  }
  program = program.pruned();
  return program;
}

} // namespace diptych::fuzz
