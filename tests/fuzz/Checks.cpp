// The checks, by the public transforms where it can be.
#include "Checks.h"

#include "Functions.h"

#include <diptych/Jit.h>
#include <diptych/diptych.h>

#include <cmath>

#include "tests/ops/Agreement.h"
#include "tests/ops/Samples.h"

namespace diptych::fuzz {

namespace {

std::string values(const Program& program) {
  return suite::strictDifference(program.function(), program.inputs());
}
std::string gradients(const Program& program) {
  return suite::strictDifference(gradientOf(program), program.inputs());
}
std::string tangents(const Program& program) {
  return suite::strictDifference(tangentOf(program.function()), program.inputs());
}
std::string secondOrder(const Program& program) {
  return suite::strictDifference(tangentOf(gradientOf(program)), program.inputs());
}

//===-- Standard -----------------------------------------------------------------------------===//

// How far results move when every input moves by one part in 1e13: what no arithmetic can beat.
std::string nearStandard(const Function& f, const Program& program) {
  const Values inputs = program.inputs();
  Values moved;
  for (const Value& input : inputs) {
    std::vector<double> numbers = suite::numbersOf(input);
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] *= 1 + (i % 2 ? 1e-13 : -1e-13);
    moved.push_back(numbers.empty() ? input : suite::fromNumbers(input.type(), numbers));
  }
  const Values eager = f(inputs), other = f(moved);
  const Values compiled = suite::runCompiled(f, inputs, Numerics::standard);
  for (size_t k = 0; k < eager.size(); ++k) {
    const std::vector<double> x = suite::numbersOf(eager[k]), y = suite::numbersOf(other[k]);
    double sway = 0;
    bool finite = true;
    for (size_t i = 0; i < x.size(); ++i) {
      finite &= std::isfinite(x[i]) && std::isfinite(y[i]) && std::abs(x[i]) < 1e100;
      sway = std::max(sway, std::abs(x[i] - y[i]));
    }
    if (!finite)
      continue;
    const std::string found = suite::nearDifference(Values{compiled[k]}, Values{eager[k]},
                                                    {1e-10, 1e-12 + 100 * sway, 1e-11});
    if (!found.empty())
      return "result " + std::to_string(k) + ": " + found;
  }
  return {};
}

std::string standardValues(const Program& program) {
  return nearStandard(program.function(), program);
}
std::string standardGradients(const Program& program) {
  return nearStandard(gradientOf(program), program);
}

// Which input argumentOf chooses; -1: none.
int argumentAt(ValueSpan inputs) {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].dtype() == DType::f64 && inputs[i].type().numel() > 0 &&
        inputs[i].type().numel() <= 40)
      return static_cast<int>(i);
  return -1;
}

// All columns at once: sums of products that factor, and products with the identity.
std::string standardHessians(const Program& program) {
  const int at = argumentAt(program.inputs());
  if (at < 0)
    return {};
  const auto hessianOf = [program, at](ValueSpan inputs) {
    const auto f = [&](const Tensor& x) {
      Values all(inputs.begin(), inputs.end());
      all[static_cast<size_t>(at)] = x.value();
      return Tensor(total(program.run(all)));
    };
    return Values{hessian(f)(Tensor(inputs[static_cast<size_t>(at)])).value()};
  };
  return nearStandard(hessianOf, program);
}

// In all small inputs, cut out of one vector: part by part.
std::string standardHessiansOfParts(const Program& program) {
  const auto isPart = [](const Value& input) {
    const TensorType& type = input.type();
    return type.dtype == DType::f64 && type.numel() > 0 && type.numel() <= 40;
  };
  if (std::ranges::none_of(program.inputs(), isPart))
    return {};
  const auto hessianOf = [program, isPart](ValueSpan inputs) {
    std::vector<Tensor> parts;
    for (const Value& input : inputs)
      if (isPart(input))
        parts.push_back(reshape(Tensor(input), {input.type().numel()}));
    const auto f = [&](const Tensor& p) {
      Values all(inputs.begin(), inputs.end());
      int64_t at = 0;
      for (Value& input : all)
        if (isPart(input)) {
          const int64_t end = at + input.type().numel();
          input = reshape(slice(p, 0, at, end), input.shape()).value();
          at = end;
        }
      return Tensor(total(program.run(all)));
    };
    return Values{hessian(f)(concatenate(parts)).value()};
  };
  return nearStandard(hessianOf, program);
}

//===-- Nesting ------------------------------------------------------------------------------===//

constexpr JitOptions strict{.numerics = Numerics::strict};

/// The total as a function of the first float input; the other inputs are captured.
auto scalarFunction(const Program& program) {
  return [program](const Tensor& x) {
    Values inputs = program.inputs();
    for (Value& input : inputs)
      if (input.dtype() == x.dtype() && input.shape() == x.shape()) {
        input = x.value();
        break;
      }
    return Tensor(total(program.run(inputs)));
  };
}

// None: the program has no small f64 input.
Tensor argumentOf(const Program& program) {
  const Values inputs = program.inputs();
  const int at = argumentAt(inputs);
  return at < 0 ? Tensor() : Tensor(inputs[static_cast<size_t>(at)]);
}

std::string compare(const char* what, const Tensor& got, const Tensor& expected) {
  const std::string found = suite::bitDifference(Values{got.value()}, Values{expected.value()});
  return found.empty() ? found : std::string(what) + ": " + found;
}

std::string gradOfJit(const Program& program) {
  const Tensor x = argumentOf(program);
  if (!x.defined())
    return {};
  const auto f = scalarFunction(program);
  const Tensor expected = grad(f)(x);
  std::string found = compare("grad(jit(f))", grad(jit(f, strict))(x), expected);
  found += compare("jit(grad(f))", jit(grad(f), strict)(x), expected);
  found += compare("jit(grad(jit(f)))", jit(grad(jit(f, strict)), strict)(x), expected);
  found += compare("value_and_grad(jit(f))", value_and_grad(jit(f, strict))(x).second, expected);
  const Tensor leaf = x.detach().requires_grad_(), y = jit(f, strict)(leaf);
  if (y.requires_grad())
    y.backward();
  const Tensor got = leaf.grad().defined() ? leaf.grad() : zeros_like(x);
  return found + compare("jit(f)(x).backward()", got, expected);
}

// Between operators of the tape, which read the argument before and behind the calls.
std::string jitWithin(const Program& program) {
  const Tensor x = argumentOf(program);
  if (!x.defined())
    return {};
  const auto f = scalarFunction(program);
  const auto around = [](auto f) {
    return [f](const Tensor& x) {
      const Tensor before = sum(x * 0.7) * 0.1, inner = f(x);
      return f(tanh(x)) * before + inner * inner + sum(x * x * 0.3) * inner;
    };
  };
  const auto compiled = around(jit(f, strict));
  const auto plain = around(f);
  const Tensor v = full_like(x, 0.5);
  return compare("grad around jit(f)", grad(compiled)(x), grad(plain)(x)) +
         compare("jvp around jit(f)", jvp(compiled)(x, v).second, jvp(plain)(x, v).second);
}

std::string tangentOfJit(const Program& program) {
  const Tensor x = argumentOf(program);
  if (!x.defined())
    return {};
  const auto f = scalarFunction(program);
  const Tensor v = full_like(x, 0.5);
  const Tensor expected = jvp(f)(x, v).second;
  std::string found = compare("jvp(jit(f))", jvp(jit(f, strict))(x, v).second, expected);
  found += compare("jit(jvp(f))", jit(jvp(f), strict)(x, v).second, expected);
  const Tensor product = hvp(f)(x, v);
  found += compare("hvp(jit(f))", hvp(jit(f, strict))(x, v), product);
  return found + compare("jit(hvp(f))", jit(hvp(f), strict)(x, v), product);
}

std::string hessianOfJit(const Program& program) {
  const Tensor x = argumentOf(program);
  if (!x.defined())
    return {};
  const auto f = scalarFunction(program);
  const Tensor expected = hessian(f)(x);
  std::string found = compare("hessian(jit(f))", hessian(jit(f, strict))(x), expected);
  found += compare("jit(hessian(f))", jit(hessian(f), strict)(x), expected);
  found += compare("jit(hessian(jit(f)))", jit(hessian(jit(f, strict)), strict)(x), expected);
  found += compare("jacfwd(jit(grad(f)))", jacfwd(jit(grad(f), strict))(x), expected);
  const Tensor reverse = jacrev(grad(f))(x);
  found += compare("jacrev(jit(grad(f)))", jacrev(jit(grad(f), strict))(x), reverse);
  found += compare("jit(jacrev(grad(f)))", jit(jacrev(grad(f)), strict)(x), reverse);
  // Two ways to one matrix: near, unless the numbers are out of hand.
  const std::vector<double> numbers = expected.to_vector<double>();
  for (double number : numbers)
    if (!(std::abs(number) < 1e6))
      return found;
  const std::string near =
      suite::nearDifference(Values{reverse.value()}, Values{expected.value()}, {1e-8, 1e-9, 1e-8});
  return near.empty() ? found : found + "jacrev(grad(f)) against hessian(f): " + near;
}

// x -> the sum of a derivative, weighted so that symmetries do not cancel.
template <class F> auto weighted(F f) {
  return [f](const Tensor& x) {
    const Tensor y = f(x);
    return sum(y * reshape(linspace(0.5, 1.5, y.numel()), y.shape()));
  };
}

std::string fourthOrder(const Program& program) {
  const Tensor x = argumentOf(program);
  if (!x.defined())
    return {};
  const auto f = scalarFunction(program);
  const auto g2 = grad(weighted(grad(f)));
  const auto g4 = grad(weighted(grad(weighted(g2))));
  const Tensor expected = g4(x);
  std::string found = compare("jit outside", jit(g4, strict)(x), expected);
  const auto inner = grad(weighted(grad(jit(f, strict))));
  found += compare("jit inside", grad(weighted(grad(weighted(inner))))(x), expected);
  const auto middle = grad(weighted(grad(weighted(jit(g2, strict)))));
  return found + compare("jit in the middle", middle(x), expected);
}

constexpr const char* kValues = R"cpp(  compare("jit(f)", dt::jit(f, strict)(inputs), f(inputs));
)cpp";
constexpr const char* kGradients = R"cpp(  const auto g = dt::grad(total);
  compare("jit(grad)", dt::jit(g, strict)(inputs), g(inputs));
)cpp";
constexpr const char* kTangents = R"cpp(  const auto tangent = [&](const Tensors& x) {
    Tensors v;
    for (const Tensor& each : x)
      v.push_back(dt::full_like(each, 0.5));
    return dt::jvp(f)(x, v).second;
  };
  compare("jit(jvp)", dt::jit(tangent, strict)(inputs), tangent(inputs));
)cpp";
constexpr const char* kSecond = R"cpp(  const auto second = [&](const Tensors& x) {
    Tensors v;
    for (const Tensor& each : x)
      v.push_back(dt::full_like(each, 0.5));
    return dt::jvp(dt::grad(total))(x, v).second;
  };
  compare("jit(jvp(grad))", dt::jit(second, strict)(inputs), second(inputs));
)cpp";
constexpr const char* kNear = R"cpp(  const auto g = dt::grad(total); // roundings differ by design
  compare("jit(f)", dt::jit(f)(inputs), f(inputs));
compare("jit(grad)", dt::jit(g)(inputs), g(inputs));
)cpp";
constexpr const char* kNearHessian = R"cpp(  const auto of = [&](const Tensor& x) {
    Tensors all = inputs;
    all[0] = x;
    return total(all);
  };
  compare("jit(hessian)", {dt::jit(dt::hessian(of))(inputs[0])}, {dt::hessian(of)(inputs[0])});
)cpp";
constexpr const char* kNested = R"cpp(  const auto of = [&](const Tensor& x) {
    Tensors all = inputs;
    all[0] = x;
    return total(all);
  };
  const auto check = [&](const char* what, const auto& a, const auto& b) {
    compare(what, {a(inputs[0])}, {b(inputs[0])});
  };
  const auto compiled = dt::jit(of, strict);
  check("jit(grad)", dt::jit(dt::grad(of), strict), dt::grad(of));
check("grad(jit)", dt::grad(compiled), dt::grad(of));
check("jit(hessian)", dt::jit(dt::hessian(of), strict), dt::hessian(of));
check("hessian(jit)", dt::hessian(compiled), dt::hessian(of));
)cpp";

constexpr const char* kWithin = R"cpp(  const auto around = [&](auto f) {
    return [=](const Tensor& x) {
      const Tensor before = dt::sum(x * 0.7) * 0.1, inner = f(x);
      return f(dt::tanh(x)) * before + inner * inner + dt::sum(x * x * 0.3) * inner;
    };
  };
  const auto of = [&](const Tensor& x) {
    Tensors all = inputs;
    all[0] = x;
    return total(all);
  };
  const Tensor v = dt::full_like(inputs[0], 0.5);
  compare("grad", {dt::grad(around(dt::jit(of, strict)))(inputs[0])}, {dt::grad(around(of))(inputs[0])});
compare("jvp", {dt::jvp(around(dt::jit(of, strict)))(inputs[0], v).second}, {dt::jvp(around(of))(inputs[0], v).second});
)cpp";

constexpr Check kStrict[] = {{"values", values, kValues},
                             {"gradients", gradients, kGradients},
                             {"tangents", tangents, kTangents},
                             {"second order", secondOrder, kSecond}};
constexpr Check kStandard[] = {
    {"standard values", standardValues, kNear},
    {"standard gradients", standardGradients, kNear},
    {"standard Hessians", whereRanksSuffice<standardHessians>, kNearHessian},
    {"standard Hessians of parts", whereRanksSuffice<standardHessiansOfParts>, kNearHessian}};
constexpr Check kNesting[] = {{"grad and jit", gradOfJit, kNested},
                              {"a call of jit", jitWithin, kWithin},
                              {"jvp, hvp and jit", tangentOfJit, kNested},
                              {"hessian and jit", whereRanksSuffice<hessianOfJit>, kNested},
                              {"fourth order and jit", fourthOrder, kNested}};

} // namespace

std::span<const Check> strictChecks() { return kStrict; }
std::span<const Check> standardChecks() { return kStandard; }
std::span<const Check> nestingChecks() { return kNesting; }

std::string find(const Check& check, const Program& program) {
  try {
    return check.find(program);
  } catch (const std::exception& error) {
    return std::string("threw: ") + error.what();
  }
}

} // namespace diptych::fuzz
