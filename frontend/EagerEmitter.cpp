// From an operator to a tensor: type rule, kernel, tape.
#include "frontend/EagerEmitter.h"

#include <algorithm>
#include <optional>

#include "ir/TypeRules.h"
#include "runtime/cuda/Context.h"

namespace diptych {

Emitter& eagerEmitter() {
  static auto* emitter = new EagerEmitter; // never destroyed, as the registry of kernels
  return *emitter;
}

namespace {

using runtime::Strided;

// Of operators that are kernels.
constexpr size_t kMostOperands = 3;

TensorType inferGeneral(OpCode code, ValueSpan operands, const Attrs& attrs) {
  const auto typeOf = [](const Value& operand) { return operand.type(); };
  if (operands.size() > kMostOperands) {
    std::vector<TensorType> types(operands.size());
    std::transform(operands.begin(), operands.end(), types.begin(), typeOf);
    return inferType(code, types, attrs);
  }
  TensorType types[kMostOperands];
  std::transform(operands.begin(), operands.end(), types, typeOf);
  return inferType(code, {types, operands.size()}, attrs);
}

// The commonest rules, without copying types; whatever looks wrong goes to the rule itself.
TensorType infer(const OpInfo& op, ValueSpan operands, const Attrs& attrs) {
  const bool comparison = op.typeRule == &typerules::comparison;
  if ((!comparison && op.typeRule != &typerules::sameType) ||
      operands.size() != static_cast<size_t>(op.operandCount))
    return inferGeneral(op.code, operands, attrs);
  const TensorType& first = operands[0].type();
  bool fits = op.takes(first.dtype);
  for (size_t i = 1; i < operands.size(); ++i)
    fits = fits && operands[i].type() == first;
  if (!fits)
    return inferGeneral(op.code, operands, attrs);
  return {comparison ? DType::boolean : first.dtype, first.shape};
}

void launch(const OpInfo& op, std::span<const Strided> in, const Attrs& attrs, const Strided& out) {
  switch (op.family) {
  case Family::Pointwise: return runtime::launchPointwise(op.code, in, out);
  case Family::Reduction: return runtime::launchReduction(op.code, in[0], attrs.axes, out);
  case Family::ArgReduction: return runtime::launchArgReduction(op.code, in[0], attrs.axis, out);
  case Family::Matmul: return runtime::launchMatmul(in[0], in[1], out);
  case Family::Convolution: return runtime::launchConvolution(in[0], nullptr, in[1], attrs, out);
  case Family::OverlapAdd: return runtime::launchOverlapAdd(in[0], attrs, out);
  case Family::Gather: return runtime::launchGather(in[0], in[1], attrs.axis, out);
  case Family::Library: return runtime::launchLibrary(op.code, in, attrs, out);
  case Family::ScatterAdd:
    return runtime::launchScatter(op.code, in[0], in[1], in[2], attrs.axis, out);
  case Family::Cumulative: return runtime::launchCumulative(op.code, in, attrs.axis, out);
  case Family::Creation:
  case Family::Movement: break;
  }
  throw Error(std::string("internal: nothing runs ") + op.name + " eagerly");
}

Value asDType(const Value& value, DType dtype) {
  return eager::handlerOf(OpCode::Convert)({dtype, value.shape()}, {&value, 1}, {});
}

Value evaluate(const OpInfo& op, ValueSpan operands, const Attrs& attrs, bool onDevice);

// bf16 and f16 are storage: the operator on f32, its result rounded once.
Value evaluateWide(const OpInfo& op, ValueSpan operands, const Attrs& attrs, const TensorType& type,
                   bool onDevice) {
  Values wide(operands.begin(), operands.end());
  for (Value& operand : wide)
    if (isHalf(operand.dtype()))
      operand = asDType(operand, DType::f32);
  const Value result = evaluate(op, wide, attrs, onDevice);
  return isHalf(type.dtype) ? asDType(result, type.dtype) : result;
}

bool widens(const OpInfo& op, ValueSpan operands) {
  return op.widensHalves() &&
         std::any_of(operands.begin(), operands.end(),
                     [](const Value& operand) { return isHalf(operand.dtype()); });
}

Value evaluate(const OpInfo& op, ValueSpan operands, const Attrs& attrs, bool onDevice) {
  const TensorType type = infer(op, operands, attrs);
  if (widens(op, operands))
    return evaluateWide(op, operands, attrs, type, onDevice);
  if (const eager::Handler handler = eager::handlerOf(op.code))
    return handler(type, operands, attrs);
  Strided inputs[kMostOperands];
  if (operands.size() > kMostOperands)
    throw Error(std::string("internal: ") + op.name + " has too many operands");
  for (size_t i = 0; i < operands.size(); ++i)
    inputs[i] = static_cast<const TensorImpl*>(operands[i].impl())->strided();
  auto* output = new TensorImpl(type, onDevice);
  Value result(output);
  launch(op, {inputs, operands.size()}, attrs, output->strided());
  return result;
}

// Whether the operands do not say what the result is.
bool keepsAttrs(const OpInfo& op) {
  return !op.attributes.empty() || op.typeRule == &typerules::convert ||
         op.typeRule == &typerules::reshape;
}

Value run(OpCode code, ValueSpan operands, const Attrs& attrs) {
  const OpInfo& op = info(code);
  bool wanted = false, onDevice = false, homeless = true;
  for (const Value& operand : operands) {
    const TensorImpl& tensor = eagerTensor(operand);
    wanted |= tensor.requiresGrad();
    onDevice |= tensor.isOnDevice();
    homeless &= tensor.isHomeless();
  }
  Values together;
  std::optional<runtime::cuda::OperatorScope> scope;
  if (onDevice) {
    scope.emplace(op.name);
    operands = together = eager::onOneDevice(op.name, operands);
  }
  Value result = evaluate(op, operands, attrs, onDevice);
  static_cast<TensorImpl*>(result.impl())->setHomeless(homeless);
  if (wanted && GradMode::enabled() && op.derivative != DerivativeKind::Zero &&
      isFloat(result.dtype())) {
    TapeNode::addResult(TapeNode::make(code, operands, keepsAttrs(op) ? &attrs : nullptr),
                        *static_cast<TensorImpl*>(result.impl()), 0);
  }
  return result;
}

// Outputs that a callee made for us alone; others are aliased, since they get a history here.
Values runCallee(const std::shared_ptr<Callee>& callee, ValueSpan inputs) {
  const GradModeScope recording(false);
  Values outputs = callee->run(inputs);
  for (Value& output : outputs)
    if (eagerTensor(output).requiresGrad() || output.useCount() != 1)
      output = detached(output);
  return outputs;
}

} // namespace

Value EagerEmitter::emit(OpCode code, ValueSpan operands, const Attrs& attrs) {
  return located([&] { return run(code, operands, attrs); });
}

Values EagerEmitter::call(const std::shared_ptr<Callee>& callee, ValueSpan given) {
  return located([&] {
    bool wanted = false, onDevice = false;
    std::vector<bool> active;
    for (const Value& input : given) {
      const TensorImpl& tensor = eagerTensor(input);
      active.push_back(tensor.requiresGrad());
      wanted |= active.back();
      onDevice |= tensor.isOnDevice();
    }
    Values together;
    ValueSpan inputs = given;
    if (onDevice)
      inputs = together = eager::onOneDevice("jit", given);
    Values outputs = runCallee(callee, inputs);
    if (!wanted || !GradMode::enabled())
      return outputs;
    const std::vector<bool> reached = callee->reached(active);
    if (std::find(reached.begin(), reached.end(), true) == reached.end())
      return outputs;
    const NodeRef node = TapeNode::make(callee, inputs);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (reached[i])
        TapeNode::addResult(node, eagerTensor(outputs[i]), static_cast<int>(i));
    return outputs;
  });
}

} // namespace diptych
