// The ways to run, and the comparison of elements.
#include "Agreement.h"

#include <diptych/Jit.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <mutex>

#include "frontend/TensorImpl.h"
#include "frontend/Trace.h"
#include "passes/Interpreter.h"
#include "passes/Passes.h"
#include "runtime/ConvolutionPrograms.h"

namespace diptych::suite {

Values runEager(const Function& program, ValueSpan inputs) { return program(inputs); }

namespace {

std::vector<TensorType> typesOf(ValueSpan values) {
  std::vector<TensorType> types;
  for (const Value& value : values)
    types.push_back(value.type());
  return types;
}

// Convolutions are compiled programs then, where eager runs have the kernels.
Values replay(const Function& program, ValueSpan inputs, bool expanded) {
  const std::lock_guard lock(traceMutex());
  const runtime::PatienceScope atOnce(0);
  TracedModule traced = traceFunction(program, typesOf(inputs));
  if (expanded) {
    passes::differentiate(*traced.module, Numerics::strict);
    passes::simplify(traced.main(), Numerics::strict);
    passes::formFusions(traced.main());
  }
  Values all(inputs.begin(), inputs.end());
  all.insert(all.end(), traced.captures.begin(), traced.captures.end());
  return passes::interpret(traced.main(), all);
}

/// Elements of an eager value in row-major order.
class Elements {
public:
  explicit Elements(const Value& value) : held_(contiguousCopy(value)) {}
  int64_t count() const { return held_.type().numel(); }
  DType dtype() const { return held_.dtype(); }
  uint64_t bits(int64_t i) const {
    switch (dtype()) {
    case DType::f32: return std::bit_cast<uint32_t>(at<float>(i));
    case DType::f64: return std::bit_cast<uint64_t>(at<double>(i));
    case DType::i32: return static_cast<uint64_t>(at<int32_t>(i));
    case DType::i64: return static_cast<uint64_t>(at<int64_t>(i));
    case DType::boolean: return at<uint8_t>(i);
    case DType::bf16:
    case DType::f16: return at<uint16_t>(i);
    }
    return 0;
  }
  double number(int64_t i) const {
    switch (dtype()) {
    case DType::f32: return at<float>(i);
    case DType::f64: return at<double>(i);
    case DType::i32: return at<int32_t>(i);
    case DType::i64: return static_cast<double>(at<int64_t>(i));
    case DType::boolean: return at<uint8_t>(i);
    case DType::bf16: return at<bfloat16>(i);
    case DType::f16: return at<float16>(i);
    }
    return 0;
  }
  double largest() const {
    double largest = 0;
    for (int64_t i = 0; i < count(); ++i)
      if (std::isfinite(number(i)))
        largest = std::max(largest, std::abs(number(i)));
    return largest;
  }
  std::string text(int64_t i) const {
    char text[96];
    std::snprintf(text, sizeof text, "%.17g (bits %llx)", number(i),
                  static_cast<unsigned long long>(bits(i)));
    return text;
  }

private:
  template <class T> T at(int64_t i) const {
    return reinterpret_cast<const T*>(eagerTensor(held_).data())[i];
  }
  Value held_;
};

bool sameBits(const Elements& a, const Elements& b, int64_t i) {
  return a.bits(i) == b.bits(i) || (std::isnan(a.number(i)) && std::isnan(b.number(i)));
}

template <class Same> std::string difference(ValueSpan got, ValueSpan expected, Same same) {
  if (got.size() != expected.size())
    return std::to_string(got.size()) + " results, expected " + std::to_string(expected.size());
  for (size_t k = 0; k < got.size(); ++k) {
    const std::string place = "result " + std::to_string(k) + ": ";
    if (!(got[k].type() == expected[k].type()))
      return place + got[k].type().str() + ", expected " + expected[k].type().str();
    const Elements a(got[k]), b(expected[k]);
    const double largest = b.largest();
    int64_t count = 0, first = -1;
    for (int64_t i = 0; i < a.count(); ++i)
      if (!same(a, b, i, largest) && count++ == 0)
        first = i;
    if (count)
      return place + got[k].type().str() + " element " + std::to_string(first) + ": " +
             a.text(first) + ", expected " + b.text(first) + "; " + std::to_string(count) + " of " +
             std::to_string(a.count()) + " elements differ";
  }
  return {};
}

} // namespace

Values runInterpreted(const Function& program, ValueSpan inputs) {
  return replay(program, inputs, false);
}
Values runExpanded(const Function& program, ValueSpan inputs) {
  return replay(program, inputs, true);
}

Values runCompiled(const Function& program, ValueSpan inputs, Numerics numerics) {
  JitOptions options;
  options.numerics = numerics;
  const auto compiled = jit(
      [&](const std::vector<Tensor>& arguments) {
        Values values;
        flattenTree(arguments, values);
        std::vector<Tensor> results;
        for (const Value& result : program(values))
          results.emplace_back(result);
        return results;
      },
      options);
  std::vector<Tensor> arguments;
  for (const Value& input : inputs)
    arguments.emplace_back(input);
  Values results;
  flattenTree(compiled(arguments), results);
  return results;
}

std::string bitDifference(ValueSpan got, ValueSpan expected) {
  return difference(got, expected, [](const Elements& a, const Elements& b, int64_t i, double) {
    return sameBits(a, b, i);
  });
}

std::string nearDifference(ValueSpan got, ValueSpan expected, const Bound& bound) {
  return difference(got, expected,
                    [&](const Elements& a, const Elements& b, int64_t i, double largest) {
                      const double x = a.number(i), y = b.number(i);
                      if (sameBits(a, b, i) || x == y)
                        return true;
                      return isFloat(a.dtype()) && std::isfinite(y) &&
                             std::abs(x - y) <= bound.absolute + bound.relative * std::abs(y) +
                                                    bound.ofLargest * largest;
                    });
}

std::string elementText(const Value& x, int64_t position) { return Elements(x).text(position); }

std::string strictDifference(const Function& program, ValueSpan inputs) {
  const Values eager = runEager(program, inputs);
  std::string found = bitDifference(runInterpreted(program, inputs), eager);
  if (!found.empty())
    return "interpreted: " + found;
  found = bitDifference(runExpanded(program, inputs), eager);
  if (!found.empty())
    return "expanded and interpreted: " + found;
  found = bitDifference(runCompiled(program, inputs, Numerics::strict), eager);
  return found.empty() ? found : "compiled: " + found;
}

} // namespace diptych::suite
