// From callables to loops and branches: each is recorded once, what it captures becomes operands,
// and types are checked. The loop itself is the emitter's.
#include <diptych/ControlFlow.h>

#include <algorithm>

#include "autodiff/Recorder.h"
#include "frontend/Ops.h"
#include "frontend/TransformSupport.h"

namespace diptych::detail {

namespace {

using autodiff::Recording;

std::vector<TensorType> typesOf(ValueSpan values) {
  std::vector<TensorType> types;
  for (const Value& value : values)
    types.push_back(value.type());
  return types;
}

std::string text(std::span<const TensorType> types) {
  std::string list;
  for (const TensorType& type : types)
    list += (list.empty() ? "" : ", ") + type.str();
  return "(" + list + ")";
}

Recording recorded(const Function& f, std::span<const TensorType> types) {
  return autodiff::record(
      types, [own = onOwnLines(f)](autodiff::Recorder&, ValueSpan inputs) { return own(inputs); });
}

/// What several functions capture, each value once.
class Captures {
public:
  /// The function on all captures and what it takes itself: where `first` is, behind them or
  /// before.
  ClosedFunction with(const Recording& recording, bool first) {
    const size_t own = recording.function.inputs.size() - recording.captures.size();
    std::vector<size_t> places;
    for (const Value& capture : recording.captures)
      places.push_back(place(capture));
    ClosedFunction function = recording.function;
    function.inputs.resize(own);
    function.run = [count = count_, places, own, first,
                    run = recording.function.run](ValueSpan inputs) {
      const ValueSpan captured = first ? inputs.first(*count) : inputs.subspan(own);
      const ValueSpan given = first ? inputs.subspan(*count) : inputs.first(own);
      Values all(given.begin(), given.end());
      for (size_t at : places)
        all.push_back(captured[at]);
      return run(all);
    };
    return function;
  }
  const Values& values() const { return values_; }

private:
  size_t place(const Value& capture) {
    const auto found = std::find(values_.begin(), values_.end(), capture);
    const auto index = static_cast<size_t>(found - values_.begin());
    if (found == values_.end())
      values_.push_back(capture);
    *count_ = values_.size();
    return index;
  }

  Values values_;
  std::shared_ptr<size_t> count_ = std::make_shared<size_t>(0); // of all, when all is known
};

void requireSameCarry(const Request& request, ValueSpan init, std::span<const TensorType> next) {
  if (next.size() != init.size())
    refuse(request, "a body that returns a carry of " + std::to_string(init.size()) + " tensors",
           std::to_string(next.size()), "it has the structure of the one it was given");
  for (size_t i = 0; i < init.size(); ++i)
    if (!(next[i] == init[i].type()))
      refuse(request,
             "a body that keeps the type of tensor " + std::to_string(i) + " of the carry, " +
                 init[i].type().str(),
             next[i].str(),
             "begin with a carry of the type it will have, or convert and reshape in the body");
}

void requirePredicate(const Request& request, const char* what, const TensorType& type) {
  if (type.dtype != DType::boolean || type.rank() != 0)
    refuse(request, std::string(what) + " of type " + TensorType{DType::boolean, {}}.str(),
           type.str(), "compare with <, ==, ..., and reduce it to one boolean");
}

Values emitControl(ControlFlow flow, const Values& operands) {
  Values results =
      currentEmitter().control(std::make_shared<ControlFlow>(std::move(flow)), operands);
  return asUserSees(std::move(results));
}

int64_t lengthOf(const Request& request, ValueSpan xs, const ScanOptions& options) {
  std::optional<int64_t> length = options.length;
  for (const Value& x : xs) {
    if (x.rank() == 0)
      refuse(request, "xs with an axis 0 to walk along", x.type().str(),
             "capture what is the same in every step");
    if (length && *length != x.shape()[0])
      refuse(request, "xs of " + std::to_string(*length) + " steps",
             std::to_string(x.shape()[0]) + " (axis 0 of " + x.type().str() + ")",
             "all xs, and the length where it is given, agree");
    length = x.shape()[0];
  }
  if (!length || *length < 0)
    refuse(request, "the number of steps", length ? std::to_string(*length) : "no tensor in xs",
           "give xs, or a length that is not negative");
  return *length;
}

// An empty value ends the carry among the body's outputs; without one, all are the carry.
Values scanOver(const Request& request, const Function& body, ValueSpan init, ValueSpan xs,
                int64_t length, bool reverse) {
  std::vector<TensorType> types = typesOf(init);
  for (const Value& x : xs) {
    TensorType type = x.type();
    type.shape.erase(0);
    types.push_back(type);
  }
  size_t carry = 0;
  const Recording recording = recorded(
      [&](ValueSpan inputs) {
        Values outputs = body(inputs);
        const auto end = std::find(outputs.begin(), outputs.end(), Value());
        carry = static_cast<size_t>(end - outputs.begin());
        if (end != outputs.end())
          outputs.erase(end);
        return outputs;
      },
      types);
  requireSameCarry(request, init, std::span(recording.function.outputs).first(carry));
  Captures captures;
  ControlFlow scan{ControlFlow::Kind::scan};
  scan.body = captures.with(recording, true);
  const std::vector<TensorType> consts = typesOf(captures.values());
  scan.body.inputs.insert(scan.body.inputs.begin(), consts.begin(), consts.end());
  scan.consts = consts.size();
  scan.carry = carry;
  scan.length = length;
  scan.reverse = reverse;
  Values operands = captures.values();
  operands.insert(operands.end(), init.begin(), init.end());
  operands.insert(operands.end(), xs.begin(), xs.end());
  return emitControl(std::move(scan), operands);
}

} // namespace

Values callScan(const Request& request, const Function& body, ValueSpan init, ValueSpan xs,
                const ScanOptions& options) {
  return attributed(request, [&] {
    const LocationScope scope(request.where);
    return scanOver(request, body, init, xs, lengthOf(request, xs, options), options.reverse);
  });
}

Values callFori(const Request& request, const Function& body, ValueSpan init, int64_t lower,
                int64_t upper) {
  return attributed(request, [&] {
    const LocationScope scope(request.where);
    const TensorType type{DType::i64, {std::max<int64_t>(0, upper - lower)}};
    const Value index =
        emitted::add(emitted::iota(type, 0), emitted::constant(type, Scalar(lower)));
    const Function step = [&](ValueSpan inputs) {
      Values ordered{inputs.back()};
      ordered.insert(ordered.end(), inputs.begin(), inputs.end() - 1);
      return body(ordered);
    };
    return scanOver(request, step, init, {&index, 1}, type.shape[0], false);
  });
}

Values callWhile(const Request& request, const Function& condition, const Function& body,
                 ValueSpan init, const WhileOptions& options) {
  if (options.max_steps && *options.max_steps < 0)
    refuse(request, "max_steps that is not negative", std::to_string(*options.max_steps),
           "leave it out for a loop without a bound");
  return attributed(request, [&] {
    const LocationScope scope(request.where);
    const std::vector<TensorType> types = typesOf(init);
    const Recording test = recorded(condition, types), step = recorded(body, types);
    requirePredicate(request, "a condition", test.function.outputs[0]);
    requireSameCarry(request, init, step.function.outputs);
    Captures captures;
    ControlFlow loop{ControlFlow::Kind::whileLoop};
    loop.other = captures.with(test, true);
    loop.body = captures.with(step, true);
    const std::vector<TensorType> consts = typesOf(captures.values());
    for (ClosedFunction* function : {&loop.body, &loop.other})
      function->inputs.insert(function->inputs.begin(), consts.begin(), consts.end());
    loop.consts = consts.size();
    loop.carry = init.size();
    loop.length = options.max_steps.value_or(-1);
    Values operands = captures.values();
    operands.insert(operands.end(), init.begin(), init.end());
    return emitControl(std::move(loop), operands);
  });
}

Values callCond(const Request& request, const Value& predicate, const Function& then,
                const Function& otherwise, ValueSpan operands) {
  return attributed(request, [&] {
    const LocationScope scope(request.where);
    requirePredicate(request, "a predicate", predicate.type());
    const std::vector<TensorType> types = typesOf(operands);
    const Recording first = recorded(then, types), second = recorded(otherwise, types);
    if (first.function.outputs != second.function.outputs)
      refuse(request, "branches that return the same types, " + text(first.function.outputs),
             text(second.function.outputs), "convert, reshape or broadcast in one of them");
    Captures captures;
    ControlFlow cond{ControlFlow::Kind::cond};
    cond.body = captures.with(first, false);
    cond.other = captures.with(second, false);
    const std::vector<TensorType> consts = typesOf(captures.values());
    for (ClosedFunction* function : {&cond.body, &cond.other})
      function->inputs.insert(function->inputs.end(), consts.begin(), consts.end());
    Values all{predicate};
    all.insert(all.end(), operands.begin(), operands.end());
    all.insert(all.end(), captures.values().begin(), captures.values().end());
    return emitControl(std::move(cond), all);
  });
}

Value predicateOf(const Arg& predicate) {
  const LocationScope scope(predicate.where());
  return valueOf(predicate);
}

} // namespace diptych::detail
