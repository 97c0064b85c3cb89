// Recorded steps as a program: what no output needs is left out, and each value goes when nobody
// reads it again.
#include "autodiff/RecorderSteps.h"

#include <algorithm>

namespace diptych::autodiff {

namespace {

Values concatenated(ValueSpan first, ValueSpan second) {
  Values all(first.begin(), first.end());
  all.insert(all.end(), second.begin(), second.end());
  return all;
}

Function bound(const ClosedFunction& function, ValueSpan captured) {
  return [run = function.run, captured = Values(captured.begin(), captured.end())](
             ValueSpan inputs) { return run(concatenated(inputs, captured)); };
}

} // namespace

std::shared_ptr<const CustomFunction> Recorder::bind(const CustomParts& parts, ValueSpan operands) {
  const ValueSpan captured = operands.subspan(parts.inputs);
  const ValueSpan rules = captured.subspan(parts.captured);
  return std::make_shared<CustomFunction>(
      CustomFunction{parts.name, bound(parts.primal, captured.first(parts.captured)),
                     bound(parts.vjp, rules.first(parts.vjpCaptured)),
                     bound(parts.jvp, rules.subspan(parts.vjpCaptured))});
}

/// Values by number.
struct Recorder::Program {
  struct Line {
    OpCode code{};
    Attrs attrs;
    std::shared_ptr<Callee> callee;
    std::shared_ptr<const CustomParts> custom;
    std::shared_ptr<const ClosedFunction> checkpoint;
    std::shared_ptr<const ControlFlow> control;
    SourceLocation where;
    std::vector<int> operands, results;
    std::vector<int> dying; // read by nobody after this line

    Values run(ValueSpan inputs) const;
  };
  std::vector<Line> lines;
  std::vector<int> inputs, outputs;
  size_t values = 0;

  Values run(ValueSpan arguments) const;
  void findLastUses();
};

Values Recorder::Program::Line::run(ValueSpan inputs) const {
  Emitter& emitter = currentEmitter();
  if (callee)
    return emitter.call(callee, inputs);
  if (custom)
    return emitter.custom(bind(*custom, inputs), inputs.first(custom->inputs));
  if (checkpoint)
    return emitter.checkpoint(checkpoint->run, inputs);
  if (control)
    return emitter.control(control, inputs);
  return {emitter.emit(code, inputs, attrs)};
}

Values Recorder::Program::run(ValueSpan arguments) const {
  if (arguments.size() != inputs.size())
    throw Error("internal: a recorded function got another number of inputs");
  Values environment(values);
  for (size_t i = 0; i < inputs.size(); ++i)
    environment[static_cast<size_t>(inputs[i])] = arguments[i];
  Values operands;
  for (const Line& line : lines) {
    const LocationOverride location(line.where.known() ? line.where : currentLocation());
    operands.clear();
    for (int operand : line.operands)
      operands.push_back(environment[static_cast<size_t>(operand)]);
    for (int value : line.dying)
      environment[static_cast<size_t>(value)] = {};
    Values results = line.run(operands);
    for (size_t i = 0; i < line.results.size(); ++i)
      environment[static_cast<size_t>(line.results[i])] = std::move(results[i]);
  }
  Values results;
  for (int output : outputs)
    results.push_back(environment[static_cast<size_t>(output)]);
  return results;
}

void Recorder::Program::findLastUses() {
  std::vector<bool> read(values);
  for (int output : outputs)
    read[static_cast<size_t>(output)] = true;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line)
    for (int operand : line->operands)
      if (!read[static_cast<size_t>(operand)]) {
        read[static_cast<size_t>(operand)] = true;
        line->dying.push_back(operand);
      }
}

ClosedFunction Recorder::finish(ValueSpan results) {
  ClosedFunction function;
  auto program = std::make_shared<Program>();
  const auto numbers = [](ValueSpan values) {
    std::vector<int> list;
    for (const Value& value : values)
      list.push_back(Step::numberOf(value));
    return list;
  };
  const Values outputs = own(results), inputs = concatenated(inputs_, captured_);
  program->inputs = numbers(inputs);
  program->outputs = numbers(outputs);
  program->values = static_cast<size_t>(count_);
  for (const Value& input : inputs)
    function.inputs.push_back(input.type());
  for (const Value& output : outputs)
    function.outputs.push_back(output.type());

  std::vector<bool> needed(program->values);
  for (int output : program->outputs)
    needed[static_cast<size_t>(output)] = true;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    const std::vector<int> made = numbers(step->results);
    if (std::none_of(made.begin(), made.end(),
                     [&](int value) { return needed[static_cast<size_t>(value)]; }))
      continue;
    const Node& node = step->node;
    program->lines.push_back({node.code,
                              step->attrs,
                              node.callee,
                              step->custom,
                              step->checkpoint,
                              node.control,
                              node.where,
                              numbers(step->operands),
                              made,
                              {}});
    for (int operand : program->lines.back().operands)
      needed[static_cast<size_t>(operand)] = true;
  }
  std::reverse(program->lines.begin(), program->lines.end());
  program->findLastUses();
  function.run = [program](ValueSpan values) { return program->run(values); };
  return function;
}

} // namespace diptych::autodiff
