// How one compiled program is called: with views, with other data, on any number of threads, by
// several callers at once, inside a parallel region, with arguments that are given away.
#include "Checks.h"

#include <diptych/Jit.h>
#include <diptych/diptych.h>

#include <future>

#include "Functions.h"
#include "tests/ops/Agreement.h"
#include "tests/ops/Samples.h"
#include "tests/unit/Threads.h"

namespace diptych::fuzz {

namespace {

Tensor copied(const Tensor& x) { return flip(flip(x).contiguous()).contiguous(); }

// The same elements, lying otherwise in memory; or fewer different ones, each in many places.
Tensor laidOut(const Tensor& x, uint64_t way) {
  if (x.rank() == 0 || x.numel() == 0)
    return x;
  switch (way % 6) {
  case 1: return flip(flip(x).contiguous());
  case 2: return x.rank() > 1 ? transpose(transpose(x).contiguous()) : x;
  case 3: return select(stack({x, x}, -1), -1, 1); // every other one
  case 4: return reshape(slice(tile(flatten(x), {2}), 0, 1, 1 + x.numel()), x.shape());
  case 5: return broadcast_to(slice(x, -1, 0, 1), x.shape());
  default: return x;
  }
}

/// Arguments for one call, of the types of the program's inputs.
Tensors argumentsOf(const Program& program, uint64_t call) {
  suite::Generator generator(program.seed + call);
  Tensors arguments;
  for (const Value& input : program.inputs()) {
    const Tensor x(input), other = x.numel() ? roll(x, static_cast<int64_t>(call)) : x;
    arguments.push_back(laidOut(other, generator()));
  }
  return arguments;
}

auto overTensors(const Function& f) {
  return [f](const Tensors& arguments) { return tensorsOf(f(valuesOf(arguments))); };
}

std::string differs(const std::string& what, const Tensors& got, const Tensors& expected) {
  const std::string found = suite::bitDifference(valuesOf(got), valuesOf(expected));
  return found.empty() ? found : what + ": " + found + "; ";
}

constexpr uint64_t kCalls = 4;

/// Arguments of some calls, and what eager mode on one thread makes of the same elements in rows.
struct Calls {
  std::vector<Tensors> arguments, expected;

  template <class F> Calls(const F& eager, const Program& program) {
    const test::Threads one(1);
    for (uint64_t call = 0; call < kCalls; ++call) {
      arguments.push_back(argumentsOf(program, call));
      expected.push_back(eager(inRows(call)));
    }
  }
  Tensors inRows(uint64_t call) const {
    Tensors rows;
    for (const Tensor& argument : arguments[call])
      rows.push_back(copied(argument));
    return rows;
  }
};

template <class F> std::string atOnce(const F& compiled, const Calls& calls) {
  const test::Threads several(3);
  std::string found;
  std::vector<std::future<Tensors>> callers;
  for (const Tensors& arguments : calls.arguments)
    callers.push_back(std::async(std::launch::async, [&] { return compiled(arguments); }));
  for (uint64_t call = 0; call < kCalls; ++call)
    found += differs("jit at once", callers[call].get(), calls.expected[call]);
  std::vector<Tensors> results(kCalls);
  runtime::ThreadPool::global().parallelFor(kCalls, 1, [&](int64_t lo, int64_t hi) {
    for (auto i = static_cast<size_t>(lo); i < static_cast<size_t>(hi); ++i)
      results[i] = compiled(calls.arguments[i]);
  });
  for (uint64_t call = 0; call < kCalls; ++call)
    found += differs("jit in a region", results[call], calls.expected[call]);
  return found;
}

std::string everyCall(const Function& f, const Program& program) {
  const auto eager = overTensors(f);
  const auto compiled = jit(eager, {.numerics = Numerics::strict});
  const auto donating = jit(eager, {.numerics = Numerics::strict, .donate = {0}});
  const Calls calls(eager, program);
  std::string found;
  for (uint64_t call = 0; call < kCalls; ++call) {
    const test::Threads several(1 + static_cast<int>((call + program.seed) % 4));
    found += differs("eager", eager(calls.arguments[call]), calls.expected[call]);
    found += differs("jit", compiled(calls.arguments[call]), calls.expected[call]);
    found += differs("donated", donating(calls.inRows(call)), calls.expected[call]);
  }
  return found + atOnce(compiled, calls);
}

std::string callsOfValues(const Program& program) { return everyCall(program.function(), program); }
std::string callsOfGradients(const Program& program) {
  return everyCall(gradientOf(program), program);
}

constexpr const char* kOfValues = R"cpp(  compare("jit(f)", dt::jit(f, strict)(inputs), f(inputs));
)cpp";
constexpr const char* kOfGradients = R"cpp(  const auto g = dt::grad(total);
  compare("jit(grad)", dt::jit(g, strict)(inputs), g(inputs));
)cpp";

constexpr Check kChecks[] = {{"calls", callsOfValues, kOfValues},
                             {"calls of the gradient", callsOfGradients, kOfGradients}};

} // namespace

std::span<const Check> callChecks() { return kChecks; }

} // namespace diptych::fuzz
