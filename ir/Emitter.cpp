// Scopes of emitters and source lines: the only thread-local state of the library.
#include "ir/Emitted.h"
#include "ir/FusedTable.h"

namespace diptych {

namespace {
thread_local Emitter* current = nullptr;
thread_local SourceLocation location;
} // namespace

Emitter& currentEmitter() { return current ? *current : eagerEmitter(); }

Values Emitter::custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan) {
  throw Error("internal: this emitter takes no function with rules of its own, " + f->name);
}
Values Emitter::checkpoint(const Function&, ValueSpan) {
  throw Error("internal: this emitter takes no checkpoint");
}
Values Emitter::fused(Fused code, ValueSpan operands, int64_t axis) {
  const FusedFunction& function = info(code);
  const auto first = static_cast<size_t>(function.back.operands());
  Values all(operands.begin() + first, operands.end());
  for (const Value& backwards : function.back.function(operands.first(first), axis))
    all.push_back(emitted::reverse(backwards, {axis}));
  return function.forth.function(all, axis);
}
Value Emitter::convolution(const Value& x, const Attrs& pad, const Value& w, const Attrs& attrs) {
  const Value operands[] = {emit(OpCode::Pad, {&x, 1}, pad), w};
  return emit(OpCode::Convolution, operands, attrs);
}
Values Emitter::control(const std::shared_ptr<const ControlFlow>&, ValueSpan) {
  throw Error("internal: this emitter takes no loops and no branches");
}

TensorType stackedType(TensorType step, int64_t length) {
  step.shape.insert(0, length);
  return step;
}

std::vector<TensorType> ControlFlow::resultTypes() const {
  if (kind != Kind::scan)
    return body.outputs;
  std::vector<TensorType> types;
  for (size_t i = 0; i < body.outputs.size(); ++i)
    types.push_back(i < carry ? body.outputs[i] : stackedType(body.outputs[i], length));
  return types;
}

EmitterScope::EmitterScope(Emitter& emitter) : previous_(std::exchange(current, &emitter)) {}
EmitterScope::~EmitterScope() { current = previous_; }

const SourceLocation& currentLocation() { return location; }

// Our own files are compiled under such names (CMake's diptych_own_lines).
static bool isOurs(const SourceLocation& where) { return where.file[0] == '<'; }

LocationScope::LocationScope(const SourceLocation& where)
    : owner_(!location.known() && !isOurs(where)) {
  if (owner_)
    location = where;
}
LocationScope::~LocationScope() {
  if (owner_)
    location = {};
}

LocationOverride::LocationOverride(const SourceLocation& where)
    : previous_(std::exchange(location, where)) {}
LocationOverride::~LocationOverride() { location = previous_; }

} // namespace diptych
