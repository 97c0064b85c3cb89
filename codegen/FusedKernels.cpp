// A fused function run on an emitter that writes lines of a nest. What is neither pointwise, nor a
// constant, nor cumulative along the axis has no place in one.
#include "codegen/FusedKernels.h"

#include "ir/Emitter.h"

namespace diptych::codegen {

namespace {

constexpr int64_t kAxis = 0; // of [n, columns]

struct LineValue final : ValueImpl {
  LineValue(const TensorType& type, int line) : ValueImpl(type), line(line) {}
  const int line;
};

int lineOf(const Value& value) { return static_cast<const LineValue*>(value.impl())->line; }

class LineEmitter final : public Emitter {
public:
  explicit LineEmitter(NestSpec& nest) : nest_(nest) {}

  Value append(const TensorType& type, Line line) {
    nest_.lines.push_back(std::move(line));
    return Value(new LineValue(type, static_cast<int>(nest_.lines.size()) - 1));
  }

  Value emit(OpCode code, ValueSpan operands, const Attrs& attrs) override {
    const OpInfo& op = info(code);
    std::vector<TensorType> types;
    Line::Apply apply{code, {}};
    for (const Value& operand : operands) {
      types.push_back(operand.type());
      apply.operands.push_back(lineOf(operand));
    }
    const TensorType type = inferType(code, types, attrs);
    if (code == OpCode::StopGradient)
      return operands[0];
    if (code == OpCode::Constant && !attrs.literal)
      return append(type, {Line::Constant{attrs.value}, type.dtype});
    if (!op.isPointwise() && !(op.family == Family::Cumulative && attrs.axis == kAxis))
      refuse(op.name);
    return append(type, {std::move(apply), type.dtype});
  }
  Values call(const std::shared_ptr<Callee>&, ValueSpan) override { refuse("a call"); }
  Derivatives vjp(const Function&, ValueSpan, std::span<const int>,
                  const std::function<Seeds(std::span<const TensorType>)>&) override {
    refuse("a derivative");
  }
  Derivatives jvp(const Function&, ValueSpan, std::span<const int>, const Seeds&) override {
    refuse("a derivative");
  }

private:
  [[noreturn]] static void refuse(const std::string& what) {
    throw Error("internal: a fused function has " + what + ", which is no line of a nest");
  }

  NestSpec& nest_;
};

} // namespace

// Loops are (columns, n).
KernelSpec passKernel(const FusedPass& pass, int before, int vectorBytes) {
  const TensorType type{DType::f64, {2, 3}}; // a sample: no extent is looked at
  NestSpec nest;
  nest.extents = {Size(0), Size::param(0)};
  const auto access = [&](int arg, bool repeats) {
    return Access{arg, type.dtype, {Size(repeats ? 0 : 1), Size::param(1 + arg)}, 0};
  };
  LineEmitter emitter(nest);
  const EmitterScope scope(emitter);
  Values operands;
  for (int i = 0; i < pass.operands() + before; ++i) {
    const bool isNumber = i >= pass.columns && i < pass.operands();
    operands.push_back(emitter.append(type, {Line::Load{access(i, isNumber)}, type.dtype}));
  }
  const int inputs = static_cast<int>(operands.size());
  const Values results = pass.function(operands, kAxis);
  for (int i = 0; i < pass.results; ++i)
    nest.stores.push_back({lineOf(results[static_cast<size_t>(i)]), access(inputs + i, false)});
  nest.vectorLoop = 0;
  nest.lanes = vectorBytes / static_cast<int>(sizeOf(type.dtype));
  nest.maskRegisters = vectorBytes == 64;
  return {nest};
}

} // namespace diptych::codegen
