// Statements and lambdas; operators are CppOperators.cpp's.
#include "CppText.h"

#include "CppOperators.h"
#include "Functions.h"
#include "tests/ops/Samples.h"

namespace diptych::fuzz {

namespace {

constexpr int64_t kLiteral = 256; // elements of the largest literal

constexpr const char* kHead = R"(#include <diptych/Jit.h>
#include <diptych/diptych.h>

#include <cmath>
#include <cstdio>

namespace dt = diptych;
using dt::Tensor;
using Tensors = std::vector<Tensor>;

static void compare(const char* what, const Tensors& got, const Tensors& expected) {
  for (size_t k = 0; k < got.size(); ++k) {
    const auto a = got[k].to(dt::f64).to_vector<double>();
    const auto b = expected[k].to(dt::f64).to_vector<double>();
    for (size_t i = 0; i < a.size(); ++i)
      if ((a[i] != b[i] || std::signbit(a[i]) != std::signbit(b[i])) &&
          !(std::isnan(a[i]) && std::isnan(b[i])))
        std::printf("%s: result %zu, element %zu: %.17g, expected %.17g\n", what, k, i, a[i], b[i]);
  }
}
)";

constexpr const char* kEmit = R"(
#include "ir/Emitted.h" // for an operator without a public function of its own
template <class Set> static Tensor emit(const char* name, const Tensors& x, Set set) {
  dt::Attrs attrs;
  set(attrs);
  dt::Values values;
  for (const Tensor& each : x)
    values.push_back(each.value());
  return Tensor(dt::currentEmitter().emit(dt::findOperator(name)->code, values, attrs));
}
)";

constexpr const char* kTotal = R"(  const auto total = [&](const Tensors& x) {
    Tensor total = dt::full({}, 0.0, dt::f64);
    for (const Tensor& result : f(x))
      if (dt::isFloat(result.dtype()))
        total += dt::sum(result.to(dt::f64));
    return total;
  };
  const dt::JitOptions strict{.numerics = dt::Numerics::strict};
)";

std::string literal(const Value& value) {
  static constexpr const char* elements[] = {"float", "double",       "int32_t",    "int64_t",
                                             "bool",  "dt::bfloat16", "dt::float16"};
  const TensorType& type = value.type();
  if (type.numel() > kLiteral) {
    const std::string some = "dt::reshape(dt::linspace(-2, 2, " + std::to_string(type.numel()) +
                             "), " + braces(type.shape) + ").to(" + typeText(type.dtype) + ")";
    return some + "; // too many to print: other numbers";
  }
  std::vector<std::string> numbers;
  for (double number : suite::numbersOf(value))
    numbers.push_back(isHalf(type.dtype) ? std::string(elements[static_cast<size_t>(type.dtype)]) +
                                               "(" + numberText(type.dtype, number) + ")"
                                         : numberText(type.dtype, number));
  return std::string("dt::tensor(std::vector<") + elements[static_cast<size_t>(type.dtype)] + ">" +
         braces(numbers) + ", dt::Shape" + braces(type.shape) + ");";
}

class Writer {
public:
  std::string text;

  /// The statements of a program whose inputs have these names; the names of its outputs.
  std::vector<std::string> write(const Program& program, std::vector<std::string> inputs,
                                 int indent) {
    std::vector<std::string> names; // of loops and branches: of their list of results
    size_t next = 0;
    for (const Step& step : program.steps) {
      if (step.isInput()) {
        names.push_back(inputs[next++]);
        continue;
      }
      CallText call{step, {}, {}};
      for (int operand : step.operands) {
        const auto at = static_cast<size_t>(operand);
        call.operands.push_back(valueOf(program, names, at, step.part));
        call.types.push_back(program.steps[at].type);
      }
      names.push_back(step.part > 0 ? call.operands[0] : fresh(step.control ? "r" : "v"));
      if (step.part > 0)
        continue;
      const std::string value = step.control ? control(call, indent) : expressionOf(call);
      line(indent, "const " + std::string(step.control ? "Tensors " : "Tensor ") + names.back() +
                       " = " + value + ";");
    }
    std::vector<std::string> outputs;
    for (int output : program.outputs)
      outputs.push_back(valueOf(program, names, static_cast<size_t>(output), 0));
    return outputs;
  }

  void line(int indent, const std::string& what) {
    text += std::string(static_cast<size_t>(2 * indent), ' ') + what + "\n";
  }

private:
  std::string fresh(const char* prefix) { return prefix + std::to_string(next_++); }

  static std::string valueOf(const Program& program, const std::vector<std::string>& names,
                             size_t at, int part) {
    const bool list = program.steps[at].control != nullptr;
    return list ? names[at] + "[" + std::to_string(part) + "]" : names[at];
  }

  /// The first elements of the list `name`.
  static void elements(std::vector<std::string>& names, const std::string& name, size_t count) {
    for (size_t i = 0; i < count; ++i)
      names.push_back(name + "[" + std::to_string(i) + "]");
  }

  using Names = std::vector<std::string>;
  /// `head` { body } whose captures and parameters have these names; `finish` makes the result.
  template <class Finish>
  std::string lambda(const std::string& head, const Program& body, const Names& inputs, int indent,
                     const Finish& finish) {
    Writer inner;
    inner.next_ = next_;
    const Names outputs = inner.write(body, inputs, indent + 1);
    inner.line(indent + 1, "return " + finish(outputs) + ";");
    next_ = inner.next_;
    return head + " {\n" + inner.text + std::string(static_cast<size_t>(2 * indent), ' ') + "}";
  }

  std::string control(const CallText& call, int indent) {
    const Control& control = *call.step.control;
    const auto captures = static_cast<std::ptrdiff_t>(control.captures);
    const Names own(call.operands.begin() + captures, call.operands.end());
    Names inputs(call.operands.begin(), call.operands.begin() + captures);
    const auto list = [](const Names& names) { return "Tensors" + braces(names); };
    const std::string head = "[&](const Tensors& ";
    if (control.kind == Control::Kind::scan)
      return scan(control, own, inputs, indent);
    const std::string carry = fresh("c");
    if (control.kind == Control::Kind::fori) {
      const std::string index = fresh("i");
      inputs.push_back(index);
      elements(inputs, carry, control.carry);
      return "dt::fori_loop(0, " + std::to_string(control.length) + ", " +
             lambda("[&](const Tensor& " + index + ", const Tensors& " + carry + ") -> Tensors",
                    control.bodies[0], inputs, indent, list) +
             ", " + list(own) + ")";
    }
    const size_t parameters = own.size() - (control.kind == Control::Kind::cond);
    elements(inputs, carry, parameters);
    const std::string first = head + carry + ") -> Tensors";
    switch (control.kind) {
    case Control::Kind::whileLoop:
      return "dt::while_loop(" +
             lambda(head + carry + ") -> Tensor", control.bodies[0], inputs, indent,
                    [](const Names& names) { return names[0]; }) +
             ", " + lambda(first, control.bodies[1], inputs, indent, list) + ", " + list(own) +
             ", {.max_steps = " + std::to_string(control.length) + "})";
    case Control::Kind::cond:
      return "dt::cond(" + own[0] + ", " + lambda(first, control.bodies[0], inputs, indent, list) +
             ", " + lambda(first, control.bodies[1], inputs, indent, list) + ", " +
             list({own.begin() + 1, own.end()}) + ")";
    case Control::Kind::checkpoint: // runs again when f has returned: captures by value
      return "dt::checkpoint(" +
             lambda("[=](const Tensors& " + carry + ") -> Tensors", control.bodies[0], inputs,
                    indent, list) +
             ")(" + list(own) + ")";
    case Control::Kind::linearize:
      return "linearized(" + lambda(first, control.bodies[0], inputs, indent, list) + ", " +
             list(own) + ")";
    case Control::Kind::rule: {
      const std::string f = lambda(first, control.bodies[0], inputs, indent, list);
      return "ruled(" + f + ", " + list(own) + ")";
    }
    default:
      return "dt::vmap(" + lambda(first, control.bodies[0], inputs, indent, list) + ")(" +
             list(own) + ")";
    }
  }

  std::string scan(const Control& control, const Names& own, Names inputs, int indent) {
    const std::string carry = fresh("c"), x = fresh("x");
    const auto split = static_cast<std::ptrdiff_t>(control.carry);
    const auto pair = [&](const Names& names) {
      return "std::pair(Tensors" + braces(Names(names.begin(), names.begin() + split)) +
             ", Tensors" + braces(Names(names.begin() + split, names.end())) + ")";
    };
    elements(inputs, carry, control.carry);
    elements(inputs, x, own.size() - control.carry);
    return "joined(dt::scan(" +
           lambda("[&](const Tensors& " + carry + ", const Tensors& " + x + ")", control.bodies[0],
                  inputs, indent, pair) +
           ", Tensors" + braces(Names(own.begin(), own.begin() + split)) + ", Tensors" +
           braces(Names(own.begin() + split, own.end())) +
           ", {.reverse = " + (control.reverse ? "true" : "false") +
           ", .length = " + std::to_string(control.length) + "}))";
  }

  int next_ = 0;
};

constexpr const char* kJoined = R"(
static Tensors joined(std::pair<Tensors, Tensors> results) {
  results.first.insert(results.first.end(), results.second.begin(), results.second.end());
  return results.first;
}
)";

constexpr const char* kLinearized = R"(
template <class F> Tensors linearized(const F& f, const Tensors& x) {
  const auto [value, tangents] = dt::linearize(f)(x);
  return joined({value, tangents(x)});
}
)";

// The rule runs when f has returned, so it holds f.
constexpr const char* kRuled = R"(
template <class F> Tensors ruled(const F& f, const Tensors& x) {
  return dt::custom_jvp(f, [f](const Tensors& x, const Tensors&, const Tensors& v) {
    return dt::jvp(f)(x, v).second;
  })(x);
}
)";

bool hasText(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

} // namespace

std::string cppText(const Program& program, const Check& check) {
  Writer body;
  std::vector<std::string> names, floats;
  const Values inputs = program.inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string own = "in" + std::to_string(i);
    body.line(1, "const Tensor " + own + " = " + literal(inputs[i]));
    const bool isArgument = isFloat(inputs[i].dtype());
    names.push_back(isArgument ? "x[" + std::to_string(floats.size()) + "]" : own);
    if (isArgument)
      floats.push_back(own);
  }
  body.line(1, "const Tensors inputs" + braces(floats) + ";");
  body.line(1, "const auto f = [&](const Tensors& x) -> Tensors {");
  const std::vector<std::string> outputs = body.write(program, names, 2);
  body.line(2, "return " + braces(outputs) + ";");
  body.line(1, "};");
  body.text += std::string(kTotal) + check.cpp;
  return std::string(kHead) + (hasText(body.text, "emit(\"") ? kEmit : "") +
         (hasText(body.text, "joined(") || hasText(body.text, "linearized(") ? kJoined : "") +
         (hasText(body.text, "linearized(") ? kLinearized : "") +
         (hasText(body.text, "ruled(") ? kRuled : "") + "\nint main() {\n" + body.text + "}\n";
}

} // namespace diptych::fuzz
